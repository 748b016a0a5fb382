"""OVAs whose files are stored in every way that DSP0243 7.1 knows: whole, in chunks, compressed with gzip."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.ova.sample_descriptor import sample_descriptor
from tests.ova.archives import OVF, RASD, member, write_ova

VSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
VMW = "http://www.vmware.com/schema/ovf"


@dataclass(frozen=True)
class Stored:
    """How a disk file lies in the archive: `data` is what a host should get."""

    data: bytes
    chunk: int = 0
    compression: str = ""
    packed: bytes | None = None

    @property
    def bytes(self) -> bytes:
        """What the archive holds of it, all chunks together."""
        if self.packed is not None:
            return self.packed
        return gzip.compress(self.data, mtime=0) if self.compression == "gzip" else self.data

    def attributes(self, size: int | None = None) -> str:
        """Of its File element."""
        told = f'ovf:size="{len(self.bytes) if size is None else size}"'
        told += f' ovf:chunkSize="{self.chunk}"' if self.chunk else ""
        return told + (f' ovf:compression="{self.compression}"' if self.compression else "")

    def members(self, href: str) -> dict[str, bytes]:
        """The files of the archive."""
        if not self.chunk:
            return {href: self.bytes}
        starts = range(0, len(self.bytes), self.chunk)
        return {f"{href}.{n:09d}": self.bytes[start : start + self.chunk] for n, start in enumerate(starts)}


def descriptor(disks: Mapping[str, Stored], name: str = "box") -> str:
    """A descriptor with these disk files."""
    text = sample_descriptor(
        name,
        disks={href: len(stored.data) for href, stored in disks.items()},
        properties=(),
        networks=("VM Network",),
        nics=("VM Network",),
        deployment_options=(),
    )
    for href, stored in disks.items():
        text = text.replace(
            f'ovf:href="{href}" ovf:size="{len(stored.data)}"', f'ovf:href="{href}" {stored.attributes()}'
        )
    return text


def manifest(files: Mapping[str, bytes]) -> bytes:
    """The manifest of these files."""
    return "".join(f"SHA256({name})= {hashlib.sha256(data).hexdigest()}\n" for name, data in files.items()).encode()


def contents(disks: Mapping[str, Stored], name: str = "box") -> dict[str, bytes]:
    """All files of the package, in the order of the standard."""
    files = {f"{name}.ovf": descriptor(disks, name).encode()}
    for href, stored in disks.items():
        files |= stored.members(href)
    first, *others = files.items()
    return dict([first, (f"{name}.mf", manifest(files)), *others])


def write(path: Path, files: Mapping[str, bytes], order: Sequence[str] = ()) -> Path:
    """The OVA of these files, those of `order` first."""
    names = dict.fromkeys((*order, *files))
    return write_ova(path, *(member(name, files[name]) for name in names))


def write_beside(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The files in a folder; returns the descriptor's path."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return next(folder.glob("*.ovf"))


def _item(kind: int, instance: int, attributes: str = "", **elements: object) -> str:
    inner = {"ElementName": f"device {instance}", "InstanceID": instance, **elements, "ResourceType": kind}
    lines = "".join(f"<rasd:{name}>{inner[name]}</rasd:{name}>" for name in sorted(inner))
    return f"<Item {attributes}>{lines}</Item>"


_EVERYTHING = (
    f'<Envelope xmlns="{OVF}" xmlns:ovf="{OVF}" xmlns:rasd="{RASD}" xmlns:vssd="{VSSD}" xmlns:vmw="{VMW}"><References>'
    '<File ovf:id="disk" ovf:href="disk.vmdk"/><File ovf:id="iso" ovf:href="tools.iso" ovf:chunkSize="1000"/>'
    '<File ovf:id="flp" ovf:href="drivers.flp" ovf:compression="gzip"/><File ovf:id="nvram" ovf:href="box.nvram"/>'
    '<File ovf:id="en" ovf:href="en.msg"/></References><DiskSection><Info/>'
    '<Disk ovf:diskId="system" ovf:fileRef="disk" ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^30"/>'
    '<Disk ovf:diskId="data" ovf:capacity="${data_gb}" ovf:capacityAllocationUnits="byte * 2^30"/></DiskSection>'
    '<NetworkSection><Info/><Network ovf:name="nat"><Description/></Network></NetworkSection>'
    '<DeploymentOptionSection><Info/><Configuration ovf:id="small"><Label/><Description/></Configuration>'
    '<Configuration ovf:id="large" ovf:default="true"><Label/><Description/></Configuration></DeploymentOptionSection>'
    '<VirtualSystem ovf:id="box"><Info/><Name>box</Name><EulaSection><Info/><License ovf:msgid="e">x</License>'
    '</EulaSection><ProductSection ovf:class="net" ovf:instance="1"><Info/><Product>Box</Product>'
    '<Property ovf:key="data_gb" ovf:type="uint8" ovf:userConfigurable="true" ovf:value="2"><Label ovf:msgid="gb"/>'
    '<Value ovf:configuration="large" ovf:value="5"/></Property>'
    '<Property ovf:key="fixed" ovf:type="string" ovf:userConfigurable="false" ovf:value="as it is"/></ProductSection>'
    '<VirtualHardwareSection ovf:transport="iso com.vmware.guestInfo"><Info/>'
    "<System><vssd:ElementName>x</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>"
    "<vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType></System>"
    + _item(3, 1, VirtualQuantity=1)
    + _item(3, 1, 'ovf:configuration="large huge"', VirtualQuantity=4)
    + _item(3, 1, 'ovf:bound="max"', VirtualQuantity=16)
    + _item(4, 2, VirtualQuantity=128, AllocationUnits="byte * 2^20")
    + _item(5, 3, Address=0)
    + _item(6, 4, Address=0, ResourceSubType="lsilogic")
    + _item(17, 5, AddressOnParent=0, HostResource="ovf:/disk/system", Parent=4)
    + _item(17, 6, 'ovf:configuration="large"', AddressOnParent=1, HostResource="ovf:/disk/data", Parent=4)
    + _item(15, 7, AddressOnParent=0, Parent=3)
    + _item(15, 8, AddressOnParent=1, HostResource="ovf:/file/iso", Parent=3)
    + _item(14, 9, HostResource="ovf:/file/flp")
    + _item(10, 10, Connection="nat", ResourceSubType="VmxNet3")
    + '<vmw:ExtraConfig ovf:required="false" vmw:key="nvram" vmw:value="ovf:/file/nvram"/>'
    '<vmw:ExtraConfig ovf:required="false" vmw:key="disk.EnableUUID" vmw:value="TRUE"/>'
    '</VirtualHardwareSection></VirtualSystem><Strings ovf:fileRef="en"/></Envelope>'
)
ISO, FLOPPY, NVRAM = b"iso" * 900, b"floppy" * 500, b"nvram" * 100
_MESSAGES = (
    f'<Strings xmlns="{OVF}" xmlns:ovf="{OVF}"><Msg ovf:msgid="e">The licence</Msg><Msg ovf:msgid="gb">Size</Msg>'
    "</Strings>"
)


def write_everything(path: Path, disk: bytes) -> Path:
    """An OVA with every kind of file and most constructs: a disk, an ISO in chunks, a compressed floppy image, NVRAM, a
    message bundle; a disk whose size is a property, two deployment options, a licence, fixed and free properties.
    """
    files = {"box.ovf": _EVERYTHING.encode(), "disk.vmdk": disk, "box.nvram": NVRAM, "en.msg": _MESSAGES.encode()}
    files |= Stored(ISO, chunk=1000).members("tools.iso") | {"drivers.flp": gzip.compress(FLOPPY, mtime=0)}
    files["box.mf"] = manifest(files)
    return write(path, files, ["drivers.flp", "tools.iso.000000002", "disk.vmdk"])
