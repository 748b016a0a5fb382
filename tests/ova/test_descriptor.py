"""Descriptors: values, namespaces, deployment options, message bundles, what is wrong in one, what is refused."""

import re

import pytest

from engine.errors import BadPackage
from engine.ova.descriptor import Descriptor, Disk, Network, Product, Property
from engine.ova.envelope import read_descriptor
from engine.ova.findings import Severity
from engine.ova.hardware import Controller, DiskDevice, Nic, Removable
from engine.ova.limits import MAX_BYTES
from engine.ova.units import unit_bytes
from tests.ova.archives import OVF, envelope

GIB = 1 << 30


def read(text: str, option: str = "") -> Descriptor:
    return read_descriptor(text, "box.ovf", option)


def disks(elements: str, **parts: str) -> Descriptor:
    return read(envelope(f"<DiskSection>{elements}</DiskSection>", **parts))


def item(kind: int, instance: int, attributes: str = "", **elements: object) -> str:
    inner = "".join(f"<rasd:{name}>{value}</rasd:{name}>" for name, value in elements.items())
    return (
        f"<Item {attributes}><rasd:InstanceID>{instance}</rasd:InstanceID>"
        f"<rasd:ResourceType>{kind}</rasd:ResourceType>{inner}</Item>"
    )


@pytest.mark.parametrize(
    ("units", "size"),
    [
        ("", 1),
        ("byte", 1),
        ("byte * 2^30", GIB),
        ("byte*1024*1024", 1 << 20),
        ("byte * 2 ^ 20", 1 << 20),
        ("byte * 1000", 1000),
        ("byte * 10^9", 10**9),
        ("MegaBytes", 1 << 20),
        ("GB", GIB),
        ("hertz * 10^6", None),
        ("byte * x", None),
        ("byte" + " * 9999^999" * 5, None),
        ("byte * 9999^999", None),
        ("byte * ٣", None),
    ],
)
def test_allocation_units(units: str, size: int | None) -> None:
    assert unit_bytes(units) == size


def test_memory_in_units_beyond_any_is_a_number_that_can_be_written() -> None:
    memory = item(4, 1, AllocationUnits="byte * 9999^999 * 9999^999", VirtualQuantity="9" * 20)
    found = read(envelope(system=f"<VirtualHardwareSection>{memory}</VirtualHardwareSection>"))
    assert len(str(found.hardware.memory_mb)) == 20


def test_disks_and_files() -> None:
    found = disks(
        '<Disk ovf:diskId="d1" ovf:fileRef="file1" ovf:capacity="16" ovf:capacityAllocationUnits="byte * 2^30"'
        ' ovf:populatedSize="5" ovf:format="vmdk"/>'
        '<Disk ovf:diskId="d2" ovf:capacity="1024"/>',
        files='<File ovf:id="file1" ovf:href="./a.vmdk" ovf:size="9" ovf:compression="gzip" ovf:chunkSize="7"/>',
    )
    assert found.disks == (Disk("d1", "file1", 16 * GIB, 5, "vmdk"), Disk("d2", "", 1024))
    file = found.file("file1")
    assert file is not None
    assert (file.href, file.size, file.compression, file.chunk_size) == ("a.vmdk", 9, "gzip", 7)
    assert found.problems == ()


OPTIONS = (
    "<DeploymentOptionSection>"
    '<Configuration ovf:id="small"><Label>Small</Label></Configuration>'
    '<Configuration ovf:id="large" ovf:default="true"><Label>Large</Label></Configuration>'
    "</DeploymentOptionSection>"
)
SIZED = (
    '<ProductSection><Property ovf:key="disk_gb" ovf:type="int" ovf:value="10">'
    '<Value ovf:configuration="large" ovf:value="40"/></Property></ProductSection>'
    '<VirtualHardwareSection ovf:transport="com.vmware.guestInfo iso">'
    + item(3, 1, VirtualQuantity=2)
    + item(3, 1, 'ovf:configuration="large huge"', VirtualQuantity=8)
    + item(3, 1, 'ovf:bound="max"', VirtualQuantity=64)
    + item(4, 2, VirtualQuantity=4, AllocationUnits="byte * 2^30")
    + item(6, 3, ElementName="SCSI 0", ResourceSubType="lsilogic")
    + item(20, 4, ElementName="NVMe 0", ResourceSubType="vmware.nvme.controller")
    + item(17, 5, ElementName="Hard disk 1", HostResource="ovf:/disk/d1", Parent=3, AddressOnParent=0)
    + item(17, 6, 'ovf:configuration="large"', ElementName="Hard disk 2", HostResource="/disk/d2", Parent=4)
    + item(10, 7, ElementName="eth0", ResourceSubType="VmxNet3", Connection="nat")
    + item(15, 8, ElementName="CD", HostResource="ovf:/file/file1")
    + "</VirtualHardwareSection>"
)
TWO_DISKS = (
    '<DiskSection><Disk ovf:diskId="d1" ovf:capacity="${disk_gb}" ovf:capacityAllocationUnits="byte * 2^30"/>'
    '<Disk ovf:diskId="d2" ovf:capacity="1"/></DiskSection>'
    '<NetworkSection><Network ovf:name="nat"><Description>out</Description></Network></NetworkSection>'
)


