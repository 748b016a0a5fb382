"""Verifying: what was asked of a VM is read back, repaired by one reconfigure, and read back again (DESIGN.md rule 8).

Property values in a clone spec are broken in some vCenter releases (govmomi #2201, community.vmware #2259); a later
reconfigure works, `edit` where the key exists and `add` where the clone lost a key that the OVF declares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.cancel import Cancel
from engine.deploy.environment import KEY
from engine.errors import VSphereFault
from engine.staging import identity
from engine.staging.identity import Identity
from engine.vsphere import vms
from engine.vsphere.adapters import Adapter, differs, nic_changes
from engine.vsphere.clone import declared_property, property_change, property_key
from engine.vsphere.hardware import disk_changes, policy_changes
from engine.vsphere.ip_assignment import assignment_change
from engine.vsphere.policies import policies_of
from engine.vsphere.refs import PropertyInfo, VmRef
from engine.vsphere.session import Session
from engine.vsphere.vms import Change, Details


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a VM must be. `declared`: the properties that its template or OVF declares; `adapters`: one each, the
    last ones added.

    `text`: the notes above the identity, unless somebody has written others; `ip_policy` and `ip_protocol`: how the
    guest gets its address, where it supports that; `environment`: the OVF environment to inject. "" keeps what is
    there.

    `disks_gib`: Hard disk 2, 3, ..; None for `cpus` and `memory_mb` keeps what is there. `not_uuid`, `not_macs`: what
    only the template may have.
    """

    name: str
    identity: Identity
    properties: Mapping[str, str] = field(repr=False)
    declared: list[PropertyInfo]
    adapters: tuple[Adapter, ...]
    disks_gib: tuple[int, ...]
    cpus: int | None
    memory_mb: int | None
    text: str = ""
    ip_policy: str = ""
    ip_protocol: str = ""
    environment: str = field(default="", repr=False)
    not_uuid: str = ""
    not_macs: frozenset[str] = frozenset()


def make_right(session: Session, ref: VmRef, wanted: Wanted, cancel: Cancel) -> None:
    """Bring the VM to what is wanted. Raises VSphereFault naming what still differs, BadInput when a disk would have
    to shrink.
    """
    change, differences = repair(vms.details(session, ref), wanted)
    if not differences:
        return
    vms.reconfigure(session, ref, wanted.name, change, cancel)
    _, differences = repair(vms.details(session, ref), wanted)
    differences = [found for found in differences if not _unreadable(found, wanted)]
    if differences:
        why = f"vCenter did not keep {', '.join(differences)}"
        raise VSphereFault("cannot verify", on=wanted.name, why=why, fix="look at the VM in vCenter")


def keep_policy(session: Session, ref: VmRef, name: str, policy: str, cancel: Cancel) -> None:
    """Give the VM and all its disks the storage policy of that id, where they have another or none.

    Raises VSphereFault when vCenter names another one afterwards. One that names none (stock vcsim) has carried it out.
    """
    disks = vms.details(session, ref).disks
    there = policies_of(session, ref, name, [disk.key for disk in disks])
    lacking = [disk for disk in disks if there.get(disk.key) != policy]
    if not lacking and there.get(0) == policy:
        return
    vms.reconfigure(session, ref, name, Change(policy=policy, devices=policy_changes(lacking, policy)), cancel)
    now = policies_of(session, ref, name, [disk.key for disk in disks])
    if set(now.values()) - {policy}:
        why = "vCenter did not keep its storage policy"
        raise VSphereFault("cannot verify", on=name, why=why, fix="look at the VM in vCenter")


def repair(machine: Details, wanted: Wanted) -> tuple[Change, list[str]]:
    """The change that makes the VM right, and in words what differs; no words: nothing to do. Pure."""
    wrong_identity = identity.parse(machine.vm.notes) != wanted.identity
    text = identity.text_of(machine.vm.notes)
    lost_text = wanted.text != "" and text == ""
    shared_uuid = wanted.not_uuid != "" and machine.vm.instance_uuid == wanted.not_uuid
    cpus = wanted.cpus if wanted.cpus != machine.cpus else None
    memory = wanted.memory_mb if wanted.memory_mb != machine.memory_mb else None
    properties = _property_changes(machine, wanted)
    nics = nic_changes(machine.nics, wanted.adapters, lambda nic, to: differs(nic, to, wanted.not_macs))
    disks = disk_changes(machine, wanted.disks_gib, wanted.name)
    assignment = assignment_change(machine.assignment, wanted.ip_policy, wanted.ip_protocol)
    lacks_environment = wanted.environment not in ("", machine.extra.get(KEY, ""))
    notes = identity.notes_with(text or wanted.text, wanted.identity)
    change = Change(
        notes=notes if wrong_identity or lost_text else None,
        instance_uuid="" if shared_uuid else None,
        cpus=cpus,
        memory_mb=memory,
        properties=properties,
        assignment=assignment,
        extra={KEY: wanted.environment} if lacks_environment else {},
        devices=[*nics, *disks],
    )
    differences = ["the identity in its notes"] * wrong_identity + ["an instance UUID of its own"] * shared_uuid
    differences += ["its notes"] * lost_text + [KEY] * lacks_environment
    differences += ["how its guest gets an IP address"] if assignment else []
    differences += [f"{cpus} CPUs"] if cpus else []
    differences += [f"{memory} MB of memory"] if memory else []
    differences += [f"the property {property_key(changed.info)}" for changed in properties]
    differences += [f"{len(nics)} network adapters"] if nics else []
    differences += [f"{len(disks)} disks"] if disks else []
    return change, differences


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
            raise VSphereFault(
                "cannot set the property", on=f"{wanted.name}: {key}", why="neither the VM nor its template declares it"
            )
        changes.append(property_change(info, value, new=there is None))
    return changes


def _unreadable(difference: str, wanted: Wanted) -> bool:
    """A password's value may not be told by vCenter ([VC]): that it was accepted must do."""
    return any(
        difference == f"the property {property_key(info)}" and (info.type or "").startswith("password")
        for info in wanted.declared
    )
