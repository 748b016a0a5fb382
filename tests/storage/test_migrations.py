"""A store of an older schema: backed up, migrated once whoever starts at the same time, or left as it was."""

import logging
import multiprocessing
import re
import signal
import sqlite3
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from storage import backup, database, deployments, migrations, settings
from storage.errors import BadInput, Refused, SlipwayError, Unreachable
from storage.models import SCHEMA
from storage.store import open_store
from tests.storage.conftest import SmallDisk, make_old

STARTS = 8


def content(path: Path) -> list[str]:
    """All of a database: its schema and every row."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def schema_of(where: str) -> tuple[str, set[str]]:
    """The version a store is at, and its tables, past everything that would change them."""
    engine = create_engine(database.url(where))
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        tables = set(inspect(connection).get_table_names())
    engine.dispose()
    return found, tables


def spoil(where: str) -> None:
    """Let the migration to 0002 fail in its middle: a table of it is there already."""
    engine = create_engine(database.url(where))
    with engine.begin() as tx:
        tx.execute(text("CREATE TABLE sightings (colour TEXT)"))
    engine.dispose()


def test_an_older_store_is_migrated_and_keeps_its_values(where: str) -> None:
    make_old(where)
    engine = create_engine(database.url(where))
    with engine.begin() as tx:
        tx.execute(text("UPDATE settings SET value = 'true' WHERE name = :name"), {"name": settings.FLAG})
        tx.execute(text("INSERT INTO settings (name, value) VALUES ('retry_attempts', '9')"))
        tx.execute(
            text(
                "INSERT INTO endpoints (id, name, host, port, username, password, datacenter, resource_pool, datastore,"
                " vmfolder, insecure, created) VALUES (1, 'vc01', 'h', 443, 'u', 'p', 'D', 'R', 'S', 'V', false, :now)"
            ),
            {"now": "2026-01-01 00:00:00"},
        )
        tx.execute(
            text(
                "INSERT INTO deployments (id, name, endpoint_id, state, profile, created, bytes_sent)"
                " VALUES (1, 'lab01', 1, 'running', '{}', :now, 0)"
            ),
            {"now": "2026-01-01 00:00:00"},
        )
    engine.dispose()
    with open_store(where) as store:
        cut_off = deployments.get(store, 1)
        assert (cut_off.state, cut_off.ended) == ("failed", cut_off.created)
        assert settings.value(store, settings.FLAG) == "true"
        assert settings.value(store, "retry_attempts") == "9"
    assert schema_of(where)[0] == SCHEMA


def test_a_backup_is_made_before(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    make_old(path)
    before = content(path)
    with open_store(path) as store:
        found = backup.read(tmp_path / f"slipway.db.before-{SCHEMA}")
        assert (found.store_id, found.schema) == (store.id, "0001")
    assert content(found.path) == before
    assert found.path.stat().st_mode & 0o777 == 0o600
    assert content(path) != before


def test_a_new_store_needs_no_backup(tmp_path: Path) -> None:
    open_store(tmp_path / "slipway.db").close()
    open_store(tmp_path / "slipway.db").close()
    assert {file.name for file in tmp_path.iterdir()} == {"slipway.db", "slipway.db.key"}


def test_the_backup_restored_is_migrated_again(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    make_old(path)
    open_store(path).close()
    found = backup.read(tmp_path / f"slipway.db.before-{SCHEMA}")
    kept = backup.restore(found, path)
    assert kept is not None
    assert backup.read(kept).schema == SCHEMA
    assert schema_of(str(path))[0] == SCHEMA


def test_without_the_backup_nothing_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    make_old(path)
    before = content(path)
    in_the_way = tmp_path / f"slipway.db.before-{SCHEMA}"
    in_the_way.mkdir()
    with pytest.raises(Refused) as caught:
        open_store(path)
    assert str(in_the_way) in str(caught.value)
    assert content(path) == before
    assert {file.name for file in tmp_path.iterdir()} == {"slipway.db", "slipway.db.key", in_the_way.name}
    in_the_way.rmdir()
    open_store(path).close()


def test_no_room_for_the_backup_no_migration(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "slipway.db"
    make_old(path)
    before = content(path)
    with closing(sqlite3.connect(path)) as holder:
        # The -wal and -shm files are there, as while a console runs: what lacks room is the backup.
        holder.execute("SELECT count(*) FROM settings").fetchone()
        with small_disk.full(), pytest.raises((Unreachable, Refused), match=small_disk.told) as caught:
            open_store(path)
    assert caught.value.what == "cannot back up the store"
    assert content(path) == before
    assert {file.name for file in small_disk.folder.iterdir()} == {"slipway.db", "slipway.db.key"}
    open_store(path).close()
    assert schema_of(str(path))[0] == SCHEMA


def test_a_migration_that_fails_leaves_the_store_as_it_was(where: str) -> None:
    make_old(where)
    spoil(where)
    before = schema_of(where)
    with pytest.raises(BadInput, match="already exists") as caught:
        open_store(where)
    assert database.location(database.url(where)) in str(caught.value)
    assert schema_of(where) == before
    if "://" not in where:
        assert content(Path(where)) == content(Path(f"{where}.before-{SCHEMA}"))


def _migrate_and_wait(where: str, migrated: Connection) -> None:
    upgrade = migrations.upgrade

    def wait_before_the_commit(tx: object) -> None:
        upgrade(tx)  # type: ignore[arg-type]
        migrated.send("migrated")
        signal.pause()

    migrations.upgrade = wait_before_the_commit
    open_store(where)


def test_a_migration_that_is_killed_is_done_by_the_next(where: str) -> None:
    make_old(where)
    context = multiprocessing.get_context("spawn")
    answers, answer = context.Pipe(duplex=False)
    first = context.Process(target=_migrate_and_wait, args=(where, answer))
    first.start()
    assert answers.recv() == "migrated"
    assert schema_of(where)[0] == "0001"
    first.kill()
    first.join()
    answers.close()
    answer.close()
    open_store(where).close()
    assert schema_of(where)[0] == SCHEMA


def _start(where: str, barrier: Barrier, answer: Connection) -> None:
    """Open the store with all the others; answers what Alembic did here, and the store's id or the error."""
    done: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: done.append(record.getMessage())  # type: ignore[method-assign]
    alembic = logging.getLogger("alembic.runtime.migration")
    alembic.setLevel(logging.INFO)
    alembic.addHandler(handler)
    barrier.wait()
    try:
        with open_store(where) as store:
            told = store.id
    except SlipwayError as error:
        told = str(error)
    answer.send(([line for line in done if line.startswith("Running upgrade")], told))


