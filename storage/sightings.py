"""Sightings: what a VM that another store is making looked like, and since when, by vCenter's clock."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy import update as change
from sqlalchemy.exc import IntegrityError

from storage.models import sightings
from storage.store import Store


def unchanged_since(store: Store, endpoint_id: int, vm: str, seen: str, now: datetime) -> datetime:
    """Since when the VM (MoRef value) has looked like `seen`: `now`, on vCenter's clock, when it has changed."""
    one = (sightings.c.endpoint_id == endpoint_id) & (sightings.c.vm == vm)
    try:
        with store.begin() as tx:
            row = tx.execute(select(sightings.c.seen, sightings.c.since).where(one).with_for_update()).one_or_none()
            if row is None:
                tx.execute(insert(sightings).values(endpoint_id=endpoint_id, vm=vm, seen=seen, since=now))
            elif row.seen != seen:
                tx.execute(change(sightings).where(one).values(seen=seen, since=now))
            else:
                since: datetime = row.since
                return since
    except IntegrityError:
        pass  # somebody else saw it for the first time in the same moment
    return now


def forget(store: Store, endpoint_id: int, vms: frozenset[str]) -> None:
    """Drop what is known of every VM of the endpoint but these."""
    gone = (sightings.c.endpoint_id == endpoint_id) & sightings.c.vm.not_in(vms)
    with store.begin() as tx:
        tx.execute(delete(sightings).where(gone))
