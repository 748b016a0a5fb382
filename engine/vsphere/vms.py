"""Virtual machines and templates: finding, reading, and the verbs that change them."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyVmomi import vim

from engine.cancel import Cancel
from engine.errors import EndpointUnreachable, Gone, NameTaken, VSphereFault
from engine.vsphere import tasks
from engine.vsphere.inventory import shown_name, vsphere_name
from engine.vsphere.lost import unless
from engine.vsphere.policies import with_policy
from engine.vsphere.properties import Values, below, read, read_many
from engine.vsphere.refs import moid
from engine.vsphere.session import Session

# What a row of a list needs; devices are read only of the object in hand (5,000 VMs: 5.4 s without, 23 s with;
# vSphere sheet).
_ROW = (
    "name",
    "config.template",
    "config.annotation",
    "config.instanceUuid",
    "config.changeVersion",
    "runtime.powerState",
    "runtime.connectionState",
    "customValue",
    "summary.storage.committed",
)
_DEVICES = "config.hardware.device"
_WHOLE = (*_ROW, "config.hardware", "config.vAppConfig", "config.extraConfig")


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM or template as a list shows it. `custom` maps a custom field's key to its value; `committed` is in bytes;
    `version` changes with its configuration (config.changeVersion), and means nothing else.
    """

    ref: vim.VirtualMachine
    name: str
    template: bool
    powered_on: bool
    connected: bool
    notes: str
    instance_uuid: str
    custom: dict[int, str]
    committed: int
    version: str = ""

    @property
    def moid(self) -> str:
        """The MoRef's value, valid within one vCenter."""
        return moid(self.ref)


@dataclass(frozen=True, slots=True)
class Details:
    """One VM whole: `devices`, `properties` and `assignment` (of the guest's IP address) are vSphere's own objects, in
    vSphere's order; `extra` its advanced settings, which may hold secrets.

    No CPU means that vCenter does not know the hardware, as for a VM whose files it cannot reach.
    """

    vm: Vm
    cpus: int
    memory_mb: int
    devices: list[vim.vm.device.VirtualDevice]
    properties: list[vim.vApp.PropertyInfo]
    assignment: vim.vApp.IPAssignmentInfo | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def nics(self) -> list[vim.vm.device.VirtualEthernetCard]:
        """Network adapters in the order of their keys, which is the OVF's."""
        return _of_kind(self.devices, vim.vm.device.VirtualEthernetCard)

    @property
    def disks(self) -> list[vim.vm.device.VirtualDisk]:
        """Hard disks in the order of their labels: Hard disk 1 first."""
        return sorted(_of_kind(self.devices, vim.vm.device.VirtualDisk), key=_disk_number)


def _of_kind(devices: list[Any], kind: type[Any]) -> list[Any]:
    return sorted((device for device in devices if isinstance(device, kind)), key=lambda device: device.key)


def _disk_number(disk: Any) -> tuple[int, int]:
    """`Hard disk 10` after `Hard disk 9`; a simulator's added disk has another label: it comes last, by its key."""
    label = str(disk.deviceInfo.label) if disk.deviceInfo else ""
    number = label.rsplit(" ", 1)[-1]
    return (int(number) if label.startswith("Hard disk ") and number.isdigit() else sys.maxsize, disk.key)


def _vm(ref: vim.VirtualMachine, values: Values) -> Vm:
    return Vm(
        ref=ref,
        name=shown_name(values.get("name", "")),
        template=bool(values.get("config.template")),
        powered_on=values.get("runtime.powerState") == vim.VirtualMachine.PowerState.poweredOn,
        connected=values.get("runtime.connectionState", "connected") == vim.VirtualMachine.ConnectionState.connected,
        notes=values.get("config.annotation") or "",
        instance_uuid=values.get("config.instanceUuid") or "",
        custom={value.key: value.value for value in values.get("customValue") or []},
        committed=values.get("summary.storage.committed") or 0,
        version=values.get("config.changeVersion") or "",
    )


def vms_in_folder(session: Session, folder: vim.Folder) -> list[Vm]:
    """The VMs directly in the folder. Those in vApps are not in it on a real vCenter (vSphere sheet, [VC])."""
    return [_vm(ref, values) for ref, values in below(session, folder, vim.VirtualMachine, *_ROW, recursive=False)]


def vms_in_vapp(session: Session, vapp: vim.VirtualApp) -> list[Vm]:
    """The VMs of a vApp."""
    refs = read(session, vapp, "vm").get("vm") or []
    return [_vm(ref, values) for ref, values in read_many(session, refs, *_ROW)]


def notes_below(session: Session, root: Any) -> list[tuple[vim.VirtualMachine, str, str]]:
    """(VM, name, notes) of every VM below a folder, the ones in vApps included."""
    rows = below(session, root, vim.VirtualMachine, "name", "config.annotation")
    return [(ref, shown_name(values.get("name", "")), values.get("config.annotation") or "") for ref, values in rows]


def macs_of(session: Session, refs: Iterable[vim.VirtualMachine]) -> list[tuple[vim.VirtualMachine, list[str]]]:
    """The MAC addresses of each of these VMs, in lower case."""
    card = vim.vm.device.VirtualEthernetCard
    return [
        (ref, [str(nic.macAddress).lower() for nic in _of_kind(values.get(_DEVICES) or [], card) if nic.macAddress])
        for ref, values in read_many(session, refs, _DEVICES)
    ]


def disks_below(session: Session, root: Any) -> list[tuple[Vm, list[vim.vm.device.VirtualDisk]]]:
    """(VM, its hard disks) of every VM below a folder or datacenter. Slow where there are many: 23 s for 5,000."""
    rows = below(session, root, vim.VirtualMachine, *_ROW, _DEVICES)
    return [(_vm(ref, values), _of_kind(values.get(_DEVICES) or [], vim.vm.device.VirtualDisk)) for ref, values in rows]


