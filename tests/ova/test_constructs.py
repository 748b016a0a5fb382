"""Constructs beyond disks and networks: bundles, vendor sections, extra options, and what is not supported."""

from pathlib import Path

import pytest

from engine.errors import BadPackage
from engine.ova.check import examine
from engine.ova.descriptor import Descriptor, IpAssignment
from engine.ova.envelope import read_descriptor
from engine.ova.findings import Finding, Severity
from engine.ova.hardware import Setting
from engine.ova.package import open_package
from tests.ova.archives import OVF, envelope, member, write_ova
from tests.ova.boxes import Stored, contents, write

EULA = '<EulaSection><Info/><License ovf:msgid="eula">as written</License></EulaSection>'


def read(text: str, option: str = "") -> Descriptor:
    return read_descriptor(text, "box.ovf", option)


def found(text: str) -> list[tuple[Severity, str]]:
    return [(one.severity, str(one)) for one in read(text).problems]


def only(text: str) -> Finding:
    [finding] = read(text).problems
    return finding


def bundle(language: str, text: str) -> str:
    said = f' xml:lang="{language}"' if language else ""
    return f'<Strings xmlns="{OVF}" xmlns:ovf="{OVF}"{said}><Msg ovf:msgid="eula">{text}</Msg></Strings>'


@pytest.mark.parametrize(
    ("bundles", "chosen"),
    [
        ((bundle("de-DE", "Lizenz"), bundle("en-GB", "Licence")), "Licence"),
        ((bundle("en-US", "License"), bundle("en-GB", "Licence")), "License"),
        ((bundle("", "of no language"), bundle("de", "Lizenz")), "of no language"),
        ((bundle("de", "Lizenz"), bundle("fr", "Licence")), "as written"),
        ((), "as written"),
    ],
)
def test_texts_are_english_or_as_written(bundles: tuple[str, ...], chosen: str) -> None:
    assert read(envelope("".join(bundles), system=EULA)).eulas == (chosen,)


def test_any_language_is_better_than_none() -> None:
    system = '<EulaSection><License ovf:msgid="eula"/></EulaSection>'
    assert read(envelope(bundle("de", "Lizenz") + bundle("fr", "Licence"), system=system)).eulas == ("Lizenz",)


FILES = '<File ovf:id="en" ovf:href="en.msg"/><File ovf:id="de" ovf:href="de.msg" ovf:compression="gzip"/>'
REFERRING = '<Strings ovf:fileRef="de" xml:lang="de"/><Strings ovf:fileRef="en"/>'


@pytest.mark.parametrize("in_archive", [True, False])
def test_bundles_may_be_files_of_the_package(tmp_path: Path, in_archive: bool) -> None:
    german, english = Stored(bundle("de", "Lizenz").encode(), compression="gzip"), bundle("en", "Licence ©").encode()
    files = {
        "box.ovf": envelope(REFERRING, system=EULA, files=FILES).encode(),
        "de.msg": german.bytes,
        "en.msg": english,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    path = write(tmp_path / "box.ova", files) if in_archive else tmp_path / "box.ovf"
    package = open_package(path)
    assert package.descriptor.eulas == ("Licence ©",)
    assert package.in_option("").eulas == ("Licence ©",)
    assert package.message_bundle() == {"eula": "Licence ©"}
    assert package.descriptor.machine_files() == ()


def test_a_bundle_that_is_missing_leaves_the_texts_as_written(tmp_path: Path) -> None:
    (tmp_path / "box.ovf").write_text(envelope(REFERRING, system=EULA, files=FILES))
    package = open_package(tmp_path / "box.ovf")
    assert package.descriptor.eulas == ("as written",)
    assert package.missing == ("en.msg", "de.msg")
    warning = only(envelope('<Strings ovf:fileRef="nobody"/>', system=EULA))
    assert (warning.severity, str(warning)) == (
        Severity.WARNING,
        "box.ovf: Strings 'nobody': refers to a File that is missing",
    )


def with_bundle(tmp_path: Path, data: bytes) -> Path:
    text = envelope('<Strings ovf:fileRef="en"/>', system=EULA, files='<File ovf:id="en" ovf:href="en.msg"/>')
    return write_ova(tmp_path / "box.ova", member("box.ovf", text), member("en.msg", data))


@pytest.mark.parametrize(
    ("data", "says"), [(b"<Strings>", "it is not well-formed XML: "), (b"\xff\xfe\xfd", "it is not utf-16 at byte ")]
)
def test_a_bundle_that_cannot_be_read_leaves_the_texts_as_written(tmp_path: Path, data: bytes, says: str) -> None:
    package = open_package(with_bundle(tmp_path, data))
    assert package.descriptor.eulas == ("as written",)
    assert package.message_bundle() == {}
    [warning] = package.descriptor.problems
    assert warning.severity == Severity.WARNING
    assert f"box.ovf line 1: Strings 'en': refers to messages that cannot be read: {says}" in str(warning)


def test_bundles_of_more_than_a_mebibyte_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPackage, match=r"en\.msg: message bundles have at most 1048576 bytes together"):
        open_package(with_bundle(tmp_path, b"<a/>" + bytes(1 << 20)))


