"""Backups: whole whoever writes meanwhile, read with suspicion, and put in the store's place with nothing lost."""

import fcntl
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage import audit, backup, database, secrets, settings
from storage.errors import BadInput, Conflict, NotFound, Refused, SlipwayError, Unreachable
from storage.models import SCHEMA
from storage.store import Store, next_token, open_store
from tests.storage.conftest import (
    Postgres,
    SmallDisk,
    elsewhere,
    make_old,
    needs_root,
    spoil_header,
    spoil_page,
    unprivileged,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store that holds one secret."""
    found = tmp_path / "own" / "slipway.db"
    with open_store(found) as store:
        settings.create(store, "lab_password", "hunter2", "d")
    return found


def back_up(path: Path, to: Path | None = None) -> Path:
    with open_store(path) as store:
        return backup.make(store, to)


def actions(path: Path) -> list[str]:
    with open_store(path) as store:
        return [entry.action for entry in audit.listing(store)]


def note(path: Path, action: str) -> None:
    with open_store(path) as store:
        audit.record(store, action, "x")


CONSOLE = """
import sys
from storage import settings
from storage.store import open_store
with open_store(sys.argv[1]) as store:
    settings.value(store, settings.FLAG)
    print("ready", flush=True)
    sys.stdin.read()
"""
COMMIT = """
import sys
from storage import audit
from storage.store import open_store
with open_store(sys.argv[1]) as store:
    audit.record(store, "a-late-commit", "x")
    print("ready", flush=True)
    sys.stdin.read()
"""
WORKER = """
import fcntl, os, sys
handle = os.open(sys.argv[1] + ".worker", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(handle, fcntl.LOCK_EX)
print("ready", flush=True)
sys.stdin.read()
"""
PAIRS = """
import sys
from storage import audit
from storage.store import open_store
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    while True:
        with store.begin() as tx:
            audit.write(store, tx, "first", "x" * 3000)
            audit.write(store, tx, "second", "x" * 3000)
"""


def test_a_backup_is_a_private_file_beside_the_store(path: Path) -> None:
    made = back_up(path)
    assert made.parent == path.parent
    assert re.fullmatch(r"slipway\.db\.backup-\d{8}T\d{6}\.\d{3}Z", made.name)
    assert made.stat().st_mode & 0o777 == 0o600
    assert {file.name for file in path.parent.iterdir()} == {"slipway.db", "slipway.db.key", made.name}
    with open_store(path) as store:
        assert backup.read(made) == backup.Backup(made, store.id, SCHEMA)


def test_neither_key_nor_secret_is_in_it(path: Path) -> None:
    content = back_up(path).read_bytes()
    assert b"lab_password" in content
    assert b"hunter2" not in content
    with open_store(path) as store:
        assert secrets.key_file(store).read_bytes().strip() not in content


def test_a_backup_opens_as_a_store_with_the_key(path: Path, tmp_path: Path) -> None:
    made = back_up(path, tmp_path / "copy.db")
    Path(f"{made}.key").write_bytes(Path(f"{path}.key").read_bytes())
    with open_store(made) as store:
        assert settings.value(store, "lab_password") == "hunter2"


def test_a_backup_of_a_store_in_use_is_of_one_moment(path: Path, tmp_path: Path) -> None:
    with elsewhere(PAIRS, path):
        counts = []
        while len(counts) < 5 or counts[-1] == counts[0]:
            made = back_up(path, tmp_path / f"{len(counts)}.db")
            with closing(sqlite3.connect(made)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                firsts, seconds = (
                    connection.execute("SELECT count(*) FROM audit WHERE action = ?", (one,)).fetchone()[0]
                    for one in ("first", "second")
                )
            assert firsts == seconds
            counts.append(firsts)
    assert counts == sorted(counts)


def test_nothing_is_written_over(path: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(Conflict, match=str(tmp_path / "notes")):
        back_up(path, tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_place_that_is_not_there(path: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"absent/x\.db: No such file or directory"):
        back_up(path, tmp_path / "absent" / "x.db")


def test_no_room_for_a_backup(path: Path, small_disk: SmallDisk) -> None:
    made = small_disk.folder / "x.db"
    told = pytest.raises((Unreachable, Refused), match=small_disk.told)
    with open_store(path) as store, small_disk.full(), told as caught:
        backup.make(store, made)
    assert str(made) in str(caught.value)
    assert list(small_disk.folder.iterdir()) == []
    back_up(path, made)
    assert backup.read(made).path == made


def test_a_damaged_store_is_not_copied_as_if_it_were_one(path: Path, tmp_path: Path) -> None:
    with open_store(path) as store:
        spoil_header(path)
        with pytest.raises(BadInput, match="not a database"):
            backup.make(store, tmp_path / "x.db")
    assert not (tmp_path / "x.db").exists()


def test_a_server_has_its_own_tools(postgres: Postgres) -> None:
    with open_store(postgres.new_database()) as store, pytest.raises(BadInput, match="use pg_dump and pg_restore"):
        backup.make(store)


def _no_file(made: Path) -> None:
    made.unlink()


def _a_folder(made: Path) -> None:
    made.unlink()
    made.mkdir()


def _another_text(made: Path) -> None:
    made.write_text("shopping list\n" * 1000)


def _another_database(made: Path) -> None:
    made.unlink()
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("CREATE TABLE settings (colour TEXT)")


def _an_empty_file(made: Path) -> None:
    made.write_bytes(b"")


def _damage(made: Path) -> None:
    content = bytearray(made.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    made.write_bytes(content)


def _one_damaged_page(made: Path) -> None:
    spoil_page(made, "audit")


def _half(made: Path) -> None:
    made.write_bytes(made.read_bytes()[:50_000])


def _from_the_future(made: Path) -> None:
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def _in_use(made: Path) -> None:
    Path(f"{made}-wal").write_bytes(b"commits")


@pytest.mark.parametrize(
    ("happen", "kind", "told"),
    [
        (_no_file, NotFound, "there is no such file"),
        (_a_folder, NotFound, "there is no such file"),
        (_another_text, BadInput, "not a database"),
        (_another_database, BadInput, "it is no Slipway store"),
        (_an_empty_file, BadInput, "it is no Slipway store"),
        (_damage, BadInput, "malformed|damaged"),
        (_one_damaged_page, BadInput, "damaged"),
        (_half, BadInput, "malformed|damaged"),
        (_from_the_future, BadInput, "its schema 9999 is newer than this Slipway's"),
        (_in_use, BadInput, "it is a store in use"),
    ],
)
def test_what_is_no_backup(path: Path, happen: Callable[[Path], None], kind: type[SlipwayError], told: str) -> None:
    made = back_up(path)
    happen(made)
    with pytest.raises(kind, match=told) as caught:
        backup.read(made)
    assert str(made) in str(caught.value)
    assert caught.value.fix


@needs_root
def test_a_backup_in_a_folder_closed_to_us(folder: Path) -> None:
    folder.chmod(0)
    told = unprivileged(lambda: backup.read(folder / "x.db"))
    assert told is not None
    assert told[0] == "Refused"


def test_a_backup_on_a_read_only_disk(folder: Path) -> None:
    path = folder / "slipway.db"
    assert unprivileged(lambda: back_up(path, folder / "x.db")) is None
    folder.chmod(0o500)
    before = sorted(folder.iterdir())
    assert unprivileged(lambda: backup.read(folder / "x.db")) is None
    assert sorted(folder.iterdir()) == before


def test_restore_brings_the_backup_back_and_keeps_the_present(path: Path) -> None:
    note(path, "old")
    found = backup.read(back_up(path))
    note(path, "new")
    kept = backup.restore(found, path)
    assert kept is not None
    assert re.fullmatch(r"slipway\.db\.before-restore-\d{8}T\d{6}\.\d{3}Z", kept.name)
    assert actions(path) == ["restore", "old", "create"]
    assert backup.read(kept).store_id == found.store_id
    with closing(sqlite3.connect(kept)) as connection:
        assert ("new",) in connection.execute("SELECT action FROM audit").fetchall()
    with open_store(path) as store:
        assert settings.value(store, "lab_password") == "hunter2"
        entry = audit.listing(store)[0]
        assert str(found.path) in entry.detail
        assert str(kept) in entry.detail
        with store.read() as tx:
            assert tx.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    assert path.stat().st_mode & 0o777 == 0o600
    names = {"slipway.db", "slipway.db.key", "slipway.db.worker", found.path.name, kept.name}
    assert {file.name for file in path.parent.iterdir()} == names


def test_what_was_kept_can_be_restored(path: Path) -> None:
    found = backup.read(back_up(path))
    note(path, "new")
    kept = backup.restore(found, path)
    assert kept is not None
    backup.restore(backup.read(kept), path)
    assert actions(path) == ["restore", "new", "create"]
    with path.open("rb") as file:
        assert file.read(20)[18:] == b"\x02\x02"  # WAL mode (sqlite.org/fileformat.html)


def test_no_number_is_given_out_twice(path: Path) -> None:
    found = backup.read(back_up(path))
    with open_store(path) as store:
        given = [next_token(store) for _ in range(5)]
    backup.restore(found, path)
    with open_store(path) as store:
        assert next_token(store) > max(given)


def test_restore_where_the_store_is_lost(path: Path, tmp_path: Path) -> None:
    found = backup.read(back_up(path, tmp_path / "x.db"))
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    assert backup.restore(found, path) is None
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with open_store(path) as store:
        assert store.id == found.store_id


def test_commits_that_are_only_in_the_wal_are_kept(path: Path) -> None:
    """A killed process leaves its -wal behind."""
    found = backup.read(back_up(path))
    with elsewhere(COMMIT, path):
        pass
    assert Path(f"{path}-wal").stat().st_size > 0
    kept = backup.restore(found, path)
    assert kept is not None
    with closing(sqlite3.connect(kept)) as connection:
        assert ("a-late-commit",) in connection.execute("SELECT action FROM audit").fetchall()
    assert "a-late-commit" not in actions(path)


def test_a_store_damaged_beyond_reading_is_kept_as_it_is(path: Path) -> None:
    found = backup.read(back_up(path))
    spoil_header(path)
    damaged = path.read_bytes()
    with pytest.raises(Conflict, match=r"a file that cannot be read .*; --force puts it there anyway"):
        backup.restore(found, path)
    assert path.read_bytes() == damaged
    kept = backup.restore(found, path, force=True)
    assert kept is not None
    assert kept.read_bytes() == damaged
    with open_store(path) as store:
        assert settings.value(store, "lab_password") == "hunter2"


def test_commits_of_a_damaged_store_are_kept(path: Path) -> None:
    found = backup.read(back_up(path))
    with elsewhere(COMMIT, path):
        pass
    assert b"a-late-commit" not in path.read_bytes()
    spoil_header(path)
    kept = backup.restore(found, path, force=True)
    assert kept is not None
    assert b"a-late-commit" in kept.read_bytes()


def test_a_wal_that_sqlite_leaves_is_kept_too(path: Path) -> None:
    Path(f"{path}-wal").write_bytes(b"commits")
    kept = backup._keep(path)
    assert kept.samefile(path)
    assert Path(f"{kept}-wal").read_bytes() == b"commits"
    assert not Path(f"{path}-wal").exists()


def test_a_store_with_a_damaged_page_is_restored(path: Path) -> None:
    found = backup.read(back_up(path))
    spoil_page(path, "audit")
    with pytest.raises(BadInput, match="malformed"):
        actions(path)
    backup.restore(found, path)
    assert actions(path) == ["restore", "create"]


def test_another_stores_backup_needs_force(path: Path, tmp_path: Path) -> None:
    open_store(tmp_path / "other.db").close()
    found = backup.read(back_up(tmp_path / "other.db"))
    with pytest.raises(Conflict, match=f"it is of store {found.store_id}") as caught:
        backup.restore(found, path)
    assert "--force" in caught.value.fix
    assert actions(path) == ["create"]
    kept = backup.restore(found, path, force=True)
    assert kept is not None
    with open_store(path) as store:
        assert store.id == found.store_id


def test_the_store_itself_is_no_backup_of_it(path: Path) -> None:
    with pytest.raises(BadInput, match="it is the store itself"):
        backup.restore(backup.read(path), path)


def test_an_older_backup_is_migrated(path: Path, tmp_path: Path) -> None:
    make_old(tmp_path / "old.db")
    found = backup.read(tmp_path / "old.db")
    assert found.schema == "0001"
    backup.restore(found, path, force=True)
    assert "restore" in actions(path)


@contextmanager
def no_change_of(path: Path) -> Iterator[None]:
    """What is in the folder is the same after the block, and the store in WAL mode."""

    def state() -> dict[str, int]:
        sides = ("-wal", "-shm", ".worker")
        return {file.name: file.stat().st_ino for file in path.parent.iterdir() if not file.name.endswith(sides)}

    before = state()
    yield
    assert state() == before
    with path.open("rb") as file:
        assert file.read(20)[18:] == b"\x02\x02"


@pytest.mark.parametrize(
    ("script", "told"),
    [(WORKER, "its worker is at work"), (CONSOLE, "another process has it open")],
    ids=["worker", "console"],
)
def test_a_store_in_use_is_not_replaced(path: Path, script: str, told: str) -> None:
    found = backup.read(back_up(path))
    with elsewhere(script, path), no_change_of(path):
        with pytest.raises(Conflict, match=told) as caught:
            backup.restore(found, path)
        assert str(path) in str(caught.value)
    assert backup.restore(found, path) is not None


def test_a_damaged_store_in_use_is_not_replaced(path: Path) -> None:
    found = backup.read(back_up(path))
    with elsewhere(CONSOLE, path):
        spoil_header(path)
        with no_change_of(path), pytest.raises(Conflict, match="another process has it open"):
            backup.restore(found, path, force=True)
    assert backup.restore(found, path, force=True) is not None


def test_no_worker_starts_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = backup.read(back_up(path))
    keep = backup._keep

    def keep_and_look(store: Path) -> Path:
        with Path(f"{store}.worker").open("r+b") as handle, pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return keep(store)

    monkeypatch.setattr(backup, "_keep", keep_and_look)
    assert backup.restore(found, path) is not None


def test_who_opened_it_just_before_is_told_when_writing(path: Path) -> None:
    found = backup.read(back_up(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as late:
        kept = backup.restore(found, path)
        with pytest.raises(sqlite3.OperationalError) as caught:
            late.execute("DELETE FROM settings")
    told = database.explain_sqlite(caught.value, str(path))
    assert isinstance(told, Conflict)
    assert "it was replaced meanwhile" in str(told)
    for one in (path, kept):
        with open_store(one) as store:
            assert settings.value(store, settings.FLAG) == "false"


def test_no_room_for_the_restored_store(small_disk: SmallDisk, tmp_path: Path) -> None:
    path = small_disk.folder / "slipway.db"
    open_store(path).close()
    found = backup.read(back_up(path, tmp_path / "x.db"))
    with no_change_of(path), small_disk.full(), pytest.raises((Unreachable, Refused), match=small_disk.told):
        backup.restore(found, path)
    assert backup.restore(found, path) is not None


def test_a_restore_that_breaks_off_leaves_the_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = backup.read(back_up(path))

    def no_second_name(_store: Path) -> Store:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(backup, "_keep", no_second_name)
    with pytest.raises(Refused, match="Operation not permitted"):
        backup.restore(found, path)
    assert actions(path) == ["create"]
    assert not list(path.parent.glob("*.new*"))
