"""What `check` finds in a store, and that it finds nothing in a sound one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import deployments, endpoints, secrets, settings
from storage.check import problems
from storage.endpoints import NewEndpoint
from storage.errors import BadInput
from storage.store import Store, open_store
from tests.storage.conftest import Postgres, spoil_page

VC01 = NewEndpoint(
    name="vc01",
    host="vc01.lab",
    port=443,
    username="u",
    datacenter="dc",
    resource_pool="p",
    datastore="d",
    vmfolder="f",
)


def fill(store: Store) -> None:
    """One secret of each kind."""
    settings.create(store, "lab_password", "hunter2", "d")
    endpoint = endpoints.add(store, VC01, "hunter3")
    deployments.create(store, "lab01", endpoint.id, "{}", [], secret=store.encrypt("hunter4"))


def test_a_sound_store_has_none(store: Store) -> None:
    assert problems(store) == []
    fill(store)
    assert problems(store) == []


def test_a_missing_key_is_one_problem(where: str) -> None:
    with open_store(where) as store:
        fill(store)
        secrets.key_file(store).unlink()
    with open_store(where) as store:
        [found] = problems(store)
        assert (found.check, "missing" in found.told) == ("key", True)
        assert str(secrets.key_file(store)) in found.told
        assert "put the store's own key back" in found.fix
        assert not secrets.key_file(store).exists()


def test_each_value_that_the_key_does_not_open_is_named(store: Store) -> None:
    fill(store)
    other = secrets.PREFIX + "gAAAAA"
    with store.begin() as tx:
        tx.execute(text("UPDATE settings SET value = :other WHERE name = 'lab_password'"), {"other": other})
        tx.execute(text("UPDATE endpoints SET password = :other"), {"other": other})
        tx.execute(text("UPDATE deployments SET secret = :other"), {"other": other})
    named = [found.told for found in problems(store) if found.check == "key"]
    assert [one.split(":")[0] for one in named] == [
        "cannot decrypt setting lab_password",
        "cannot decrypt the password of endpoint vc01",
        "cannot decrypt the secret of deployment 1",
    ]


def test_a_missing_table_is_a_problem(store: Store) -> None:
    with store.begin() as tx:
        tx.execute(text("DROP TABLE audit"))
    assert [(found.check, found.told) for found in problems(store)] == [("schema", "table audit is missing")]


def test_damage_that_ends_the_check_is_told(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    open_store(path).close()
    spoil_page(path, "audit")
    with open_store(path) as store:
        [found] = problems(store)
    assert (found.check, found.told) == ("file", "database disk image is malformed")
    assert "slipway store restore" in found.fix


def test_every_damage_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    open_store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        empty = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_items_name'").fetchone()
        connection.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'ix_settings_name'", empty)
    with open_store(path) as store:
        found = problems(store)
    told = [one.told for one in found]
    assert "row 1 missing from index ix_settings_name" in told
    assert "row 2 missing from index ix_settings_name" in told
    assert {one.check for one in found} == {"file"}


def test_rows_that_lost_their_parent_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    with open_store(path) as store:
        fill(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM endpoints")  # foreign keys are off here
    with open_store(path) as store:
        [found] = problems(store)
    assert found.check == "references"
    assert found.told == "row 1 of deployments names a row of endpoints that does not exist"


def test_a_store_without_wal_is_told(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    open_store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    with open_store(path) as store:
        [found] = problems(store)
    assert found.check == "journal"


def test_a_server_that_went_away(postgres: Postgres) -> None:
    with open_store(postgres.new_database()) as store:
        fill(store)
        assert problems(store) == []
        name = store.engine.url.database
        store.close()
        postgres._admin(f"DROP DATABASE {name}")
        with pytest.raises(BadInput, match="does not exist"):
            problems(store)
