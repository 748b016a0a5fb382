"""The privileges that the endpoint's account needs, object by object, and whether it has them.

The identifiers are those that the vSphere Web Services API reference names with each method that Slipway calls
(pyVmomi's type tables carry the same). An object's privileges are meant to propagate: what is asked of the VM folder
is used on the VMs in it.
"""

from collections.abc import Mapping
from typing import Any

from engine.endpoints.findings import Finding, failed, fine, missing
from engine.errors import SlipwayError
from engine.vsphere.attributes import STAGING_STATUS, status_key
from engine.vsphere.properties import read
from engine.vsphere.session import Session

# AddCustomFieldDef, while vCenter has no such field.
DEFINE_ATTRIBUTE = ("Global.ManageCustomFields",)

NEEDED: Mapping[str, tuple[str, ...]] = {
    "VM folder": (
        "Folder.Create",
        "Global.SetCustomField",  # SetField asks for it on the VM, not on the root
        "VApp.Import",  # ImportVApp asks for it on the folder too
        "VirtualMachine.Config.AddNewDisk",
        "VirtualMachine.Config.AddRemoveDevice",
        "VirtualMachine.Config.AdvancedConfig",
        "VirtualMachine.Config.Annotation",
        "VirtualMachine.Config.CPUCount",
        "VirtualMachine.Config.DiskExtend",
        "VirtualMachine.Config.EditDevice",
        "VirtualMachine.Config.Memory",
        "VirtualMachine.Config.Rename",
        "VirtualMachine.Config.Settings",
        "VirtualMachine.Interact.PowerOff",
        "VirtualMachine.Interact.PowerOn",
        "VirtualMachine.Inventory.Create",
        "VirtualMachine.Inventory.CreateFromExisting",
        "VirtualMachine.Inventory.Delete",
        "VirtualMachine.Provisioning.Clone",
        "VirtualMachine.Provisioning.DeployTemplate",
        "VirtualMachine.Provisioning.MarkAsTemplate",
        "VirtualMachine.Provisioning.MarkAsVM",
        "VirtualMachine.State.CreateSnapshot",
    ),
    "resource pool": (
        "Resource.AssignVMToPool",
        "VApp.ApplicationConfig",
        "VApp.AssignVM",
        "VApp.Create",
        "VApp.Delete",
        "VApp.Import",
        "VApp.InstanceConfig",
    ),
    "datastore": ("Datastore.AllocateSpace", "Datastore.Browse", "Datastore.FileManagement"),
    "network": ("Network.Assign",),
}


def check(session: Session, objects: Mapping[str, tuple[list[Any], str]]) -> list[Finding]:
    """One finding per kind. `objects`: kind, as in NEEDED -> (managed objects, their name), as far as found: several
    are the members of a datastore cluster, and each must be granted.
    """
    try:
        login = read(session, session.content.sessionManager, "currentSession")["currentSession"].key
        attribute_there = status_key(session) is not None
    except SlipwayError as error:
        return [failed("privileges", error)]
    found = (
        []
        if attribute_there
        else [_on(session, login, "root", [session.content.rootFolder], "vCenter", DEFINE_ATTRIBUTE)]
    )
    return found + [
        _on(session, login, kind, *objects[kind], needed) for kind, needed in NEEDED.items() if kind in objects
    ]


def _on(session: Session, login: str, kind: str, entities: list[Any], name: str, needed: tuple[str, ...]) -> Finding:
    subject = f"privileges on {kind}"
    try:
        lacking = _lacking(session, login, entities, name, needed)
    except SlipwayError as error:
        return failed(subject, error)
    if not lacking:
        return fine(subject, f"{name}: all {len(needed)}" if len(needed) > 1 else f"{name}: {needed[0]}")
    why = (
        f" (or let an administrator define the attribute {STAGING_STATUS})" if kind == "root" else ", with propagation"
    )
    fix = f"grant the account's role these on {kind} {name}{why}"
    return missing(subject, f"{name}: {session.address.username} lacks {', '.join(lacking)}", fix)


def _lacking(session: Session, login: str, entities: list[Any], name: str, needed: tuple[str, ...]) -> list[str]:
    """What the logged-in account may not do. A privilege that vCenter says nothing about counts as lacking."""
    manager = session.content.authorizationManager
    answers = session.call(
        "ask for the privileges on", name, manager.HasPrivilegeOnEntities, entities, login, list(needed)
    )
    granted = [{one.privId for one in answer.privAvailability if one.isGranted} for answer in answers or []]
    return [privilege for privilege in needed if not granted or any(privilege not in some for some in granted)]
