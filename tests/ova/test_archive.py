"""The tar index: every way to write a size and a name, and every archive that must be refused."""

import os
import tarfile
from pathlib import Path

import pytest

from engine.errors import BadPackage
from engine.ova.limits import DEFAULT, MAX_MANIFEST, MAX_TAR_EXTENSIONS, Limits
from engine.ova.package import open_package
from tests.ova.archives import END, Refused, base256, envelope, header, member, pax, record, write_ova

DESCRIPTOR = member("box.ovf", envelope())
DISK = member("disk1.vmdk", b"d" * 700)
NINE_GIB = 9 << 30


def members(path: Path) -> dict[str, int]:
    return {name: found.size for name, found in open_package(path).members.items()}


@pytest.mark.parametrize("parts", [(DESCRIPTOR, DISK), (DISK, DESCRIPTOR)])
def test_the_descriptor_may_lie_anywhere(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    package = open_package(write_ova(tmp_path / "box.ova", *parts))
    assert package.descriptor_name == "box.ovf"
    assert package.open("disk1.vmdk").read() == b"d" * 700


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_every_length_are_read_in_every_format(tmp_path: Path, tar_format: int) -> None:
    long = f"{'folder/' * 12}{'n' * 90}.vmdk"
    odd = "Größe 磁盘.vmdk"
    (tmp_path / "box.ovf").write_text(envelope(files=f'<File ovf:id="a" ovf:href="{long}"/>'))
    (tmp_path / "disk").write_bytes(b"disk")
    with tarfile.open(tmp_path / "box.ova", "w", format=tar_format) as archive:
        archive.add(tmp_path / "disk", long)
        archive.add(tmp_path / "disk", odd)
        archive.add(tmp_path / "box.ovf", "./box.ovf")
    assert list(open_package(tmp_path / "box.ova").members) == [long, odd, "box.ovf"]


@pytest.mark.parametrize(
    "head",
    [
        header("disk1.vmdk", base256(NINE_GIB)),
        pax({"size": str(NINE_GIB), "mtime": "1.5"}) + header("disk1.vmdk", 0),
        pax({"size": str(NINE_GIB), "path": "disk1.vmdk"}) + header("truncated", 0),
    ],
    ids=["gnu", "pax", "pax with path"],
)
def test_sizes_over_8_gib(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "big.ova"
    with path.open("wb") as file:
        file.write(head)
        file.seek(NINE_GIB, os.SEEK_CUR)
        file.write(member("box.ovf", envelope()) + END)
    package = open_package(path)
    assert members(path) == {"disk1.vmdk": NINE_GIB, "box.ovf": len(envelope())}
    with package.open("disk1.vmdk") as reader:
        assert reader.seek(-3, os.SEEK_END) == NINE_GIB - 3
        assert reader.read() == bytes(3)


def test_what_macos_adds_is_left_out(tmp_path: Path) -> None:
    path = write_ova(
        tmp_path / "mac.ova",
        member("._box.ovf", b"Mac OS X"),
        pax({"LIBARCHIVE.xattr.com.apple.quarantine": "MDA4", "SCHILY.dev": "1"}),
        DESCRIPTOR,
        member("__MACOSX/._disk1.vmdk", b"Mac OS X"),
        DISK,
    )
    assert list(open_package(path).members) == ["box.ovf", "disk1.vmdk"]


def test_a_folder_around_everything_is_taken_off(tmp_path: Path) -> None:
    path = write_ova(
        tmp_path / "folder.ova",
        header("box-1.0/", 0, b"5"),
        member("box-1.0/disk1.vmdk", b"disk"),
        member("box-1.0/box.ovf", envelope()),
    )
    assert open_package(path).open("disk1.vmdk").read() == b"disk"


def test_an_archive_without_its_end_is_read_when_all_members_are_there(tmp_path: Path) -> None:
    path = tmp_path / "box.ova"
    for cut in (0, -700 % 512):  # whole blocks, and no padding after the last member
        path.write_bytes((DESCRIPTOR + DISK)[: len(DESCRIPTOR + DISK) - cut])
        assert members(path)["disk1.vmdk"] == 700


def test_checksums_of_old_tars_are_sums_of_signed_bytes(tmp_path: Path) -> None:
    disk = bytearray(member("größe", b""))
    disk[148:156] = b"%06o\0 " % (int(disk[148:154], 8) - 4 * 256)  # ö and ß are two bytes over 127 each
    assert "größe" in members(write_ova(tmp_path / "old.ova", bytes(disk), DESCRIPTOR, DISK))


def test_names_up_to_the_limit(tmp_path: Path) -> None:
    long = "n" * DEFAULT.ova_name_bytes
    path = write_ova(tmp_path / "long.ova", pax({"path": long}), member("x", b""), DESCRIPTOR, DISK)
    assert long in members(path)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ((member("../box.ovf", envelope()),), "'../box.ovf' has '..'"),
        ((DESCRIPTOR, member("a/../../x", b"")), "has '..'"),
        ((pax({"path": "../x"}), DESCRIPTOR), "'../x' has '..'"),
        ((member("/box.ovf", envelope()),), "absolute path"),
        ((DESCRIPTOR, header("disk1.vmdk", 0, b"1")), "'disk1.vmdk' is a hard link"),
        ((DESCRIPTOR, header("disk1.vmdk", 0, b"2")), "'disk1.vmdk' is a symbolic link"),
        ((DESCRIPTOR, header("disk1.vmdk", 0, b"3")), "a character device"),
        ((DESCRIPTOR, header("disk1.vmdk", 0, b"4")), "a block device"),
        ((DESCRIPTOR, header("disk1.vmdk", 0, b"6")), "a named pipe"),
        ((DESCRIPTOR, header("disk1.vmdk", 0, b"S")), "a sparse file"),
        ((DESCRIPTOR, header("disk1.vmdk", 0, b"Z")), "of type b'Z'"),
        ((DESCRIPTOR, DISK, DISK), "two members are named 'disk1.vmdk'"),
        ((DESCRIPTOR, DISK, member("./disk1.vmdk", b"")), "two members are named 'disk1.vmdk'"),
        ((DESCRIPTOR, DISK, member("DISK1.vmdk", b"")), "'disk1.vmdk' and 'DISK1.vmdk' differ only in case"),
        ((member("gro\u00df", b""), member("GROSS", b""), DESCRIPTOR), "'gro\u00df' and 'GROSS' differ only in case"),
        ((member("\u00e9", b""), member("e\u0301", b""), DESCRIPTOR), "or in how an accent is written"),
        ((member("\u00c9", b""), member("e\u0301", b""), DESCRIPTOR), "or in how an accent is written"),
        ((DESCRIPTOR, member("other.OVF", envelope()), DISK), "two descriptors, 'box.ovf' and 'other.OVF'"),
        ((DISK,), "no descriptor"),
        ((DESCRIPTOR, member("x\x1b[2Jy", b"")), "control characters"),
        ((DESCRIPTOR, member(b"\xff\xfe", b"")), "not UTF-8"),
        ((DESCRIPTOR, member("", b"")), "no name"),
        ((DESCRIPTOR, bytes(512), DISK), "a zero block stands between two members"),
        ((DESCRIPTOR, header("folder/", 512, b"5"), bytes(512)), "folder 'folder/' has a size"),
        ((DESCRIPTOR, header("folder/", 512), bytes(512)), "folder 'folder/' has a size"),
    ],
)
def test_a_member_that_readers_could_take_for_another_is_refused(
    refused: Refused, parts: tuple[bytes, ...], says: str
) -> None:
    assert says in refused(*parts)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ((pax({"size": "5"}), DESCRIPTOR), f"has two sizes ({len(envelope())} and 5 bytes)"),
        ((pax({"size": "-5"}), DESCRIPTOR), "not a number"),
        ((pax({"size": "9" * 30}), DESCRIPTOR), "not a number"),
        ((pax({"size": "5"}, b"g"), DESCRIPTOR), "global PAX header sets 'size'"),
        ((pax({"path": "disk1.vmdk"}, b"g"), DESCRIPTOR), "global PAX header sets 'path'"),
        ((pax({"GNU.sparse.realsize": "9"}), DESCRIPTOR), "a sparse file"),
        ((pax({"path": "a"}), pax({"path": "b"}), DESCRIPTOR), "two extension headers of one kind"),
        ((pax({"path": "a"}), member("././@LongLink", b"b\0", b"L"), DESCRIPTOR), "two long names"),
        ((member("x", record(b"path", "a") * 2, b"x"), DESCRIPTOR), "says b'path' twice"),
        ((member("x", b"99 path=a\n", b"x"), DESCRIPTOR), "PAX header is damaged"),
        ((member("x", b"7 path=a\n", b"x"), DESCRIPTOR), "PAX header is damaged"),
        ((member("x", b"nonsense", b"x"), DESCRIPTOR), "PAX header is damaged"),
        ((pax({"path": "box.ovf"}), member("x/", envelope(), b"\0")), "the type of the oldest format"),
        ((DESCRIPTOR, DISK, pax({"path": "a"})), "it ends after an extension header"),
        ((DESCRIPTOR, header("disk1.vmdk", b"\xff" * 12)), "negative"),
        ((DESCRIPTOR, header("disk1.vmdk", b"12345678 9z\0")), "the size is not a number"),
    ],
)
def test_an_archive_that_says_two_things_is_refused(refused: Refused, parts: tuple[bytes, ...], says: str) -> None:
    assert says in refused(*parts)


