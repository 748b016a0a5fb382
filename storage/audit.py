"""The audit trail: who changed what, and when by the database's clock. Never a secret's value."""

import os
import pwd
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from storage.models import audit
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `who` is user@host of the operating system, `on` the object's kind and name."""

    id: int
    at: datetime
    who: str
    action: str
    on: str
    detail: str


def record(store: Store, action: str, on: str, detail: str = "") -> None:
    """Write one entry in a transaction of its own."""
    with store.begin() as tx:
        write(store, tx, action, on, detail)


def write(store: Store, tx: Connection, action: str, on: str, detail: str = "") -> None:
    """Write one entry in the transaction of the change itself."""
    tx.execute(insert(audit).values(at=store.now(tx), who=who(), action=action, on=on, detail=detail))


def listing(store: Store, limit: int = 100) -> list[Entry]:
    """The newest entries, newest first."""
    with store.read() as tx:
        rows = tx.execute(select(audit).order_by(audit.c.id.desc()).limit(limit)).mappings()
        return [Entry(**row) for row in rows]


def version(store: Store) -> tuple[int, int]:
    """Number and newest id of the entries: another one after every change that is audited.

    The number too, because PostgreSQL may commit a lower id after a higher one.
    """
    with store.read() as tx:
        number, newest = tx.execute(select(func.count(), func.max(audit.c.id)).select_from(audit)).one()
    return number, newest or 0


def who() -> str:
    """user@host of the operating system: who runs this."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
