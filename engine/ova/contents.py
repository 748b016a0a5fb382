"""What the files of a descriptor hold: members of the package, joined from chunks and expanded (DSP0243 7.1)."""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

from engine.cancel import Cancel
from engine.errors import BadPackage
from engine.ova.descriptor import File
from engine.ova.gunzip import Expanded, expanded_size
from engine.ova.limits import Limits
from engine.ova.manifest import Manifest
from engine.ova.member import Member, Source, open_member
from engine.ova.names import chunk_names, last_chunks
from engine.ova.remote import RemoteFile, fetched, lies_elsewhere, remote_file
from engine.ova.verified import Verified


@dataclass(frozen=True, slots=True)
class Content:
    """What a File refers to: one member, or its chunks in order; `remote` without any is a file on another host.

    `stored` is the bytes in the package, or on that host.
    """

    href: str
    members: tuple[Member, ...]
    is_compressed: bool
    stored: int
    remote: RemoteFile | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What a manifest calls its parts."""
        return (self.href,) if self.remote else tuple(member.name for member in self.members)


_MOST_KNOWN = 64
_expanded: dict[tuple[Content, Limits, tuple[int, ...]], int] = {}
"""How many bytes the compressed files have that were read through last."""


def find_contents(
    path: Path, files: Iterable[File], members: Mapping[str, Member], remote_hosts: Collection[str]
) -> tuple[dict[str, Content], dict[str, str]]:
    """The contents by href, and the files that the package lacks, each with what refers to it.

    Raises BadPackage for chunks of a wrong size, and for a file that is there both whole and in chunks.
    """
    contents: dict[str, Content] = {}
    missing: dict[str, str] = {}
    last = last_chunks(members)
    # A descriptor may name one file in 4,000 chunks 10,000 times.
    for file in {(file.href, file.size, file.chunk_size, file.compression == "gzip"): file for file in files}.values():
        if lies_elsewhere(file.href) and isinstance(remote := remote_file(file, remote_hosts), RemoteFile):
            contents[file.href] = Content(file.href, (), False, remote.size, remote)
            continue
        in_chunks = _chunks(file, members) if file.chunk_size else []
        lacking = None
        if file.href not in members:
            lacking = _lacking_chunk(file, in_chunks, last.get(file.href, "")) if file.chunk_size else file.href
        elif in_chunks:
            why = f"'{file.href}' is there whole and in chunks, which readers take differently"
            raise BadPackage("cannot read package", on=str(path), why=why)
        if lacking is not None:
            missing[lacking] = f"File '{file.id}'"
            continue
        _check_chunks(path, file, in_chunks)
        parts = tuple(in_chunks) or (members[file.href],)
        contents[file.href] = Content(file.href, parts, file.compression == "gzip", sum(part.size for part in parts))
    return contents, missing


def content_size(content: Content, limits: Limits, cancel: Cancel) -> int:
    """How many bytes travel. A compressed file is read through once in a process, until it is another one: plan, upload
    and progress ask for it. Raises BadPackage, Cancelled.
    """
    if not content.is_compressed:
        return content.stored
    key = (content, limits, tuple(_changed(member.path) for member in content.members))
    size = _expanded.get(key)
    if size is None:
        with closing(_sources(content, None)) as sources:
            size = expanded_size(_Joined(sources), content.stored, _where(content), limits, cancel)
        while len(_expanded) >= _MOST_KNOWN:
            _expanded.pop(next(iter(_expanded)), None)
        _expanded[key] = size
    return size


@contextmanager
def open_content(content: Content, manifest: Manifest | None, cancel: Cancel) -> Iterator[Source]:
    """The bytes that travel, from the first; who reads to the end has had each member's digest compared with the
    manifest's. Raises BadPackage; UploadFailed where it cannot be fetched from another host, or is not to be any more.
    """
    if content.remote is not None:
        with fetched(content.remote, cancel) as source:
            yield source
        return
    with closing(_sources(content, manifest)) as sources:
        joined = _Joined(sources)
        yield Expanded(joined, _where(content)) if content.is_compressed else joined


def _sources(content: Content, manifest: Manifest | None) -> Generator[Source]:
    """One at a time is open: there may be more chunks than a process may open files."""
    for member in content.members:
        with open_member(member) as reader:
            yield Verified(reader, manifest.digests.get(member.name) if manifest else None)


class _Joined:
    """Sources one after the other; the first is there from the start."""

    def __init__(self, sources: Iterator[Source]) -> None:
        self._later = sources
        self._now = next(sources, None)

    def readinto(self, buffer: memoryview, /) -> int:
        while self._now:
            if got := self._now.readinto(buffer):
                return got
            self._now = next(self._later, None)
        return 0


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # told by name when it is opened
        return 0


def _where(content: Content) -> str:
    return f"{content.members[0].path}: {content.href}"


def _chunks(file: File, members: Mapping[str, Member]) -> list[Member]:
    return [members[name] for name in takewhile(members.__contains__, chunk_names(file.href))]


def _lacking_chunk(file: File, found: list[Member], last: str) -> str | None:
    """The first chunk that should be there and is not: others follow it, or the file's size is not reached."""
    name = next(islice(chunk_names(file.href), len(found), None))
    lacks = not found or last > name or sum(member.size for member in found) < (file.size or 0)
    return name if lacks else None


def _check_chunks(path: Path, file: File, chunks: list[Member]) -> None:
    """All have the size that the descriptor says, except the last, which may have less."""
    for number, chunk in enumerate(chunks, 1):
        is_last = number == len(chunks)
        wanted = file.chunk_size or 0
        if chunk.size > wanted or (chunk.size < wanted and not is_last):
            why = f"the chunk '{chunk.name}' has {chunk.size} bytes, File '{file.id}' says {wanted}"
            raise BadPackage("cannot read package", on=str(path), why=why, fix="get the package again")
    together = sum(chunk.size for chunk in chunks)
    if chunks and file.size is not None and together != file.size:
        why = f"the chunks of '{file.href}' have {together} bytes together, File '{file.id}' says {file.size}"
        raise BadPackage("cannot read package", on=str(path), why=why, fix="get the package again")
