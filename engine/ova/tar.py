"""The index of a tar archive: name, offset and size of each file, read by seeking from header to header.

Only what an OVA needs (POSIX ustar, PAX, GNU long names and base-256 sizes) and only what every reader understands the
same way: an archive that says two things at once, or holds anything but files and folders, is refused. Formats:
POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.errors import BadPackage
from engine.ova import limits

BLOCK = 512
_ZERO = bytes(BLOCK)
_USTAR_MAX = 8**11 - 1  # the largest size 11 octal digits hold: 8 GiB - 1
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"M": "the continuation of another volume",
    b"S": "a sparse file",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the archive; `offset` and `size` in bytes."""

    name: str
    offset: int
    size: int


@dataclass(slots=True)
class _Pending:
    """What extension headers said about the entry that follows them."""

    name: bytes | None = None
    size: int | None = None
    kinds: set[bytes] = field(default_factory=set)


class Index:
    """Iterates over the files of the archive open as `descriptor`; `total` is its length in bytes."""

    def __init__(self, descriptor: int, total: int, archive: str) -> None:
        self._descriptor = descriptor
        self._total = total
        self._archive = archive

    def __iter__(self) -> Iterator[Entry]:
        """Each file in archive order. Raises BadPackage naming archive and member."""
        position = 0
        pending = _Pending()
        while header := self._header(position):
            size = self._number(header[124:136], "size", self._shown(header))
            kind = header[156:157]
            position += BLOCK
            if kind in b"xgLK" and kind:
                self._extend(pending, kind, position, size)
            else:
                entry = self._entry(header, kind, position, size, pending)
                size = entry.size
                pending = _Pending()
                if kind != b"5" and not entry.name.endswith("/"):
                    yield entry
            position += -(-size // BLOCK) * BLOCK
        if pending.kinds:
            raise self._bad("the archive ends after an extension header", "the member it belongs to is missing")

    def _header(self, position: int) -> bytes | None:
        """The header block at `position`; None at the end of the archive (two zero blocks, or the end of the file)."""
        block = os.pread(self._descriptor, BLOCK, position)
        if not block:
            return None
        if len(block) < BLOCK:
            raise self._bad(f"the file ends after {len(block)} bytes of a header", f"at byte {position}")
        if block == _ZERO:
            after = os.pread(self._descriptor, BLOCK, position + BLOCK)
            if after.strip(b"\0"):
                raise self._bad("a zero block stands between two members", f"at byte {position}")
            return None
        if self._number(block[148:156], "checksum", f"at byte {position}") not in _checksums(block):
            why = "it is not a tar archive" if position == 0 else f"header checksum differs at byte {position}"
            raise self._bad(_other_format(block) or why, "")
        return block

    def _entry(self, header: bytes, kind: bytes, position: int, size: int, pending: _Pending) -> Entry:
        name = self._decoded(pending.name if pending.name is not None else _header_name(header))
        if kind in _REFUSED:
            raise self._bad(f"member '{name}' is {_REFUSED[kind]}", "an OVA holds files only")
        if kind not in b"057\0" or not kind:
            raise self._bad(f"member '{name}' has the unknown type {kind!r}", "an OVA holds files only")
        if pending.size is not None:
            if size not in (0, pending.size) and pending.size <= _USTAR_MAX:
                raise self._bad(f"member '{name}' has two sizes", f"{size} and {pending.size} bytes")
            size = pending.size
        if kind == b"5":
            size = 0
        if size > max(0, self._total - position):
            present = max(0, self._total - position)
            raise self._bad(f"truncated: member '{name}' has {present} of {size} bytes", "")
        return Entry(self._safe(name), position, size)

    def _extend(self, pending: _Pending, kind: bytes, position: int, size: int) -> None:
        if kind in pending.kinds:
            raise self._bad("two extension headers of one kind belong to one member", f"at byte {position}")
        if size > limits.MAX_TAR_EXTENSION:
            raise self._bad(
                f"an extension header of {size} bytes", f"at most {limits.MAX_TAR_EXTENSION} bytes are read"
            )
        data = os.pread(self._descriptor, size, position)
        if len(data) < size:
            raise self._bad(f"truncated: an extension header has {len(data)} of {size} bytes", f"at byte {position}")
        if kind == b"L":
            self._rename(pending, data.split(b"\0", 1)[0])
        elif kind in b"xg":
            self._apply_pax(pending, data, everywhere=kind == b"g")
        if kind != b"g":
            pending.kinds.add(kind)

    def _rename(self, pending: _Pending, name: bytes) -> None:
        if pending.name is not None:
            raise self._bad("a member has two long names", f"{pending.name[:80]!r} and {name[:80]!r}")
        pending.name = name

    def _apply_pax(self, pending: _Pending, data: bytes, *, everywhere: bool) -> None:
        seen: set[bytes] = set()
        for key, value in self._pax_records(data):
            if key in seen:
                raise self._bad(f"the PAX header says '{key[:80]!r}' twice", "")
            seen.add(key)
            if key.startswith(b"GNU.sparse"):
                raise self._bad("a member is a sparse file", "an OVA holds plain files only")
            if key in (b"path", b"size", b"linkpath") and everywhere:
                raise self._bad(f"a global PAX header sets '{key.decode()}' for every member", "")
            if key == b"path":
                self._rename(pending, value)
            elif key == b"size":
                if not value.isdigit() or len(value) > 20:
                    raise self._bad(f"the PAX size {value[:40]!r} is not a number", "")
                pending.size = int(value)

    def _pax_records(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Records `<length> <key>=<value>\\n`, length included."""
        while data.strip(b"\0"):
            digits, _, _ = data.partition(b" ")
            length = int(digits) if digits.isdigit() and len(digits) < 10 else 0
            record = data[len(digits) + 1 : length]
            key, equals, value = record.partition(b"=")
            if length > len(data) or not equals or not key or not value.endswith(b"\n"):
                raise self._bad("a PAX header is damaged", f"near {data[:40]!r}")
            yield key, value[:-1]
            data = data[length:]

    def _number(self, raw: bytes, what: str, where: str) -> int:
        """An octal field, or GNU's base-256 when the first bit is set."""
        if raw[0] & 0x80:
            if raw[0] != 0x80:
                raise self._bad(f"the {what} is negative", where)
            return int.from_bytes(raw[1:])
        digits = raw.strip(b" \0")
        if digits.strip(b"01234567"):
            raise self._bad(_other_format(raw) or f"the {what} field of a header is not a number", where)
        return int(digits or b"0", 8)

    def _decoded(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise self._bad(f"the member name {raw[:80]!r} is not UTF-8", "") from None

    def _safe(self, name: str) -> str:
        """The name without `./`; refused when it points outside the archive or cannot be shown."""
        if len(name.encode()) > limits.MAX_NAME:
            raise self._bad(f"the member name '{name[:80]}…' is too long", f"at most {limits.MAX_NAME} bytes")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/"):
            raise self._bad(f"member '{name}' has an absolute path", "it would lie outside the package")
        if ".." in parts:
            raise self._bad(f"member '{name}' has '..' in its path", "it would lie outside the package")
        if any(ord(character) < 32 or ord(character) == 127 for character in name):
            raise self._bad(f"the member name {name!r} has control characters", "")
        return "/".join(parts) + ("/" if name.endswith("/") or not parts else "")

    def _shown(self, header: bytes) -> str:
        return f"member {_header_name(header)[:80]!r}"

    def _bad(self, why: str, detail: str) -> BadPackage:
        return BadPackage("cannot read OVA", on=self._archive, why=f"{why}: {detail}" if detail else why)


def _checksums(header: bytes) -> tuple[int, int]:
    """The sum of the header's bytes with the checksum field as spaces, unsigned and as old tars wrote it, signed."""
    summed = header[:148] + b" " * 8 + header[156:]
    unsigned = sum(summed)
    return unsigned, unsigned - 256 * sum(byte > 127 for byte in summed)


def _header_name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _other_format(block: bytes) -> str:
    if block.startswith(b"\x1f\x8b"):
        return "it is compressed with gzip; unpack it with gunzip first"
    if block.startswith(b"PK\x03\x04"):
        return "it is a zip archive, not a tar archive"
    return ""
