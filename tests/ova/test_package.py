"""Opening packages: what is missing, the manifest's word, readers, files that cannot be read."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import BadPackage
from engine.ova.manifest import Digest
from engine.ova.package import open_package
from engine.ova.samples import build_ova
from tests.ova.archives import envelope, member, write_ova

Refused = Callable[..., str]
DISK = member("disk1.vmdk", b"d" * 700)
DESCRIPTOR = member("box.ovf", envelope())
SHA1 = hashlib.sha1(envelope().encode(), usedforsecurity=False).hexdigest()


def test_a_file_that_the_archive_lacks_is_named_with_who_wants_it(refused: Refused) -> None:
    assert "'disk1.vmdk' is missing, which File 'file1' refers to" in refused(DESCRIPTOR)
    listed = member("box.mf", f"SHA1(box.ovf)= {SHA1}\nSHA1(gone.iso)= {'0' * 40}\n")
    assert "'gone.iso' is missing, which the manifest refers to" in refused(DESCRIPTOR, listed, DISK)
    chunks = envelope(files='<File ovf:id="file1" ovf:href="disk1.vmdk" ovf:chunkSize="512"/>')
    assert "'disk1.vmdk.000000000' is missing" in refused(member("box.ovf", chunks))


def test_a_descriptor_that_the_manifest_denies_is_refused_with_both_digests(refused: Refused) -> None:
    message = refused(DESCRIPTOR, member("box.mf", f"SHA1(box.ovf)= {'0' * 40}\n"), DISK)
    assert SHA1 in message
    assert "0" * 40 in message
    assert "box.ovf" in message


def test_the_manifest_is_the_one_named_after_the_descriptor(tmp_path: Path, refused: Refused) -> None:
    mine = member("box.mf", f"SHA1(box.ovf)= {SHA1}\n")
    other = member("other.mf", "SHA1(unrelated)= x\n")
    package = open_package(write_ova(tmp_path / "a.ova", DESCRIPTOR, other, mine, DISK))
    assert package.manifest is not None
    assert package.manifest.digests == {"box.ovf": Digest("sha1", SHA1)}
    only = open_package(write_ova(tmp_path / "b.ova", DESCRIPTOR, DISK, member("Box-1.MF", f"SHA1(box.ovf)= {SHA1}\n")))
    assert only.manifest
    assert package.manifest
    assert only.manifest.digests == package.manifest.digests
    assert open_package(write_ova(tmp_path / "c.ova", DESCRIPTOR, DISK)).manifest is None
    assert "none of its manifests x.mf, y.mf" in refused(DESCRIPTOR, member("x.mf", ""), member("y.mf", ""), DISK)


def test_hrefs_are_uris(tmp_path: Path) -> None:
    text = envelope(files='<File ovf:id="a" ovf:href="my%20disk.vmdk"/><File ovf:id="b" ovf:href="./b.iso"/>')
    listed = f"SHA1(my disk.vmdk)= {'1' * 40}\nSHA1(./b.iso)= {'2' * 40}\n"
    path = write_ova(
        tmp_path / "a.ova",
        member("box.ovf", text),
        member("box.mf", listed),
        member("my disk.vmdk", b"disk"),
        member("b.iso", b"iso"),
    )
    package = open_package(path)
    assert [package.open(file.href).read() for file in package.descriptor.files] == [b"disk", b"iso"]
    assert package.manifest is not None
    assert list(package.manifest.digests) == ["my%20disk.vmdk", "b.iso"]


def test_a_bare_descriptor_finds_what_lies_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "box"
    folder.mkdir()
    (tmp_path / "outside.vmdk").write_bytes(b"not ours")
    files = "".join(
        f'<File ovf:id="{number}" ovf:href="{href}"/>'
        for number, href in enumerate(("disk1.vmdk", "gone.vmdk", "../outside.vmdk", "a%20b.vmdk", "n" * 300))
    )
    (folder / "box.ovf").write_text(envelope(files=files))
    (folder / "disk1.vmdk").write_bytes(b"disk")
    (folder / "a b.vmdk").write_bytes(b"spaced")
    (folder / "box.mf").write_text(f"SHA1(disk1.vmdk)= {'0' * 40}\nSHA1(extra.iso)= {'0' * 40}\n")
    package = open_package(folder / "box.ovf")
    assert package.missing == ("gone.vmdk", "../outside.vmdk", "n" * 300, "extra.iso")
    assert package.open("disk1.vmdk").read() == b"disk"
    assert package.open("a%20b.vmdk").read() == b"spaced"
    assert package.name == "box"
    with pytest.raises(BadPackage, match=r"'\.\./outside\.vmdk'"):
        package.open("../outside.vmdk")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ova")
    for path, why in (
        (tmp_path / "none.ova", "No such file"),
        (tmp_path / "none.ovf", "No such file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "pipe.ova", "not a regular file"),
        (tmp_path / "nul\0.ova", "null"),
        (tmp_path / ("n" * 300), "File name too long"),
        (write_ova(tmp_path / "file.ova", DISK) / "box.ova", "Not a directory"),
    ):
        with pytest.raises(BadPackage) as caught:
            open_package(path)
        assert str(path) in str(caught.value)
        assert why in str(caught.value)
        assert "check its name" in caught.value.fix
    (tmp_path / "empty.ova").touch()
    with pytest.raises(BadPackage, match="it is empty: it has no descriptor"):
        open_package(tmp_path / "empty.ova")


def test_readers_share_no_position(tmp_path: Path) -> None:
    sizes = [3_000_001, 1, 700_000, 2_000_000]
    build_ova(tmp_path / "box.ova", name="box", disks=sizes)
    package = open_package(tmp_path / "box.ova")
    assert package.manifest is not None
    names = [file.href for file in package.descriptor.files]

    def digest(name: str) -> str:
        found = hashlib.sha256()
        buffer = bytearray(10_007)
        with package.open(name) as reader:
            while count := reader.readinto(buffer):
                found.update(memoryview(buffer)[:count])
        return found.hexdigest()

    with ThreadPoolExecutor(4) as threads:
        digests = list(threads.map(digest, names * 3))
    assert digests == [package.manifest.digests[name].hex for name in names] * 3


def test_a_reader_stays_inside_its_member(tmp_path: Path) -> None:
    path = write_ova(tmp_path / "box.ova", DESCRIPTOR, member("disk1.vmdk", b"0123456789"), member("next", b"next"))
    reader = open_package(path).open("disk1.vmdk")
    assert (reader.readable(), reader.seekable(), reader.writable(), reader.size) == (True, True, False, 10)
    assert reader.read(4) == b"0123"
    assert reader.tell() == 4
    assert (reader.seek(0), reader.read(4)) == (0, b"0123")
    assert reader.read() == b"456789"
    assert reader.read() == b""
    assert reader.seek(-2, os.SEEK_END) == 8
    assert reader.readinto(bytearray(100)) == 2
    assert reader.seek(50) == 50
    assert reader.read(1) == b""
    with pytest.raises(ValueError, match="seek"):
        reader.seek(-1)
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.readinto(bytearray(1))


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = write_ova(tmp_path / "box.ova", DESCRIPTOR, DISK)
    package = open_package(path)
    with package.open("disk1.vmdk") as reader:
        os.truncate(path, len(DESCRIPTOR) + 512 + 100)
        assert len(reader.read(700)) == 100
        with pytest.raises(BadPackage, match=r"'disk1\.vmdk' ends after 100 of 700 bytes"):
            reader.read(1)
    path.unlink()
    with pytest.raises(BadPackage, match="No such file"):
        package.open("disk1.vmdk")
    with pytest.raises(BadPackage, match=r"'other' of .*box\.ova"):
        package.open("other")
