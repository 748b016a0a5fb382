"""Storage policies: vCenter's other service, PBM, names them; VMs and disks are given them by id."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pyVmomi import pbm, vim

from engine.errors import NotFound
from engine.vsphere.refs import moid
from engine.vsphere.session import Session
from storage.nearest import suggestion

# Spoken as govmomi does; in the types of that version pyVmomi could not read NotAuthenticated and NoPermission.
_PATH, _VERSION, _SPOKEN = "/pbm", "pbm.version.v7_0", "pbm/2.0"
# Of the policies those that VMs ask for; the others are what vCenter knows about its storage.
_STORAGE, _REQUIREMENT = "STORAGE", "REQUIREMENT"


def find_policy(session: Session, name: str) -> str:
    """The id of the storage policy of that name. Raises NotFound that lists what there is, and what Session.call
    raises.
    """
    with _manager(session) as manager:
        kind = pbm.profile.ResourceType(resourceType=_STORAGE)
        ids = session.call("list", "the storage policies", manager.QueryProfile, kind, _REQUIREMENT) or []
        found = session.call("read", "the storage policies", manager.RetrieveContent, ids) if ids else []
    by_name = {str(one.name): str(one.profileId.uniqueId) for one in found}
    if name not in by_name:
        there = ", ".join(sorted(by_name)) or "none"
        fix = suggestion(name, by_name) or "check the name"
        raise NotFound("no storage policy named", on=name, why=f"there is {there}", fix=fix)
    return by_name[name]


def with_policy(policy: str) -> list[vim.vm.ProfileSpec]:
    """The policy of that id as a spec of a VM or disk names it; none for ""."""
    return [vim.vm.DefinedProfileSpec(profileId=policy)] if policy else []


def give_policy(config: Any, policy: str) -> None:
    """Let the VM of this ConfigSpec, and all its disks, have the policy of that id."""
    config.vmProfile = with_policy(policy)
    for change in config.deviceChange:
        if isinstance(change.device, vim.vm.device.VirtualDisk):
            change.profile = with_policy(policy)


def policies_of(session: Session, vm: vim.VirtualMachine, name: str, disks: Iterable[int]) -> dict[int, str]:
    """The policy of each of the VM's disks, by device key, and of the VM itself, by 0. What vCenter does not tell, or
    what has none, is absent.
    """
    kinds = pbm.ServerObjectRef.ObjectType
    keys = {moid(vm): 0} | {f"{moid(vm)}:{key}": key for key in disks}
    asked = [
        pbm.ServerObjectRef(objectType=kinds.virtualDiskId if key else kinds.virtualMachine, key=text)
        for text, key in keys.items()
    ]
    with _manager(session) as manager:
        answers = session.call("read the storage policies of", name, manager.QueryAssociatedProfiles, asked) or []
    return {keys[one.object.key]: str(one.profileId[0].uniqueId) for one in answers if one.profileId}


@contextmanager
def _manager(session: Session) -> Iterator[Any]:
    """PBM's profile manager, in the session's login."""
    with session.service(_PATH, _VERSION, _SPOKEN) as stub:
        service = pbm.ServiceInstance("ServiceInstance", stub)
        yield session.call("reach", "the storage policies", service.RetrieveContent).profileManager
