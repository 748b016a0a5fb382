"""Archives and descriptors written byte by byte, as honest and as hostile tools write them."""

from collections.abc import Callable, Mapping
from pathlib import Path

BLOCK = 512
END = bytes(2 * BLOCK)
OVF = "http://schemas.dmtf.org/ovf/envelope/1"
RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"

Refused = Callable[..., str]
"""The fixture `refused`: parts of an archive to the message with which it is refused."""


def envelope(
    inner: str = "",
    *,
    system: str = "",
    files: str = '<File ovf:id="file1" ovf:href="disk1.vmdk"/>',
) -> str:
    """A descriptor with one disk file; `inner` are further sections, `system` what the VirtualSystem holds."""
    return (
        f'<Envelope xmlns="{OVF}" xmlns:ovf="{OVF}" xmlns:rasd="{RASD}" xmlns:vmw="http://www.vmware.com/schema/ovf">'
        f"<References>{files}</References>{inner}"
        f'<VirtualSystem ovf:id="vm"><Info/><Name>box</Name>{system}</VirtualSystem></Envelope>'
    )


def octal(number: int) -> bytes:
    """A size field of twelve bytes."""
    return b"%011o\0" % number


def base256(number: int) -> bytes:
    """GNU's size field for what octal digits cannot hold."""
    return b"\x80" + number.to_bytes(11)


def header(
    name: bytes | str, size: int | bytes, kind: bytes = b"0", *, prefix: bytes = b"", magic: bytes = b"ustar\x0000"
) -> bytes:
    """A header block with a right checksum; `size` as bytes is the field itself."""
    name = name.encode() if isinstance(name, str) else name
    field = size if isinstance(size, bytes) else octal(size)
    block = bytearray(BLOCK)
    block[0 : len(name)] = name
    block[100:124] = b"0000644\x000000000\x000000000\0"
    block[124:136] = field
    block[136:148] = octal(0)
    block[156:157] = kind
    block[257:265] = magic
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b"%06o\0 " % (sum(block) + 8 * 32)
    return bytes(block)


def member(name: bytes | str, data: bytes | str, kind: bytes = b"0") -> bytes:
    """Header, data and padding."""
    data = data.encode() if isinstance(data, str) else data
    return header(name, len(data), kind) + data + bytes(-len(data) % BLOCK)


def pax(records: Mapping[str, str | bytes], kind: bytes = b"x") -> bytes:
    """An extended header with these records."""
    data = b"".join(record(key.encode(), value) for key, value in records.items())
    return member("PaxHeaders/x", data, kind)


def record(key: bytes, value: str | bytes) -> bytes:
    """`<length> <key>=<value>\\n`, whose length counts its own digits."""
    body = b" " + key + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def write_ova(path: Path, *parts: bytes) -> Path:
    """An archive of these parts and its end."""
    path.write_bytes(b"".join(parts) + END)
    return path
