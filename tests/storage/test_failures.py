"""What goes wrong with a store's file or server: our error, its exit code, the file named, something to do."""

import multiprocessing
import re
import signal
import sqlite3
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import audit, database, settings
from storage.errors import BadInput, Refused, SlipwayError, Unreachable
from storage.store import Store, open_store, translated
from tests.storage.conftest import Postgres, SmallDisk, elsewhere, spoil_header, spoil_page, unprivileged


def turn_on(where: Path) -> None:
    with open_store(where) as store:
        settings.update(store, settings.FLAG, "true")


def made_by_nobody(folder: Path) -> Path:
    path = folder / "slipway.db"
    assert unprivileged(lambda: open_store(path).close()) is None
    assert path.stat().st_size > 0
    return path


def test_a_read_only_file(folder: Path) -> None:
    path = made_by_nobody(folder)
    path.chmod(0o400)
    told = unprivileged(lambda: turn_on(path))
    assert told is not None
    assert told[0] == "Refused"
    assert str(path) in told[1]
    assert "read-only" in told[1]
    for file in folder.iterdir():
        file.chmod(0o600)
    assert unprivileged(lambda: turn_on(path)) is None


def test_an_unreadable_file(folder: Path) -> None:
    path = made_by_nobody(folder)
    path.chmod(0)
    told = unprivileged(lambda: turn_on(path))
    assert told is not None
    assert told[0] in ("Refused", "Unreachable")
    assert str(path) in told[1]


@pytest.mark.parametrize("place", ["slipway.db", "new/slipway.db"])
def test_a_folder_that_is_not_writable(folder: Path, place: str) -> None:
    folder.chmod(0o500)
    told = unprivileged(lambda: open_store(folder / place).close())
    assert told == (
        "Refused",
        f"cannot make the store {folder / place}: Permission denied; give a writable place with --store",
    )
    assert list(folder.iterdir()) == []


def test_a_store_in_a_folder_that_is_not_writable(folder: Path) -> None:
    path = made_by_nobody(folder)
    folder.chmod(0o500)
    told = unprivileged(lambda: turn_on(path))
    assert told is not None
    assert told[0] in ("Refused", "Unreachable")
    assert str(path) in told[1]


def test_a_folder_closed_to_the_user(folder: Path) -> None:
    path = made_by_nobody(folder)
    folder.chmod(0)
    told = unprivileged(lambda: turn_on(path))
    assert told is not None
    assert told[0] == "Refused"
    assert str(path) in told[1]


def test_a_key_that_cannot_be_read(folder: Path) -> None:
    path = made_by_nobody(folder)
    Path(f"{path}.key").chmod(0)

    def keep_a_secret() -> None:
        with open_store(path) as store:
            settings.create(store, "lab_password", "x", "d")

    told = unprivileged(keep_a_secret)
    assert told is not None
    assert told[0] == "Refused"
    assert f"{path}.key" in told[1]


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="it is a folder"):
        open_store(tmp_path)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=re.escape(str(tmp_path / "file" / "slipway.db"))):
        open_store(tmp_path / "file" / "slipway.db")


