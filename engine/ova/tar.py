"""The index of a tar archive: name, offset and size of each file, read by seeking from header to header.

Only what an OVA needs (POSIX ustar, PAX, GNU long names and base-256 sizes), and only what every reader understands the
same way: an archive that says two things at once, or holds anything but files and folders, is refused. Formats: POSIX
pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format".
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import category, normalize

from engine.errors import BadPackage
from engine.ova.findings import Told, refuse
from engine.ova.limits import DEFAULT, MAX_TAR_EXTENSIONS, Limits
from engine.ova.names import has_many_marks

BLOCK = 512
_ZERO = bytes(BLOCK)
_USTAR_MAX = 8**11 - 1  # bytes; what 11 octal digits hold, 8 GiB - 1
_FILES = b"07\0"
_FOLDER = b"5"
_EXTENSIONS = b"xgLK"
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
class _Extended:
    """What extension headers said about the member that follows them; `kinds` are those seen."""

    name: bytes | None = None
    size: int | None = None
    kinds: bytes = b""


class Index:
    """Iterates over the files of the archive open as `handle`; `total` is its length in bytes, `archive` its name."""

    def __init__(self, handle: int, total: int, archive: str, limits: Limits = DEFAULT, told: Told = refuse) -> None:
        self._handle = handle
        self._total = total
        self._archive = archive
        self._limits = limits
        self._told = told
        self._extension_room = MAX_TAR_EXTENSIONS
        self._names: dict[str, str] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Each file in archive order. Raises BadPackage naming archive and member; `told` hears of members that may not
        be there.
        """
        position = 0
        extended = _Extended()
        for _ in range(self._limits.ova_entries + 1):
            header = self._header(position)
            if header is None:
                break
            size = self._number(header[124:136], "size", f"member {_header_name(header)[:80]!r}")
            kind = header[156:157]
            position += BLOCK
            if kind in _EXTENSIONS:
                self._extend(extended, kind, position, size)
            else:
                entry = self._entry(header, position, size, extended)
                if not entry.name.endswith("/"):
                    self._check_twin(entry.name)
                    yield entry
                size = entry.size
                extended = _Extended()
            position += size + -size % BLOCK
        else:
            raise self._beyond(f"it has more than {self._limits.ova_entries} entries", "ova_entries")
        if extended.kinds:
            raise self._bad("truncated: it ends after an extension header", "the member that follows is missing")

    def _header(self, position: int) -> bytes | None:
        """The header block at `position`; None at the archive's end (two zero blocks, or the end of the file)."""
        block = os.pread(self._handle, BLOCK, position)
        if not block:
            return None
        if position == 0 and (other := _other_format(block)):
            raise self._bad(other, "")
        if len(block) < BLOCK:
            raise self._bad(f"truncated: {len(block)} of a header's 512 bytes", _at(position))
        if block == _ZERO:
            if os.pread(self._handle, BLOCK, position + BLOCK).strip(b"\0"):
                raise self._bad("a zero block stands between two members", _at(position))
            return None
        if not _adds_up(block, self._number(block[148:156], "checksum", _at(position))):
            why = "it is not a tar archive" if position == 0 else "a header's checksum is wrong"
            raise self._bad(why, _at(position))
        return block

    def _entry(self, header: bytes, position: int, size: int, extended: _Extended) -> Entry:
        """The member of a header. A folder's name keeps its slash and its size is 0."""
        kind = header[156:157]
        name = self._safe(_header_name(header) if extended.name is None else extended.name)
        if kind not in _FILES + _FOLDER:
            what = _REFUSED.get(kind, f"of type {kind!r}")
            self._told(self._bad(f"member '{name}' is {what}", "an OVA holds only files"))
        if kind == b"\0" and extended.kinds:  # a type of before extension headers: readers disagree on what it is
            raise self._bad(f"member '{name}' has an extension header and the type of the oldest format", "")
        if kind == _FOLDER:
            name = name.rstrip("/") + "/"
        if extended.size is not None:
            # 0 is what writers put where the size does not fit.
            if size not in (0, extended.size) and extended.size <= _USTAR_MAX:
                raise self._bad(f"member '{name}' has two sizes", f"{size} and {extended.size} bytes")
            size = extended.size
        if name.endswith("/") and size:
            raise self._bad(f"folder '{name}' has a size", "readers disagree on what follows it")
        present = max(0, self._total - position)
        if size > present:
            raise self._bad(f"truncated: member '{name}' has {present} of {size} bytes", "")
        return Entry(name, position, size)

    def _extend(self, extended: _Extended, kind: bytes, position: int, size: int) -> None:
        if kind in extended.kinds:
            raise self._bad("two extension headers of one kind belong to one member", _at(position))
        self._extension_room -= size
        if self._extension_room < 0:
            raise self._bad(f"more than {MAX_TAR_EXTENSIONS} bytes of extension headers", _at(position))
        data = os.pread(self._handle, size, position)
        if len(data) < size:
            raise self._bad(f"truncated: an extension header has {len(data)} of {size} bytes", _at(position))
        if kind == b"L":
            self._rename(extended, data.split(b"\0", 1)[0])
        elif kind != b"K":  # a link's target: links are refused
            self._apply_pax(extended, data, position, everywhere=kind == b"g")
        if kind != b"g":
            extended.kinds += kind

    def _rename(self, extended: _Extended, name: bytes) -> None:
        if extended.name is not None:
            raise self._bad("a member has two long names", f"{extended.name[:80]!r} and {name[:80]!r}")
        extended.name = name

    def _apply_pax(self, extended: _Extended, data: bytes, position: int, *, everywhere: bool) -> None:
        seen: set[bytes] = set()
        for key, value in self._pax_records(data, position):
            if key in seen:
                raise self._bad(f"a PAX header says {key[:80]!r} twice", _at(position))
            seen.add(key)
            if key.startswith(b"GNU.sparse"):
                raise self._bad("a member is a sparse file", "an OVA holds only plain files")
            if everywhere and key in (b"path", b"size"):
                raise self._bad(f"a global PAX header sets '{key.decode()}' for every member", _at(position))
            if key == b"path":
                self._rename(extended, value)
            elif key == b"size":
                if not value.isdigit() or len(value) > 20:
                    raise self._bad(f"the PAX size {value[:40]!r} is not a number", _at(position))
                extended.size = int(value)

    def _pax_records(self, data: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
        """Records `<length> <key>=<value>\\n`, their own length included."""
        start = 0
        while start < len(data):
            digits, space, _ = data[start : start + 8].partition(b" ")
            end = start + int(digits) if digits.isdigit() and space else 0
            key, equals, value = data[start + len(digits) + 1 : end].partition(b"=")
            if end > len(data) or not key or not equals or not value.endswith(b"\n"):
                raise self._bad("a PAX header is damaged", _at(position + start))
            yield key, value[:-1]
            start = end

    def _number(self, raw: bytes, what: str, where: str) -> int:
        """An octal field, or GNU's base-256 when its first bit is set."""
        if raw[0] & 0x80:
            if raw[0] != 0x80:
                raise self._bad(f"the {what} is negative or beyond any file", where)
            return int.from_bytes(raw[1:])
        digits = raw.strip(b" \0")
        if digits.strip(b"01234567"):
            raise self._bad("it is not a tar archive" if where == _at(0) else f"the {what} is not a number", where)
        return int(digits or b"0", 8)

    def _safe(self, raw: bytes) -> str:
        """The name without `./`, with a folder's slash; refused when it is none or points outside the archive."""
        if not raw:
            raise self._bad("a member has no name", "")
        if len(raw) > self._limits.ova_name_bytes:
            raise self._beyond(f"the member name {raw[:80]!r} has {len(raw)} bytes", "ova_name_bytes")
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise self._bad(f"the member name {raw[:80]!r} is not UTF-8", "") from None
        if not name.isprintable() and any(category(character) == "Cc" for character in name):
            raise self._bad(f"the member name {name!r} has control characters", "")
        if has_many_marks(name):
            raise self._bad(f"the member name {name[:80]!r} has more accents on a letter than any language has", "")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/"):
            self._told(self._bad(f"member '{name}' has an absolute path", "it would lie outside the package"))
        if ".." in parts:
            self._told(self._bad(f"member '{name}' has '..' in its path", "it would lie outside the package"))
        is_folder = name.endswith("/") or not parts
        return "/".join(parts) + ("/" if is_folder else "")

    def _check_twin(self, name: str) -> None:
        """Refuse what would be one file on a disk that ignores case, or how an accent is spelled (NFC, NFD)."""
        twin = self._names.setdefault(_folded(name), name)
        if twin is name:
            return
        if twin == name:
            self._told(self._bad(f"two members are named '{name}'", ""))
        else:
            why = f"members '{twin}' and '{name}' differ only in case or in how an accent is written"
            self._told(self._bad(why, ""))

    def _bad(self, why: str, detail: str) -> BadPackage:
        return BadPackage("cannot read OVA", on=self._archive, why=f"{why} ({detail})" if detail else why)

    def _beyond(self, why: str, limit: str) -> BadPackage:
        return BadPackage("cannot read OVA", on=self._archive, why=why, fix=self._limits.fix(limit))


def _at(position: int) -> str:
    return f"at byte {position}"


def _adds_up(header: bytes, checksum: int) -> bool:
    """Whether it is the sum of the header's bytes with its own field as spaces; old tars summed them as signed."""
    summed = header[:148] + b" " * 8 + header[156:]
    unsigned = sum(summed)
    return checksum == unsigned or checksum == unsigned - 256 * sum(byte > 127 for byte in summed)


def _header_name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _folded(name: str) -> str:
    """Equal for names that are canonical caseless matches (Unicode 3.13, D145)."""
    return name.lower() if name.isascii() else normalize("NFD", normalize("NFD", name).casefold())


def _other_format(block: bytes) -> str:
    if block.startswith(b"\x1f\x8b"):
        return "it is compressed with gzip: unpack it with gunzip first"
    if block.startswith(b"PK\x03\x04"):
        return "it is a zip archive, not a tar archive"
    return ""
