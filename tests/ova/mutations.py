"""Other ways to write the same descriptor: names of prefixes, versions of OVF, orders, message bundles, encodings.

Each takes the parsed descriptor and changes how it is written, never what it says.
"""

import codecs
import random
import re
from collections.abc import Callable
from xml.etree.ElementTree import Element, indent, register_namespace, tostring

OVF_0_9 = "http://www.vmware.com/schema/ovf/1/envelope"
OVF_1 = "http://schemas.dmtf.org/ovf/envelope/1"
OVF_2 = "http://schemas.dmtf.org/ovf/envelope/2"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# What DSP0243 makes translatable (type Msg_Type) and people read.
TRANSLATABLE = ("Annotation", "Category", "Description", "Label", "License", "Name", "Product", "Vendor")
TRANSLATED_IN = ("AnnotationSection", "Configuration", "EulaSection", "Network", "ProductSection", "Property")
CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
PORTS_AND_DISKS = {
    "17": ("StorageItem", "CIM_StorageAllocationSettingData"),
    "10": ("EthernetPortItem", "CIM_EthernetPortAllocationSettingData"),
}
# CIM's names that OVF 0.9 spells in another way.
CIM_0_9 = {"InstanceID": "InstanceId", "ElementName": "Caption"}

Mutation = Callable[[Element, random.Random], None]


def namespace(root: Element) -> str:
    """OVF's, as this descriptor has it."""
    return root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""


def local(element: Element) -> str:
    """The name without its namespace; of a section of OVF 0.9, its type."""
    name = element.tag.rpartition("}")[2]
    if name in ("Section", "Content"):
        name = element.get(f"{{{XSI}}}type", name).rpartition(":")[2].removesuffix("_Type")
    return name


def other_prefixes(root: Element, chance: random.Random) -> None:
    """Every namespace by a name that nobody else uses; none is the default one."""
    spaces = {one.tag[1:].partition("}")[0] for one in root.iter() if one.tag.startswith("{")}
    for number, space in enumerate(sorted(spaces - {XSI})):
        register_namespace(f"p{number}{chance.choice('abc')}", space)


def other_order(root: Element, chance: random.Random) -> None:
    """Sections, and what an Item says, in another order; those of one name keep theirs."""
    for parent in root.iter():
        # A collection's sections and those of its VMs are told in the order of the descriptor.
        if local(parent) in ("Envelope", "VirtualSystem", "Item"):
            groups: dict[str, list[Element]] = {}
            for child in parent:
                groups.setdefault(local(child), []).append(child)
            order = list(groups)
            chance.shuffle(order)
            parent[:] = [child for name in order for child in groups[name]]


def other_spaces(root: Element, _chance: random.Random) -> None:
    """Line breaks and spaces between elements."""
    indent(root, "\t")


def ovf_2(root: Element, _chance: random.Random) -> None:
    """The namespace of OVF 2; nothing else changed in what Slipway reads."""
    if namespace(root) == OVF_1:
        _move(root, OVF_1, OVF_2)


def ovf_0_9(root: Element, _chance: random.Random) -> None:
    """Sections by their type, CIM's names of that time."""
    if namespace(root) != OVF_1:
        return
    for one in list(root.iter()):
        name = local(one)
        if one.tag.startswith(f"{{{OVF_1}}}") and (name.endswith("Section") or name.startswith("VirtualSystem")):
            one.set(f"{{{XSI}}}type", f"ovf:{name}_Type")
            one.tag = f"{{{OVF_1}}}{'Section' if name.endswith('Section') else 'Content'}"
        elif name in CIM_0_9:
            one.tag = one.tag.replace(name, CIM_0_9[name])
    _move(root, OVF_1, OVF_0_9)


def ovf_1(root: Element, _chance: random.Random) -> None:
    """A descriptor of OVF 0.9 as one of 1.x."""
    if namespace(root) != OVF_0_9:
        return
    for one in list(root.iter()):
        if f"{{{XSI}}}type" in one.attrib:
            one.tag = f"{{{OVF_0_9}}}{local(one)}"
            del one.attrib[f"{{{XSI}}}type"]
    _move(root, OVF_0_9, OVF_1)


