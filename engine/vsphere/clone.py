"""Cloning a template: one spec that places, names, sizes and configures the new VM."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyVmomi import vim

from engine.errors import BadInput
from engine.vsphere.adapters import Adapter, nic_changes
from engine.vsphere.inventory import Target, vsphere_name
from engine.vsphere.ip_assignment import assignment_change
from engine.vsphere.policies import with_policy
from engine.vsphere.session import Session
from engine.vsphere.vms import Details


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """The VM to make. `adapters`: one per adapter of the template, in its order, and those that are added;
    `properties`: OVF key -> value.

    `cpus` and `memory_mb` None keep the template's, as "" does for how the guest gets its IP address. `base` is the
    snapshot that a linked clone stands on; None: a full clone. `policy` is a storage policy's id, "" for none.
    """

    name: str
    annotation: str
    adapters: tuple[Adapter, ...]
    properties: Mapping[str, str] = field(repr=False)
    cpus: int | None = None
    memory_mb: int | None = None
    ip_policy: str = ""
    ip_protocol: str = ""
    base: vim.vm.Snapshot | None = None
    policy: str = ""


def start_clone(
    session: Session,
    target: Target,
    template: Details,
    pool: vim.ResourcePool,
    host: vim.HostSystem | None,
    request: CloneRequest,
) -> vim.Task:
    """Ask vCenter for the clone, powered off; returns its task. Raises Gone (template removed), NameTaken, NoSpace,
    ..
    """
    config = vim.vm.ConfigSpec(
        annotation=request.annotation,
        numCPUs=request.cpus,
        memoryMB=request.memory_mb,
        deviceChange=nic_changes(template.nics, request.adapters, wrong=lambda *_: True),
    )
    edits = property_edits(template.properties, request.properties, request.name)
    assignment = assignment_change(template.assignment, request.ip_policy, request.ip_protocol)
    if edits or assignment:
        config.vAppConfig = vim.vApp.VmConfigSpec(property=edits, ipAssignment=assignment)
    options = vim.vm.RelocateSpec.DiskMoveOptions
    # Consolidated even of a template that has a snapshot: a full clone's disks could not grow otherwise (CAPV #1189).
    disks = options.createNewChildDiskBacking if request.base else options.moveAllDiskBackingsAndConsolidate
    location = vim.vm.RelocateSpec(pool=pool, datastore=target.datastore, host=host, diskMoveType=disks)
    if request.policy:
        location.profile = with_policy(request.policy)
        location.disk = [
            vim.vm.RelocateSpec.DiskLocator(
                diskId=disk.key, datastore=target.datastore, diskMoveType=disks, profile=with_policy(request.policy)
            )
            for disk in template.disks
        ]
    spec = vim.vm.CloneSpec(location=location, powerOn=False, template=False, config=config, snapshot=request.base)
    clone, name = template.vm.ref.CloneVM_Task, vsphere_name(request.name)
    task: vim.Task = session.call(f"clone {template.vm.name} as", request.name, clone, target.folder, name, spec)
    return task


def property_key(info: vim.vApp.PropertyInfo) -> str:
    """A property's key as an OVF environment shows it: `classId.id.instanceId`, absent parts left out."""
    return ".".join(part for part in (info.classId, info.id, info.instanceId) if part)


def declared_property(declared: list[vim.vApp.PropertyInfo], key: str) -> vim.vApp.PropertyInfo | None:
    """The property that `key` means; an id alone will do (zPodLibrary writes keys either way)."""
    exact = [info for info in declared if property_key(info) == key]
    alike = exact or [info for info in declared if info.id == key]
    return alike[0] if len(alike) == 1 else None


def property_edits(
    declared: list[vim.vApp.PropertyInfo], values: Mapping[str, str], name: str
) -> list[vim.vApp.PropertySpec]:
    """One `edit` per value. Raises BadInput for a key that the VM does not declare."""
    edits = []
    for key, value in values.items():
        info = declared_property(declared, key)
        if info is None:
            known = ", ".join(property_key(info) for info in declared) or "none"
            raise BadInput(
                "unknown property",
                on=f"{name}: {key}",
                why=f"the template declares {known}",
                fix="correct the component or the profile",
            )
        edits.append(property_change(info, value))
    return edits


def property_change(info: vim.vApp.PropertyInfo, value: str, new: bool = False) -> vim.vApp.PropertySpec:
    """The change that gives a property this value; `new` adds one that the VM has lost."""
    operation = vim.option.ArrayUpdateSpec.Operation.add if new else vim.option.ArrayUpdateSpec.Operation.edit
    return vim.vApp.PropertySpec(operation=operation, info=_with_value(info, value))


def _with_value(info: vim.vApp.PropertyInfo, value: str) -> vim.vApp.PropertyInfo:
    """A copy of the declaration with this value."""
    copied = vim.vApp.PropertyInfo()
    for attribute in _INFO:
        setattr(copied, attribute, getattr(info, attribute))
    copied.value = value
    return copied


_INFO = (
    "key",
    "classId",
    "instanceId",
    "id",
    "category",
    "label",
    "type",
    "typeReference",
    "userConfigurable",
    "defaultValue",
    "description",
)
