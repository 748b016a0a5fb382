"""What `slipway ova show` says of a package: as text and as JSON."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from cli.output import print_table, say
from cli.units import size
from engine.ova.descriptor import DeploymentOption, Descriptor
from engine.ova.hardware import Hardware
from engine.ova.package import Package

Rows = Iterable[tuple[str, ...]]

_WIDTH = 80
# vCenter's own appliance offers 31 sizes, the most that is known; a hostile one may offer thousands.
_MOST_OPTIONS = 40


def document(package: Package) -> dict[str, Any]:
    """The stable JSON form; sizes are bytes, a file's is that of the file itself when it is there."""
    said = asdict(package.descriptor)
    manifest = package.manifest
    return said | {
        "name": package.name,
        "size": package.size,
        "files": _files_document(package),
        "properties": [{"key": known.key} | asdict(known) for known in package.descriptor.properties],
        "deployment_options": [
            asdict(option) | {"hardware": asdict(under.hardware) if under else None}
            for option, under in _options(package)
        ],
        "manifest": {name: asdict(digest) for name, digest in manifest.digests.items()} if manifest else None,
        "missing": package.missing,
        "problems": [str(finding) for finding in package.descriptor.problems],
        "findings": [asdict(finding) for finding in package.descriptor.problems],
    }


def _files_document(package: Package) -> list[dict[str, Any]]:
    uses = _uses(package.descriptor)
    return [
        asdict(file)
        | ({"size": content.stored} if content else {})
        | {"chunks": len(content.members) if content else 0, "used_by": uses.get(file.id, [])}
        for file in package.descriptor.files
        for content in (package.contents.get(file.href),)
    ]


def _options(package: Package) -> Iterator[tuple[DeploymentOption, Descriptor | None]]:
    """Each option with the descriptor under it, which is read anew for the first ones only."""
    for number, option in enumerate(package.descriptor.deployment_options):
        yield option, package.in_option(option.id) if number < _MOST_OPTIONS else None


def print_package(package: Package) -> None:
    """For people, within 80 columns."""
    descriptor = package.descriptor
    _facts(package)
    if descriptor.is_collection:
        machines = [(system.name, _hardware(system.hardware)) for system in descriptor.systems]
        _table("virtual machines", ("NAME", "HARDWARE"), machines)
    _table("files", ("SIZE", "STORED", "USED BY", "FILE"), _files(package))
    _table("disks", ("DISK", "CAPACITY", "SIZE", "FILE"), _disks(package))
    _table("networks", ("NETWORK", "DESCRIPTION"), [(one.name, one.description) for one in descriptor.networks])
    nics = [(nic.name, nic.adapter, nic.connection) for system in descriptor.systems for nic in system.hardware.nics]
    _table("network cards", ("CARD", "ADAPTER", "NETWORK"), nics)
    _table("properties", ("TYPE", "ASKED", "PROPERTY", "DEFAULT"), _properties(descriptor))
    options = [
        (one.id, "yes" if one.default else "", _size_of_machine(under) if under else "", one.label)
        for one, under in _options(package)
    ]
    _table("deployment options", ("OPTION", "DEFAULT", "SIZE", "LABEL"), options)
    settings = [one for system in descriptor.systems for one in system.hardware.config + system.hardware.extra_config]
    rows = [("yes" if one.required else "no", one.key, one.value) for one in settings]
    _table("settings", ("REQUIRED", "SETTING", "VALUE"), rows)
    if package.missing:
        _head("missing files")
        for name in package.missing:
            say(name)
    if descriptor.problems:
        _head("findings")
        for finding in descriptor.problems:
            _paragraph(finding.severity, f"{finding}; {finding.fix}".removesuffix("; "))


def _facts(package: Package) -> None:
    descriptor = package.descriptor
    product = descriptor.product
    version = product.full_version or product.version
    files = len(package.members)
    facts = {
        "name": package.name,
        "file": str(package.path),
        "size": f"{size(package.size)} in {files} file{'s' if files != 1 else ''}",
        "product": " ".join(part for part in (product.name, version, f"({product.vendor})") if part not in ("", "()")),
        "annotation": descriptor.annotation,
        "eula": f"{len(descriptor.eulas)} to accept" if descriptor.eulas else "",
        "addresses": _addresses(descriptor),
        "transport": ", ".join(descriptor.transport) or "none: the guest gets no properties",
        "manifest": _manifest(package),
        "hardware": "" if descriptor.is_collection else _hardware(descriptor.hardware),
    }
    for label, value in facts.items():
        _paragraph(label.capitalize(), value, max_lines=4)


