"""What contradicts itself in a descriptor: references to nothing, names given twice, files outside the package."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from engine.ova.descriptor import Descriptor
from engine.ova.hardware import Hardware


def contradictions(descriptor: Descriptor) -> Iterator[str]:
    """One sentence for each, naming the element."""
    yield from _names(descriptor)
    yield from _references(descriptor)
    if not descriptor.systems:
        yield "Envelope has no VirtualSystem"
    for system in descriptor.systems:
        yield from _hardware(descriptor, system.hardware, f"VirtualSystem '{system.id}'")


def is_inside(href: str) -> bool:
    """Whether a File's href names a file of the package, and nothing outside it."""
    path = PurePosixPath(href)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "://" not in href


def _names(descriptor: Descriptor) -> Iterator[str]:
    yield from _repeated("File", "id", (file.id for file in descriptor.files))
    yield from _repeated("Disk", "diskId", (disk.id for disk in descriptor.disks))
    yield from _repeated("Network", "name", (network.name for network in descriptor.networks))
    if not descriptor.is_collection:  # each VM of a collection has keys of its own
        yield from _repeated("Property", "key", (known.key for known in descriptor.properties))
    yield from _repeated("Configuration", "id", (option.id for option in descriptor.deployment_options))
    if any(not known.id for known in descriptor.properties):
        yield "a Property has no key"
    for file in descriptor.files:
        if not is_inside(file.href):
            yield f"File '{file.id}' refers to '{file.href}', which is not a file of the package"


def _references(descriptor: Descriptor) -> Iterator[str]:
    files = {file.id for file in descriptor.files}
    disks = {disk.id for disk in descriptor.disks}
    for disk in descriptor.disks:
        if disk.file and disk.file not in files:
            yield f"Disk '{disk.id}' refers to the File '{disk.file}', which is missing"
        if disk.parent and disk.parent not in disks:
            yield f"Disk '{disk.id}' refers to the parent Disk '{disk.parent}', which is missing"


def _hardware(descriptor: Descriptor, hardware: Hardware, where: str) -> Iterator[str]:
    disks = {disk.id for disk in descriptor.disks}
    files = {file.id for file in descriptor.files}
    networks = {network.name for network in descriptor.networks}
    for disk in hardware.disks:
        if disk.disk and disk.disk not in disks:
            yield f"{where} has the disk '{disk.name}' on the Disk '{disk.disk}', which is missing"
    for drive in hardware.removables:
        if drive.file and drive.file not in files:
            yield f"{where} has the drive '{drive.name}' with the File '{drive.file}', which is missing"
    for nic in hardware.nics:
        if nic.connection and nic.connection not in networks:
            yield f"{where} has the NIC '{nic.name}' on the Network '{nic.connection}', which is missing"


def _repeated(element: str, attribute: str, values: Iterable[str]) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{count} {element} elements have the {attribute} '{value}'"
