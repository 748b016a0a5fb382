"""What is found in a package before a byte of it is sent: everything, in one list."""

import gzip
import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cancel import Cancel
from engine.errors import BadPackage, Cancelled
from engine.ova.check import Examined, compare_digests, digest_bytes, examine
from engine.ova.descriptor import Property
from engine.ova.findings import Finding, Severity
from engine.ova.limits import MAX_PROBLEMS
from engine.ova.package import open_package
from engine.ova.samples import build_ova
from engine.ova.whole import without_default
from engine.sources.digests import AT_ONCE
from tests.ova.archives import envelope, header, member, write_ova
from tests.ova.test_fuzz import CHANGES, DATA, HEADERS, SEED

DESCRIPTOR = envelope()
DISK = member("disk1.vmdk", b"d" * 700)


def sha1(data: str | bytes) -> str:
    return hashlib.sha1(data.encode() if isinstance(data, str) else data, usedforsecurity=False).hexdigest()


def told(found: Examined, severity: Severity = Severity.ERROR) -> list[str]:
    return [str(one) for one in found.findings if one.severity is severity]


def test_a_good_package_has_no_finding(tmp_path: Path) -> None:
    path = build_ova(tmp_path / "box.ova", name="box", disks=[5000, 7]).path
    found = examine(path)
    assert found.findings == ()
    assert found.importable().name == "box"


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Archive, descriptor and manifest: one does not hide the other."""
    text = envelope(
        '<DiskSection><Disk ovf:diskId="d" ovf:fileRef="none" ovf:capacity="1"/></DiskSection>',
        files='<File ovf:id="file1" ovf:href="disk1.vmdk"/><File ovf:id="file2" ovf:href="gone.vmdk"/>',
    )
    path = write_ova(
        tmp_path / "box.ova",
        member("box.ovf", text),
        member("box.mf", f"SHA1(box.ovf)= {'0' * 40}\nMD5(disk1.vmdk)= 12\nnonsense\n"),
        DISK,
        member("disk1.vmdk", b"another"),
        member("../outside", b""),
        header("link", 0, b"2"),
    )
    found = examine(path)
    assert told(found) == [
        "box.ova: two members are named 'disk1.vmdk'",
        "box.ova: member '../outside' has '..' in its path (it would lie outside the package)",
        "box.ova: member 'link' is a symbolic link (an OVA holds only files)",
        "box.mf line 2: unknown digest algorithm 'MD5'",
        "box.mf line 3: 'nonsense' is not 'SHA256(file)= digest'",
        "box.ova: 'gone.vmdk' is missing, which File 'file2' refers to",
        f"box.ovf: its sha1 is {sha1(text)}, the manifest says {'0' * 40}",
        "box.ovf line 1: Disk 'd': refers to the File 'none', which is missing",
    ]
    assert all(one.fix for one in found.findings if one.severity is not Severity.NOTE)
    with pytest.raises(BadPackage) as caught:
        found.importable()
    message = str(caught.value)
    assert "8 problems: (1) box.ova: two members" in message
    assert "; (5) box.mf line 3: 'nonsense' is not 'SHA256(file)= digest'; and 3 more; see all" in message
    assert f"slipway ova check {path}" in message


def test_expanding_a_file_for_its_size_stops_when_asked(tmp_path: Path) -> None:
    files = '<File ovf:id="f" ovf:href="disk1.vmdk" ovf:compression="gzip"/>'
    path = write_ova(
        tmp_path / "box.ova", member("box.ovf", envelope(files=files)), member("disk1.vmdk", gzip.compress(b"d"))
    )
    cancel = Cancel()
    cancel.ask()
    with pytest.raises(Cancelled):
        examine(path, cancel=cancel)
    assert examine(path).package


def test_where_reading_stopped_is_said(tmp_path: Path) -> None:
    twins = (member("box.mf", "nonsense\n"), member("Box.mf", ""))
    found = examine(write_ova(tmp_path / "xml.ova", member("box.ovf", "<Envelope"), *twins))
    assert found.package is None
    first, second, third = told(found)
    assert first.startswith("xml.ova: members 'box.mf' and 'Box.mf' differ only in case")
    assert second.startswith("box.mf line 1: 'nonsense'")
    assert third.startswith("box.ovf")
    assert third.endswith("; reading stopped there")
    cut = tmp_path / "cut.ova"
    cut.write_bytes(member("box.ovf", DESCRIPTOR) + member("box.ovf", "") + DISK[:600])
    assert told(examine(cut)) == [
        "cut.ova: two members are named 'box.ovf'",
        "cut.ova: truncated: member 'disk1.vmdk' has 88 of 700 bytes; reading stopped there",
    ]
    assert told(examine(tmp_path / "none.ova")) == ["none.ova: No such file or directory"]
    whole = write_ova(tmp_path / "whole.ova", member("box.ovf", DESCRIPTOR), DISK)
    assert told(examine(whole, option="tiny")) == ["box.ovf: it has no deployment option 'tiny'"]


def test_one_problem_is_refused_in_its_own_words(tmp_path: Path) -> None:
    path = write_ova(tmp_path / "box.ova", member("box.ovf", DESCRIPTOR))
    with pytest.raises(BadPackage) as caught:
        examine(path).importable()
    assert (caught.value.on, caught.value.why) == (str(path), "'disk1.vmdk' is missing, which File 'file1' refers to")


def test_a_hostile_package_has_an_end(tmp_path: Path) -> None:
    path = write_ova(tmp_path / "box.ova", member("box.ovf", DESCRIPTOR), DISK, member("box.mf", "x\n" * 100_000))
    found = told(examine(path))
    assert len(found) == MAX_PROBLEMS + 1
    assert f"box.ova: has more than {MAX_PROBLEMS} problems; reading stopped there" in found


def test_files_are_compared_with_the_descriptor(tmp_path: Path) -> None:
    text = envelope(
        files='<File ovf:id="one" ovf:href="a.vmdk" ovf:size="700"/><File ovf:id="two" ovf:href="b.vmdk" ovf:size="9"/>'
    )
    found = examine(
        write_ova(
            tmp_path / "box.ova",
            member("b.vmdk", b"b" * 10),
            member("box.ovf", text),
            member("readme.txt", b"hello"),
            member("a.vmdk", b"a" * 700),
        )
    )
    assert told(found) == []
    assert told(found, Severity.WARNING) == [
        "box.ovf line 1: File 'two': says that 'b.vmdk' has 9 bytes, it has 10",
    ]
    assert told(found, Severity.NOTE) == [
        "box.ova: holds 'readme.txt', to which nothing refers: not uploaded",
        "box.ova: does not begin with its descriptor but with 'b.vmdk': tools that read a stream may refuse it",
        "box.ova: has its files in another order than its descriptor's References",
        "box.ovf: comes without a manifest (.mf): only the component's checksum proves its files",
    ]


def test_compressed_files_that_cannot_be_expanded(tmp_path: Path) -> None:
    hrefs = ("bomb", "cut", "good")
    files = "".join(f'<File ovf:id="{one}" ovf:href="{one}.gz" ovf:compression="gzip"/>' for one in hrefs)
    good = gzip.compress(b"disk" * 100)
    contents = {"bomb": gzip.compress(bytes(10 << 20)), "cut": good[:-9], "good": good}
    members = [member(f"{one}.gz", contents[one]) for one in hrefs]
    first, second = told(examine(write_ova(tmp_path / "box.ova", member("box.ovf", envelope(files=files)), *members)))
    assert first.startswith("box.ovf line 1: File 'bomb': refers to 'bomb.gz': its ")
    assert second == "box.ovf line 1: File 'cut': refers to 'cut.gz': it ends early"


def test_a_bare_descriptor_tells_what_does_not_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "box.ovf").write_text(DESCRIPTOR)
    (tmp_path / "box.mf").write_text(f"SHA1(box.ovf)= {sha1(DESCRIPTOR)}\nSHA1(more.iso)= {'0' * 40}\n")
    assert told(examine(tmp_path / "box.ovf")) == [
        "box.ovf line 1: File 'file1': refers to 'disk1.vmdk', which does not lie beside it",
        "box.mf: refers to 'more.iso', which does not lie beside it",
    ]


def test_what_it_asks_of_whoever_imports_it(tmp_path: Path) -> None:
    properties = (
        '<ProductSection><Property ovf:key="ip" ovf:type="ip" ovf:userConfigurable="true"/>'
        '<Property ovf:key="secret" ovf:type="string" ovf:password="true" ovf:value="vmware"/>'
        '<Property ovf:key="size" ovf:type="uint8" ovf:userConfigurable="true" ovf:value="3"/></ProductSection>'
        "<EulaSection><License>Be good.</License></EulaSection>"
    )
    found = examine(write_ova(tmp_path / "box.ova", member("box.ovf", envelope(system=properties)), DISK))
    assert told(found, Severity.WARNING) == [
        "box.ovf line 1: Property 'secret': is a password with a default, which everybody has who has the package"
    ]
    assert "box.ovf: EulaSection: has 1 licence text to accept" in told(found, Severity.NOTE)
    assert [str(one) for one in without_default(found.importable().descriptor, "box.ovf")] == [
        "box.ovf line 1: Property 'ip': has no default (ip)"
    ]
    several = '<VirtualSystemCollection ovf:id="lab"><VirtualSystem ovf:id="one"/></VirtualSystemCollection>'
    [error] = told(examine(write_ova(tmp_path / "lab.ova", member("lab.ovf", envelope(several)), DISK)))
    assert "holds 2 VMs (a vApp)" in error


def test_an_option_that_is_not_offered(tmp_path: Path) -> None:
    path = build_ova(tmp_path / "box.ova", name="box").path
    [error] = told(examine(path, option="large"))
    assert "'large'" in error


def test_every_digest_is_compared_by_reading_once(tmp_path: Path) -> None:
    sizes = [3_000_001, 1, 700_000, 2_000_000]
    path = build_ova(tmp_path / "box.ova", name="box", disks=sizes).path
    package = open_package(path)
    read: list[int] = []
    threads: set[str] = set()

    def progress(count: int) -> None:
        read.append(count)
        threads.add(threading.current_thread().name)

    assert compare_digests(package, Cancel(), progress) == ()
    assert sum(read) == sum(sizes) == digest_bytes(package)
    assert len(threads) <= AT_ONCE
    for number in (2, 4):
        disk = package.members[f"box-disk{number}.vmdk"]
        with path.open("r+b") as file:
            file.seek(disk.offset)
            file.write(b"\xff")
    found = compare_digests(package, Cancel(), lambda _: None)
    assert [one.where for one in found] == ["box-disk2.vmdk", "box-disk4.vmdk"]
    assert all(one.severity is Severity.ERROR and "is damaged: its SHA256 is" in one.what for one in found)


def test_comparing_can_be_cancelled_and_survives_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    path = build_ova(tmp_path / "box.ova", name="box", disks=[3_000_000]).path
    package = open_package(path)
    cancel = Cancel()
    with pytest.raises(Cancelled):
        compare_digests(package, cancel, lambda _: cancel.ask())
    with path.open("r+b") as file:
        file.truncate(1_000_000)
    [found] = compare_digests(package, Cancel(), lambda _: None)
    assert "the file was changed" in found.what


def test_properties_of_samples_have_values(tmp_path: Path) -> None:
    """What is not for the operator needs no value of his."""
    properties = [Property("hidden"), Property("shown", user_configurable=True)]
    path = build_ova(tmp_path / "box.ova", name="box", properties=properties).path
    [found] = without_default(open_package(path).descriptor, "box.ovf")
    assert found == Finding.warning(found.where, "has no default (string)", found.fix)
    assert "Property 'shown'" in found.where


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, parts=st.lists(st.one_of(HEADERS, DATA), max_size=4))
def test_whatever_comes_is_found_fault_with_and_nothing_is_raised(
    tmp_path: Path, changes: list[tuple[int, int]], parts: list[bytes]
) -> None:
    """What opening refuses has an error among the findings."""
    data = bytearray(SEED)
    for position, byte in changes:
        data[position] = byte
    path = tmp_path / "a.ova"
    for content in (bytes(data), b"".join(parts) + bytes(data)):
        path.write_bytes(content)
        found = examine(path)
        try:
            open_package(path)
        except BadPackage:
            assert found.errors
        else:
            assert found.package is not None
