"""Staged templates: what is in `components-staging`, and whether a deployment may use it.

A staged template is a template, named by its uid, directly in that folder, with the attribute `staged` (DESIGN.md
rule 3).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.catalog.limits import limits_of
from engine.catalog.variants import THIN, Variant, component_named, component_of_template, in_variant, variant_of
from engine.errors import Gone, NotFound
from engine.ova.package import Package
from engine.site import Site
from engine.staging import claims, identity
from engine.staging.identity import Identity
from engine.vsphere.attributes import STAGED, STAGING_STATUS, status_key
from engine.vsphere.inventory import child_folder
from engine.vsphere.ovf_import import importable_package
from engine.vsphere.refs import FolderRef, VmRef
from engine.vsphere.vms import Details, Vm, details, details_of, disks_below, notes_below, vms_in_folder
from storage import components, endpoints
from storage.components import Component
from storage.endpoints import Endpoint

FOLDER = "components-staging"
MIB = 1 << 20
IN_PROGRESS, RETIRED = ".staging-", ".retired-"


class State(StrEnum):
    """What a template is good for. Only `staged` and `unverified` are used."""

    ABSENT = "absent"
    STAGING = "staging"
    STAGED = "staged"
    UNVERIFIED = "unverified"
    OUTDATED = "outdated"
    FOREIGN = "foreign"
    TAMPERED = "tampered"
    UNREACHABLE = "unreachable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Template:
    """One template, or the place where it would be. `uid` is its name: the component's uid, and the variant if it is of
    one (engine.catalog.variants). `size_bytes` is what it takes on the datastore; `why` explains any state but staged.

    `children` are the VMs cloned from it that still exist; None where nobody counted.
    """

    uid: str
    state: State
    path: str
    why: str = ""
    ref: VmRef | None = None
    digest: str = ""
    size_bytes: int = 0
    staged_at: datetime | None = None
    children: int | None = None

    @property
    def usable(self) -> bool:
        """Whether a deployment may clone it."""
        return self.state in (State.STAGED, State.UNVERIFIED)


def shape_of(machine: Details) -> dict[str, object]:
    """The hardware that a template was staged with; anything else later means that somebody edited it. Disks in KiB."""
    return {
        "cpus": machine.cpus,
        "memory_mb": machine.memory_mb,
        "disks": [disk.capacityInKB for disk in machine.disks],
        "nics": len(machine.nics),
    }


def whole_name(name: str) -> str:
    """What a template or leftover of this name is called once it is whole: whose claim guards it."""
    return name.partition(IN_PROGRESS)[0].partition(RETIRED)[0]


def staging_folder(site: Site) -> FolderRef | None:
    """The endpoint's `components-staging`, None while there is none."""
    return child_folder(site.session, site.target.folder, FOLDER)


def claim_endpoint(site: Site) -> int:
    """The id that claims on this site's folder are named by: of the endpoints that lead to one folder the first's, so
    that those who stage through different ones take turns.
    """
    return first_to_the_folder(site.endpoint, endpoints.listing(site.store))


def first_to_the_folder(endpoint: Endpoint, known: Iterable[Endpoint]) -> int:
    """The lowest id of those endpoints that lead to this one's folder, itself included."""
    return min([endpoint.id, *(one.id for one in known if folder_of(one) == folder_of(endpoint))])


def folder_of(endpoint: Endpoint) -> tuple[str | None, str, str]:
    """Which folder it leads to: vCenter, None while nobody has logged in there, datacenter, VM folder."""
    return endpoint.instance_uuid, endpoint.datacenter, endpoint.vmfolder.strip("/")


def path_of(site: Site, uid: str) -> str:
    """Where the template of that uid is or would be."""
    return f"{site.folder_path}/{FOLDER}/{uid}"


def look(site: Site, uid: str, component: Component | None, package: Package | None = None) -> Template:
    """The template of that name as it is now. `component` (its uid, variant and checksum) and `package` (its disks) say
    what it should be.
    """
    folder = staging_folder(site)
    # Some back ends of vCenter do not tell names apart by case (vSphere sheet).
    found = [vm for vm in vms_in_folder(site.session, folder) if vm.name.casefold() == uid.casefold()] if folder else []
    if not found:
        return _not_there(site, uid)
    try:
        machine = details(site.session, found[0].ref)
    except Gone:
        return _not_there(site, uid)
    if machine.vm.name.casefold() != uid.casefold():  # retired since the list was read
        return _not_there(site, uid)
    template = judged(site, machine, status_key(site.session), component, package)
    if template.uid != uid:
        return replace(template, state=State.FOREIGN, why=f"{template.uid} is in the way: vCenter may not tell case")
    return template


