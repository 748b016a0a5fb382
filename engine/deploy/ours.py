"""Whose VM is it? Ours is what this store's own item made under that very name; anything else is never touched.

A clone made by hand inherits the notes of what it was cloned from (vSphere sheet, [VC]), identity line included: the
line alone proves nothing, so the item that it names must be of the same VM name and endpoint.
"""

from engine.errors import Conflict, NameTaken
from engine.site import Site
from engine.staging import claims, identity
from engine.staging.holder import holder_from
from engine.vsphere import vms
from engine.vsphere.refs import VAppRef
from engine.vsphere.vms import Vm
from storage import deployments
from storage.components import Component
from storage.deployments import Item


def vms_around(site: Site, vapp: VAppRef | None) -> dict[str, Vm]:
    """The VMs whose names a new one must not have, by case-folded name: in the endpoint's folder, and in the vApp.

    A vCenter keeps the two apart, the stock simulator does not; some back ends do not tell names apart by case.
    """
    found = vms.vms_in_folder(site.session, site.target.folder)
    if vapp is not None:
        found += vms.vms_in_vapp(site.session, vapp)
    return {vm.name.casefold(): vm for vm in found}


def is_ours(site: Site, vm: Vm, name: str, component: Component) -> bool:
    """Whether an item of this store made the VM under this name, from this component."""
    item = maker_of(site, vm)
    return item is not None and (item.name, item.component_uid) == (name, component.uid)


def maker_of(site: Site, vm: Vm) -> Item | None:
    """The item of this store that made the VM under the name that it has, None for anybody else's."""
    made = identity.parse(vm.notes)
    if made is None or made.item is None or made.store != site.store.id:
        return None
    item = deployments.find_item(site.store, made.item)
    if item is None or (item.name, item.component_uid) != (vm.name, made.component):
        return None
    return item if deployments.get(site.store, item.deployment_id).endpoint_id == site.endpoint.id else None


def not_ours(vm: Vm) -> NameTaken:
    """The error for a name that somebody else's VM has."""
    why = f"a VM named {vm.name} is there and is not ours"
    return NameTaken("cannot deploy", on=vm.name, why=why, fix="choose another name or remove it")


def is_half_made(vm: Vm) -> bool:
    """Whether the VM of ours was still being imported when its notes were written."""
    made = identity.parse(vm.notes)
    return made is not None and bool(made.importing)


def check_abandoned(vm: Vm) -> None:
    """Raise Conflict while the process that imports the half-made VM is at work."""
    evidence = importer(vm)
    if evidence:
        why = f"it is being imported: {evidence}"
        raise Conflict("cannot deploy", on=vm.name, why=why, fix="wait for that deployment")


def importer(vm: Vm) -> str:
    """Who is importing the VM, "" when its process is gone or nobody ever said that it does."""
    made = identity.parse(vm.notes)
    try:
        verdict, evidence = claims.judged(holder_from(made.importing if made else {}))
    except ValueError:
        return ""
    return evidence if verdict is claims.Verdict.LIVE else ""
