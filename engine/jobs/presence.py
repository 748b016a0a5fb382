"""Is there a worker for this store, and starting one. A store has one engine, in a process of its own.

On SQLite the worker holds flock(2) on `<store>.worker` beside the file; on PostgreSQL an advisory lock, so that one
worker serves the store whatever hosts its clients are on. Both end with the process, however it ends.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from engine.errors import Conflict, Refused
from engine.staging.holder import Holder, myself
from storage.models import settings
from storage.store import Store, translated

ROW = "_slipway_worker"
# Seconds between two signs of life, and after how many without one a worker counts as hung.
BEAT, SILENT = 5.0, 30.0
# Seconds that a worker which was just started may take until it holds its lock (importing DBOS without bytecode: 3 s).
STARTING = 15.0
# Workers in a row that may end with an error at once.
ATTEMPTS = 3
# What a worker inherits: it outlives its starter, whose environment may hold the lab's passwords.
INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
)
INHERITED_KINDS = ("LC_", "XDG_", "SLIPWAY_", "PYTHON", "COVERAGE_")
_LOCK_CLASS = 0x511B

# The workers that this process has started and that have not ended: a child that nobody waits for stays a zombie.
_children: list["subprocess.Popen[bytes]"] = []

StillHeld: TypeAlias = Callable[[], bool]
"""Whether this process is the store's worker still; a PostgreSQL lock goes with a connection that breaks, and is taken
again if nobody else has it. Raises Unreachable while the server is away.
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """The worker as the store knows it. `silent` is how many seconds ago it last showed that it is alive."""

    holder: Holder
    since: datetime
    silent: float

    @property
    def hung(self) -> bool:
        """Whether it holds its lock and does nothing: stopped by a signal, or waiting for a disk."""
        return self.silent > SILENT

    def __str__(self) -> str:
        return f"pid {self.holder.pid} of {self.holder.owner} on {self.holder.host}"


@contextmanager
def holding(store: Store) -> Iterator[StillHeld]:
    """Be the store's worker; gives a way to ask whether we still are. Raises Conflict when another process is."""
    with _flocked(store) if _path(store) else _advisory_lock(store) as still_held:
        show_life(store)
        try:
            yield still_held
        finally:
            with store.begin() as tx:
                tx.execute(delete(settings).where(settings.c.name == ROW))


def is_there(store: Store) -> bool:
    """Whether some process holds the worker's lock."""
    path = _path(store)
    if path is None:
        with store.read() as tx:
            held = text(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = :kind AND objid = :id AND granted"
            )
            return tx.execute(held, {"kind": _LOCK_CLASS, "id": _number(store)}).first() is not None
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def find(store: Store) -> Worker | None:
    """The store's worker, None when none runs or it has only just started."""
    if not is_there(store):
        return None
    with store.read() as tx:
        value = tx.execute(select(settings.c.value).where(settings.c.name == ROW)).scalar_one_or_none()
        now = store.now(tx)
    if value is None:
        return None
    said = json.loads(value)
    beat = datetime.fromisoformat(said["beat"])
    return Worker(Holder(**said["holder"]), datetime.fromisoformat(said["since"]), (now - beat).total_seconds())


def show_life(store: Store) -> None:
    """The worker's sign of life, on the database's clock."""
    with store.begin() as tx:
        now = store.now(tx).isoformat()
        row = tx.execute(select(settings.c.value).where(settings.c.name == ROW)).scalar_one_or_none()
        me = asdict(myself())
        mine = row is not None and json.loads(row)["holder"] == me
        since = json.loads(row)["since"] if row is not None and mine else now
        value = json.dumps({"holder": me, "since": since, "beat": now})
        if row is None:
            tx.execute(insert(settings).values(name=ROW, value=value, description="The worker of this store"))
        else:
            tx.execute(update(settings).where(settings.c.name == ROW).values(value=value))


class Starter:
    """Starts a worker where none runs; kept by a client for as long as it waits for a job."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._started: subprocess.Popen[bytes] | None = None
        self._at = 0.0
        self._failures = 0

    def ensure(self) -> None:
        """Start a worker unless one runs or was just started. Raises Refused when it cannot be started, or when one
        after the other ends with an error at once; one that was killed is started again for ever.
        """
        if is_there(self._store) or self._is_starting():
            return
        self._look_back()
        environment = {name: value for name, value in os.environ.items() if _is_inherited(name)}
        environment["SLIPWAY_STORE"] = self._store.address
        self._at = time.monotonic()
        _children[:] = [child for child in _children if child.poll() is None]
        try:
            self._started = subprocess.Popen(
                [sys.executable, "-m", "cli", "worker", "--until-idle"],
                cwd=Path(__file__).parents[2],  # where these packages are
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            why = error.strerror or str(error)
            raise Refused("cannot start the worker", on=sys.executable, why=why, fix="run: slipway worker") from error
        _children.append(self._started)

    def _look_back(self) -> None:
        code = self._started.poll() if self._started is not None else None
        failed = code is not None and code > 0 and time.monotonic() - self._at < STARTING
        self._failures = self._failures + 1 if failed else 0
        if self._failures == ATTEMPTS:
            why = f"it ended {ATTEMPTS} times with exit code {code}"
            fix = "run: slipway worker, which says more; what was asked for stays queued"
            raise Refused("the worker does not start for", on=self._store.location, why=why, fix=fix)

    def _is_starting(self) -> bool:
        if self._started is None or time.monotonic() - self._at > STARTING:
            return False
        return self._started.poll() is None


def _is_inherited(name: str) -> bool:
    return name in INHERITED or name.startswith(INHERITED_KINDS) or name.lower().endswith("_proxy")


def _path(store: Store) -> Path | None:
    file = store.engine.url.database if store.engine.dialect.name == "sqlite" else None
    return Path(f"{file}.worker") if file else None


def _number(store: Store) -> int:
    return int(store.id, 16)


@contextmanager
def _flocked(store: Store) -> Iterator[StillHeld]:
    path = _path(store)
    handle = os.open(str(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # A client that asks `is_there` holds it shared for some microseconds.
        deadline = time.monotonic() + 1
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _taken(store) from None
                time.sleep(0.01)
        yield lambda: True
    finally:
        os.close(handle)


@contextmanager
def _advisory_lock(store: Store) -> Iterator[StillHeld]:
    lock = _AdvisoryLock(store)
    if not lock.take():
        raise _taken(store)
    try:
        yield lock.still_held
    finally:
        lock.close()


class _AdvisoryLock:
    """Session-level: the server frees it when the connection ends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Whether it is ours now. Raises Unreachable or Refused when the server does not let us in."""
        arguments = {"kind": _LOCK_CLASS, "id": _number(self._store)}
        with translated(self._store.engine.url):
            connection = self._store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # back in the pool it would keep the lock
            if connection.execute(text("SELECT pg_try_advisory_lock(:kind, :id)"), arguments).scalar_one():
                self._connection = connection
                return True
            connection.close()
        return False

    def still_held(self) -> bool:
        """Whether it is ours, taken again after the connection broke: an upload does not end for a server's restart.
        Raises as `take`.
        """
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
            except DBAPIError:
                self.close()
            else:
                return True
        return self.take()

    def close(self) -> None:
        """Give it up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _taken(store: Store) -> Conflict:
    there = find(store)
    who = f" ({there})" if there else ""
    return Conflict(
        "cannot work on", on=store.location, why=f"a worker is running already{who}", fix="nothing is needed"
    )