def _not_there(site: Site, uid: str) -> Template:
    path = path_of(site, uid)
    if uid in _claimed(site):
        return Template(uid, State.STAGING, path, "somebody is staging it now")
    return Template(uid, State.ABSENT, path, "not staged yet")


def _claimed(site: Site) -> set[str]:
    """The uids that somebody is at work on in this site's folder."""
    endpoint = claim_endpoint(site)
    return {row.uid for row in claims.standing(site.store) if row.endpoint_id == endpoint and not row.stale}


def judged(
    site: Site, machine: Details, key: int | None, component: Component | None, package: Package | None
) -> Template:
    """The template that `machine` is. `key` is the staging attribute's."""
    vm = machine.vm
    ours = identity.parse(vm.notes)
    template = Template(
        uid=vm.name,
        state=State.STAGED,
        path=path_of(site, vm.name),
        ref=vm.ref,
        digest=ours.digest if ours else "",
        size_bytes=vm.committed,
        staged_at=datetime.fromisoformat(ours.created) if ours else None,
    )
    state, why = _verdict(machine, ours, vm.custom.get(key) if key is not None else None, component, package)
    return replace(template, state=state, why=why)


def _verdict(
    machine: Details, ours: Identity | None, status: str | None, component: Component | None, package: Package | None
) -> tuple[State, str]:
    vm = machine.vm
    if not vm.connected:
        return State.UNREACHABLE, "its ESXi host is not connected"
    if not machine.cpus:
        return State.UNREACHABLE, "its files cannot be reached"
    if vm.powered_on:
        return State.TAMPERED, "it was powered on"
    if ours and not vm.template:
        return State.TAMPERED, "it is a VM, not a template any more"
    if not vm.template:
        return State.FOREIGN, "a VM of that name is in the way"
    if status != STAGED:
        return (
            State.FOREIGN,
            f"its attribute {STAGING_STATUS} is {status!r}" if status else f"it is not marked {STAGED}",
        )
    if ours is None:
        differs = _differs_from_package(machine, package)
        return (State.FOREIGN, differs) if differs else (State.UNVERIFIED, "not made by Slipway; used, never changed")
    return _verdict_on_ours(machine, ours, component)


def _verdict_on_ours(machine: Details, ours: Identity, component: Component | None) -> tuple[State, str]:
    """What a template with our identity is good for, that is whole and marked."""
    variant = Variant(ours.option, ours.provisioning)
    if component and (component.uid, variant_of(component)) != (ours.component, variant):
        told = f"deployment option {ours.option or 'by default'}, disks {ours.provisioning or THIN}"
        return State.FOREIGN, f"it is of the component {ours.component}, {told}"
    edited = _edited(machine, ours)
    if edited:
        return State.TAMPERED, edited
    if component and component.checksum and ours.digest != component.checksum:
        return State.OUTDATED, "checksum changed: the component has another one now"
    return State.STAGED, ""


def _edited(machine: Details, ours: Identity) -> str:
    if ours.template_name != whole_name(machine.vm.name):
        return f"renamed: it is {ours.template_name}"
    now = shape_of(machine)
    changed = [f"{name} {was} -> {now[name]}" for name, was in ours.shape.items() if name in now and now[name] != was]
    return "edited: " + ", ".join(changed) if changed else ""


def _differs_from_package(machine: Details, package: Package | None) -> str:
    """Why a template without identity cannot be this package's, "" when nothing speaks against it."""
    if package is None:
        return ""
    # vSphere rounds a capacity up to whole MiB.
    wanted = sorted(math.ceil(disk.capacity_bytes / MIB) for disk in package.descriptor.machine_disks())
    if wanted != sorted(math.ceil(disk.capacityInKB / 1024) for disk in machine.disks):
        return "its disks are not those of the OVA"
    if len(package.descriptor.hardware.nics) != len(machine.nics):
        return "its network adapters are not those of the OVA"
    return ""


