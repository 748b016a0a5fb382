"""Verifying: what was asked of a VM is read back, repaired by one reconfigure, and read back again (DESIGN.md rule 8).

Property values in a clone spec are broken in some vCenter releases (govmomi #2201, community.vmware #2259); a later reconfigure works,
`edit` where the key exists and `add` where the clone lost a key that the OVF declares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyVmomi import vim

from engine.cancel import Cancel
from engine.errors import VSphereFault
from engine.staging import identity
from engine.staging.identity import Identity
from engine.vsphere import vms
from engine.vsphere.clone import declared_property, property_key, with_value
from engine.vsphere.hardware import another_nic, connected_to, disk_changes, same_backing
from engine.vsphere.session import Session
from engine.vsphere.vms import Details

_Operation = vim.option.ArrayUpdateSpec.Operation


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a VM must be. `declared`: the properties that its template or OVF declares; `backings`: one per adapter, the last ones added.

    `disks_gib`: Hard disk 2, 3, ..; None for cpus and memory keeps what is there.
    """

    name: str
    identity: Identity
    properties: Mapping[str, str] = field(repr=False)
    declared: list[vim.vApp.PropertyInfo]
    backings: tuple[Any, ...]
    disks_gib: tuple[int, ...]
    cpus: int | None
    memory_mb: int | None
    not_uuid: str = ""


def make_right(session: Session, ref: vim.VirtualMachine, wanted: Wanted, cancel: Cancel) -> None:
    """Bring the VM to what is wanted. Raises VSphereFault naming what still differs, BadInput when a disk would have to shrink."""
    machine = vms.details(session, ref)
    spec, differences = repair(machine, wanted)
    if not differences:
        return
    vms.reconfigure(session, ref, wanted.name, spec, cancel)
    _, differences = repair(vms.details(session, ref), wanted)
    differences = [found for found in differences if not _unreadable(found, wanted)]
    if differences:
        raise VSphereFault("cannot verify", on=wanted.name, why=f"vCenter did not keep {', '.join(differences)}", fix="look at the VM in vCenter")


def repair(machine: Details, wanted: Wanted) -> tuple[vim.vm.ConfigSpec, list[str]]:
    """The reconfigure that makes the VM right, and in words what it changes; nothing to do when there are no words. Pure."""
    spec, differences = vim.vm.ConfigSpec(), []
    if identity.parse(machine.vm.notes) != wanted.identity:
        spec.annotation = identity.notes_with(machine.vm.notes, wanted.identity)
        differences.append("the identity in the notes")
    if wanted.not_uuid and machine.vm.instance_uuid == wanted.not_uuid:
        spec.instanceUuid = ""
        differences.append("an instance UUID of its own")
    if wanted.cpus and machine.cpus != wanted.cpus:
        spec.numCPUs = wanted.cpus
        differences.append(f"{wanted.cpus} CPUs")
    if wanted.memory_mb and machine.memory_mb != wanted.memory_mb:
        spec.memoryMB = wanted.memory_mb
        differences.append(f"{wanted.memory_mb} MB of memory")
    properties = _property_changes(machine, wanted)
    if properties:
        spec.vAppConfig = vim.vApp.VmConfigSpec(property=properties)
        differences += [f"the property {property_key(change.info)}" for change in properties]
    nics = _nic_changes(machine, wanted)
    disks = disk_changes(machine, wanted.disks_gib, wanted.name)
    if nics or disks:
        spec.deviceChange = [*nics, *disks]
        differences += [f"{len(nics)} network adapters"] * bool(nics) + [f"{len(disks)} disks"] * bool(disks)
    return spec, differences


def _property_changes(machine: Details, wanted: Wanted) -> list[Any]:
    changes = []
    for key, value in wanted.properties.items():
        there = declared_property(machine.properties, key)
        if there is not None and (there.value or "") == value:
            continue
        if there is not None and not there.value and there.defaultValue == value:
            continue  # the default is in force
        info = there or declared_property(wanted.declared, key)
        if info is None:
            raise VSphereFault("cannot set the property", on=f"{wanted.name}: {key}", why="neither the VM nor its template declares it")
        operation = _Operation.edit if there is not None else _Operation.add
        changes.append(vim.vApp.PropertySpec(operation=operation, info=with_value(info, value)))
    return changes


def _nic_changes(machine: Details, wanted: Wanted) -> list[Any]:
    nics = machine.nics
    changes = [
        connected_to(nic, backing)
        for nic, backing in zip(nics, wanted.backings, strict=False)
        if not same_backing(nic.backing, backing)
    ]
    if nics:
        changes += [another_nic(nics[0], backing, number) for number, backing in enumerate(wanted.backings[len(nics) :])]
    return changes


def _unreadable(difference: str, wanted: Wanted) -> bool:
    """A password's value may not be told by vCenter ([VC]): that it was accepted must do."""
    return any(
        difference == f"the property {property_key(info)}" and (info.type or "").startswith("password") for info in wanted.declared
    )
