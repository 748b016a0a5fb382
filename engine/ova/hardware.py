"""The VirtualHardwareSection: what virtual machine an OVF asks for, under one deployment option.

Items are CIM resource allocations; `ResourceType` numbers are DMTF's CIM_ResourceAllocationSettingData (2.22).
"""

from dataclasses import dataclass, field

from engine.ova.units import unit_bytes
from engine.ova.xml import Element, is_true

_CPU, _MEMORY, _NIC, _DISK, _LOGICAL_DISK = 3, 4, 10, 17, 31
_CONTROLLERS = {5: "IDE", 6: "SCSI", 20: "SATA"}
_REMOVABLE = {14: "floppy", 15: "CD", 16: "DVD"}


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card; `adapter` as the OVF writes it (`VmxNet3`), `connection` the name of a Network or ""."""

    name: str
    adapter: str
    connection: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Controller:
    """`instance` is what disks name as parent; `kind` IDE, SCSI, SATA or NVMe; `subtype` as written (`lsilogic`)."""

    instance: str
    name: str
    kind: str
    subtype: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class DiskDevice:
    """A disk of the VM; `disk` is a Disk's id or "", `controller` a controller's instance, `unit` its place on it."""

    name: str
    disk: str
    controller: str
    unit: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Removable:
    """A CD, DVD or floppy drive; `file` is the id of the File to mount or ""."""

    name: str
    kind: str
    file: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """A `vmw:Config` or `vmw:ExtraConfig`; `required`: who does not know it must refuse the OVF."""

    key: str
    value: str
    required: bool
    line: int = field(default=0, compare=False)

    @property
    def file(self) -> str:
        """The id of the File that it names (`nvram` = `ovf:/file/file2`), or ""."""
        return _resource(self.value, "file")


@dataclass(frozen=True, slots=True)
class Hardware:
    """`virtual_system_type` is the hardware version (`vmx-13`; a list when the OVF offers several), `guest_os` is
    vSphere's guest id or OVF's number of it. 0 CPUs or MB: the OVF does not say.
    """

    cpus: int = 0
    cores_per_socket: int = 0
    memory_mb: int = 0
    nics: tuple[Nic, ...] = ()
    disks: tuple[DiskDevice, ...] = ()
    controllers: tuple[Controller, ...] = ()
    removables: tuple[Removable, ...] = ()
    virtual_system_type: str = ""
    guest_os: str = ""
    config: tuple[Setting, ...] = ()
    extra_config: tuple[Setting, ...] = ()


def read_hardware(system: Element, option: str) -> Hardware:
    """The hardware of a VirtualSystem element under a deployment option."""
    section = system.child("VirtualHardwareSection")
    guest = system.child("OperatingSystemSection")
    guest_os = guest.get("vmw.osType") or guest.get("id") or guest.text_of("Description") if guest else ""
    if section is None:
        return Hardware(guest_os=guest_os)
    items = _items_of_option(section, option)
    settings = section.child("System")
    cpus = [item for item in items if _type(item) == _CPU]
    return Hardware(
        cpus=sum(whole(item.text_of("VirtualQuantity")) or 0 for item in cpus),
        cores_per_socket=next((whole(item.text_of("vmw.CoresPerSocket")) or 0 for item in cpus), 0),
        memory_mb=sum(_memory_bytes(item) for item in items if _type(item) == _MEMORY) >> 20,
        nics=tuple(
            Nic(_name(item), item.text_of("ResourceSubType"), item.text_of("Connection"), item.line)
            for item in items
            if _type(item) == _NIC
        ),
        disks=tuple(
            DiskDevice(
                _name(item),
                _host_resource(item, "disk"),
                item.text_of("Parent"),
                item.text_of("AddressOnParent"),
                item.line,
            )
            for item in items
            if _type(item) in (_DISK, _LOGICAL_DISK)
        ),
        controllers=tuple(
            Controller(_instance(item), _name(item), _controller_kind(item), item.text_of("ResourceSubType"), item.line)
            for item in items
            if _type(item) in _CONTROLLERS
        ),
        removables=tuple(
            Removable(_name(item), _REMOVABLE[_type(item)], _host_resource(item, "file"), item.line)
            for item in items
            if _type(item) in _REMOVABLE
        ),
        virtual_system_type=settings.text_of("VirtualSystemType") if settings else "",
        guest_os=guest_os,
        config=tuple(_setting(one) for one in section.every("vmw.Config")),
        extra_config=tuple(_setting(one) for one in section.every("vmw.ExtraConfig")),
    )


def whole(text: str) -> int | None:
    """A whole number of at most 20 digits, or None."""
    digits = text.strip().removeprefix("+")
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= 20 else None


def _items_of_option(section: Element, option: str) -> list[Element]:
    """The items that hold under `option`: one made for it replaces the general one of its InstanceID (DSP0243 9.8).

    Items with `bound` give the range of another item and are no devices (8.4).
    """
    kinds = ("Item", "StorageItem", "EthernetPortItem")
    items = [item for item in section.children if item.name in kinds and item.get("bound") in ("", "normal")]
    made_for_option = {_instance(item) for item in items if option and option in item.get("configuration").split()}
    return [item for item in items if _holds(item, option, made_for_option)]


def _holds(item: Element, option: str, made_for_option: set[str]) -> bool:
    if item.get("configuration"):
        return option in item.get("configuration").split()
    return not _instance(item) or _instance(item) not in made_for_option


def _type(item: Element) -> int:
    """A number (`017` is one too), 0 for none."""
    return whole(item.text_of("ResourceType")) or 0


def _name(item: Element) -> str:
    return item.text_of("ElementName") or item.text_of("Caption") or item.text_of("Description")


def _instance(item: Element) -> str:
    return item.text_of("InstanceID") or item.text_of("InstanceId")


def _controller_kind(item: Element) -> str:
    return "NVMe" if "nvme" in item.text_of("ResourceSubType").lower() else _CONTROLLERS[_type(item)]


def _memory_bytes(item: Element) -> int:
    unit = unit_bytes(item.text_of("AllocationUnits") or "byte * 2^20")
    return (whole(item.text_of("VirtualQuantity")) or 0) * (unit or 1 << 20)


def _setting(element: Element) -> Setting:
    return Setting(
        element.get("vmw.key"), element.get("vmw.value"), is_true(element.get("required", "true")), element.line
    )


def _host_resource(item: Element, kind: str) -> str:
    return _resource(item.text_of("HostResource"), kind)


def _resource(text: str, kind: str) -> str:
    """`vmdisk1` of `ovf:/disk/vmdisk1`, `ovf://disk/vmdisk1` or OVF 0.9's `disk/vmdisk1`."""
    what, _, name = text.removeprefix("ovf:").strip("/").partition("/")
    return name if what == kind else ""
