"""Whether a store is sound: its file, its references, its schema, and that its key opens what it holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, inspect, select, text

from storage.errors import BadInput, SlipwayError
from storage.models import deployments, endpoints, metadata, settings
from storage.secrets import PREFIX
from storage.store import Store

_RESTORE = "slipway store restore FILE, with a backup"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: found by which check, and what to do."""

    check: str
    told: str
    fix: str


def problems(store: Store) -> list[Problem]:
    """Everything that is wrong with the store. Raises as `Store.read` when it cannot be read at all."""
    sqlite = store.engine.dialect.name == "sqlite"
    if sqlite and (damage := _damage(store)):
        return damage
    with store.read() as tx:
        found = list(_lacks(tx))
        if found:
            return found
        found = list(_looseness(tx)) if sqlite else []
        secrets = list(_encrypted(tx))
    return found + list(_key(store, secrets))


def _damage(store: Store) -> list[Problem]:
    found: list[Problem] = []
    try:
        with store.read() as tx:
            said = tx.execute(text("PRAGMA integrity_check")).scalars()
            found.extend(Problem("file", " ".join(told.split()), _RESTORE) for told in said if told != "ok")
    except BadInput as error:  # there is damage that ends the check itself
        found.append(Problem("file", error.why, error.fix))
    return found


def _looseness(tx: Connection) -> Iterator[Problem]:
    for table, row, parent, _ in tx.execute(text("PRAGMA foreign_key_check")):
        yield Problem("references", f"row {row} of {table} names a row of {parent} that does not exist", _RESTORE)
    mode = tx.execute(text("PRAGMA journal_mode")).scalar_one()
    if mode != "wal":
        fix = "while nobody uses it: slipway store backup FILE, then slipway store restore FILE"
        yield Problem("journal", f"its journal mode is {mode}, not wal: readers and writers wait for each other", fix)


def _lacks(tx: Connection) -> Iterator[Problem]:
    """The version is right when the store is open; this looks whether its tables are."""
    there = set(inspect(tx).get_table_names())
    for table in metadata.sorted_tables:
        if table.name not in there:
            yield Problem("schema", f"table {table.name} is missing", _RESTORE)


def _encrypted(tx: Connection) -> Iterator[tuple[str, str]]:
    """Whose secret, and its encrypted value."""
    for name, value in tx.execute(select(settings.c.name, settings.c.value).where(settings.c.value.startswith(PREFIX))):
        yield f"setting {name}", value
    for name, value in tx.execute(select(endpoints.c.name, endpoints.c.password)):
        yield f"the password of endpoint {name}", value
    for number, value in tx.execute(
        select(deployments.c.id, deployments.c.secret).where(deployments.c.secret.is_not(None))
    ):
        yield f"the secret of deployment {number}", value


def _key(store: Store, secrets: list[tuple[str, str]]) -> Iterator[Problem]:
    if not secrets:
        return
    try:
        store.make_key()
    except SlipwayError as error:
        yield Problem("key", f"{error.what} {error.on}: {error.why}", error.fix)
        return
    for whose, value in secrets:
        try:
            store.decrypt(value)
        except SlipwayError as error:
            yield Problem("key", f"cannot decrypt {whose}: {error.why}", error.fix)