def start_together(where: str) -> tuple[list[str], set[str]]:
    """What all of them migrated, and what each of them got."""
    context = multiprocessing.get_context("fork")  # everything is imported: they are at the store at the same time
    barrier = context.Barrier(STARTS)
    pipes = [context.Pipe(duplex=False) for _ in range(STARTS)]
    processes = [context.Process(target=_start, args=(where, barrier, pipe[1])) for pipe in pipes]
    for process in processes:
        process.start()
    told = [reader.recv() for reader, _ in pipes]
    for process in processes:
        process.join()
    for reader, writer in pipes:
        reader.close()
        writer.close()
    return [line for lines, _ in told for line in lines], {got for _, got in told}


def assert_one_chain(done: list[str], first: str) -> None:
    """From `first` to the schema of today, each step once."""
    steps = [step for line in done for step in re.findall(r"Running upgrade (\w*) -> (\w+)", line)]
    assert [*(begin for begin, _ in steps), SCHEMA] == [first, *(end for _, end in steps)]


def test_of_eight_starts_one_migrates(where: str) -> None:
    make_old(where)
    done, got = start_together(where)
    assert_one_chain(done, "0001")
    with open_store(where) as store:
        assert got == {store.id}
    if "://" not in where:
        assert backup.read(Path(f"{where}.before-{SCHEMA}")).schema == "0001"


def test_of_eight_starts_one_makes_the_store(where: str) -> None:
    done, got = start_together(where)
    assert_one_chain(done, "")
    with open_store(where) as store:
        assert got == {store.id}
        assert store.decrypt(store.encrypt("x")) == "x"
