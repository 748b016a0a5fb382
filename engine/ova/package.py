"""A package on disk: an OVA (one tar archive) or a bare `.ovf` whose files lie beside it.

Opening reads the archive's headers, the descriptor and the manifest; a disk is read only through `Package.open`.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from engine.cancel import Cancel
from engine.errors import BadPackage
from engine.ova import tar, xml
from engine.ova.beside import Folder
from engine.ova.contents import Content, content_size, find_contents, open_content
from engine.ova.descriptor import Descriptor
from engine.ova.envelope import read_descriptor
from engine.ova.findings import Told, refuse, short
from engine.ova.limits import DEFAULT, MAX_MANIFEST, MAX_MESSAGES, Limits
from engine.ova.manifest import Digest, Manifest, read_manifest
from engine.ova.member import Member, MemberReader, Source, open_member, opened, read_at_most
from engine.ova.messages import Messages
from engine.ova.names import Spellings


@dataclass(frozen=True, slots=True)
class Package:
    """An OVA or OVF. `name` is the appliance's, or the file's without suffix; `size` is all members together, in bytes.

    `members` are in archive order, named as the descriptor's hrefs name them; `contents` is what its Files hold, by
    href, and `messages` the external message bundles, by their File's id. `missing` are the files that a bare
    `.ovf` or its manifest refers to and that do not lie beside it; always empty for an OVA.
    """

    path: Path
    name: str
    size: int
    descriptor_name: str
    descriptor_text: str
    descriptor: Descriptor
    manifest: Manifest | None
    members: Mapping[str, Member]
    contents: Mapping[str, Content]
    missing: tuple[str, ...]
    limits: Limits = DEFAULT
    messages: Mapping[str, bytes] = field(default_factory=dict)

    def open(self, name: str) -> MemberReader:
        """A reader of its own on a member, so that threads may read several at once. Raises BadPackage."""
        member = self.members.get(name)
        if member is None:
            raise BadPackage("cannot open member", on=f"'{name}' of {self.path}", why="the package does not have it")
        return open_member(member)

    def open_content(self, href: str, cancel: Cancel | None = None) -> AbstractContextManager[Source]:
        """What a host gets for the File: its chunks joined, expanded when it is compressed, and at the end of each
        member the manifest's digest compared. Raises BadPackage, also while it is read. A `cancel` ends the wait for a
        file on another host.
        """
        return open_content(self.contents[href], self.manifest, cancel or Cancel())

    def content_size(self, href: str, cancel: Cancel | None = None) -> int:
        """How many bytes `open_content` gives; a compressed file is expanded once to know. Raises BadPackage, and
        Cancelled.
        """
        return content_size(self.contents[href], self.limits, cancel or Cancel())

    def message_bundle(self) -> dict[str, str]:
        """The messages for whoever gets the descriptor without the bundles that lie beside it; empty without such."""
        if not self.messages:
            return {}
        root = xml.parse(self.descriptor_text, f"{self.path}: {self.descriptor_name}", self.limits)
        return Messages(root, self.messages, self.limits).outside()

    def in_option(self, option: str) -> Descriptor:
        """The descriptor under another deployment option. Raises BadPackage when the OVF does not offer it."""
        return read_descriptor(
            self.descriptor_text,
            self.descriptor_name,
            option,
            package=str(self.path),
            limits=self.limits,
            messages=self.messages,
        )


def open_package(path: str | os.PathLike[str], limits: Limits = DEFAULT, told: Told = refuse) -> Package:
    """The package at `path`: a descriptor when its name ends in `.ovf`, else an OVA.

    Raises BadPackage naming file and element for anything that cannot be used or goes beyond `limits`. Whoever passes
    `told` hears of what can be passed over instead: such a package is for looking at, not for importing.
    """
    path = Path(path)
    if path.suffix.lower() == ".ovf":
        folder = Folder(path, limits)
        return _package(path, folder.members[path.name], folder.members, limits, told, folder)
    entries = _index(path, limits, told)
    descriptor = _only_descriptor(path, entries, told)
    # The descriptor's hrefs are relative to its own folder, which need not be the archive's root.
    top = str(PurePosixPath(descriptor.name).parent)
    members: dict[str, Member] = {}
    for entry in entries:
        name = entry.name if top == "." else entry.name.removeprefix(top + "/")
        if name in members:
            told(BadPackage("cannot read OVA", on=str(path), why=f"two members are named '{name}'"))
        members.setdefault(name, Member(name, entry.offset, entry.size, path))
    return _package(path, members[PurePosixPath(descriptor.name).name], members, limits, told)


def _index(path: Path, limits: Limits, told: Told) -> list[tar.Entry]:
    """The archive's files, without what macOS adds to it (AppleDouble `._x` files)."""
    with opened(path) as (handle, size):
        if size == 0:
            raise BadPackage("cannot read OVA", on=str(path), why="it is empty: it has no descriptor (*.ovf)")
        entries = tar.Index(handle, size, str(path), limits, told)
        return [entry for entry in entries if not PurePosixPath(entry.name).name.startswith("._")]


def _only_descriptor(path: Path, entries: Iterable[tar.Entry], told: Told) -> tar.Entry:
    found = [entry for entry in entries if entry.name.lower().endswith(".ovf")]
    if not found:
        raise BadPackage("cannot read OVA", on=str(path), why="it has no descriptor (*.ovf)")
    if len(found) > 1:
        why = f"it has two descriptors, '{found[0].name}' and '{found[1].name}'"
        told(BadPackage("cannot read OVA", on=str(path), why=why))
    return found[0]