def look(session: Session, ref: vim.VirtualMachine) -> Vm:
    """The VM as it is now. Raises Gone."""
    return _vm(ref, read(session, ref, *_ROW))


def details(session: Session, ref: vim.VirtualMachine) -> Details:
    """The VM whole. Raises Gone."""
    return _details(ref, read(session, ref, *_WHOLE))


def details_of(session: Session, vms: list[Vm]) -> list[Details]:
    """Several VMs whole, in one round trip."""
    return [_details(ref, values) for ref, values in read_many(session, [vm.ref for vm in vms], *_WHOLE)]


def _details(ref: vim.VirtualMachine, values: Values) -> Details:
    hardware = values.get("config.hardware")
    vapp = values.get("config.vAppConfig")
    return Details(
        vm=_vm(ref, values),
        cpus=hardware.numCPU or 0 if hardware else 0,
        memory_mb=hardware.memoryMB or 0 if hardware else 0,
        devices=list(hardware.device) if hardware else [],
        properties=list(vapp.property) if vapp else [],
        assignment=vapp.ipAssignment if vapp else None,
        extra={option.key: str(option.value) for option in values.get("config.extraConfig") or []},
    )


def destroy(session: Session, ref: vim.VirtualMachine, name: str) -> None:
    """Remove the VM and its files. Already gone is fine."""
    with unless(lambda: is_gone(session, ref)):
        task = session.call("remove", name, ref.Destroy_Task)
        tasks.wait(session, task, "remove", name, Cancel())


def is_gone(session: Session, ref: vim.VirtualMachine) -> bool:
    """Whether the VM is there no more."""
    try:
        look(session, ref)
    except Gone:
        return True
    return False


def rename(session: Session, ref: vim.VirtualMachine, old: str, new: str) -> None:
    """Rename; the files keep their first name. Having that name already is fine. Raises NameTaken.

    A collision is DuplicateName on a vCenter and InvalidArgument `name` on the stock simulator (vSphere sheet): both
    mean taken.
    """
    with unless(lambda: look(session, ref).name == new):
        task = session.call(f"rename {old} to", new, ref.Rename_Task, vsphere_name(new))
        try:
            tasks.wait(session, task, f"rename {old} to", new, Cancel())
        except VSphereFault as error:
            if error.fault == "InvalidArgument" and error.why.endswith(": name"):
                raise NameTaken(f"cannot rename {old} to", on=new, why="the name is taken") from error
            raise


def mark_as_template(session: Session, ref: vim.VirtualMachine, name: str) -> None:
    """Make the VM a template; being one already is fine."""
    with unless(lambda: look(session, ref).template):
        session.call("mark as template", name, ref.MarkAsTemplate)


@dataclass(frozen=True, slots=True)
class Change:
    """What a reconfigure changes; None and empty leave things as they are. An `instance_uuid` "" asks vCenter for a
    new one. With a `version` it is a compare-and-swap: a VM that has another by now gets VSphereFault
    `ConcurrentAccess` and stays as it is (VirtualMachineConfigSpec.changeVersion; stock vcsim does not compare).
    """

    notes: str | None = None
    version: str | None = None
    instance_uuid: str | None = None
    cpus: int | None = None
    memory_mb: int | None = None
    properties: Sequence[vim.vApp.PropertySpec] = field(default=(), repr=False)
    assignment: vim.vApp.IPAssignmentInfo | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    devices: Sequence[vim.vm.device.VirtualDeviceSpec] = ()
    policy: str = ""


def reconfigure(session: Session, ref: vim.VirtualMachine, name: str, change: Change, cancel: Cancel) -> None:
    """Apply a change and wait for it.

    Raises EndpointUnreachable when the answer was lost, once no task works on the VM any more: whoever asks again
    reads it first, since what was added would be added twice.
    """
    vapp = None
    if change.properties or change.assignment:
        vapp = vim.vApp.VmConfigSpec(property=list(change.properties), ipAssignment=change.assignment)
    spec = vim.vm.ConfigSpec(
        annotation=change.notes,
        changeVersion=change.version,
        instanceUuid=change.instance_uuid,
        numCPUs=change.cpus,
        memoryMB=change.memory_mb,
        deviceChange=list(change.devices),
        vAppConfig=vapp,
        vmProfile=with_policy(change.policy),
        extraConfig=[vim.option.OptionValue(key=key, value=value) for key, value in change.extra.items()],
    )
    try:
        tasks.wait(session, session.call("reconfigure", name, ref.ReconfigVM_Task, spec), "reconfigure", name, cancel)
    except EndpointUnreachable:
        tasks.settle(session, ref, cancel)
        raise


def power_on(session: Session, ref: vim.VirtualMachine, name: str, cancel: Cancel) -> None:
    """Power on; on already is fine."""
    if look(session, ref).powered_on:
        return
    with unless(lambda: look(session, ref).powered_on):
        tasks.wait(session, session.call("power on", name, ref.PowerOnVM_Task, None), "power on", name, cancel)


def power_off(session: Session, ref: vim.VirtualMachine, name: str, cancel: Cancel) -> None:
    """Power off, as pulling the plug; off already is fine."""
    if not look(session, ref).powered_on:
        return
    with unless(lambda: not look(session, ref).powered_on):
        tasks.wait(session, session.call("power off", name, ref.PowerOffVM_Task), "power off", name, cancel)


def vcenter_time(session: Session) -> datetime:
    """vCenter's clock, aware."""
    now: datetime = session.call(
        "read the clock of", str(session.address), session.managed(vim.ServiceInstance, "ServiceInstance").CurrentTime
    )
    return now
