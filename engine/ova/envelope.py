"""Reading the descriptor's Envelope (DSP0243, OVF 0.9 to 2.1).

vSphere's tools are lenient, so this reader is: what they accept is read, and what is wrong in it is listed in
`Descriptor.problems`, each naming its element. Only what cannot be read at all is refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from engine.errors import BadPackage
from engine.ova import xml
from engine.ova.contradictions import contradictions
from engine.ova.descriptor import (
    DeploymentOption,
    Descriptor,
    Disk,
    File,
    Network,
    Property,
    System,
)
from engine.ova.findings import Finding, place
from engine.ova.hardware import Hardware, read_hardware, whole
from engine.ova.limits import DEFAULT, MAX_BYTES, MAX_FINDINGS, Limits
from engine.ova.messages import Messages, message_files
from engine.ova.products import deployment_options, product_of, properties_of
from engine.ova.sections import hardware_choices, read_ip_assignment, sections_unknown
from engine.ova.units import unit_bytes
from engine.ova.unsupported import unsupported
from engine.ova.xml import Element


def read_descriptor(
    text: str,
    name: str,
    option: str = "",
    *,
    package: str = "",
    limits: Limits = DEFAULT,
    messages: Mapping[str, bytes] | None = None,
) -> Descriptor:
    """The descriptor in `text` under deployment option `option` ("" = the default one).

    `name` is its file's, `package` the path of what holds it, `messages` its external message bundles by their File's
    id. Raises BadPackage naming the line or element.
    """
    where = f"{package}: {name}" if package else name
    root = xml.parse(text, where, limits)
    machines = list(root.within("VirtualSystem"))
    if root.name != "Envelope" and not machines:
        raise BadPackage("cannot read descriptor", on=where, why=f"its root element is {root.name[:80]}, not Envelope")
    texts = Messages(root, messages or {}, limits)
    problems: list[Finding] = []
    options = deployment_options(root, texts)
    option = _chosen(options, option, where)
    sections = list(root.within("ProductSection"))
    properties = tuple(properties_of(sections, texts, option))
    collection = next(root.within("VirtualSystemCollection"), None)
    systems = tuple(
        System(machine.get("id"), _system_name(machine, texts), read_hardware(machine, option), machine.line)
        for machine in machines
    )
    is_collection = collection is not None or len(systems) > 1
    top = collection or next(iter(machines), None) or root
    descriptor = Descriptor(
        name=_system_name(top, texts),
        product=product_of(sections, texts),
        annotation="\n".join(texts.of(section, "Annotation") for section in top.every("AnnotationSection")),
        message_files=tuple(file for _, file in message_files(root)),
        ip_assignment=read_ip_assignment(root),
        networks=tuple(
            Network(network.get("name"), texts.of(network, "Description"), network.line)
            for section in root.every("NetworkSection")
            for network in section.every("Network")
        ),
        disks=tuple(_disks(root, name, properties, problems)),
        files=tuple(_files(root, name, problems)),
        properties=properties,
        deployment_options=options,
        option=option,
        eulas=tuple(texts.of(section, "License") for section in root.within("EulaSection")),
        hardware=Hardware() if is_collection or not systems else systems[0].hardware,
        transport=tuple(_transports(machines)),
        systems=systems,
        is_collection=is_collection,
        problems=(),
    )
    every = chain(
        problems,
        texts.problems(name),
        contradictions(descriptor, name, limits.ova_remote_hosts),
        unsupported(descriptor, name),
        sections_unknown(root, name),
        hardware_choices(root, name),
    )
    found = tuple(islice(every, MAX_FINDINGS))
    if next(every, None):
        found += (Finding.error(name, f"has more than {MAX_FINDINGS} findings", "get another package"),)
    return replace(descriptor, problems=found)


def _system_name(system: Element, texts: Messages) -> str:
    return texts.of(system, "Name") or system.get("id")


def _chosen(options: Iterable[DeploymentOption], wanted: str, where: str) -> str:
    known = [option.id for option in options]
    if wanted and wanted not in known:
        fix = f"it offers {', '.join(known)}" if known else "it offers none"
        raise BadPackage("cannot read descriptor", on=where, why=f"it has no deployment option '{wanted}'", fix=fix)
    return wanted or next((option.id for option in options if option.default), "")


def _files(root: Element, name: str, problems: list[Finding]) -> Iterator[File]:
    for references in root.every("References"):
        for file in references.every("File"):
            where = place(name, file.line, f"File '{file.get('id')}'")
            yield File(
                id=file.get("id"),
                href=file.get("href").removeprefix("./"),
                size=_optional(file, "size", where, problems),
                compression=_compression(file),
                chunk_size=_optional(file, "chunkSize", where, problems),
                line=file.line,
            )


def _compression(file: Element) -> str:
    """As DSP0243 7.1 names it, in small letters; "" for none."""
    said = file.get("compression").lower()
    return "" if said == "identity" else said


def _disks(root: Element, name: str, properties: Sequence[Property], problems: list[Finding]) -> Iterator[Disk]:
    known = {one.id: one for one in properties} | {one.key: one for one in properties}
    for section in root.every("DiskSection"):
        for disk in section.every("Disk"):
            where = place(name, disk.line, f"Disk '{disk.get('diskId')}'")
            yield Disk(
                id=disk.get("diskId"),
                file=disk.get("fileRef"),
                capacity_bytes=_capacity(disk, known, where, problems),
                populated_bytes=_optional(disk, "populatedSize", where, problems),
                format=disk.get("format"),
                parent=disk.get("parentRef"),
                sized_by=_sized_by(disk, known),
                line=disk.line,
            )


def _sized_by(disk: Element, known: Mapping[str, Property]) -> str:
    """The key of the property in a capacity `${key}` (DSP0243 9.1)."""
    text = disk.get("capacity")
    named = known.get(text[2:-1]) if text.startswith("${") and text.endswith("}") else None
    return named.key if named else ""


def _capacity(disk: Element, known: Mapping[str, Property], where: str, problems: list[Finding]) -> int:
    """Bytes, those of the property's default where a property gives them."""
    text = disk.get("capacity")
    key = _sized_by(disk, known)
    value = known[key].default if key else "" if text.startswith("${") else text
    unit = unit_bytes(disk.get("capacityAllocationUnits"))
    amount = whole(value)
    if amount is None or unit is None or not 0 < amount * unit < MAX_BYTES:
        said = f"'{text[:80]}'" + (f" = '{value[:80]}'" if value != text else "")
        what = f"has the capacity {said} {disk.get('capacityAllocationUnits')[:80]}".rstrip()
        problems.append(Finding.error(where, what, "correct the capacity in the descriptor, or get another package"))
        return 0
    return amount * unit


def _optional(element: Element, attribute: str, where: str, problems: list[Finding]) -> int | None:
    text = element.get(attribute)
    number = whole(text)
    if text and (number is None or number >= MAX_BYTES):
        what = f"has the {attribute} '{text[:80]}', which is no number of bytes"
        problems.append(
            Finding.warning(where, what, "it is taken as if it were not said: look whether the package is whole")
        )
        return None
    return number


def _transports(machines: Iterable[Element]) -> Iterator[str]:
    seen: set[str] = set()
    for machine in machines:
        for section in machine.every("VirtualHardwareSection"):
            for transport in section.get("transport").replace(",", " ").split():
                if transport not in seen:
                    seen.add(transport)
                    yield transport