def test_hardware() -> None:
    found = read(envelope(TWO_DISKS + OPTIONS, system=SIZED))
    assert found.problems == ()
    assert found.networks == (Network("nat", "out"),)
    assert found.transport == ("com.vmware.guestInfo", "iso")
    hardware = found.hardware
    assert (hardware.cpus, hardware.memory_mb) == (8, 4096)
    assert hardware.controllers == (
        Controller("3", "SCSI 0", "SCSI", "lsilogic"),
        Controller("4", "NVMe 0", "NVMe", "vmware.nvme.controller"),
    )
    assert hardware.disks == (DiskDevice("Hard disk 1", "d1", "3", "0"), DiskDevice("Hard disk 2", "d2", "4", ""))
    assert hardware.nics == (Nic("eth0", "VmxNet3", "nat"),)
    assert hardware.removables == (Removable("CD", "CD", "file1"),)


def test_numbers_are_read_as_xml_schema_writes_them() -> None:
    plain = read(envelope(TWO_DISKS + OPTIONS, system=SIZED))
    zeros = re.sub(r"(ResourceType|VirtualQuantity)>(\d+)<", r"\1> 0\2\n<", SIZED)
    assert zeros != SIZED
    assert read(envelope(TWO_DISKS + OPTIONS, system=zeros)) == plain


def test_deployment_options_change_hardware_disks_and_defaults() -> None:
    text = envelope(TWO_DISKS + OPTIONS, system=SIZED)
    large, small = read(text), read(text, "small")
    assert [(one.id, one.label, one.default) for one in large.deployment_options] == [
        ("small", "Small", False),
        ("large", "Large", True),
    ]
    assert (large.option, small.option) == ("large", "small")
    assert (large.hardware.cpus, small.hardware.cpus) == (8, 2)
    assert (large.properties[0].default, small.properties[0].default) == ("40", "10")
    assert [disk.capacity_bytes for disk in large.machine_disks()] == [40 * GIB, 1]
    assert [disk.capacity_bytes for disk in small.machine_disks()] == [10 * GIB]
    with pytest.raises(BadPackage, match=r"box\.ovf: it has no deployment option 'tiny'; it offers small, large"):
        read(text, "tiny")


def test_a_capacity_may_be_a_property() -> None:
    large = read(envelope(TWO_DISKS + OPTIONS, system=SIZED))
    assert [disk.sized_by for disk in large.disks] == ["disk_gb", ""]
    assert large.sizing({"disk_gb": "41", "other": "1"}) == "disk_gb"
    assert large.sizing({"disk_gb": "40"}) == large.sizing({}) == ""
    [problem] = disks('<Disk ovf:diskId="d" ovf:capacity="${nothing}"/>').problems
    assert "has the capacity '${nothing}' = ''" in str(problem)


def test_properties() -> None:
    section = (
        '<ProductSection ovf:class="net" ovf:instance="2"><Product>Box</Product><Vendor>Us</Vendor>'
        "<Version>1</Version><Category>Network</Category>"
        '<Property ovf:key="ip" ovf:type="string" ovf:userConfigurable="true" ovf:qualifiers="MinLen(7)"'
        ' vmw:qualifiers="Ip" ovf:value="10.0.0.1"><Label>IP</Label><Description>of eth0</Description></Property>'
        '<Property ovf:key="secret" ovf:type="string" ovf:password="1" vmw:qualifiers="Password"/>'
        '<Property ovf:key="old" ovf:type="password(1..)"><Value ovf:value="x"/></Property></ProductSection>'
        '<ProductSection><Property ovf:key="plain" ovf:type="boolean" ovf:userConfigurable="1"/></ProductSection>'
    )
    found = read(envelope(system=section))
    assert found.product == Product("Box", "Us", "1")
    assert [known.key for known in found.properties] == ["net.ip.2", "net.secret.2", "net.old.2", "plain"]
    assert found.properties[0] == Property(
        id="ip",
        class_id="net",
        instance_id="2",
        type="string",
        qualifiers="MinLen(7) Ip",
        user_configurable=True,
        default="10.0.0.1",
        label="IP",
        description="of eth0",
        category="Network",
    )
    assert [known.password for known in found.properties] == [False, True, True, False]
    assert [known.user_configurable for known in found.properties] == [True, False, False, True]
    assert found.properties[1].qualifiers == "Password"
    assert found.properties[2].default == "x"