def test_a_truncated_member_is_named_with_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "cut.ova"
    path.write_bytes((DESCRIPTOR + DISK)[: len(DESCRIPTOR) + 512 + 300])
    with pytest.raises(BadPackage, match=r"cut\.ova.*member 'disk1\.vmdk' has 300 of 700 bytes"):
        open_package(path)
    path.write_bytes((DESCRIPTOR + DISK)[: len(DESCRIPTOR) + 100])
    with pytest.raises(BadPackage, match="100 of a header's 512 bytes"):
        open_package(path)
    path.write_bytes(pax({"path": "n" * 600})[: 512 + 90])
    with pytest.raises(BadPackage, match="an extension header has 90 of 610 bytes"):
        open_package(path)


def test_a_wrong_checksum_is_told_from_another_format(refused: Refused) -> None:
    damaged = bytearray(DESCRIPTOR + DISK)
    damaged[len(DESCRIPTOR)] ^= 1
    assert f"a header's checksum is wrong (at byte {len(DESCRIPTOR)})" in refused(bytes(damaged))
    assert "not a tar archive" in refused(b"<html>" * 200)
    assert "zip archive" in refused(b"PK\x03\x04" * 200)
    assert "gunzip" in refused(b"\x1f\x8b\x08" * 200)
    assert "no descriptor" in refused()


