"""What the files of a package hold: chunks joined, gzip expanded, digests compared, names in every spelling."""

import gzip
import random
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import BadPackage
from engine.ova.limits import Limits
from engine.ova.package import Package, open_package
from tests.ova.archives import envelope, member, write_ova
from tests.ova.boxes import Stored, contents, manifest, write, write_beside

DATA = random.Random(7).randbytes(300_000) + bytes(200_000)  # half of it can be compressed
CHUNKED = Stored(DATA, chunk=70_001)
GZIP = Stored(DATA, compression="gzip")


def read(package: Package, href: str = "disk.vmdk", block: int = 30_011) -> bytes:
    """What a host gets."""
    buffer = memoryview(bytearray(block))
    found = bytearray()
    with package.open_content(href) as source:
        while count := source.readinto(buffer):
            found += buffer[:count]
    return bytes(found)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(BadPackage) as caught:
        act()
    return str(caught.value)


STORED = [
    Stored(DATA),
    CHUNKED,
    Stored(DATA, chunk=len(DATA)),
    Stored(DATA, chunk=len(DATA) // 2),
    GZIP,
    replace(GZIP, chunk=50_000),
    Stored(DATA, compression="identity"),
    Stored(b""),
    Stored(b"", compression="gzip"),
]


@pytest.mark.parametrize("stored", STORED, ids=map(str, range(len(STORED))))
@pytest.mark.parametrize("in_archive", [True, False])
def test_a_host_gets_the_bytes_however_they_are_stored(tmp_path: Path, stored: Stored, in_archive: bool) -> None:
    files = contents({"disk.vmdk": stored, "other.vmdk": Stored(b"other")})
    path = write(tmp_path / "box.ova", files) if in_archive else write_beside(tmp_path / "box", files)
    package = open_package(path)
    assert package.descriptor.problems == ()
    assert read(package) == stored.data
    assert package.content_size("disk.vmdk") == len(stored.data)
    assert read(package, "other.vmdk") == b"other"
    assert package.missing == ()


def test_chunks_in_any_order_of_the_archive(tmp_path: Path) -> None:
    files = contents({"disk.vmdk": CHUNKED})
    names = [*files]
    random.Random(3).shuffle(names)
    assert read(open_package(write(tmp_path / "box.ova", files, names))) == DATA


@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_missing_chunk_is_named(tmp_path: Path, number: int) -> None:
    files = contents({"disk.vmdk": CHUNKED})
    lost = f"disk.vmdk.{number:09d}"
    del files[lost], files["box.mf"]
    assert f"'{lost}' is missing, which File 'file1' refers to" in refusal(
        lambda: open_package(write(tmp_path / "box.ova", files))
    )
    assert open_package(write_beside(tmp_path / "box", files)).missing == (lost,)


@pytest.mark.parametrize(("number", "data"), [(2, b"short"), (2, bytes(70_002)), (7, bytes(70_002)), (7, b"x")])
def test_a_chunk_of_another_size_is_named(tmp_path: Path, number: int, data: bytes) -> None:
    files = contents({"disk.vmdk": CHUNKED}) | {f"disk.vmdk.{number:09d}": data}
    del files["box.mf"]
    told = refusal(lambda: open_package(write(tmp_path / "box.ova", files)))
    assert (f"disk.vmdk.{number:09d}" in told) or ("'disk.vmdk.000000008' is missing" in told)


def test_more_bytes_in_chunks_than_the_descriptor_says(tmp_path: Path) -> None:
    files = contents({"disk.vmdk": Stored(DATA, chunk=70_001)})
    last = f"disk.vmdk.{7:09d}"
    files[last] += b"x"
    del files["box.mf"]
    told = refusal(lambda: open_package(write(tmp_path / "box.ova", files)))
    assert f"have {len(DATA) + 1} bytes together, File 'file1' says {len(DATA)}" in told


def test_a_file_both_whole_and_in_chunks_is_refused(tmp_path: Path) -> None:
    files = contents({"disk.vmdk": CHUNKED}) | {"disk.vmdk": DATA}
    assert "whole and in chunks" in refusal(lambda: open_package(write(tmp_path / "box.ova", files)))


@pytest.mark.parametrize(
    "stored", [CHUNKED, replace(GZIP, chunk=100_000), GZIP, Stored(DATA), Stored(b"")], ids="01234"
)
def test_each_member_has_the_digest_that_the_manifest_says(tmp_path: Path, stored: Stored) -> None:
    files = contents({"disk.vmdk": stored})
    [*_, victim] = files
    wrong = {name: data for name, data in files.items() if name != "box.mf"} | {victim: files[victim] + b"x"}
    package = open_package(write(tmp_path / "box.ova", files | {"box.mf": manifest(wrong)}))
    assert f"{victim}: its SHA256 is" in refusal(lambda: read(package))


PACKED = GZIP.bytes


@pytest.mark.parametrize(
    ("packed", "data"),
    [
        (PACKED + PACKED, DATA + DATA),
        (PACKED + gzip.compress(b"") + PACKED, DATA + DATA),
        (PACKED + bytes(100_000), DATA),
        (gzip.compress(b"a") * 1000, b"a" * 1000),
    ],
    ids=["members", "an empty member", "padding", "many members"],
)
def test_gzip_as_gzip_reads_it(tmp_path: Path, packed: bytes, data: bytes) -> None:
    stored = Stored(data, compression="gzip", packed=packed)
    package = open_package(write(tmp_path / "box.ova", contents({"disk.vmdk": stored})))
    assert read(package) == data
    assert package.content_size("disk.vmdk") == len(data)


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (PACKED[:-1], "it ends early"),
        (PACKED[:-9], "it ends early"),
        (PACKED[: len(PACKED) // 2], "it ends early"),
        (b"\x1f\x8b", "it ends early"),
        (b"", "it ends early"),
        (PACKED + b"garbage", "damaged or no gzip"),
        (PACKED + bytes(100_000) + b"xx", "damaged or no gzip"),
        (b"KDMV" + bytes(100), "damaged or no gzip"),
        (PACKED[:-8] + bytes(8), "damaged or no gzip"),
        (PACKED[:1000] + bytes(100) + PACKED[1100:], "damaged or no gzip"),
    ],
    ids=map(str, range(10)),
)
def test_gzip_that_is_not_sound_is_refused_before_the_first_byte(tmp_path: Path, packed: bytes, says: str) -> None:
    stored = Stored(DATA, compression="gzip", packed=packed)
    package = open_package(write(tmp_path / "box.ova", contents({"disk.vmdk": stored})))
    told = refusal(lambda: package.content_size("disk.vmdk"))
    assert says in told
    assert "box.ova: disk.vmdk" in told
    assert says in refusal(lambda: read(package))


def test_a_bomb_is_refused_as_soon_as_it_is_one(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(1 << 20)) * 500
    stored = Stored(b"", compression="gzip", packed=bomb)
    package = open_package(write(tmp_path / "box.ova", contents({"disk.vmdk": stored})), Limits(ova_gzip_ratio=10))
    told = refusal(lambda: package.content_size("disk.vmdk"))
    assert f"its {len(bomb)} bytes expand to more than {10 * len(bomb)}" in told
    assert "ova_gzip_ratio" in told


def test_the_size_is_counted_anew_for_another_file(tmp_path: Path) -> None:
    one = open_package(write(tmp_path / "box.ova", contents({"disk.vmdk": GZIP})))
    assert one.content_size("disk.vmdk") == one.content_size("disk.vmdk") == len(DATA)
    longer = Stored(DATA + b"more", compression="gzip")
    other = open_package(write(tmp_path / "box.ova", contents({"disk.vmdk": longer})))
    assert other.content_size("disk.vmdk") == len(DATA) + 4


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("in_archive", [True, False])
@pytest.mark.parametrize("chunk", [0, 2])
def test_names_are_found_in_every_spelling(tmp_path: Path, form: str, in_archive: bool, chunk: int) -> None:
    """macOS decomposes names in archives, some tools write hrefs as URIs and the manifest plainly."""
    name = "Größe ä.vmdk"
    stored = Stored(b"disk", chunk)
    files = envelope(files=f'<File ovf:id="f" ovf:href="{name.replace(" ", "%20")}" {stored.attributes()}/>').encode()
    parts = {unicodedata.normalize(form, one): data for one, data in stored.members(name).items()}
    listed = manifest({unicodedata.normalize("NFC", one): data for one, data in parts.items()})
    every = {"bøx.ovf": files, "bøx.mf": listed} | parts
    path = write(tmp_path / "box.ova", every) if in_archive else write_beside(tmp_path / "box", every)
    package = open_package(path)
    assert package.missing == ()
    assert read(package, name.replace(" ", "%20")) == b"disk"
    assert package.manifest is not None
    assert set(package.manifest.digests) <= set(package.members)


def test_two_digests_of_one_name_in_two_spellings_are_refused(tmp_path: Path) -> None:
    text = envelope(files='<File ovf:id="f" ovf:href="a%20b.vmdk"/>')
    digests = f"SHA1(a%20b.vmdk)= {0:040}\nSHA1(a b.vmdk)= {1:040}\n"
    path = write_ova(tmp_path / "x.ova", member("x.ovf", text), member("x.mf", digests), member("a b.vmdk", "1"))
    assert "x.mf: a second digest of 'a b.vmdk', in another spelling" in refusal(lambda: open_package(path))


def test_one_file_that_is_to_be_expanded_and_is_not_to_be(tmp_path: Path) -> None:
    files = '<File ovf:id="f" ovf:href="d" ovf:compression="GZIP"/><File ovf:id="g" ovf:href="d"/>'
    path = write_ova(tmp_path / "x.ova", member("x.ovf", envelope(files=files)), member("d", gzip.compress(b"d")))
    [problem] = open_package(path).descriptor.problems
    assert str(problem) == "x.ovf line 1: File 'g': names 'd' with another compression or chunkSize than File 'f'"


def test_two_spellings_of_one_name_are_refused(tmp_path: Path) -> None:
    text = envelope(files='<File ovf:id="f" ovf:href="a%20b.vmdk"/>')
    path = write_ova(tmp_path / "x.ova", member("x.ovf", text), member("a b.vmdk", "1"), member("a%20b.vmdk", "2"))
    assert "two members are named 'a%20b.vmdk'" in refusal(lambda: open_package(path))
