"""A package on disk: an OVA (one tar archive) or a bare `.ovf` whose files lie beside it.

Opening reads the archive's headers, the descriptor and the manifest; a disk is read only through `Package.open`.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from urllib.parse import unquote

from engine.errors import BadPackage
from engine.ova import tar, xml
from engine.ova.contradictions import is_inside
from engine.ova.descriptor import Descriptor
from engine.ova.envelope import read_descriptor
from engine.ova.limits import DEFAULT, MAX_MANIFEST, Limits
from engine.ova.manifest import Digest, Manifest, read_manifest
from engine.ova.member import Member, MemberReader, open_member, opened


@dataclass(frozen=True, slots=True)
class Package:
    """An OVA or OVF. `name` is the appliance's, or the file's without suffix; `size` is all members together, in bytes.

    `members` are in archive order, named as the descriptor's hrefs name them. `missing` are the files that a bare
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
    missing: tuple[str, ...]
    limits: Limits = DEFAULT

    def open(self, name: str) -> MemberReader:
        """A reader of its own on a member, so that threads may read several at once. Raises BadPackage."""
        member = self.members.get(name)
        if member is None:
            raise BadPackage("cannot open member", on=f"'{name}' of {self.path}", why="the package does not have it")
        return open_member(member)

    def in_option(self, option: str) -> Descriptor:
        """The descriptor under another deployment option. Raises BadPackage when the OVF does not offer it."""
        return read_descriptor(
            self.descriptor_text, self.descriptor_name, option, package=str(self.path), limits=self.limits
        )


def open_package(path: str | os.PathLike[str], limits: Limits = DEFAULT) -> Package:
    """The package at `path`: a descriptor when its name ends in `.ovf`, else an OVA.

    Raises BadPackage naming file and element for anything that cannot be used or goes beyond `limits`.
    """
    path = Path(path)
    if path.suffix.lower() == ".ovf":
        alone = _beside(path, path.name)
        return _package(path, alone, {path.name: alone}, limits, whole=False)
    entries = _index(path, limits)
    descriptor = _only_descriptor(path, entries)
    # The descriptor's hrefs are relative to its own folder, which need not be the archive's root.
    folder = str(PurePosixPath(descriptor.name).parent)
    members: dict[str, Member] = {}
    for entry in entries:
        name = entry.name if folder == "." else entry.name.removeprefix(folder + "/")
        if name in members:
            raise BadPackage("cannot read OVA", on=str(path), why=f"two members are named '{name}'")
        members[name] = Member(name, entry.offset, entry.size, path)
    return _package(path, members[PurePosixPath(descriptor.name).name], members, limits, whole=True)


def _index(path: Path, limits: Limits) -> list[tar.Entry]:
    """The archive's files, without what macOS adds to it (AppleDouble `._x` files)."""
    with opened(path) as (handle, size):
        entries = tar.Index(handle, size, str(path), limits)
        return [entry for entry in entries if not PurePosixPath(entry.name).name.startswith("._")]


def _only_descriptor(path: Path, entries: Iterable[tar.Entry]) -> tar.Entry:
    found = [entry for entry in entries if entry.name.lower().endswith(".ovf")]
    if not found:
        raise BadPackage("cannot read OVA", on=str(path), why="it has no descriptor (*.ovf)")
    if len(found) > 1:
        why = f"it has two descriptors, '{found[0].name}' and '{found[1].name}'"
        raise BadPackage("cannot read OVA", on=str(path), why=why)
    return found[0]


