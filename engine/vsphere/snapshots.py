"""Snapshots: what linked clones stand on."""

from collections.abc import Iterator
from typing import Any

from pyVmomi import vim

from engine.cancel import Cancel
from engine.vsphere import tasks
from engine.vsphere.lost import unless
from engine.vsphere.properties import read
from engine.vsphere.session import Session

BASE = "slipway-base"
"""The snapshot of a staged template: linked clones share the disks as they were then."""


def base_of(session: Session, vm: vim.VirtualMachine) -> vim.vm.Snapshot | None:
    """The VM's snapshot BASE, None while it has none. Raises Gone."""
    tree = read(session, vm, "snapshot").get("snapshot")
    return next((one.snapshot for one in _all(tree.rootSnapshotList if tree else []) if one.name == BASE), None)


def take_base(session: Session, vm: vim.VirtualMachine, name: str, cancel: Cancel) -> None:
    """Take BASE, without memory; having it already is fine. [VC] Must come before the VM is marked as template.

    One that vCenter is still taking, for a process that died or by a call whose answer was lost, is waited for.
    """
    if _has_base(session, vm, cancel):
        return
    with unless(lambda: _has_base(session, vm, cancel)):
        told = "what Slipway's linked clones stand on: do not remove"
        task = session.call("take a snapshot of", name, vm.CreateSnapshot_Task, BASE, told, False, False)
        tasks.wait(session, task, "take a snapshot of", name, cancel)


def _has_base(session: Session, vm: vim.VirtualMachine, cancel: Cancel) -> bool:
    """Whether the VM has BASE, once no task works on it."""
    tasks.settle(session, vm, cancel)
    return base_of(session, vm) is not None


def _all(snapshots: list[Any]) -> Iterator[Any]:
    for one in snapshots:
        yield one
        yield from _all(one.childSnapshotList)
