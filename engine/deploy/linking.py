"""Linked or full: what kind of clone a VM is to be."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.catalog.profiles import Entry
from engine.errors import BadInput
from engine.vsphere.refs import DatastoreRef
from engine.vsphere.session import Session
from engine.vsphere.snapshots import BASE, base_of
from engine.vsphere.vms import Details

NO_BASE = f"the template has no snapshot {BASE}"
"""Why a clone is no linked one: its template was staged when nobody wanted any."""


@dataclass(frozen=True, slots=True)
class Base:
    """What linked clones of a template stand on: its disks, of so many bytes each, where they lie, and the snapshot."""

    capacities: tuple[int, ...]
    datastores: frozenset[DatastoreRef]
    has_snapshot: bool = True


def base_of_template(session: Session, machine: Details) -> Base:
    """That of a template which is there. Raises Gone."""
    return Base(
        capacities=tuple(disk.capacityInKB << 10 for disk in machine.disks),
        datastores=frozenset(found for disk in machine.disks if (found := getattr(disk.backing, "datastore", None))),
        has_snapshot=base_of(session, machine.vm.ref) is not None,
    )


def why_full(entry: Entry, base: Base) -> str:
    """Why the entry's VM can be no linked clone, "" when it can."""
    return _grown_disk(entry, base.capacities) or ("" if base.has_snapshot else NO_BASE)


def refusal(entry: Entry, template: str, why: str) -> BadInput:
    """The problem of an entry that insists on a linked clone of the template of that name, which it cannot be."""
    fix = f"remove the template {template} and stage it again" if why == NO_BASE else "shrink vdisks"
    fix = f"{fix}, or leave `linked` out"
    return BadInput("cannot make a linked clone", on=f"{entry.hostname} of {template}", why=why, fix=fix)


def _grown_disk(entry: Entry, capacities: Sequence[int]) -> str:
    """What `vdisks` would have to grow of a template with disks of these capacities in bytes: inherited disks cannot
    (vSphere sheet).
    """
    for number, (size, capacity) in enumerate(zip(entry.vdisks, capacities[1:], strict=False), 2):
        if size << 30 > capacity:
            return f"vdisks let Hard disk {number} grow, which a linked clone shares with its template"
    return ""
