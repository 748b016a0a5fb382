"""Fuzz target: the descriptor, as bytes and as elements."""

from collections.abc import Iterator
from contextlib import suppress
from xml.sax.saxutils import escape, quoteattr

from engine.errors import BadPackage
from tests.fuzz.harness import CORPUS, instrumented, main
from tests.ova.archives import OVF, RASD, envelope

with instrumented():
    from engine.ova.envelope import read_descriptor
    from engine.ova.sample_descriptor import sample_descriptor
    from engine.ova.xml import Element, decode, parse

# What the reader looks for, and some that it does not. The order is part of what an input means.
_ELEMENTS = """
Envelope References File DiskSection Disk NetworkSection Network VirtualSystem VirtualSystemCollection
VirtualHardwareSection Item StorageItem EthernetPortItem System ProductSection Property Value Category Product Vendor
Version FullVersion ProductUrl VendorUrl Label Description Strings Msg EulaSection License AnnotationSection Annotation
DeploymentOptionSection Configuration OperatingSystemSection StartupSection InstallSection ResourceAllocationSection
SharedDiskSection Section Content Info Name Caption vmw:IpAssignmentSection vmw:ExtraConfig vmw:Config
vmw:CoresPerSocket rasd:ResourceType rasd:ResourceSubType rasd:InstanceID rasd:InstanceId rasd:ElementName
rasd:Caption rasd:Description rasd:HostResource rasd:Connection rasd:Parent rasd:AddressOnParent
rasd:VirtualQuantity rasd:AllocationUnits vssd:VirtualSystemType Icon Unknown
""".split()  # noqa: SIM905 (70 quotes and commas less)
_ATTRIBUTES = """
ovf:id ovf:href ovf:size ovf:chunkSize ovf:compression ovf:diskId ovf:fileRef ovf:capacity ovf:capacityAllocationUnits
ovf:populatedSize ovf:format ovf:parentRef ovf:name ovf:key ovf:type ovf:qualifiers ovf:userConfigurable ovf:password
ovf:value ovf:configuration ovf:class ovf:instance ovf:msgid ovf:default ovf:required ovf:bound ovf:transport
vmw:key vmw:value vmw:osType vmw:qualifiers vmw:protocols vmw:schemes xml:lang xsi:type xmlns id
""".split()  # noqa: SIM905
_HEAD = f'<R xmlns="{OVF}" xmlns:ovf="{OVF}" xmlns:rasd="{RASD}" xmlns:vmw="http://www.vmware.com/schema/ovf">'
_LONGEST = 3 << 10  # some 200 elements and attributes
_OPEN, _ATTRIBUTE, _CLOSE = 0x30, 0x80, 0xC0  # from these bytes on; below is text


def check(data: bytes) -> None:
    """Read it under each option that it offers; what is wrong in it has a place and a remedy."""
    text = data[1:]
    with suppress(BadPackage):
        text = elements(text) if data[:1] == b"\1" else decode(text, "box.ovf")
        found = read_descriptor(text, "box.ovf")
        assert repr(found)  # what is shown of it can be written: Python refuses to write numbers of 4,300 digits
        for problem in found.problems:
            assert problem.where
        for option in found.deployment_options[:9]:
            if option.id:
                assert read_descriptor(text, "box.ovf", option.id).option == option.id


def elements(program: bytes) -> str:
    """Well-formed XML, each line a step: an element opened, an attribute of it, text, or the end of an element.

    Mutations of XML itself seldom get past its parser, which is written in C and gives no hints.
    """
    text, still_open, attributes, in_tag = _HEAD, ["R"], set(), False
    for line in program.split(b"\n"):
        step, said = line[:1] or b" ", line[1:].decode("utf-8", "replace")
        said = said if said.isprintable() else "".join(filter(str.isprintable, said))
        if step[0] >= _CLOSE and len(still_open) > 1:
            text += ">" * in_tag + f"</{still_open.pop()}>"
            in_tag = False
        elif step[0] >= _ATTRIBUTE and in_tag:
            name = _ATTRIBUTES[(step[0] - _ATTRIBUTE) % len(_ATTRIBUTES)]
            if name not in attributes:
                attributes.add(name)
                text += f" {name}={quoteattr(said)}"
        elif _OPEN <= step[0] < _ATTRIBUTE:
            name = _ELEMENTS[(step[0] - _OPEN) % len(_ELEMENTS)]
            text += ">" * in_tag + f"<{name}"
            still_open.append(name)
            attributes, in_tag = set(), True
        else:
            text += ">" * in_tag + escape(said)
            in_tag = False
    return text + ">" * in_tag + "".join(f"</{name}>" for name in reversed(still_open))


def program_of(element: Element) -> Iterator[bytes]:
    """The steps that `elements` makes the element of, without what it has no names for."""
    names = {name.removeprefix("rasd:").removeprefix("vssd:").replace(":", "."): n for n, name in enumerate(_ELEMENTS)}
    keys = {name.removeprefix("ovf:").replace(":", "."): number for number, name in enumerate(_ATTRIBUTES)}
    yield bytes([_OPEN + names.get(element.name, len(_ELEMENTS) - 1)])
    for key, value in element.attributes.items():
        if key in keys:
            yield bytes([_ATTRIBUTE + keys[key]]) + value.replace("\n", " ").encode()
    if element.text:
        yield b" " + element.text.replace("\n", " ").encode()
    for child in element.children:
        yield from program_of(child)
    yield bytes([_CLOSE])


def seeds() -> Iterator[bytes]:
    """Ours and real ones, as bytes and as elements."""
    options = "<DeploymentOptionSection>" + "<Configuration ovf:id='a'/><Configuration/>" + "</DeploymentOptionSection>"
    own = sample_descriptor(
        "box", disks={"d.vmdk": 9}, properties=(), networks=("n",), nics=("n",), deployment_options=()
    )
    found = [envelope().encode(), envelope(options).encode(), own.encode(), envelope().encode("utf-16")]
    # Enough to begin with: each is run once before the first mutation, and the large ones slow all others down.
    found += [path.read_bytes() for path in sorted(CORPUS.rglob("*.ovf")) if path.stat().st_size < _LONGEST][::6]
    for data in found:
        yield b"\0" + data
        with suppress(BadPackage):
            yield b"\1" + b"\n".join(program_of(parse(decode(data, "seed"), "seed")))


if __name__ == "__main__":
    main(check, seeds(), _LONGEST)