def test_messages_come_from_the_english_bundle() -> None:
    bundles = (
        '<Strings xml:lang="de-DE"><Msg ovf:msgid="eula">Lizenz</Msg></Strings>'
        '<Strings xml:lang="en-US"><Msg ovf:msgid="eula">License</Msg><Msg>no id</Msg></Strings>'
    )
    system = (
        '<EulaSection><License ovf:msgid="eula">untranslated</License></EulaSection>'
        '<EulaSection><License ovf:msgid="unknown">own text</License></EulaSection>'
        "<AnnotationSection><Annotation>plain</Annotation></AnnotationSection>"
    )
    found = read(envelope(bundles, system=system))
    assert found.eulas == ("License", "own text")
    assert found.annotation == "plain"


@pytest.mark.parametrize("prefix", ["", "ovf:", "env:"])
@pytest.mark.parametrize("namespace", [OVF, f"{OVF}/", "http://schemas.dmtf.org/ovf/envelope/2"])
def test_any_prefix_and_version_of_the_namespace(prefix: str, namespace: str) -> None:
    declared = f'xmlns{":" + prefix[:-1] if prefix else ""}="{namespace}" xmlns:o="{namespace}"'
    text = (
        f"<{prefix}Envelope {declared}><{prefix}NetworkSection><{prefix}Network o:name='n'/></{prefix}NetworkSection>"
        f"<{prefix}VirtualSystem o:id='vm'/></{prefix}Envelope>"
    )
    assert read(text).networks == (Network("n"),)


def test_ovf_0_9_says_in_types_what_its_sections_are() -> None:
    text = (
        '<o:Envelope xmlns:o="http://www.vmware.com/schema/ovf/1/envelope" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<o:Section xsi:type="o:NetworkSection_Type"><o:Network o:name="n"/></o:Section>'
        '<o:Content xsi:type="o:VirtualSystem_Type" o:id="vm"/></o:Envelope>'
    )
    found = read(text)
    assert (found.networks, found.name, found.problems) == ((Network("n"),), "vm", ())


def test_foreign_elements_of_the_same_name_are_no_ovf() -> None:
    text = envelope('<x:NetworkSection xmlns:x="urn:x"><Network ovf:name="n"/></x:NetworkSection>')
    assert read(text).networks == ()


def test_a_collection_lists_its_machines() -> None:
    text = (
        f'<Envelope xmlns="{OVF}" xmlns:ovf="{OVF}"><VirtualSystemCollection ovf:id="lab"><Name>Lab</Name>'
        '<VirtualSystem ovf:id="a"/><VirtualSystemCollection ovf:id="inner"><VirtualSystem ovf:id="b"/>'
        "</VirtualSystemCollection></VirtualSystemCollection></Envelope>"
    )
    found = read(text)
    assert (found.name, found.is_collection) == ("Lab", True)
    assert [system.id for system in found.systems] == ["a", "b"]
    assert not read(envelope()).is_collection


