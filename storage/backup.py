"""Backups of an SQLite store: making one while it is in use, reading one, and putting one in the store's place.

A backup is a whole store in one file. Its secrets stay encrypted, and the key is never in it.
"""

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage import audit, database, filesystem
from storage.errors import BadInput, Conflict, NotFound, Refused, SlipwayError
from storage.models import SCHEMA
from storage.store import Store, open_store

_IN_USE_SECONDS = 1.0  # a client that only reads something is gone by then
_SIDES = ("-wal", "-shm", "-journal")
_LOCK_BYTES = (512, 0x40000000)
"""Length and start: whoever has a WAL database open holds a lock on some of these (sqlite.org/fileformat.html)."""

_TOKENS_SKIPPED = 1_000_000  # one per staging: more than any store gives out between two backups


@dataclass(frozen=True, slots=True)
class Backup:
    """A file that is a whole Slipway store: whose (`store_id`), and the `schema` it has."""

    path: Path
    store_id: str
    schema: str


def make(store: Store, to: Path | None = None) -> Path:
    """Back up the open store into `to`, by default beside it with the time (UTC) in its name; returns where it is.

    Raises BadInput on PostgreSQL, Conflict when `to` exists, Unreachable or Refused when it cannot be written.
    """
    path = sqlite_file(store.address)
    to = (to or path.with_name(f"{path.name}.backup-{_stamp()}")).absolute()
    if to.exists():
        raise Conflict("cannot make the backup", on=str(to), why="it exists", fix="name another file")
    copy(path, to)
    return to


def sqlite_file(where: str) -> Path:
    """The file of a store given as to `open_store`. Raises BadInput for a PostgreSQL one."""
    url = database.url(where)
    if url.get_backend_name() != "sqlite":
        why = "it is on a PostgreSQL server"
        fix = "use pg_dump and pg_restore, and keep the key file with the dump"
        raise BadInput("cannot back up or restore", on=database.location(url), why=why, fix=fix)
    return Path(str(url.database))


def copy(source: Path, to: Path) -> None:
    """Copy the database `source`, as it is at one moment, whoever uses it; `to` (0600) appears whole or not at all.

    An older `to` is replaced. Raises as `make`, naming both files.
    """
    with _told_of("cannot back up the store", f"{source} to {to}"), _whole(to) as new:
        _copy(f"{source.absolute().as_uri()}?mode=rw", new)


def read(path: Path) -> Backup:
    """What backup `path` is. Raises NotFound, or BadInput for what is damaged, no store, or a newer Slipway's."""
    path = path.absolute()
    with _told_of("cannot restore", str(path)):
        if not path.is_file():
            raise NotFound("no backup", on=str(path), why="there is no such file", fix="name a backup's file")
        if any(_size(_side(path, end)) for end in ("-wal", "-journal")):
            why = "it is a store in use: not everything is in the file itself"
            raise BadInput("cannot restore", on=str(path), why=why, fix="make a backup of it: slipway store backup")
        connection = sqlite3.connect(_as_it_is(path), uri=True)
    with _told_of("cannot restore", str(path)), closing(connection):
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check(1)") if row[0] != "ok"]
        if problems:
            raise BadInput(
                "cannot restore", on=str(path), why=f"it is damaged: {problems[0]}", fix="use another backup"
            )
        schema, store_id = _identity(connection)
    if not store_id:
        raise BadInput("cannot restore", on=str(path), why="it is no Slipway store", fix="name a backup's file")
    if schema > SCHEMA:
        why = f"its schema {schema} is newer than this Slipway's {SCHEMA}"
        raise BadInput("cannot restore", on=str(path), why=why, fix="install the newer Slipway")
    return Backup(path, store_id, schema)


def restore(backup: Backup, path: Path, force: bool = False) -> Path | None:
    """Put `backup` in the place of the store `path`; returns where that one is kept, None when there was none.

    No store of `path` may be open in this process. Raises Conflict when a worker or anybody else has it open, or when
    it is another store, or too damaged to tell, and not `force`; Refused or Unreachable when it cannot be written.
    Nothing was changed then.
    """
    with _told_of("cannot restore", f"{backup.path} to {path}"):
        filesystem.check(path)
        if path.exists() and path.samefile(backup.path):
            raise BadInput("cannot restore", on=str(path), why="it is the store itself", fix="name a backup's file")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The block ends with the new store in its place; after that others may have it.
        with ExitStack() as held, _whole(path) as new:
            held.enter_context(database.locked(path.parent))
            held.enter_context(_without_worker(path))
            there = bool(_size(path))
            if there and not force:
                _refuse_another(backup, path)
            _copy(_as_it_is(backup.path), new)
            _make_current(new)
            if there:
                held.enter_context(_alone(path))
            kept = _keep(path) if there else None
    with open_store(path) as store:
        audit.record(store, "restore", f"store {store.id}", f"{backup.path}; before: {kept or 'nothing'}")
    return kept


