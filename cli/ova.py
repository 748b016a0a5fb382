"""`slipway ova`: what an OVA or OVF holds and asks for."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import examples, print_json, print_table, say
from cli.units import size

if TYPE_CHECKING:
    from engine.ova.descriptor import Descriptor
    from engine.ova.hardware import Hardware
    from engine.ova.package import Package

app = typer.Typer(
    help="OVA files: what one holds and asks for.",
    no_args_is_help=True,
    epilog=examples("slipway ova show esxi-8.0u3g.ova", "slipway ova show zcore.ovf --json"),
)

Rows = Iterable[tuple[str, ...]]

_WIDTH = 80


@app.callback()
def _group() -> None:
    """Keeps `show` a verb of its own while it is the only one."""


@app.command(epilog=examples("slipway ova show esxi-8.0u3g.ova", "slipway ova show zcore.ovf --json"))
def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An .ova, or an .ovf; its disks may be absent.")],
    as_json: Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")] = False,
) -> None:
    """Show an OVA: product, size, disks, networks, properties, options, hardware, manifest."""
    from engine.ova.package import open_package

    package = open_package(file)
    if as_json:
        print_json(document(package))
    else:
        _print(package)


def document(package: "Package") -> dict[str, Any]:
    """The stable JSON form; sizes are bytes, a file's is that of the file itself when it is there."""
    said = asdict(package.descriptor)
    manifest = package.manifest
    sizes = {name: member.size for name, member in package.members.items()}
    return said | {
        "name": package.name,
        "size": package.size,
        "files": [asdict(file) | {"size": sizes.get(file.href, file.size)} for file in package.descriptor.files],
        "properties": [{"key": known.key} | asdict(known) for known in package.descriptor.properties],
        "manifest": {name: asdict(digest) for name, digest in manifest.digests.items()} if manifest else None,
        "missing": package.missing,
        "problems": [str(finding) for finding in package.descriptor.problems],
        "findings": [asdict(finding) for finding in package.descriptor.problems],
    }


def _print(package: "Package") -> None:
    descriptor = package.descriptor
    _facts(package)
    if descriptor.is_collection:
        machines = [(system.name, _hardware(system.hardware)) for system in descriptor.systems]
        _table("virtual machines", ("NAME", "HARDWARE"), machines)
    _table("disks", ("DISK", "CAPACITY", "SIZE", "FILE"), _disks(package))
    _table("networks", ("NETWORK", "DESCRIPTION"), [(one.name, one.description) for one in descriptor.networks])
    nics = [(nic.name, nic.adapter, nic.connection) for system in descriptor.systems for nic in system.hardware.nics]
    _table("network cards", ("CARD", "ADAPTER", "NETWORK"), nics)
    _table("properties", ("TYPE", "ASKED", "PROPERTY", "DEFAULT"), _properties(descriptor))
    options = [(one.id, "yes" if one.default else "", one.label) for one in descriptor.deployment_options]
    _table("deployment options", ("OPTION", "DEFAULT", "LABEL"), options)
    for heading, lines in (("missing files", package.missing), ("problems", tuple(map(str, descriptor.problems)))):
        if lines:
            _head(heading)
        for line in lines:
            say(line)


def _facts(package: "Package") -> None:
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
        "transport": ", ".join(descriptor.transport) or "none: the guest gets no properties",
        "manifest": _manifest(package),
        "hardware": "" if descriptor.is_collection else _hardware(descriptor.hardware),
    }
    for label, value in facts.items():
        lines = wrap(
            value,
            _WIDTH,
            initial_indent=f"{label.capitalize():<12}",
            subsequent_indent=" " * 12,
            break_long_words=False,
            break_on_hyphens=False,
            max_lines=4,
            placeholder=" …",
        )
        for line in lines:
            say(line)


def _manifest(package: "Package") -> str:
    if package.manifest is None:
        return "none"
    algorithms = sorted({digest.algorithm.upper() for digest in package.manifest.digests.values()})
    return f"{', '.join(algorithms)} of {len(package.manifest.digests)} files"


def _hardware(hardware: "Hardware") -> str:
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


def _disks(package: "Package") -> Rows:
    hrefs = {file.id: file.href for file in package.descriptor.files}
    for disk in package.descriptor.disks:
        href = hrefs.get(disk.file, "")
        member = package.members.get(href)
        capacity = size(disk.capacity_bytes) if disk.capacity_bytes else "unknown"
        yield disk.id, capacity, size(member.size) if member else "", href


def _properties(descriptor: "Descriptor") -> Rows:
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
