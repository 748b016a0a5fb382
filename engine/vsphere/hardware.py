"""Device changes of hard disks: grown, added, under another storage policy. Pure."""

from collections.abc import Sequence
from typing import Any

from pyVmomi import vim

from engine.errors import BadInput
from engine.vsphere.policies import with_policy
from engine.vsphere.vms import Details

_Device = vim.vm.device
_EDIT = _Device.VirtualDeviceSpec.Operation.edit
_ADD = _Device.VirtualDeviceSpec.Operation.add
KIB_PER_GIB = 1 << 20
# Unit 7 of a SCSI bus is the controller itself.
_SCSI_UNITS = [unit for unit in range(16) if unit != 7]


def disk_changes(details: Details, sizes_gib: tuple[int, ...], name: str) -> list[Any]:
    """The changes that give Hard disk 2, 3, .. these sizes in GiB: grow only, missing ones added thin. Empty when
    nothing is to do.

    Raises BadInput when a disk is larger already, or no controller has a free slot.
    """
    changes: list[Any] = []
    disks = details.disks
    taken = {(device.controllerKey or 0, device.unitNumber or 0) for device in details.devices if device.controllerKey}
    for index, size in enumerate(sizes_gib):
        wanted = size * KIB_PER_GIB
        if index + 1 < len(disks):
            disk: Any = disks[index + 1]
            if disk.capacityInKB > wanted:
                has = disk.capacityInKB / KIB_PER_GIB
                raise BadInput(
                    "cannot size",
                    on=f"{name}: Hard disk {index + 2}",
                    why=f"it has {has:g} GiB, {size} were asked; disks only grow",
                )
            if disk.capacityInKB < wanted:
                disk.capacityInKB, disk.capacityInBytes = wanted, wanted * 1024
                changes.append(_Device.VirtualDeviceSpec(operation=_EDIT, device=disk))
        else:
            controller, unit = _free_slot(details, taken, name)
            taken.add((controller, unit))
            changes.append(_new_disk(controller, unit, wanted, len(changes)))
    return changes


def policy_changes(disks: Sequence[Any], policy: str) -> list[Any]:
    """The changes that give these disks the storage policy of that id."""
    return [_Device.VirtualDeviceSpec(operation=_EDIT, device=disk, profile=with_policy(policy)) for disk in disks]


def _free_slot(details: Details, taken: set[tuple[int, int]], name: str) -> tuple[int, int]:
    """(controller key, unit) for one more disk, on the first disk's controller when it has room."""
    first = details.disks[0].controllerKey if details.disks else None
    controllers = [device for device in details.devices if isinstance(device, _Device.VirtualController)]
    for controller in sorted(controllers, key=lambda device: (device.key != first, device.key)):
        for unit in _units(controller):
            if (controller.key, unit) not in taken:
                return controller.key, unit
    raise BadInput(
        "cannot add a disk to", on=name, why="no disk controller has a free slot", fix="ask for fewer vdisks"
    )


def _units(controller: Any) -> list[int]:
    if isinstance(controller, _Device.VirtualSCSIController):
        return _SCSI_UNITS
    if isinstance(controller, _Device.VirtualSATAController):
        return list(range(30))
    if isinstance(controller, _Device.VirtualNVMEController):
        return list(range(15))
    if isinstance(controller, _Device.VirtualIDEController):
        return [0, 1]
    return []


def _new_disk(controller: int, unit: int, capacity_kib: int, number: int) -> Any:
    backing = _Device.VirtualDisk.FlatVer2BackingInfo(fileName="", diskMode="persistent", thinProvisioned=True)
    disk = _Device.VirtualDisk(
        key=-200 - number, controllerKey=controller, unitNumber=unit, capacityInKB=capacity_kib, backing=backing
    )
    return _Device.VirtualDeviceSpec(operation=_ADD, fileOperation="create", device=disk)