def _package(
    path: Path,
    descriptor_member: Member,
    members: dict[str, Member],
    limits: Limits,
    told: Told,
    folder: Folder | None = None,
) -> Package:
    """Every file must be among `members`, unless they are those of a `folder`: then it is searched for them."""
    where = f"{path}: {descriptor_member.name}"
    data = _small(descriptor_member, limits.ova_descriptor_bytes, limits.fix("ova_descriptor_bytes"))
    manifest_name = PurePosixPath(descriptor_member.name).with_suffix(".mf").name
    if folder:
        folder.find((manifest_name, PurePosixPath(manifest_name).with_suffix(".cert").name))
    manifest = _manifest(path, members, manifest_name, told)
    text = xml.decode(data, where)
    descriptor = read_descriptor(text, descriptor_member.name, package=str(path), limits=limits)
    if folder:
        folder.find(file.href for file in descriptor.files)
        folder.find_chunks(file.href for file in descriptor.files if file.chunk_size)
        folder.find(manifest.digests if manifest else ())
    spellings = Spellings([file.href for file in descriptor.files])
    members = _renamed(path, members, spellings)
    if manifest:
        manifest = _with_names_of(manifest, members, spellings, f"{path}: {manifest.name}", told)
    contents, missing = find_contents(path, descriptor.files, members, limits.ova_remote_hosts)
    missing |= {name: by for name, by in _listed_only(manifest, members).items() if name not in missing}
    for name, said_by in missing.items() if folder is None else ():
        told(BadPackage("cannot read OVA", on=str(path), why=f"'{short(name)}' is missing, which {said_by} refers to"))
    if manifest:
        _check_descriptor(data, where, manifest.digests.get(descriptor_member.name), told)
    package = Package(
        path=path,
        name=descriptor.name or path.stem,
        size=sum(member.size for member in members.values()),
        descriptor_name=descriptor_member.name,
        descriptor_text=text,
        descriptor=descriptor,
        manifest=manifest,
        members=MappingProxyType(members),
        contents=MappingProxyType(contents),
        missing=tuple(missing),
        limits=limits,
    )
    messages = dict(_messages(package))
    package = replace(package, messages=MappingProxyType(messages)) if messages else package
    # Its texts could not be known when it was read first: where the bundles lie is said in it.
    return replace(package, descriptor=package.in_option("")) if messages else package


def _messages(package: Package) -> Iterator[tuple[str, bytes]]:
    """The external message bundles that are there. Raises BadPackage."""
    hrefs = {file.id: file.href for file in package.descriptor.files}
    room = MAX_MESSAGES
    for file in dict.fromkeys(package.descriptor.message_files):
        content = package.contents.get(hrefs.get(file, ""))
        if content is None or content.remote:  # opening a package asks nobody
            continue
        where = f"{package.path}: {content.href}"
        with package.open_content(content.href) as source:
            data = read_at_most(source, room)
        if data is None:
            why = f"message bundles have at most {MAX_MESSAGES} bytes together"
            raise BadPackage("cannot read message bundle", on=where, why=why)
        room -= len(data)
        yield file, data


def _small(member: Member, most: int, fix: str = "") -> bytes:
    """All of a member that is read into memory."""
    if member.size > most:
        why = f"'{member.name}' has {member.size} bytes, at most {most} are read"
        raise BadPackage("cannot read package", on=str(member.path), why=why, fix=fix)
    with open_member(member) as reader:
        return reader.readall()


def _manifest(path: Path, members: Mapping[str, Member], name: str, told: Told) -> Manifest | None:
    """The manifest named after the descriptor, or else the package's only one."""
    found = [member for member in members if member.lower().endswith(".mf")]
    if name not in found:
        if len(found) > 1:
            why = f"none of its manifests {', '.join(found)} is named {name} after the descriptor"
            told(BadPackage("cannot read OVA", on=str(path), why=why))
        if not found:
            return None
        name = found[0]
    try:
        return replace(read_manifest(_small(members[name], MAX_MANIFEST), f"{path}: {name}", told), name=name)
    except BadPackage as error:
        told(error)
        return None


def _renamed(path: Path, members: Mapping[str, Member], spellings: Spellings) -> dict[str, Member]:
    """The members by the names that the descriptor has for them."""
    renamed: dict[str, Member] = {}
    for member in members.values():
        name = spellings.of(member.name)
        if name in renamed:
            why = f"two members are named '{name}', in two spellings"
            raise BadPackage("cannot read package", on=str(path), why=why)
        renamed[name] = replace(member, name=name)
    return renamed


def _with_names_of(
    manifest: Manifest, members: Iterable[str], spellings: Spellings, where: str, told: Told
) -> Manifest:
    """The manifest by the names that the members have now."""
    others = Spellings(list(members))
    digests: dict[str, Digest] = {}
    for name, digest in manifest.digests.items():
        if digests.setdefault(others.of(spellings.of(name)), digest) != digest:
            told(BadPackage("cannot read manifest", on=where, why=f"a second digest of '{name}', in another spelling"))
    return replace(manifest, digests=MappingProxyType(digests))


def _listed_only(manifest: Manifest | None, members: Mapping[str, Member]) -> dict[str, str]:
    """Files that the manifest lists and the package lacks, with what refers to them."""
    return {name: "the manifest" for name in (manifest.digests if manifest else ()) if name not in members}


def _check_descriptor(data: bytes, where: str, digest: Digest | None, told: Told) -> None:
    if digest is None:
        return
    found = hashlib.new(digest.algorithm, data, usedforsecurity=False).hexdigest()
    if found != digest.hex:
        why = f"its {digest.algorithm} is {found}, the manifest says {digest.hex}"
        told(BadPackage("damaged descriptor", on=where, why=why, fix="fetch the file again"))
