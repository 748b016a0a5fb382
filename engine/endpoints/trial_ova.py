"""The OVA that `endpoint test --deep` stages: one small VM whose disk a real ESXi host accepts.

A host converts what a lease receives, so random bytes will not do: the disk is a stream-optimized VMDK as VMware's
"Virtual Disk Format 5.0" describes it (header, embedded descriptor, compressed grains, each table after what it points
to, footer). Its bytes are incompressible, so that about 1 MiB really travels; the rest of its 1 GiB is empty.
"""

import hashlib
import io
import struct
import tarfile
import zlib
from pathlib import Path

from engine.ova.descriptor import Property
from engine.ova.sample_descriptor import sample_descriptor

TEXT, SECRET = "slipway.text", "slipway.secret"
NETWORK = "trial"

_SECTOR = 512
_CAPACITY = (1 << 30) // _SECTOR  # the descriptor's disks are whole GiB
_GRAIN = 128  # sectors: 64 KiB
_GRAINS = 16  # that hold data: 1 MiB
_TABLE_ENTRIES = 512
_TABLE_SPAN = _GRAIN * _TABLE_ENTRIES
_OVERHEAD = 128
_AT_END = 0xFFFFFFFFFFFFFFFF
# Newline detection, compressed grains, markers.
_FLAGS = 1 | 1 << 16 | 1 << 17
_TABLE_MARK, _DIRECTORY_MARK, _FOOTER_MARK = 1, 2, 3

_DESCRIPTOR = f"""# Disk DescriptorFile
version=1
CID=51191a71
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RDONLY {_CAPACITY} SPARSE "trial.vmdk"

# The Disk Data Base
#DDB
ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "130"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.virtualHWVersion = "13"
"""


def build_trial_ova(path: Path, name: str) -> str:
    """Write the OVA; returns its checksum as a component has it, `sha256:<hex>`. It declares TEXT and SECRET."""
    disk = stream_optimized_disk()
    href = f"{name}-disk1.vmdk"
    descriptor = sample_descriptor(
        name,
        disks={href: len(disk)},
        properties=(
            Property("text", class_id="slipway", user_configurable=True),
            Property("secret", class_id="slipway", user_configurable=True, password=True),
        ),
        networks=(NETWORK,),
        nics=(NETWORK,),
        deployment_options=(),
    ).encode()
    manifest = "".join(
        f"SHA256({member})= {hashlib.sha256(data).hexdigest()}\n"
        for member, data in ((f"{name}.ovf", descriptor), (href, disk))
    ).encode()
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in ((f"{name}.ovf", descriptor), (f"{name}.mf", manifest), (href, disk)):
            header = tarfile.TarInfo(member)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def stream_optimized_disk() -> bytes:
    """A stream-optimized VMDK of 1 GiB, 1 MiB of it written."""
    disk = bytearray(_header(_AT_END) + _DESCRIPTOR.encode())
    disk += bytes(_OVERHEAD * _SECTOR - len(disk))
    table = [_append_grain(disk, number) for number in range(_GRAINS)]
    table += [0] * (_TABLE_ENTRIES - len(table))
    tables = [_append_marked(disk, _TABLE_MARK, table)]
    tables += [0] * (-(-_CAPACITY // _TABLE_SPAN) - len(tables))  # 0: nothing was written there
    directory = _append_marked(disk, _DIRECTORY_MARK, tables)
    disk += _marker(1, 0, _FOOTER_MARK) + _header(directory) + bytes(_SECTOR)
    return bytes(disk)


def _header(directory: int) -> bytes:
    """SparseExtentHeader; in the footer it tells the grain directory's sector."""
    packed = struct.pack(
        "<4sIIQQQQIQQQB4sH",
        b"KDMV",
        3,
        _FLAGS,
        _CAPACITY,
        _GRAIN,
        1,
        -(-len(_DESCRIPTOR) // _SECTOR),
        _TABLE_ENTRIES,
        0,
        directory,
        _OVERHEAD,
        0,
        b"\n \r\n",
        1,
    )
    return packed.ljust(_SECTOR, b"\0")


def _marker(value: int, size: int, kind: int) -> bytes:
    return struct.pack("<QII", value, size, kind).ljust(_SECTOR, b"\0")


def _append_grain(disk: bytearray, number: int) -> int:
    """Append one grain of random bytes that are the same on every machine; returns its sector."""
    sector = len(disk) // _SECTOR
    content = zlib.compress(hashlib.shake_256(bytes([number])).digest(_GRAIN * _SECTOR))
    disk += struct.pack("<QI", number * _GRAIN, len(content)) + content
    disk += bytes(-len(disk) % _SECTOR)
    return sector


def _append_marked(disk: bytearray, kind: int, entries: list[int]) -> int:
    """Append a grain table or directory behind its marker; returns the sector of its first entry."""
    packed = struct.pack(f"<{len(entries)}I", *entries)
    packed += bytes(-len(packed) % _SECTOR)
    disk += _marker(len(packed) // _SECTOR, 0, kind)
    sector = len(disk) // _SECTOR
    disk += packed
    return sector
