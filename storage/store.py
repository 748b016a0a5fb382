"""The store: one database, SQLite in the user's data directory or PostgreSQL by URL, with its key.

Opening asks for the schema version with one SELECT; Alembic (slow to import) is loaded only when it differs.
"""

import os
import secrets as random
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, Engine, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage import database, paths, secrets
from storage.errors import BadInput
from storage.models import SCHEMA, settings

_STORE_ID = "_slipway_store"
_COUNTER = "_slipway_token"
_IDENTITY = text("SELECT version_num, (SELECT value FROM settings WHERE name = '_slipway_store') FROM alembic_version")
_MIGRATION_LOCK = 0x511BBA7


class Store:
    """An open store. Usable from several threads; each transaction has a connection of its own."""

    def __init__(self, engine: Engine, store_id: str) -> None:
        self.engine = engine
        self.id = store_id
        self._reader = engine
        self._writer = engine.execution_options(slipway_write=True)
        self._key: bytes | None = None

    @property
    def location(self) -> str:
        """The SQLite file's path or the URL without its password."""
        return database.location(self.engine.url)

    @property
    def address(self) -> str:
        """What `open_store` takes to open this store again. A URL has its password in it: never show it."""
        url = self.engine.url
        return url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=False)

    def begin(self) -> AbstractContextManager[Connection]:
        """A write transaction: commits at the end, rolls back on an exception. On SQLite it holds the write lock.

        Raises Unreachable, Refused or BadInput when the database fails; IntegrityError passes for the caller to name.
        """
        return self._transaction(self._writer)

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads. Raises as `begin`."""
        return self._transaction(self._reader)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with translated(engine.url), engine.begin() as tx:
            yield tx

    def now(self, tx: Connection) -> datetime:
        """The database's clock, aware UTC: the one clock that every host with this store shares."""
        if tx.dialect.name == "sqlite":
            told = tx.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")).scalar_one()
            return datetime.fromisoformat(told).replace(tzinfo=UTC)
        moment: datetime = tx.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)

    def alone(self, tx: Connection, what: str) -> None:
        """Wait until no other transaction is `alone` with `what`. On SQLite every writer is alone anyway."""
        if tx.dialect.name == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": f"slipway {what}"})

    def encrypt(self, plain: str) -> str:
        """`plain` under the store's key. Call it before `begin`: the first call may make the key."""
        return secrets.encrypt(self.make_key(), plain)

    def decrypt(self, encrypted: str) -> str:
        """The text given to `encrypt`. Raises Refused when the store's key is missing or another."""
        return secrets.decrypt(self.make_key(), encrypted)

    def make_key(self) -> bytes:
        """The store's key, made when there is none and nothing is encrypted yet."""
        if self._key is None:
            self._key = secrets.own_key(self)
        return self._key

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn the database's errors into ours; IntegrityError passes."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise database.explain(error, url) from error


def open_store(where: str | os.PathLike[str] | None = None) -> Store:
    """Open the store at `where`: path of an SQLite file or a SQLAlchemy URL; None asks `storage.paths.store`.

    A missing SQLite file is made (folder 0700, files 0600), an older schema migrated, a newer one refused.
    Raises Unreachable, Refused or BadInput naming the file or server.
    """
    url = database.url(paths.store(os.fspath(where) if where is not None else None).value)
    database.make_file(url)
    engine = database.connect(url)
    with ExitStack() as opening:
        opening.callback(engine.dispose)
        with translated(url):
            version, store_id = _identity(engine)
            if version != SCHEMA:
                store_id = _migrate(engine)
        store = Store(engine, store_id)
        if not version:
            store.make_key()
        opening.pop_all()
    return store


def next_token(store: Store) -> int:
    """A number greater than every one given out before by this store."""
    with store.begin() as tx:
        told = tx.execute(select(settings.c.value).where(settings.c.name == _COUNTER).with_for_update()).scalar_one()
        token = int(told) + 1
        tx.execute(update(settings).where(settings.c.name == _COUNTER).values(value=str(token)))
    return token


def _identity(engine: Engine) -> tuple[str, str]:
    """Schema version and store id, by one SELECT; ("", "") for a store without tables."""
    try:
        with engine.connect() as connection:
            row = connection.execute(_IDENTITY).one_or_none()
    except DBAPIError as error:
        if database.lacks_tables(error):
            return "", ""
        raise
    return (row[0], row[1]) if row else ("", "")


def _migrate(engine: Engine) -> str:
    """Bring the schema to SCHEMA and return the store's id; of several processes one does it, the others wait.

    An SQLite store that has one is backed up before; without the backup nothing is changed.
    """
    from storage import backup, migrations

    with engine.execution_options(slipway_write=True).begin() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})
        version = migrations.version(tx)
        if version > SCHEMA:
            raise BadInput(
                "cannot use the store",
                on=database.location(engine.url),
                why=f"its schema {version} is newer than this Slipway's {SCHEMA}",
                fix="install the newer Slipway, or give another store with --store",
            )
        if version and version < SCHEMA and tx.dialect.name == "sqlite":
            file = Path(str(engine.url.database))
            backup.copy(file, file.with_name(f"{file.name}.before-{SCHEMA}"))
        if version < SCHEMA:
            migrations.upgrade(tx)
        if not version:
            tx.execute(insert(settings).values(name=_STORE_ID, value=random.token_hex(3)))
            tx.execute(insert(settings).values(name=_COUNTER, value="0"))
        store_id: str = tx.execute(_IDENTITY).one()[1]
    return store_id