def listing(site: Site, known: Iterable[Component]) -> list[Template]:
    """Every template and leftover in the folder, and the uids that somebody is staging, by name; children counted."""
    by_uid = {component.uid: component for component in known}
    claimed = _claimed(site)
    folder = staging_folder(site)
    found: list[Template] = []
    if folder:
        key = status_key(site.session)
        born = children_by_template(site)
        for machine in details_of(site.session, vms_in_folder(site.session, folder)):
            name = machine.vm.name
            template = judged(site, machine, key, _component_of(machine.vm, by_uid), None)
            if IN_PROGRESS in name:
                template = _in_progress(site, template, machine.vm, whole_name(name) in claimed)
            elif RETIRED in name:
                template = replace(template, state=State.OUTDATED, why="replaced by a newer one, kept for its clones")
            found.append(replace(template, children=len(born.get(machine.vm.moid, ()))))
    there = {whole_name(template.uid) for template in found}
    found += [_not_there(site, uid) for uid in claimed - there]
    return sorted(found, key=lambda template: template.uid)


def _component_of(vm: Vm, by_uid: Mapping[str, Component]) -> Component | None:
    """The catalog's component that the template was made from, asking for its variant."""
    made = identity.parse(vm.notes)
    component = by_uid.get(made.component) if made else None
    return in_variant(component, made.option, made.provisioning or THIN) if made and component else None


def _in_progress(site: Site, template: Template, vm: Vm, claimed: bool) -> Template:
    made = identity.parse(vm.notes)
    if made is not None and made.store != site.store.id:
        return replace(template, state=State.STAGING, why=f"the work of another Slipway, store {made.store}")
    if claimed:
        return replace(template, state=State.STAGING, why="being staged")
    return replace(template, state=State.FAILED, why="left by a staging that failed; the next one settles it")


def children_by_template(site: Site) -> dict[str, list[VmRef]]:
    """Template's MoRef value -> the VMs of this endpoint's datacenter whose identity says that they were cloned from
    it.
    """
    born: dict[str, list[VmRef]] = {}
    for ref, _, notes in notes_below(site.session, site.target.datacenter):
        made = identity.parse(notes)
        if made and made.template:
            born.setdefault(made.template, []).append(ref)
    return born


def linked_children(site: Site, template: Details) -> list[str]:
    """The names of VMs, whoever made them, whose disks stand on the template's: vCenter may destroy it all the same and
    break them (rule 2).
    """
    # A snapshot has put deltas on its disks: clones stand on what is below these.
    files = {file for disk in template.disks for file in [_file(disk), *_chain(disk.backing)]}
    return sorted(
        vm.name
        for vm, disks in disks_below(site.session, site.target.datacenter)
        if vm.ref != template.vm.ref and _stands_on(disks, files)
    )


def _stands_on(disks: list[Any], files: set[str]) -> bool:
    return any(files & set(_chain(disk.backing)) for disk in disks)


def _file(disk: Any) -> str:
    return str(getattr(disk.backing, "fileName", ""))


def _chain(backing: Any) -> list[str]:
    """The files that a disk stands on, parent by parent."""
    parents = []
    while (backing := getattr(backing, "parent", None)) is not None:
        parents.append(str(backing.fileName))
    return parents


def find(site: Site, uid: str) -> Template:
    """The template of that name, children counted. Raises NotFound."""
    for template in listing(site, components.listing(site.store)):
        if template.uid == uid:
            return template
    component_of_template(site.store, uid)  # a name that is nobody's is told with the nearest one
    raise NotFound(
        "no template",
        on=path_of(site, uid),
        why="it is not staged",
        fix=f"slipway template stage {uid} --endpoint {site.endpoint.name}",
    )


def verify(site: Site, uid: str) -> Template:
    """The template, its hardware compared with the component's OVA too, where that is at hand. Raises NotFound."""
    template = find(site, uid)
    if template.ref is None or not template.usable:
        return template
    known = components.listing(site.store)
    machine = details(site.session, template.ref)
    limits = limits_of(site.store)
    component = _component_of(machine.vm, {one.uid: one for one in known}) or component_named(uid, known, limits)
    if component is None or not component.ova_path:
        return template
    differs = _differs_from_package(machine, importable_package(component, limits))
    return replace(template, state=State.TAMPERED, why=differs) if differs else template