def exceeded(path: Path, limits: Limits, *parts: bytes) -> str:
    write_ova(path, *parts)
    open_package(path)  # the defaults allow it
    with pytest.raises(BadPackage) as caught:
        open_package(path, limits)
    return str(caught.value)


def test_what_goes_beyond_a_setting_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ova"
    folders = [header(f"{number}/", 0, b"5") for number in range(4)]
    said = exceeded(path, Limits(ova_entries=5), DESCRIPTOR, DISK, *folders)
    assert "it has more than 5 entries; the setting ova_entries allows 5" in said
    open_package(path, Limits(ova_entries=6))
    said = exceeded(path, Limits(ova_name_bytes=200), pax({"path": "n" * 201}), member("x", b""), DESCRIPTOR, DISK)
    assert "has 201 bytes; the setting ova_name_bytes allows 200" in said
    said = exceeded(path, Limits(ova_descriptor_bytes=300), DESCRIPTOR, DISK)
    assert f"'box.ovf' has {len(envelope())} bytes, at most 300 are read" in said
    assert "the setting ova_descriptor_bytes allows 300" in said
    said = exceeded(path, Limits(ova_xml_depth=2), DESCRIPTOR, DISK)
    assert "box.ovf line 1: more than 2 nested elements; the setting ova_xml_depth allows 2" in said
    open_package(path, Limits(ova_xml_depth=3)).in_option("")


def test_a_descriptor_may_have_as_many_texts_as_the_largest_one_known(tmp_path: Path) -> None:
    text = envelope(f"<AnnotationSection><Annotation>{'a' * 6_400_000}</Annotation></AnnotationSection>")
    package = open_package(write_ova(tmp_path / "box.ova", member("box.ovf", text), DISK))
    assert package.descriptor.problems == ()


def test_limits_that_nobody_sets(refused: Refused) -> None:
    half = pax({"a": "x" * (MAX_TAR_EXTENSIONS // 2)})
    assert "more than 1048576 bytes of extension headers" in refused(half, DESCRIPTOR, half, DISK)
    manifest = member("box.mf", b"\n" * (MAX_MANIFEST + 1))
    assert "'box.mf' has 1048577 bytes, at most 1048576 are read" in refused(DESCRIPTOR, manifest, DISK)