@contextmanager
def _told_of(what: str, on: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise Refused(what, on=on, why=why, fix="check that the folder exists, is writable and has room") from error
    except sqlite3.Error as error:
        told = database.explain_sqlite(error, on)
        raise type(told)(what, on=on, why=told.why, fix=told.fix) from error


@contextmanager
def _whole(to: Path) -> Iterator[Path]:
    """A new file beside `to`, 0600, that takes its place at the end of the block, or goes."""
    handle, name = tempfile.mkstemp(prefix=f"{to.name}.", suffix=".new", dir=to.parent)
    new = Path(name)
    try:
        yield new
        os.fsync(handle)
        new.replace(to)
        _sync(to.parent)
    finally:
        os.close(handle)
        for left in (new, *(_side(new, end) for end in _SIDES)):
            left.unlink(missing_ok=True)


def _copy(source_uri: str, new: Path) -> None:
    # nolock: nobody else knows the file, and it may be on a network file system. It needs no journal: half of it is
    # thrown away.
    with (
        closing(sqlite3.connect(source_uri, uri=True, timeout=database.BUSY_SECONDS)) as source,
        closing(sqlite3.connect(f"{new.as_uri()}?nolock=1", uri=True, isolation_level=None)) as target,
    ):
        target.execute("PRAGMA journal_mode = OFF")
        source.backup(target)


def _as_it_is(path: Path) -> str:
    """The URI of a file that nobody writes: no locks, nothing made beside it, also on a read-only disk."""
    return f"{path.as_uri()}?immutable=1"


def _identity(connection: sqlite3.Connection) -> tuple[str, str]:
    """Schema and store id, ("", "") when it is no Slipway store."""
    tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('alembic_version', 'settings')"
    if connection.execute(tables).fetchone()[0] != 2:
        return "", ""
    found = connection.execute(
        "SELECT version_num, value FROM alembic_version, settings WHERE name = '_slipway_store'"
    ).fetchone()
    return (found[0], found[1]) if found else ("", "")


def _refuse_another(backup: Backup, path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=_IN_USE_SECONDS)) as connection:
            there = f"store {_identity(connection)[1]}"
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        there = f"a file that cannot be read ({error})"
    if there != f"store {backup.store_id}":
        raise Conflict(
            "cannot restore",
            on=str(backup.path),
            why=f"it is of store {backup.store_id}, and {path} is {there}",
            fix="--force puts it there anyway and keeps what is there beside it",
        )


@contextmanager
def _without_worker(path: Path) -> Iterator[None]:
    """The store's worker holds this lock alone (engine.jobs.presence); while we share it, none starts."""
    handle = os.open(f"{path}.worker", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _in_use(path, "its worker is at work") from error
        yield
    finally:
        os.close(handle)


def _make_current(new: Path) -> None:
    """A counter that went back would give a name out twice (DESIGN.md rule 1), so it goes forward."""
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "UPDATE settings SET value = CAST(value AS INTEGER) + ? WHERE name = '_slipway_token'", (_TOKENS_SKIPPED,)
        )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else has the store open, or can open it in the block. What its -wal held is in the file.

    Left behind in rollback mode: whoever opened it just before it was moved is told so by SQLite when he writes, where
    in WAL mode he would write to a file that nobody reads.
    """
    with ExitStack() as held:
        connection = sqlite3.connect(path, timeout=_IN_USE_SECONDS, isolation_level=None)
        held.callback(connection.close)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise _in_use(path, "another process has it open") from error
            if not _is_damage(error):
                raise
            # Too damaged for SQLite to lock it.
            connection.close()
            handle = os.open(path, os.O_RDWR)
            held.callback(os.close, handle)
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, *_LOCK_BYTES)
            except OSError as taken:
                raise _in_use(path, "another process has it open") from taken
        yield


def _is_damage(error: sqlite3.Error) -> bool:
    return error.sqlite_errorname.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _keep(path: Path) -> Path:
    """Give the store a second name, with a -wal that SQLite could not merge, and leave only the file under its own."""
    kept = path.with_name(f"{path.name}.before-restore-{_stamp()}")
    kept.hardlink_to(path)
    if _side(path, "-wal").exists():
        _side(kept, "-wal").hardlink_to(_side(path, "-wal"))
    _sync(path.parent)
    # A -wal of the old store would be taken for the new one's.
    for end in _SIDES:
        _side(path, end).unlink(missing_ok=True)
    return kept


def _in_use(path: Path, why: str) -> SlipwayError:
    fix = f"wait until its jobs have ended, or stop them, and close its consoles; fuser -v {path} names them"
    return Conflict("cannot replace the store", on=str(path), why=why, fix=fix)


def _side(path: Path, end: str) -> Path:
    return path.with_name(f"{path.name}{end}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stamp() -> str:
    """`20261121T093000.123Z`."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z"