def test_a_locked_database(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with sqlite_store.begin(), open_store(sqlite_store.location) as other:
        with pytest.raises(Unreachable, match="locked") as caught:
            settings.update(other, settings.FLAG, "true")
        assert sqlite_store.location in str(caught.value)
        assert settings.value(other, settings.FLAG) == "false"


def _write_and_wait(where: str, written: Connection) -> None:
    with open_store(where) as store, store.begin() as tx:
        audit.write(store, tx, "half", "done")
        written.send("written")
        signal.pause()


def test_a_killed_writer_leaves_nothing(where: str) -> None:
    open_store(where).close()
    context = multiprocessing.get_context("spawn")
    answers, answer = context.Pipe(duplex=False)
    writer = context.Process(target=_write_and_wait, args=(where, answer))
    writer.start()
    assert answers.recv() == "written"
    writer.kill()
    writer.join()
    answers.close()
    answer.close()
    with open_store(where) as store:
        audit.record(store, "next", "in line")
        assert [entry.action for entry in audit.listing(store)] == ["next"]


def test_no_database_at_all(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("shopping list\n" * 1000)
    with pytest.raises(BadInput, match="not a database") as caught:
        open_store(path)
    assert str(path) in str(caught.value)
    assert path.read_text().startswith("shopping list")


def test_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    open_store(path).close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="malformed") as caught:
        open_store(path)
    assert str(path) in str(caught.value)


def test_somebody_elses_database(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE settings (colour TEXT)")
    connection.close()
    with pytest.raises(BadInput, match="already exists"):
        open_store(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("settings",)]
    connection.close()


def test_a_full_disk(sqlite_store: Store) -> None:
    """SQLite answers the same to a full disk and to a full file."""
    with sqlite_store.begin() as tx:
        tx.execute(text("PRAGMA max_page_count = 1"))
        with pytest.raises(Unreachable, match="the disk is full"), translated(sqlite_store.engine.url):
            audit.write(sqlite_store, tx, "fill", "disk", "x" * 1_000_000)
    assert audit.listing(sqlite_store) == []


@pytest.mark.parametrize(
    "where",
    [
        "mysql://user:hunter2@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "nonsense://",
        "postgresql://u:hunter2@h:port/db",
    ],
)
def test_a_place_that_cannot_be_used(where: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_store(where)
    assert "hunter2" not in str(caught.value)


def test_values_do_not_get_into_errors(store: Store) -> None:
    with pytest.raises(SlipwayError) as caught, store.begin() as tx:
        tx.execute(text("INSERT INTO nowhere VALUES (:secret)"), {"secret": "hunter2"})
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_a_server_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as caught:
        open_store(f"postgresql://tester:hunter2@/store?host={tmp_path}")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("user", ["guarded", "guarded:hunter2"])
def test_a_wrong_password(postgres: Postgres, user: str) -> None:
    with pytest.raises(Refused) as caught:
        open_store(postgres.url("postgres", user))
    assert "hunter2" not in str(caught.value)


def test_an_account_without_rights(postgres: Postgres) -> None:
    with pytest.raises(Refused, match="permission denied"):
        open_store(postgres.url(postgres.new_database().split("/")[3].split("?")[0], "guarded:right"))


def test_a_database_that_does_not_exist(postgres: Postgres) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        open_store(postgres.url("absent"))


def test_a_cut_connection_is_made_again(postgres: Postgres) -> None:
    with open_store(postgres.new_database()) as store:
        with store.read() as tx:
            pid = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with open_store(str(store.engine.url)) as other, other.begin() as tx:
            tx.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
        assert settings.value(store, settings.FLAG) == "false"
        with pytest.raises(Unreachable), store.begin() as tx:
            tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_a_value_that_postgresql_cannot_hold(postgres: Postgres) -> None:
    with open_store(postgres.new_database()) as store, pytest.raises(BadInput, match="NUL"):
        settings.create(store, "lab_text", "a\0b", "d")


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "statements",
    [["BEGIN IMMEDIATE"], ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"]],
    ids=["against writers", "against everybody"],
)
def test_a_store_that_another_process_keeps_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: list[str]
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    path = tmp_path / "slipway.db"
    open_store(path).close()
    with (
        elsewhere(HOLD, path, *statements),
        pytest.raises(Unreachable, match="another process kept") as caught,
    ):
        turn_on(path)
    assert str(path) in str(caught.value)
    assert "fuser" in caught.value.fix
    with open_store(path) as store:
        assert settings.value(store, settings.FLAG) == "false"


def test_a_damaged_header(tmp_path: Path) -> None:
    path = tmp_path / "slipway.db"
    open_store(path).close()
    spoil_header(path)
    damaged = path.read_bytes()
    with pytest.raises(BadInput, match="not a database") as caught:
        open_store(path)
    assert str(path) in str(caught.value)
    assert "slipway store restore" in caught.value.fix
    assert path.read_bytes() == damaged


def test_a_damaged_page_in_the_middle(tmp_path: Path) -> None:
    """What is on other pages is still read and written."""
    path = tmp_path / "slipway.db"
    with open_store(path) as store:
        audit.record(store, "a", "b")
    spoil_page(path, "audit")
    with open_store(path) as store:
        for act in (lambda: audit.listing(store), lambda: audit.record(store, "c", "d")):
            with pytest.raises(BadInput, match="malformed") as caught:
                act()
            assert str(path) in str(caught.value)
            assert "slipway store restore" in caught.value.fix
        with pytest.raises(BadInput, match="malformed"):
            settings.update(store, settings.FLAG, "true")
        assert settings.value(store, settings.FLAG) == "false"


def test_a_disk_that_becomes_full(small_disk: SmallDisk) -> None:
    """On a disk of our own, or under a limit: see `SmallDisk`."""
    path = small_disk.folder / "slipway.db"
    with open_store(path) as store:
        audit.record(store, "before", "x")
        with small_disk.full():
            with pytest.raises(Unreachable, match=small_disk.told) as caught:
                audit.record(store, "while", "x", "x" * 3_000_000)
            assert str(path) in str(caught.value)
            assert [entry.action for entry in audit.listing(store)] == ["before"]
        audit.record(store, "after", "x")
        assert [entry.action for entry in audit.listing(store)] == ["after", "before"]
    assert integrity(path) == "ok"


def test_a_transaction_that_runs_out_of_disk_changes_nothing(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "slipway.db"

    def write_more_and_more(store: Store) -> None:
        with store.begin() as tx:
            for _ in range(100):
                audit.write(store, tx, "while", "x", "x" * 100_000)

    with open_store(path) as store:
        audit.record(store, "before", "x")
        with pytest.raises(Unreachable, match=small_disk.told), small_disk.full():
            write_more_and_more(store)
        assert [entry.action for entry in audit.listing(store)] == ["before"]
    assert integrity(path) == "ok"


def test_a_store_on_a_full_disk_opens_again_when_there_is_room(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "slipway.db"
    open_store(path).close()
    with small_disk.full(), pytest.raises(Unreachable, match=small_disk.told) as caught:
        turn_on(path)
    assert str(path) in str(caught.value)
    turn_on(path)


def test_no_room_for_a_new_store(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "slipway.db"
    with small_disk.full(), pytest.raises((Unreachable, Refused), match=small_disk.told) as caught:
        open_store(path)
    assert str(path) in str(caught.value)
    assert list(small_disk.folder.iterdir()) == []
    turn_on(path)


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
