"""What an OVF descriptor says (DSP0243, OVF 0.9 to 2.1), as values. `envelope` reads it from the XML.

`line` is where an element begins in the descriptor, 0 for one that was not read from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.ova.findings import Finding
from engine.ova.hardware import Hardware, whole


@dataclass(frozen=True, slots=True)
class File:
    """A file of the package. `size` and `chunk_size` are bytes as the descriptor claims them, None when it does not."""

    id: str
    href: str
    size: int | None = None
    compression: str = ""
    chunk_size: int | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Disk:
    """A virtual disk. `file` is a File's id, "" for an empty disk; `capacity_bytes` is 0 where `problems` says why.
    `sized_by` is the key of the property whose value is the capacity, "" for a capacity that is fixed.
    """

    id: str
    file: str
    capacity_bytes: int
    populated_bytes: int | None = None
    format: str = ""
    parent: str = ""
    sized_by: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Network:
    """A network that NICs name, to be mapped to a portgroup."""

    name: str
    description: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Property:
    """A property that the guest reads. `default` is its value under the deployment option that was read."""

    id: str
    class_id: str = ""
    instance_id: str = ""
    type: str = "string"
    qualifiers: str = ""
    user_configurable: bool = False
    password: bool = False
    default: str = ""
    label: str = ""
    description: str = ""
    category: str = ""
    line: int = field(default=0, compare=False)

    @property
    def key(self) -> str:
        """`classId.id.instanceId` as govc and DSP0243 9.5.1 write it, absent parts left out."""
        return ".".join(part for part in (self.class_id, self.id, self.instance_id) if part)


@dataclass(frozen=True, slots=True)
class DeploymentOption:
    """A configuration that the OVF offers; exactly one is the default when there are any."""

    id: str
    label: str = ""
    description: str = ""
    default: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Product:
    """What the appliance is; "" where the OVF does not say."""

    name: str = ""
    vendor: str = ""
    version: str = ""
    full_version: str = ""
    product_url: str = ""
    vendor_url: str = ""


@dataclass(frozen=True, slots=True)
class IpAssignment:
    """How the guest can get its address (`vmw:IpAssignmentSection`): schemes `dhcp` and `ovfenv`, protocols `IPv4` and
    `IPv6`; empty where the OVF does not say.
    """

    schemes: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class System:
    """A virtual machine of the package."""

    id: str
    name: str
    hardware: Hardware
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What the OVF says under deployment option `option` ("" when it offers none).

    `hardware` is the only VM's; of a multi-VM package (`is_collection`) it is empty and each of `systems` has its own.
    `message_files` are the ids of the Files that hold message bundles.
    """

    name: str
    product: Product
    annotation: str
    networks: tuple[Network, ...]
    disks: tuple[Disk, ...]
    files: tuple[File, ...]
    properties: tuple[Property, ...]
    deployment_options: tuple[DeploymentOption, ...]
    option: str
    eulas: tuple[str, ...]
    hardware: Hardware
    transport: tuple[str, ...]
    systems: tuple[System, ...]
    is_collection: bool
    problems: tuple[Finding, ...]
    message_files: tuple[str, ...] = ()
    ip_assignment: IpAssignment = IpAssignment()

    def file(self, id: str) -> File | None:  # noqa: A002 (OVF's word)
        """The file of that id."""
        return next((file for file in self.files if file.id == id), None)

    def machine_files(self) -> tuple[File, ...]:
        """The files that the VM's devices take under `option`, each once; others (message bundles) stay here."""
        ids = [disk.file for disk in self.machine_disks()] + [drive.file for drive in self.hardware.removables]
        ids += [option.file for option in self.hardware.extra_config]
        known = {file.id: file for file in self.files}
        return tuple(known[one] for one in dict.fromkeys(ids) if one in known)

    def sizing(self, values: Mapping[str, str]) -> str:
        """The key of a property among the values that gives a disk of the VM another capacity, or ""."""
        defaults = {known.key: known.default for known in self.properties}
        keys = (disk.sized_by for disk in self.machine_disks() if disk.sized_by)
        return next((key for key in keys if values.get(key, defaults[key]) != defaults[key]), "")

    def sized(self, values: Mapping[str, str]) -> "Descriptor":
        """The same with the disks of `machine_disks` as large as properties among the values make them; a value that is
        no number changes nothing.
        """
        if not self.sizing(values):
            return self
        defaults = {known.key: whole(known.default) for known in self.properties}

        def capacity(disk: Disk) -> int:
            default, wanted = defaults.get(disk.sized_by), whole(values.get(disk.sized_by, ""))
            return disk.capacity_bytes // default * wanted if default and wanted else disk.capacity_bytes

        return replace(self, disks=tuple(replace(disk, capacity_bytes=capacity(disk)) for disk in self.disks))

    def machine_disks(self) -> tuple[Disk, ...]:
        """The disks that the VM gets under `option`, in the order of its devices; an OVF may offer others as well."""
        known = {disk.id: disk for disk in self.disks}
        return tuple(known[device.disk] for device in self.hardware.disks if device.disk in known)