def message_ids(root: Element, chance: random.Random) -> None:
    """Texts by their message id, the texts themselves in bundles of two languages, the English one last or first."""
    space = f"{{{namespace(root)}}}"
    english, german = Element(f"{space}Strings", {LANG: "en-US"}), Element(f"{space}Strings", {LANG: "de-DE"})
    if root.find(f"{space}Strings") is not None:
        return
    number = 0
    for parent in list(root.iter()):
        if local(parent) not in (*TRANSLATED_IN, "VirtualSystem", "VirtualSystemCollection"):
            continue
        for child in parent:
            text = (child.text or "").strip()
            if child.tag not in {space + name for name in TRANSLATABLE} or not text or len(child):
                continue
            number += 1
            child.set(f"{space}msgid", f"slipway.{number}")
            child.text = None
            for bundle, message in ((english, text), (german, f"Text {number}")):
                one = Element(f"{space}Msg", {f"{space}msgid": f"slipway.{number}"})
                one.text = message
                bundle.append(one)
    root.extend(chance.sample([english, german], 2))


def attributes_without_prefix(root: Element, _chance: random.Random) -> None:
    """`id` for `ovf:id`, as many tools write it."""
    space = f"{{{namespace(root)}}}"
    for one in root.iter():
        for key in [key for key in one.attrib if key.startswith(space)]:
            one.set(key.removeprefix(space), one.attrib.pop(key))


def strangers(root: Element, chance: random.Random) -> None:
    """Elements and attributes of other vendors, which nobody needs to understand, in the midst of everything."""
    for one in list(root.iter()):
        if local(one) in ("Envelope", "VirtualSystem", "Item", "File", "Disk", "Property", "References"):
            one.set("{urn:vendor}note", "x")
            stranger = Element("{urn:vendor}Name", {f"{{{namespace(root)}}}required": "false"})
            stranger.text = "not a name"
            one.insert(chance.randint(0, len(one)), stranger)


def items_of_2_0(root: Element, _chance: random.Random) -> None:
    """Disks as StorageItem and adapters as EthernetPortItem, as OVF 2 has them."""
    for one in list(root.iter()):
        kind = next((child.text for child in one if local(child) == "ResourceType"), "")
        if local(one) == "Item" and kind in PORTS_AND_DISKS:
            name, described = PORTS_AND_DISKS[kind]
            one.tag = one.tag.replace("Item", name)
            for child in one:
                if "CIM_ResourceAllocationSettingData" in child.tag:
                    child.tag = f"{{{CIM}{described}.xsd}}{local(child)}"


MUTATIONS: tuple[Mutation, ...] = (
    other_prefixes,
    other_order,
    other_spaces,
    attributes_without_prefix,
    strangers,
    ovf_2,
    items_of_2_0,
    ovf_0_9,
    ovf_1,
    message_ids,
)


def _move(root: Element, before: str, after: str) -> None:
    for one in root.iter():
        one.tag = one.tag.replace(f"{{{before}}}", f"{{{after}}}")
        for key in [key for key in one.attrib if key.startswith(f"{{{before}}}")]:
            one.set(key.replace(before, after), one.attrib.pop(key))


ENCODINGS = {
    "utf-8": b"",
    "utf-8 with its mark": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "iso-8859-1": b"",
    "windows-1252": b"",
    "us-ascii": b"",
}


def written(root: Element, encoding: str = "utf-8", line_end: str = "\n", cdata: bool = False) -> bytes:
    """The descriptor as a file in that encoding, what it cannot hold as a reference to a character. `cdata`: texts that
    need no reference are marked as plain text.
    """
    name = encoding.partition(" ")[0]
    declared = "utf-16" if name.startswith("utf-16") else name
    text = f'<?xml version="1.0" encoding="{declared}"?>\n<!-- a comment -->\n' + tostring(root, encoding="unicode")
    if cdata:
        text = re.sub(r">([^<>&]*[^<>&\s][^<>&]*)</", r"><![CDATA[\1]]></", text) if text.isascii() else text
    return ENCODINGS[encoding] + text.replace("\n", line_end).encode(name, "xmlcharrefreplace")
