"""Linked or full: what kind of clone a VM is to be."""

from collections.abc import Sequence

from engine.catalog.profiles import Entry
from engine.errors import BadInput
from engine.ova.package import Package
from engine.site import Site
from engine.staging.templates import Template
from engine.vsphere import vms
from engine.vsphere.snapshots import BASE, base_of

NO_BASE = f"the template has no snapshot {BASE}"
"""Why a clone is no linked one: its template was staged when nobody wanted any."""


def kind_of_clone(site: Site, entry: Entry, package: Package | None, template: Template) -> tuple[bool, str]:
    """Whether the VM is to be a linked clone of the template, and why not where one is wanted: by the entry, else by
    the endpoint.

    A template that is yet to be staged gets its snapshot. Raises BadInput when an entry insists on what cannot be.
    """
    if not (site.endpoint.linked_clones if entry.linked is None else entry.linked):
        return False, ""
    machine = vms.details(site.session, template.ref) if template.ref and template.usable else None
    capacities = [disk.capacityInKB << 10 for disk in machine.disks] if machine else []
    if package is not None:
        capacities = [disk.capacity_bytes for disk in package.descriptor.machine_disks()]
    why = _grown_disk(entry, capacities)
    if not why and machine and base_of(site.session, machine.vm.ref) is None:
        why = NO_BASE
    if why and entry.linked:
        fix = f"remove the template {template.uid} and stage it again" if why == NO_BASE else "shrink vdisks"
        fix = f"{fix}, or leave `linked` out"
        raise BadInput("cannot make a linked clone", on=f"{entry.hostname} of {template.uid}", why=why, fix=fix)
    return not why, f"full clone: {why}" if why else ""


def _grown_disk(entry: Entry, capacities: Sequence[int]) -> str:
    """What `vdisks` would have to grow of a template with disks of these capacities in bytes: inherited disks cannot
    (vSphere sheet).
    """
    for number, (size, capacity) in enumerate(zip(entry.vdisks, capacities[1:], strict=False), 2):
        if size << 30 > capacity:
            return f"vdisks let Hard disk {number} grow, which a linked clone shares with its template"
    return ""
