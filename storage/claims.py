"""Claims as rows of `settings`: the unique name makes INSERT the election (zPodFactory's rule).

Rows only; what a value means is `engine/staging/claims.py`.
"""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, select, update
from sqlalchemy import delete as erase
from sqlalchemy import insert as add
from sqlalchemy.exc import IntegrityError

from storage.changes import notify
from storage.errors import BadInput
from storage.models import settings
from storage.store import Store

PREFIX = "_ova_staging_lock_"

DESCRIPTION = "ova staging in-progress lock"
"""zPodFactory's own words."""

_NAME = re.compile(rf"{PREFIX}(\d+)_(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """Who stages `uid` on the endpoint, as `value` tells; `1` in rows of zPodFactory itself."""

    name: str
    endpoint_id: int
    uid: str
    value: str


def claim_name(endpoint_id: int, uid: str) -> str:
    """`_ova_staging_lock_<endpoint_id>_<uid>`."""
    return f"{PREFIX}{endpoint_id}_{uid}"


def insert(store: Store, name: str, value: str) -> bool:
    """Take the claim; False when its row exists. Of several at once exactly one gets True."""
    if not _NAME.fullmatch(name):
        raise BadInput("unusable claim name", on=f'"{name}"', fix=f"claims are named {PREFIX}<endpoint id>_<uid>")
    try:
        with store.begin() as tx:
            tx.execute(add(settings).values(name=name, value=value, description=DESCRIPTION))
            notify(tx)
    except IntegrityError:
        return False
    return True


def read(store: Store, name: str) -> ClaimRow | None:
    """The claim's row, None when nobody holds it."""
    with store.read() as tx:
        value = tx.execute(select(settings.c.value).where(settings.c.name == name)).scalar_one_or_none()
    return None if value is None else _row(name, value)


def listing(store: Store) -> list[ClaimRow]:
    """Every claim by name."""
    query = select(settings.c.name, settings.c.value).where(settings.c.name.startswith(PREFIX, autoescape=True))
    with store.read() as tx:
        rows = tx.execute(query.order_by(settings.c.name)).all()
    return [claim for name, value in rows if (claim := _row(name, value))]


def swap(store: Store, name: str, old: str, new: str) -> bool:
    """Replace the value if it is still `old`; False when it is not."""
    with store.begin() as tx:
        notify(tx)
        return _replace(tx, name, old, new)


def beat(store: Store, name: str, old: str, new: str) -> bool:
    """As `swap`, for a holder's sign of life: who waits for the claim is not woken."""
    with store.begin() as tx:
        return _replace(tx, name, old, new)


def delete(store: Store, name: str, value: str) -> bool:
    """Give the claim up if its value is still `value`; False when it is not."""
    held = (settings.c.name == name) & (settings.c.value == value)
    with store.begin() as tx:
        notify(tx)
        return tx.execute(erase(settings).where(held)).rowcount == 1


def _replace(tx: Connection, name: str, old: str, new: str) -> bool:
    held = (settings.c.name == name) & (settings.c.value == old)
    return tx.execute(update(settings).where(held).values(value=new)).rowcount == 1


def _row(name: str, value: str) -> ClaimRow | None:
    parts = _NAME.fullmatch(name)
    return ClaimRow(name, int(parts[1]), parts[2], value) if parts else None
