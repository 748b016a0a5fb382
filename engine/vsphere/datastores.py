"""Datastores: how much room they have, and which of a datastore cluster takes the next VM."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyVmomi import vim

from engine.vsphere.properties import Values, read_many
from engine.vsphere.session import Session


@dataclass(frozen=True, slots=True)
class Datastore:
    """A datastore as it is now: `free` and `capacity` in bytes; `why_not` says why no VM can be put on it, "" for a
    good one.
    """

    ref: vim.Datastore
    name: str
    free: int
    capacity: int
    why_not: str = ""


def look_at(session: Session, datastores: Iterable[vim.Datastore]) -> list[Datastore]:
    """The datastores as they are now; one that was removed is left out."""
    return [_datastore(ref, values) for ref, values in read_many(session, datastores, "summary")]


def _datastore(ref: vim.Datastore, values: Values) -> Datastore:
    summary = values["summary"]
    why_not = "" if summary.accessible else "it is not accessible"
    if not why_not and (summary.maintenanceMode or "normal") != "normal":
        why_not = f"it is in maintenance ({summary.maintenanceMode})"
    return Datastore(ref, str(summary.name), int(summary.freeSpace or 0), int(summary.capacity or 0), why_not)


def with_most_room(datastores: Iterable[Datastore], taken: Mapping[vim.Datastore, int]) -> Datastore | None:
    """Of those that take VMs the one with the most free bytes, less what is `taken` already; None when none does."""
    good = sorted((one for one in datastores if not one.why_not), key=lambda one: one.name)
    return max(good, key=lambda one: one.free - taken.get(one.ref, 0), default=None)
