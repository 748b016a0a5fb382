"""vApps: a lab's VMs under one roof."""

from pyVmomi import vim

from engine.cancel import Cancel
from engine.errors import EndpointUnreachable, NameTaken
from engine.vsphere import tasks
from engine.vsphere.inventory import Target, shown_name, vapps_in, vsphere_name
from engine.vsphere.properties import read
from engine.vsphere.session import Session


def find_vapp(session: Session, target: Target, name: str) -> vim.VirtualApp | None:
    """The vApp `name` directly in the endpoint's pool, or None."""
    return next((vapp for vapp, values in vapps_in(session, target.pool) if shown_name(values["name"]) == name), None)


def make_vapp(session: Session, target: Target, name: str) -> vim.VirtualApp:
    """The vApp `name`, made if missing, with no reservation and no limit; two makers race in peace.

    A cluster without DRS refuses (vSphere sheet, [VC]); the plan says so before.
    """
    found = find_vapp(session, target, name)
    if found:
        return found
    try:
        return session.call(
            "make the vApp",
            name,
            target.pool.CreateVApp,
            vsphere_name(name),
            _unreserved(),
            vim.vApp.VAppConfigSpec(),
            target.folder,
        )
    except (NameTaken, EndpointUnreachable):
        found = find_vapp(session, target, name)
        if not found:
            raise
        return found


def remove_empty(session: Session, vapp: vim.VirtualApp, name: str) -> None:
    """Destroy the vApp if there is nothing in it."""
    found = read(session, vapp, "vm", "resourcePool")
    if not found.get("vm") and not found.get("resourcePool"):
        tasks.wait(session, session.call("remove the vApp", name, vapp.Destroy_Task), "remove the vApp", name, Cancel())


def _unreserved() -> vim.ResourceConfigSpec:
    return vim.ResourceConfigSpec(cpuAllocation=_allocation(), memoryAllocation=_allocation())


def _allocation() -> vim.ResourceAllocationInfo:
    shares = vim.SharesInfo(level=vim.SharesInfo.Level.normal, shares=4000)
    return vim.ResourceAllocationInfo(reservation=0, expandableReservation=True, limit=-1, shares=shares)
