"""The two databases: their URLs, connections, and what their errors mean to the operator."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError

from storage import filesystem
from storage.errors import BadInput, Conflict, Refused, SlipwayError, Unreachable

# Seconds that a transaction on PostgreSQL may stand still between two statements; ours take milliseconds.
IDLE_TRANSACTION_SECONDS = 10
BUSY_SECONDS = 10.0
"""How long a transaction waits for another process's before it gives up; ours last milliseconds."""

_CONNECT_SECONDS = 10
_NO_LIMIT = -1  # of connections: transactions last milliseconds, a limit would only add a way to fail


def url(where: str) -> URL:
    """The SQLAlchemy URL of a store given as path or URL. Raises BadInput for anything but SQLite and PostgreSQL."""
    if "://" not in where:
        return URL.create("sqlite", database=str(Path(where).expanduser().absolute()))
    try:
        found = make_url(where)
    except (ArgumentError, ValueError) as error:
        # The URL may hold a password: it is not repeated.
        raise BadInput("cannot read the store's URL", fix="use sqlite:///PATH or postgresql+psycopg://...") from error
    kind = found.get_backend_name()
    if kind == "sqlite" and found.database and found.database != ":memory:":
        return URL.create("sqlite", database=str(Path(found.database).expanduser().absolute()))
    if kind == "postgresql":
        return found.set(drivername="postgresql+psycopg")
    raise BadInput(
        "cannot use the store", on=location(found), why="it is neither an SQLite file nor a PostgreSQL database"
    )


def location(url: URL) -> str:
    """The SQLite file's path, or the URL without its password."""
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database
    return url.render_as_string(hide_password=True)


def make_file(url: URL) -> None:
    """Make a missing SQLite file: 0600, WAL, folder 0700; it appears whole, so nobody sees it half made.

    Raises Refused, before anything is opened or made, on a network file system and where another user's store is.
    """
    if url.get_backend_name() != "sqlite":
        return
    path = Path(str(url.database))
    try:
        filesystem.check(path)
        if path.is_dir():
            raise BadInput("cannot use the store", on=str(path), why="it is a folder", fix="name a file in it")
        if _is_absent(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(path.parent):
                if _is_absent(path):
                    _make_wal_file(path)
        elif path.stat().st_mode & 0o077:
            path.chmod(path.stat().st_mode & 0o700)
    except OSError as error:
        why = error.strerror or str(error)
        raise Refused(
            "cannot make the store", on=str(path), why=why, fix="give a writable place with --store"
        ) from error
    except sqlite3.Error as error:
        told = explain_sqlite(error, str(path))
        raise type(told)("cannot make the store", on=str(path), why=told.why, fix=told.fix) from error


def _is_absent(path: Path) -> bool:
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock under which a store is made, or replaced, in `folder`."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_wal_file(path: Path) -> None:
    # SQLite gives -wal and -shm the mode of the file itself.
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(new)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def connect(url: URL) -> Engine:
    """The engine for `url`; nothing is opened yet. Statements' values never get into errors or logs."""
    if url.get_backend_name() == "postgresql":
        limit = {"connect_timeout": _CONNECT_SECONDS}
        # pre-ping: after a restart of the server the next transaction works again.
        pooled = {"max_overflow": _NO_LIMIT, "pool_pre_ping": True}
        server = create_engine(url, hide_parameters=True, connect_args=limit, **pooled)
        event.listen(server, "connect", _end_idle_transactions)
        return server
    # isolation_level None: sqlite3 begins nothing by itself, _begin does.
    manual = {"isolation_level": None, "timeout": BUSY_SECONDS}
    engine = create_engine(url, hide_parameters=True, max_overflow=_NO_LIMIT, connect_args=manual)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _end_idle_transactions(connection: Any, _record: Any) -> None:
    """A process that is stopped within a transaction holds its rows, a claim's too: the server ends that session."""
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TRANSACTION_SECONDS}s'")
    connection.commit()


def _prepare(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Any) -> None:
    # A deferred transaction that turns into a writer fails at once when another wrote meanwhile; IMMEDIATE waits.
    writes = connection.get_execution_options().get("slipway_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def lacks_tables(error: DBAPIError) -> bool:
    """Whether `error` says that a table does not exist."""
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def explain(error: DBAPIError, url: URL) -> SlipwayError:
    """Our exception for a database's: which store, why, what to do."""
    if isinstance(error, DataError):
        return BadInput("cannot store a value", on=location(url), why=str(error.orig), fix="correct the value")
    if url.get_backend_name() == "sqlite":
        return explain_sqlite(error.orig, location(url))
    return _explain_postgresql(getattr(error.orig, "sqlstate", None) or "", str(error.orig), location(url))


def explain_sqlite(error: BaseException | None, path: str) -> SlipwayError:
    """Our exception for one of sqlite3's about the file `path`."""
    # Result codes: sqlite.org/rescode.html; an extended one begins with its primary one.
    name, told = getattr(error, "sqlite_errorname", None) or "", str(error)
    if name == "SQLITE_READONLY_DBMOVED":
        why = "it was replaced meanwhile, as restore does"
        return Conflict("cannot write the store", on=path, why=why, fix="run the command again")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        why = f"another process kept it locked for {BUSY_SECONDS:.0f} s"
        return Unreachable("cannot use the store", on=path, why=why, fix="see who holds it: fuser -v on the file")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return BadInput(
            "cannot use the store",
            on=path,
            why=told,
            fix="slipway store restore FILE, with a backup, or move the file away",
        )
    # SHMSIZE: the -shm file could not be made longer.
    if name in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"):
        return Unreachable("cannot write the store", on=path, why="the disk is full", fix="free some space")
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return Refused(
            "cannot write the store",
            on=path,
            why="it is read-only",
            fix="make it, its -wal and -shm files and the folder writable",
        )
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR")):
        fix = "check that file and folder are readable and writable, and the disk"
        return Unreachable("cannot open the store", on=path, why=told, fix=fix)
    return BadInput("cannot use the store", on=path, why=told, fix="give a Slipway store with --store")


def _explain_postgresql(state: str, told: str, where: str) -> SlipwayError:
    why = " ".join(told.split())
    if state.startswith("28") or "authentication failed" in told or "no password supplied" in told:
        return Refused("cannot log in to the store", on=where, why=why, fix="correct user and password of the URL")
    if state.startswith(("42501", "25006")):
        return Refused("cannot use the store", on=where, why=why, fix="give the account the rights of the owner")
    if state.startswith(("42", "3F", "3D")) or "does not exist" in told:
        return BadInput("cannot use the store", on=where, why=why, fix="give a Slipway store with --store")
    return Unreachable("cannot use the store", on=where, why=why, fix="check that the server runs and answers")
