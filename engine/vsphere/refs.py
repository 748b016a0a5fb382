"""Names of vSphere's managed objects for the floors above, which do not import pyVmomi."""

from typing import Any, TypeAlias

from pyVmomi import vim

VmRef: TypeAlias = vim.VirtualMachine
TaskRef: TypeAlias = vim.Task
FolderRef: TypeAlias = vim.Folder
PoolRef: TypeAlias = vim.ResourcePool
VAppRef: TypeAlias = vim.VirtualApp
HostRef: TypeAlias = vim.HostSystem
NetworkRef: TypeAlias = vim.Network
SnapshotRef: TypeAlias = vim.vm.Snapshot
DatastoreRef: TypeAlias = vim.Datastore
PropertyInfo: TypeAlias = vim.vApp.PropertyInfo


def moid(ref: Any) -> str:
    """The MoRef's value: what the store keeps, valid within one vCenter."""
    return str(ref._GetMoId())  # noqa: SLF001 - pyVmomi offers no other way
