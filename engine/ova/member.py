"""Reading one file of a package: a window on the archive, never past its end."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from engine.errors import BadPackage


class Source(Protocol):
    """Bytes that are read one after the other."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer as far as possible; 0 at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a package: `size` bytes at `offset` of the file at `path` (the archive, or the file itself)."""

    name: str
    offset: int
    size: int
    path: Path


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, int]]:
    """The regular file at `path` as a file descriptor, and its size. Raises BadPackage when it cannot be read."""
    handle, size = open_regular(path)
    try:
        yield handle, size
    except OSError as error:
        raise BadPackage("cannot read file", on=str(path), why=_reason(error)) from error
    finally:
        os.close(handle)


def open_regular(path: Path) -> tuple[int, int]:
    """A file descriptor that the caller closes, and the file's size in bytes. Raises BadPackage."""
    try:
        # Without O_NONBLOCK, opening a named pipe waits for its writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(handle)
    except (OSError, ValueError) as error:
        fix = "check its name, and whether you may read it"
        raise BadPackage("cannot read file", on=str(path), why=_reason(error), fix=fix) from error
    if not S_ISREG(status.st_mode):
        os.close(handle)
        raise BadPackage("cannot read file", on=str(path), why="it is not a regular file", fix="check its name")
    return handle, status.st_size


def read_at_most(source: Source, most: int) -> bytes | None:
    """The bytes to the source's end; None when there are more than `most`."""
    found = bytearray()
    buffer = memoryview(bytearray(64 * 1024))
    while count := source.readinto(buffer):
        found += buffer[:count]
        if len(found) > most:
            return None
    return bytes(found)


def open_member(member: Member) -> "MemberReader":
    """A reader at the member's start. Raises BadPackage when the file cannot be opened."""
    handle, _ = open_regular(member.path)
    return MemberReader(member, handle)


class MemberReader(io.RawIOBase):
    """The bytes of a member, on a file descriptor of its own: readers of one package share no position.

    `readinto` fills the caller's buffer by one system call, without a copy. Reading raises BadPackage when the file
    became shorter since the package was opened, or cannot be read.
    """

    def __init__(self, member: Member, handle: int) -> None:
        super().__init__()
        self.member = member
        self.name = member.name
        self.size = member.size
        self._position = 0
        self._handle = handle  # closed with the reader

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes from the member's start."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place inside the member; going before its start is refused."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError(f"seek to {start + offset} of {self.name}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as the member goes; 0 at its end."""
        if self.closed:
            raise ValueError(f"reader of {self.name} is closed")
        wanted = min(len(buffer), max(0, self.size - self._position))
        if wanted == 0:
            return 0
        try:
            count = os.preadv(self._handle, [memoryview(buffer)[:wanted]], self.member.offset + self._position)
        except OSError as error:
            raise BadPackage("cannot read file", on=str(self.member.path), why=_reason(error)) from error
        if count == 0:
            why = f"member '{self.name}' ends after {self._position} of {self.size} bytes; the file was changed"
            raise BadPackage("cannot read file", on=str(self.member.path), why=why)
        self._position += count
        return count

    def close(self) -> None:
        """Give the file descriptor back."""
        if not self.closed:
            os.close(self._handle)
        super().close()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
