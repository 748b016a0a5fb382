"""OVAs whose files are stored in every way that DSP0243 7.1 knows: whole, in chunks, compressed with gzip."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.ova.sample_descriptor import sample_descriptor
from tests.ova.archives import member, write_ova


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