@pytest.mark.parametrize("separator", [",", " ", ", "])
@pytest.mark.parametrize("inside", [True, False])
def test_ip_assignment(separator: str, inside: bool) -> None:
    section = (
        f'<vmw:IpAssignmentSection ovf:required="false" vmw:schemes="dhcp{separator}ovfenv"'
        f' vmw:protocols="IPv4{separator}IPv6"><Info/></vmw:IpAssignmentSection>'
    )
    said = read(envelope("" if inside else section, system=section if inside else ""))
    assert said.ip_assignment == IpAssignment(("dhcp", "ovfenv"), ("IPv4", "IPv6"))
    assert said.problems == ()
    assert read(envelope()).ip_assignment == IpAssignment()


def test_options_of_the_vm_and_the_files_they_name() -> None:
    hardware = (
        '<VirtualHardwareSection><vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>'
        '<vmw:ExtraConfig ovf:required="false" vmw:key="nvram" vmw:value="ovf:/file/nvram"/>'
        '<vmw:ExtraConfig vmw:key="a" vmw:value="b"/></VirtualHardwareSection>'
    )
    files = '<File ovf:id="nvram" ovf:href="box.nvram"/><File ovf:id="readme" ovf:href="readme.txt"/>'
    said = read(envelope(system=hardware, files=files))
    assert said.hardware.config == (Setting("firmware", "efi", required=False),)
    assert said.hardware.extra_config == (
        Setting("nvram", "ovf:/file/nvram", required=False),
        Setting("a", "b", required=True),
    )
    assert [file.href for file in said.machine_files()] == ["box.nvram"]
    [warning] = said.problems
    assert warning.severity is Severity.WARNING
    assert "sets 2 advanced options of the VM (nvram, a), some of which" in warning.what
    harmless = only(envelope(system=hardware.replace('vmw:key="a"', 'ovf:required="0" vmw:key="a"'), files=files))
    assert harmless.severity is Severity.NOTE


@pytest.mark.parametrize(
    ("section", "severity"),
    [
        ('<x:FooSection xmlns:x="urn:x" ovf:required="true"><Info/></x:FooSection>', Severity.ERROR),
        ('<x:FooSection xmlns:x="urn:x" ovf:required="1"/>', Severity.ERROR),
        ('<x:FooSection xmlns:x="urn:x"/>', Severity.WARNING),
        ('<x:FooSection xmlns:x="urn:x" ovf:required="false"/>', Severity.NOTE),
        ('<FooSection ovf:required="true"/>', Severity.ERROR),
        ('<SharedDiskSection ovf:required="true"/>', Severity.ERROR),
        ('<vmw:StorageSection ovf:required="true"/>', None),
        ('<StartupSection ovf:required="true"/>', None),
        ('<x:Machine xmlns:x="urn:x" ovf:required="false"/>', None),
    ],
)
def test_sections_that_nobody_knows(section: str, severity: Severity | None) -> None:
    for text in (envelope(section), envelope(system=section)):
        assert [kind for kind, _ in found(text)] == ([severity] if severity else [])


def test_of_several_hardware_sections_the_first_is_read() -> None:
    first = disk_items("a").replace("<VirtualHardwareSection>", "<VirtualHardwareSection><Info/>")
    text = envelope('<DiskSection><Disk ovf:diskId="a" ovf:capacity="1"/></DiskSection>', system=first + disk_items())
    said = read(text)
    assert [device.disk for device in said.hardware.disks] == ["a"]
    [note] = said.problems
    assert (note.severity, "is one of 2: Slipway reads the first" in note.what) == (Severity.NOTE, True)


