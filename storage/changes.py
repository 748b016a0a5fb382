"""Changes: learning that something in the store may have changed, without reading it again and again.

On SQLite a connection of its own asks for `PRAGMA data_version`, which moves with every commit of any other connection
(sqlite.org/pragma.html#pragma_data_version). On PostgreSQL it listens: whoever changes claims, jobs or steps calls
`notify` in that transaction, and the server tells the listeners when it commits.
"""

import sqlite3
import time
from types import TracebackType
from typing import Any, Protocol, Self

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from storage.store import Store, translated

POLL = 0.1
"""Seconds between two looks on SQLite; measured: 0.2% of a CPU."""

_CHANNEL = "slipway"


def notify(tx: Connection) -> None:
    """Tell every `Watch` when this transaction commits. On SQLite the commit alone does."""
    if tx.dialect.name == "postgresql":
        tx.execute(text(f"NOTIFY {_CHANNEL}"))


class Watch:
    """Sees the changes since it was made. For one thread; has a connection of its own until it is closed."""

    def __init__(self, store: Store) -> None:
        """Raises Unreachable or Refused when the database does not let us in."""
        with translated(store.engine.url):
            self._changes: _Changes = (
                _Listening(store) if store.engine.dialect.name == "postgresql" else _Polling(store)
            )

    def wait(self, seconds: float) -> bool:
        """Return True as soon as something may have changed since the last call, False after `seconds` without.

        A database that fails is no error here: the caller's own look will tell. A PostgreSQL connection that broke is
        made again, which counts as a change.
        """
        return self._changes.wait(seconds)

    def close(self) -> None:
        """Give up the connection."""
        self._changes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Changes(Protocol):
    def wait(self, seconds: float) -> bool: ...

    def close(self) -> None: ...


class _Polling:
    def __init__(self, store: Store) -> None:
        self._connection = store.engine.connect()
        self._seen = 0
        self._seen = self._version()

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while (version := self._version()) == self._seen:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(POLL, left))
        self._seen = version
        return True

    def _version(self) -> int:
        # Past SQLAlchemy, which would begin a transaction, and in one the version stands still.
        cursor = self._connection.connection.cursor()
        try:
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchone() or (self._seen,)
            return int(version)
        except sqlite3.Error:
            return self._seen
        finally:
            cursor.close()

    def close(self) -> None:
        self._connection.close()


class _Listening:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection: Any = None  # psycopg's own, SQLAlchemy cannot wait for notifications
        self._listen()

    def _listen(self) -> None:
        pooled = self._store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        pooled.execute(text(f"LISTEN {_CHANNEL}"))
        self._connection = pooled.connection.driver_connection
        pooled.detach()  # a connection that listens does not go back to the pool

    def wait(self, seconds: float) -> bool:
        from psycopg import OperationalError  # a store in SQLite never loads it

        if self._connection.closed:
            return self._listen_again(seconds)
        try:
            return any(self._connection.notifies(timeout=seconds, stop_after=1))
        except OperationalError:
            self.close()
            return self._listen_again(seconds)

    def _listen_again(self, seconds: float) -> bool:
        try:
            self._listen()
        except DBAPIError:
            time.sleep(seconds)
            return False
        return True

    def close(self) -> None:
        self._connection.close()
