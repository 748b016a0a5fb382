"""What contradicts itself in a descriptor: references to nothing, names given twice, files outside the package."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from engine.ova.descriptor import Descriptor, File, System
from engine.ova.findings import Finding, place, short
from engine.ova.remote import lies_elsewhere, remote_file

_CORRECT = "correct the descriptor, or ask who made the package for another one"


def contradictions(descriptor: Descriptor, file: str, remote_hosts: Collection[str]) -> Iterator[Finding]:
    """One finding for each, naming line and element of the descriptor's `file`. `remote_hosts`: those that files may be
    fetched from.
    """
    yield from _names(descriptor, file)
    yield from _taken_twice(descriptor, file)
    yield from _outside(descriptor, file, remote_hosts)
    yield from _references(descriptor, file)
    if not descriptor.systems:
        yield Finding.error(
            place(file, 0, "Envelope"), "has no VirtualSystem", "get another package: this one holds no VM"
        )
    known = _Known(
        disks={disk.id for disk in descriptor.disks},
        files={one.id for one in descriptor.files},
        networks={network.name for network in descriptor.networks},
    )
    for system in descriptor.systems:
        yield from _hardware(known, system, file)


def is_inside(href: str) -> bool:
    """Whether a File's href names a file of the package, and nothing outside it."""
    path = PurePosixPath(href)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not lies_elsewhere(href)


def _names(descriptor: Descriptor, file: str) -> Iterator[Finding]:
    yield from _repeated(file, "File", "id", ((one.id, one.line) for one in descriptor.files))
    yield from _repeated(file, "Disk", "diskId", ((one.id, one.line) for one in descriptor.disks))
    yield from _repeated(file, "Network", "name", ((one.name, one.line) for one in descriptor.networks))
    if not descriptor.is_collection:  # each VM of a collection has keys of its own
        yield from _repeated(file, "Property", "key", ((one.key, one.line) for one in descriptor.properties))
    options = ((one.id, one.line) for one in descriptor.deployment_options)
    yield from _repeated(file, "Configuration", "id", options)
    for known in descriptor.properties:
        if not known.id:
            what = "has no key, so nothing can give it a value"
            yield Finding.warning(place(file, known.line, "Property"), what, _CORRECT)


def _taken_twice(descriptor: Descriptor, file: str) -> Iterator[Finding]:
    """Two Files may name one file, but not as something else: what is expanded for one would be so for the other."""
    first: dict[str, File] = {}
    for one in descriptor.files:
        other = first.setdefault(one.href, one)
        if (one.compression, one.chunk_size) != (other.compression, other.chunk_size):
            what = f"names '{one.href}' with another compression or chunkSize than File '{other.id}'"
            yield Finding.error(place(file, one.line, f"File '{one.id}'"), what, _CORRECT)


def _outside(descriptor: Descriptor, file: str, remote_hosts: Collection[str]) -> Iterator[Finding]:
    for one in descriptor.files:
        if lies_elsewhere(one.href):
            why_not = remote_file(one, remote_hosts)
            if isinstance(why_not, str):
                what = f"lies elsewhere ('{one.href}'), and {why_not}"
                fix = "put the file into the package, or beside the descriptor, and its name into the descriptor"
                yield Finding.error(place(file, one.line, f"File '{one.id}'"), what, fix)
        elif not is_inside(one.href):
            what = f"refers to '{one.href}', which is not a file of the package"
            yield Finding.error(
                place(file, one.line, f"File '{one.id}'"), what, "get a package that holds all its files"
            )


def _references(descriptor: Descriptor, file: str) -> Iterator[Finding]:
    files = {one.id for one in descriptor.files}
    disks = {disk.id for disk in descriptor.disks}
    for disk in descriptor.disks:
        where = place(file, disk.line, f"Disk '{disk.id}'")
        if disk.file and disk.file not in files:
            yield Finding.error(where, f"refers to the File '{disk.file}', which is missing", _CORRECT)
        if disk.parent and disk.parent not in disks:
            yield Finding.error(where, f"refers to the parent Disk '{disk.parent}', which is missing", _CORRECT)


@dataclass(frozen=True, slots=True)
class _Known:
    """What hardware may refer to."""

    disks: set[str]
    files: set[str]
    networks: set[str]


def _hardware(known: _Known, system: System, file: str) -> Iterator[Finding]:
    of = f"of VirtualSystem '{short(system.id)}'"
    for disk in system.hardware.disks:
        if disk.disk and disk.disk not in known.disks:
            where = place(file, disk.line, f"disk '{disk.name}' {of}")
            yield Finding.error(where, f"refers to the Disk '{disk.disk}', which is missing", _CORRECT)
    for drive in system.hardware.removables:
        if drive.file and drive.file not in known.files:
            where = place(file, drive.line, f"drive '{drive.name}' {of}")
            yield Finding.error(where, f"refers to the File '{drive.file}', which is missing", _CORRECT)
    for nic in system.hardware.nics:
        if nic.connection and nic.connection not in known.networks:
            where = place(file, nic.line, f"NIC '{nic.name}' {of}")
            yield Finding.error(where, f"refers to the Network '{nic.connection}', which is missing", _CORRECT)


def _repeated(file: str, element: str, attribute: str, values: Iterable[tuple[str, int]]) -> Iterator[Finding]:
    """One finding for each value that several elements have, at the line of the second one."""
    lines: dict[str, list[int]] = {}
    for value, line in values:
        lines.setdefault(value, []).append(line)
    for value, found in lines.items():
        if len(found) > 1:
            where = place(file, found[1], f"{element} '{value}'")
            yield Finding.error(where, f"is one of {len(found)} {element} elements with that {attribute}", _CORRECT)
