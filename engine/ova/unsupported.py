"""What a descriptor asks for that Slipway or vSphere does not do, or does with consequences."""

from collections.abc import Iterator

from engine.ova.descriptor import Descriptor, System
from engine.ova.findings import Finding, place, short
from engine.ova.messages import UNTRANSLATED

_COMPRESSIONS = ("", "gzip")
_MOST_NAMED = 5


def unsupported(descriptor: Descriptor, file: str) -> Iterator[Finding]:
    """One finding for each, naming line and element of the descriptor's `file`."""
    if descriptor.is_collection and descriptor.systems:
        count = len(descriptor.systems)
        what = f"holds {count} VM{'s' * (count != 1)} (a vApp); Slipway imports packages of one VM"
        yield Finding.error(place(file, 0, "Envelope"), what, "use a package of one VM, not in a vApp")
    for one in descriptor.files:
        if one.compression not in _COMPRESSIONS:
            what = f"is compressed as '{one.compression[:40]}', which Slipway cannot expand"
            yield Finding.error(place(file, one.line, f"File '{one.id}'"), what, "get it with gzip or uncompressed")
    disks = {disk.id for disk in descriptor.disks}
    for disk in descriptor.disks:
        if disk.parent and disk.parent in disks:
            what = f"is a delta disk: its blocks lie partly in the Disk '{disk.parent}', which Slipway does not join"
            fix = "export the VM again with consolidated disks (without snapshots)"
            yield Finding.error(place(file, disk.line, f"Disk '{disk.id}'"), what, fix)
    known = {one.id for one in descriptor.files}
    for one_file in descriptor.message_files:
        if one_file not in known:
            where = place(file, 0, f"Strings '{one_file}'")
            yield Finding.warning(where, "refers to a File that is missing", UNTRANSLATED)
    with_file = {disk.id for disk in descriptor.disks if disk.file}
    for system in descriptor.systems:
        yield from _shared_disks(with_file, system, file)
        yield from _extra_config(system, file)


def _shared_disks(with_file: set[str], system: System, file: str) -> Iterator[Finding]:
    """Several devices on one empty disk get one each. With a file it would be copied or shared, and DSP0243 leaves open
    which; vSphere shares disks among VMs only by hand.
    """
    seen: dict[str, str] = {}
    for device in system.hardware.disks:
        if device.disk in seen:
            first = short(seen[device.disk])
            what = f"takes the Disk '{device.disk}', which '{first}' has already: disks cannot be shared"
            where = place(file, device.line, f"disk '{device.name}' of VirtualSystem '{short(system.id)}'")
            yield Finding.error(where, what, "give each disk device a Disk of its own in the descriptor")
        elif device.disk in with_file:
            seen[device.disk] = device.name


def _extra_config(system: System, file: str) -> Iterator[Finding]:
    """vSphere's client warns of them too: they may set anything in the VM's configuration file."""
    options = system.hardware.extra_config
    if not options:
        return
    keys = ", ".join(option.key for option in options[:_MOST_NAMED]) + (", ..." if len(options) > _MOST_NAMED else "")
    where = place(file, options[0].line, f"ExtraConfig of VirtualSystem '{system.id}'")
    what = f"sets {len(options)} advanced option{'s' * (len(options) != 1)} of the VM ({keys})"
    if any(option.required for option in options):
        yield Finding.warning(
            where, f"{what}, some of which vCenter must take over or refuse", "look whether you trust it"
        )
    else:
        yield Finding.note(where, what, "look whether you trust it")