def _paragraph(label: str, text: str, max_lines: int | None = None) -> None:
    lines = wrap(
        text,
        _WIDTH,
        initial_indent=f"{label:<12}",
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=max_lines,
        placeholder=" …",
    )
    for line in lines:
        say(line)


def _addresses(descriptor: Descriptor) -> str:
    said = descriptor.ip_assignment
    return " by ".join(", ".join(part) for part in (said.protocols, said.schemes) if part)


def _manifest(package: Package) -> str:
    if package.manifest is None:
        return "none"
    algorithms = sorted({digest.algorithm.upper() for digest in package.manifest.digests.values()})
    return f"{', '.join(algorithms)} of {len(package.manifest.digests)} files"


def _hardware(hardware: Hardware) -> str:
    controllers = Counter(f"{controller.kind} {controller.subtype}".strip() for controller in hardware.controllers)
    parts = (
        f"{hardware.cpus} CPU{'s' if hardware.cpus > 1 else ''}" if hardware.cpus else "",
        f"{size(hardware.memory_mb << 20)} memory" if hardware.memory_mb else "",
        *(f"{count} {name}" if count > 1 else name for name, count in controllers.items()),
        *(drive.kind for drive in hardware.removables),
        hardware.virtual_system_type,
        hardware.guest_os,
    )
    return ", ".join(part for part in parts if part)


def _size_of_machine(descriptor: Descriptor) -> str:
    hardware, disks = descriptor.hardware, descriptor.machine_disks()
    capacity = size(sum(disk.capacity_bytes for disk in disks))
    return ", ".join(
        (
            f"{hardware.cpus} CPU{'s' if hardware.cpus != 1 else ''}",
            size(hardware.memory_mb << 20),
            f"{len(disks)} disk{'s' if len(disks) != 1 else ''} of {capacity}",
        )
    )


def _files(package: Package) -> Rows:
    uses = _uses(package.descriptor)
    for file in package.descriptor.files:
        content = package.contents.get(file.href)
        chunks = f"{len(content.members)} chunks" if content and file.chunk_size and len(content.members) > 1 else ""
        stored = ", ".join(part for part in (file.compression, chunks) if part) if content else "missing"
        yield size(content.stored) if content else "", stored, ", ".join(uses.get(file.id, [])), file.href


def _uses(descriptor: Descriptor) -> dict[str, list[str]]:
    """What refers to each File, by its id: disks, drives, options of the VM, message bundles."""
    pairs = [(disk.file, disk.id) for disk in descriptor.disks]
    for system in descriptor.systems:
        pairs += [(drive.file, drive.kind) for drive in system.hardware.removables]
        pairs += [(option.file, option.key) for option in system.hardware.extra_config]
    pairs += [(file, "texts") for file in descriptor.message_files]
    uses: dict[str, list[str]] = {}
    for file, use in pairs:
        uses.setdefault(file, []).append(use)
    return uses


def _disks(package: Package) -> Rows:
    hrefs = {file.id: file.href for file in package.descriptor.files}
    for disk in package.descriptor.disks:
        href = hrefs.get(disk.file, "")
        content = package.contents.get(href)
        capacity = size(disk.capacity_bytes) if disk.capacity_bytes else "unknown"
        yield disk.id, capacity, size(content.stored) if content else "", href or "(empty)"


def _properties(descriptor: Descriptor) -> Rows:
    for known in descriptor.properties:
        kind = "password" if known.password else known.type
        yield kind, "yes" if known.user_configurable else "no", known.key, known.default


def _head(text: str) -> None:
    say("")
    say(text.capitalize())


def _table(heading: str, headers: tuple[str, ...], rows: Rows) -> None:
    """A table within the width of the screen: only its last column is cut, since the others are copied from here."""
    rows = list(rows)
    if not rows:
        return
    _head(heading)
    before = sum(max(len(row[column]) for row in (headers, *rows)) + 2 for column in range(len(headers) - 1))
    room = max(_WIDTH - before, len(headers[-1]))
    print_table(headers, [(*row[:-1], _cut(" ".join(row[-1].split()), room)) for row in rows])


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