@pytest.mark.parametrize(
    ("inner", "system", "says"),
    [
        (
            '<DiskSection><Disk ovf:diskId="d" ovf:capacity="-1"/></DiskSection>',
            "",
            "box.ovf line 1: Disk 'd': has the capac",
        ),
        ('<DiskSection><Disk ovf:diskId="d" ovf:capacity="${x}"/></DiskSection>', "", "capacity '${x}' = ''"),
        (f'<DiskSection><Disk ovf:diskId="d" ovf:capacity="{1 << 63}"/></DiskSection>', "", "has the capacity"),
        (
            '<DiskSection><Disk ovf:diskId="d" ovf:capacity="1" ovf:capacityAllocationUnits="acre"/></DiskSection>',
            "",
            "'1' acre",
        ),
        (
            '<DiskSection><Disk ovf:diskId="d" ovf:capacity="1" ovf:populatedSize="many"/></DiskSection>',
            "",
            "has the populatedSize 'many'",
        ),
        (
            '<DiskSection><Disk ovf:diskId="d" ovf:capacity="1" ovf:fileRef="f9"/></DiskSection>',
            "",
            "box.ovf line 1: Disk 'd': refers to the File 'f9', which is missing",
        ),
        (
            '<DiskSection><Disk ovf:diskId="d" ovf:capacity="1" ovf:parentRef="p"/></DiskSection>',
            "",
            "refers to the parent Disk 'p'",
        ),
        (
            '<References><File ovf:id="file1" ovf:href="x"/></References>',
            "",
            "File 'file1': is one of 2 File elements with that id",
        ),
        (
            '<References><File ovf:id="u" ovf:href="https://h/x"/></References>',
            "",
            "File 'u': lies elsewhere ('https://h/x')",
        ),
        ('<References><File ovf:id="u" ovf:href="a/../../x"/></References>', "", "File 'u': refers to 'a/../../x'"),
        ("", "<ProductSection><Property/></ProductSection>", "Property: has no key"),
        (
            "",
            '<ProductSection><Property ovf:key="k"/><Property ovf:key="k"/></ProductSection>',
            "Property 'k': is one of 2 Property elements with that key",
        ),
        (
            "",
            f"<VirtualHardwareSection>{item(17, 1, HostResource='ovf:/disk/d9')}</VirtualHardwareSection>",
            "disk '' of VirtualSystem 'vm': refers to the Disk 'd9'",
        ),
        (
            "",
            f"<VirtualHardwareSection>{item(15, 1, HostResource='ovf:/file/f9')}</VirtualHardwareSection>",
            "refers to the File 'f9'",
        ),
        (
            "",
            f"<VirtualHardwareSection>{item(10, 1, Connection='lan')}</VirtualHardwareSection>",
            "refers to the Network 'lan'",
        ),
    ],
)
def test_problems_name_their_element(inner: str, system: str, says: str) -> None:
    [problem] = read(envelope(inner, system=system)).problems
    assert says in str(problem)
    assert problem.fix


def test_an_envelope_without_a_machine_is_a_problem() -> None:
    [problem] = read(f'<Envelope xmlns="{OVF}"/>').problems
    assert (problem.severity, str(problem)) == (Severity.ERROR, "box.ovf: Envelope: has no VirtualSystem")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not well-formed"),
        ("<Envelope>\n<a></Envelope>", "box.ovf line 2: it is not well-formed XML: mismatched tag"),
        ("<html/>", "its root element is html, not Envelope"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><Envelope/>', "DTD"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Envelope>&b;</Envelope>', "DTD"),
        ("<Envelope>&nbsp;</Envelope>", "not well-formed"),
        ("<Envelope>\0</Envelope>", "not well-formed"),
    ],
)
def test_what_is_no_plain_xml_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadPackage) as caught:
        read(text)
    assert says in str(caught.value)
    assert "box.ovf" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<a>" * 65 + "</a>" * 65, "line 1: more than 64 nested elements; the setting ova_xml_depth allows 64"),
        ("<a b=''>" + "<a/>\n" * 50_000 + "</a>", "line 49999: more than 50000 elements and attributes"),
        (f"<a {'b' * 257}=''/>", "more than 256 characters in a name"),
        (f"<a xmlns='{'b' * 257}'/>", "more than 256 characters in a namespace"),
        ("<a " + " ".join(f"b{n}=''" for n in range(65)) + "/>", "more than 64 attributes of one element"),
        ("".join(f"<a xmlns:b{n}='c'>" for n in range(60)), "line 1: more than 64 namespaces"),
    ],
    ids=["depth", "nodes", "name", "namespace", "attributes", "namespaces"],
)
def test_xml_is_bounded(text: str, says: str) -> None:
    with pytest.raises(BadPackage, match=says):
        read(text)


def test_a_capacity_has_64_bits() -> None:
    assert disks(f'<Disk ovf:diskId="d" ovf:capacity="{MAX_BYTES - 1}"/>').disks[0].capacity_bytes
    assert disks(f'<Disk ovf:diskId="d" ovf:capacity="{MAX_BYTES}"/>').disks[0].capacity_bytes == 0