def _package(
    path: Path, descriptor_member: Member, members: dict[str, Member], limits: Limits, *, whole: bool
) -> Package:
    """`whole`: every file must be among `members`; otherwise they are looked for beside the descriptor."""
    where = f"{path}: {descriptor_member.name}"
    data = _small(descriptor_member, limits.ova_descriptor_bytes, limits.fix("ova_descriptor_bytes"))
    text = xml.decode(data, where)
    descriptor = read_descriptor(text, descriptor_member.name, package=str(path), limits=limits)
    manifest_name = PurePosixPath(descriptor_member.name).with_suffix(".mf").name
    if not whole:
        certificate_name = PurePosixPath(manifest_name).with_suffix(".cert").name
        _find_beside(path, members, (manifest_name, certificate_name, *(file.href for file in descriptor.files)))
    manifest = _manifest(path, members, manifest_name)
    if manifest and not whole:
        _find_beside(path, members, manifest.digests)
    # An href is a URI: some tools write `%20` for a space, and the file's plain name everywhere else.
    hrefs = {unquote(file.href): file.href for file in descriptor.files if file.href not in members}
    members = {hrefs.get(name, name): replace(member, name=hrefs.get(name, name)) for name, member in members.items()}
    if manifest:
        digests = {hrefs.get(name, name): digest for name, digest in manifest.digests.items()}
        manifest = replace(manifest, digests=MappingProxyType(digests))
    missing = _missing(descriptor, manifest, members)
    if whole and missing:
        name, said_by = next(iter(missing.items()))
        raise BadPackage("cannot read OVA", on=str(path), why=f"'{name}' is missing, which {said_by} refers to")
    if manifest:
        _check_descriptor(data, where, manifest.digests.get(descriptor_member.name))
    return Package(
        path=path,
        name=descriptor.name or path.stem,
        size=sum(member.size for member in members.values()),
        descriptor_name=descriptor_member.name,
        descriptor_text=text,
        descriptor=descriptor,
        manifest=manifest,
        members=MappingProxyType(members),
        missing=tuple(missing),
        limits=limits,
    )


def _small(member: Member, most: int, fix: str = "") -> bytes:
    """All of a member that is read into memory."""
    if member.size > most:
        why = f"'{member.name}' has {member.size} bytes, at most {most} are read"
        raise BadPackage("cannot read package", on=str(member.path), why=why, fix=fix)
    with open_member(member) as reader:
        return reader.readall()


def _beside(path: Path, name: str) -> Member:
    with opened(path.parent / name) as (_, size):
        return Member(name, 0, size, path.parent / name)


def _find_beside(path: Path, members: dict[str, Member], names: Iterable[str]) -> None:
    """Add those that lie beside the bare descriptor. What is not inside its folder is left to be missing."""
    for name in names:
        for spelling in dict.fromkeys((name, unquote(name))):
            if spelling not in members and is_inside(spelling) and _is_file(path.parent / spelling):
                members[spelling] = _beside(path, spelling)
                break


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have, or a folder that may not be searched
        return False


def _manifest(path: Path, members: Mapping[str, Member], name: str) -> Manifest | None:
    """The manifest named after the descriptor, or else the package's only one."""
    found = [member for member in members if member.lower().endswith(".mf")]
    if name not in found:
        if len(found) > 1:
            why = f"none of its manifests {', '.join(found)} is named {name} after the descriptor"
            raise BadPackage("cannot read OVA", on=str(path), why=why)
        if not found:
            return None
        name = found[0]
    return replace(read_manifest(_small(members[name], MAX_MANIFEST), f"{path}: {name}"), name=name)


def _missing(descriptor: Descriptor, manifest: Manifest | None, members: Mapping[str, Member]) -> dict[str, str]:
    """Files that the package lacks, and what refers to each."""
    chunked = " (in chunks, which Slipway does not join)"
    referred = {file.href: f"File '{file.id}'{chunked if file.chunk_size else ''}" for file in descriptor.files}
    for name in manifest.digests if manifest else ():
        referred.setdefault(name, "the manifest")
    return {name: said_by for name, said_by in referred.items() if name not in members}


def _check_descriptor(data: bytes, where: str, digest: Digest | None) -> None:
    if digest is None:
        return
    found = hashlib.new(digest.algorithm, data, usedforsecurity=False).hexdigest()
    if found != digest.hex:
        why = f"its {digest.algorithm} is {found}, the manifest says {digest.hex}"
        raise BadPackage("damaged descriptor", on=where, why=why, fix="fetch the file again")