def disk_items(*names: str) -> str:
    items = "".join(
        f"<Item><rasd:ElementName>disk {number}</rasd:ElementName><rasd:InstanceID>{number}</rasd:InstanceID>"
        f"<rasd:ResourceType>17</rasd:ResourceType><rasd:HostResource>ovf:/disk/{name}</rasd:HostResource></Item>"
        for number, name in enumerate(names, 1)
    )
    return f"<VirtualHardwareSection>{items}</VirtualHardwareSection>"


def test_delta_disks_are_refused_with_the_reason() -> None:
    disks = (
        '<DiskSection>\n<Disk ovf:diskId="base" ovf:fileRef="file1" ovf:capacity="1"/>\n'
        '<Disk ovf:diskId="top" ovf:capacity="1" ovf:parentRef="base"/></DiskSection>'
    )
    error = only(envelope(disks, system=disk_items("top")))
    assert error.severity is Severity.ERROR
    assert str(error).startswith(
        "box.ovf line 3: Disk 'top': is a delta disk: its blocks lie partly in the Disk 'base'"
    )
    assert "consolidated" in error.fix


def test_shared_disks_are_refused_and_empty_ones_are_one_each() -> None:
    disks = (
        '<DiskSection><Disk ovf:diskId="full" ovf:fileRef="file1" ovf:capacity="1"/>'
        '<Disk ovf:diskId="empty" ovf:capacity="1"/></DiskSection>'
    )
    error = only(envelope(disks, system=disk_items("full", "empty", "full", "empty")))
    assert error.severity is Severity.ERROR
    assert "disk 'disk 3' of VirtualSystem 'vm': takes the Disk 'full', which 'disk 1' has already" in str(error)
    said = read(envelope(disks, system=disk_items("empty", "empty")))
    assert said.problems == ()
    assert [disk.id for disk in said.machine_disks()] == ["empty", "empty"]


@pytest.mark.parametrize(
    ("machines", "says"),
    [
        ('<VirtualSystem ovf:id="a"/><VirtualSystem ovf:id="b"/>', "holds 2 VMs (a vApp); Slipway imports packages of"),
        ('<VirtualSystem ovf:id="a"/>', "holds 1 VM (a vApp); Slipway imports packages of one VM"),
        ("", "has no VirtualSystem"),
    ],
)
def test_a_collection_of_machines_is_read_and_refused(machines: str, says: str) -> None:
    text = f'<VirtualSystemCollection ovf:id="lab">{machines}</VirtualSystemCollection>'
    error = only(f'<Envelope xmlns="{OVF}" xmlns:ovf="{OVF}">{text}</Envelope>')
    assert error.severity is Severity.ERROR
    assert says in error.what


def test_a_compression_that_nobody_knows_is_refused() -> None:
    error = only(envelope(files='<File ovf:id="f" ovf:href="a.vmdk" ovf:compression="zstd"/>'))
    assert (error.severity, "'zstd'" in error.what) == (Severity.ERROR, True)


def test_gzip_that_is_not_sound_is_one_of_the_findings(tmp_path: Path) -> None:
    stored = Stored(b"disk" * 1000, compression="gzip", packed=b"\x1f\x8b\x08")
    examined = examine(write(tmp_path / "box.ova", contents({"disk.vmdk": stored})))
    [error] = [one for one in examined.findings if one.severity is Severity.ERROR]
    assert "box.ovf line 7: File 'file1': refers to 'disk.vmdk': it ends early" in str(error)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_and_names_of_any_script(tmp_path: Path, encoding: str) -> None:
    text = envelope(system="<AnnotationSection><Annotation>日本語 ñ</Annotation></AnnotationSection>")
    package = open_package(
        write_ova(tmp_path / "box.ova", member("日本.ovf", text.encode(encoding)), member("disk1.vmdk", ""))
    )
    assert package.descriptor.annotation == "日本語 ñ"


def test_ovf_0_9_with_bundle_and_eula() -> None:
    text = (
        '<o:Envelope xmlns:o="http://www.vmware.com/schema/ovf/1/envelope" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><o:References/>'
        '<o:Content xsi:type="o:VirtualSystem_Type" o:id="vm"><o:Section xsi:type="o:EulaSection_Type">'
        '<o:License o:msgid="e">as written</o:License></o:Section></o:Content>'
        '<o:Strings xml:lang="en"><o:Msg o:msgid="e">English</o:Msg></o:Strings></o:Envelope>'
    )
    said = read(text)
    assert (said.eulas, said.problems) == (("English",), ())
