"""Opening a store: identity, schema, tokens, the clock; files and their modes."""

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, event, inspect, text

from storage import audit, database, settings
from storage import store as stores
from storage.errors import BadInput
from storage.models import SCHEMA, metadata
from storage.store import Store, next_token, open_store


def test_the_identity_is_made_once(where: str) -> None:
    with open_store(where) as first, open_store(where) as second:
        assert first.id == second.id
        assert len(first.id) == 6
        int(first.id, 16)


def test_two_stores_have_two_identities(tmp_path: Path) -> None:
    with open_store(tmp_path / "a.db") as one, open_store(tmp_path / "b.db") as other:
        assert one.id != other.id


def test_tokens_grow_across_openings(where: str) -> None:
    with open_store(where) as store:
        assert [next_token(store), next_token(store)] == [1, 2]
    with open_store(where) as store:
        assert next_token(store) == 3


def test_threads_get_distinct_tokens(store: Store) -> None:
    tokens: list[int] = []
    threads = [threading.Thread(target=lambda: tokens.append(next_token(store))) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tokens) == list(range(1, 25))


def test_the_clock_is_the_databases_and_utc(store: Store) -> None:
    before = datetime.now(UTC)
    with store.read() as tx:
        first, second = store.now(tx), store.now(tx)
    assert first.utcoffset() == timedelta(0)
    # SQLite tells milliseconds.
    assert before - timedelta(milliseconds=1) <= first <= second <= datetime.now(UTC)


def test_a_failed_transaction_changes_nothing(store: Store) -> None:
    def fail_after_writing() -> None:
        with store.begin() as tx:
            audit.write(store, tx, "a", "b")
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_writing()
    assert audit.listing(store) == []


def test_the_migrations_make_the_models(store: Store) -> None:
    with store.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx, opts={"compare_type": True}), metadata) == []
        assert set(inspect(tx).get_table_names()) == {*metadata.tables, "alembic_version"}
        [name_index] = [one for one in inspect(tx).get_indexes("settings") if one["column_names"] == ["name"]]
        assert name_index["unique"]


def test_an_open_store_costs_one_select(where: str) -> None:
    open_store(where).close()
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        open_store(where).close()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert [one for one in statements if "SELECT" in one] == [str(stores._IDENTITY)]


def test_a_newer_schema_is_refused(where: str) -> None:
    with open_store(where) as store, store.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadInput, match=f"9999 is newer than this Slipway's {SCHEMA}"):
        open_store(where)


def test_files_are_private(sqlite_store: Store) -> None:
    settings.create(sqlite_store, "lab_password", "x", "d")
    folder = Path(sqlite_store.location).parent
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert names == dict.fromkeys(["slipway.db", "slipway.db-wal", "slipway.db-shm", "slipway.db.key"], 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_open_to_all_file_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    open_store(path).close()
    path.chmod(0o644)
    open_store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_store(tmp_path / "slipway.db").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_sqlite_is_in_wal_mode_with_foreign_keys(sqlite_store: Store) -> None:
    with sqlite_store.read() as tx:
        assert tx.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert tx.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        assert tx.execute(text("PRAGMA busy_timeout")).scalar_one() == database.BUSY_SECONDS * 1000


def test_a_reader_sees_the_store_while_another_writes(sqlite_store: Store) -> None:
    with sqlite_store.begin() as tx:
        audit.write(sqlite_store, tx, "a", "b")
        assert audit.listing(sqlite_store) == []
    assert len(audit.listing(sqlite_store)) == 1


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    path.touch()
    with open_store(f"sqlite:///{path}") as store:
        assert settings.value(store, settings.FLAG) == "false"
