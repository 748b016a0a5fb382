"""Whatever bytes come in, only BadPackage comes out."""

import contextlib
import tarfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import BadPackage
from engine.ova.envelope import read_descriptor
from engine.ova.manifest import read_manifest
from engine.ova.package import open_package
from engine.ova.tar import Index
from engine.ova.xml import decode
from tests.ova.archives import END, base256, envelope, header, member, pax

SEED = (
    pax({"path": "box.ovf", "size": str(len(envelope()))})
    + member("x", envelope())
    + member("././@LongLink", b"disk1.vmdk\0", b"L")
    + member("y", b"disk")
    + member("box.mf", f"SHA1(disk1.vmdk)= {'0' * 40}\n")
    + END
)
NAMES = st.sampled_from(
    [b"box.ovf", b"disk1.vmdk", b"box.mf", b"._box.ovf", b"../x", b"/x", b"", b"a/", b"\xff", b"n" * 100]
)
KINDS = st.sampled_from([bytes([kind]) for kind in b"\x000123456789xgLKSMZ"])
SIZES = st.one_of(st.integers(0, 3000), st.integers(0, 1 << 87).map(base256), st.binary(min_size=12, max_size=12))
HEADERS = st.builds(header, NAMES, SIZES, KINDS, prefix=st.sampled_from([b"", b"folder", b"..", b"\xff"]))
DATA = st.one_of(
    st.just(envelope().encode().ljust(512, b" ")),
    st.just(b"18 path=disk1.vmdk\n".ljust(512, b"\0")),
    st.just(b"12 size=512\n"),
    st.binary(max_size=600),
    st.just(bytes(512)),
)
WORDS = st.sampled_from(
    [
        *("<Envelope", "<DiskSection>", "<Disk", "<VirtualSystem>", "<VirtualHardwareSection>", "<Item", "<File"),
        *(
            "<ProductSection>",
            "<Property",
            "<Value",
            "<DeploymentOptionSection>",
            "<Configuration",
            "<Strings>",
            "<Msg",
        ),
        *("<rasd:ResourceType>", "<rasd:VirtualQuantity>", "<rasd:AllocationUnits>", "<Section", "<References>"),
        *("</Envelope>", "</Disk>", "</VirtualSystem>", "</Item>", "</Property>", ">", "/>", "17", "3", "${a}"),
        *(' xmlns="x"', ' ovf:id="a"', ' capacity="9999999999999999999"', ' capacity="${a}"', ' key="a"', ' value="²"'),
        *(
            ' capacityAllocationUnits="byte*9999^999*9^9"',
            ' size="-1"',
            ' msgid="a"',
            ' xsi:type="ovf:x_Type"',
            "&amp;",
        ),
        *("<!DOCTYPE a>", "<?xml version='1.0' encoding='utf-16'?>", "<![CDATA[", "]]>", "<!--", "\0", "\x85", "é"),
    ]
)
CHANGES = st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), max_size=8)
MANY = settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])


def opens_or_refuses(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with contextlib.suppress(BadPackage):
        package = open_package(path)
        for name, found in package.members.items():
            with package.open(name) as reader:
                assert len(reader.read(64)) == min(64, found.size)


def test_the_seed_itself_is_read(tmp_path: Path) -> None:
    (tmp_path / "seed.ova").write_bytes(SEED)
    assert list(open_package(tmp_path / "seed.ova").members) == ["box.ovf", "disk1.vmdk", "box.mf"]


@MANY
@given(changes=CHANGES, cut=st.integers(0, len(SEED)))
def test_damaged_archives(tmp_path: Path, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(SEED)
    for place, byte in changes:
        data[place] = byte
    opens_or_refuses(tmp_path / "a.ova", bytes(data))
    opens_or_refuses(tmp_path / "a.ova", bytes(data[:cut]))


@MANY
@given(parts=st.lists(st.one_of(HEADERS, DATA), max_size=8))
def test_archives_of_valid_headers_in_any_order(tmp_path: Path, parts: list[bytes]) -> None:
    opens_or_refuses(tmp_path / "a.ova", b"".join(parts))


EXTENSIONS = st.sampled_from(
    [
        *(b"", b"", b"", member("././@LongLink", b"long.vmdk\0", b"L"), member("././@LongLink", b"target\0", b"K")),
        *(pax({"path": "größe/x.vmdk"}), pax({"size": "512"}), pax({"mtime": "1.5", "size": "600", "path": "p"})),
        *(pax({"comment": "git"}, b"g"), header("folder/", 0, b"5")),
    ]
)
FILES = st.builds(
    member,
    st.sampled_from(["a", "./b", "c/", "d//e", "._f", "box.ovf"]),
    st.sampled_from([b"", b"x", b"y" * 512, b"z" * 600]),
    st.sampled_from([b"0", b"\0", b"7"]),
)


@MANY
@given(parts=st.lists(st.builds(bytes.__add__, EXTENSIONS, FILES), min_size=1, max_size=4))
def test_pythons_own_reader_finds_the_same_files(tmp_path: Path, parts: list[bytes]) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(b"".join(parts) + END)
    with path.open("rb") as file, contextlib.suppress(BadPackage):
        ours = [(one.name, one.offset, one.size) for one in Index(file.fileno(), path.stat().st_size, "a.tar")]
        with tarfile.open(path) as archive:
            files = [one for one in archive if one.isfile() and not one.name.endswith("/")]
        assert ours == [(str(PurePosixPath(one.name)), one.offset_data, one.size) for one in files]


@MANY
@given(words=st.lists(WORDS, max_size=30), start=st.sampled_from(["", "<Envelope>", envelope()[:-40]]))
def test_descriptors(words: list[str], start: str) -> None:
    with contextlib.suppress(BadPackage):
        read_descriptor(start + "".join(words), "box.ovf")


@MANY
@given(words=st.lists(WORDS, max_size=12))
def test_descriptors_that_are_well_formed(words: list[str]) -> None:
    names = [word[1:].strip("/>") for word in words if word.startswith("<") and word[1:2].isalpha()]
    inside = "".join(word for word in words if word.startswith(" ") and word.count('"') == 2)
    text = "<VirtualSystem>"
    for name in names:
        text += f"<{name} {' '.join(dict.fromkeys(inside.split()))}>"
    text += "17" + "".join(f"</{name}>" for name in reversed(names)) + "</VirtualSystem>"
    with contextlib.suppress(BadPackage):
        read_descriptor(f"<Envelope>{text}</Envelope>", "box.ovf")


@MANY
@given(data=st.binary(max_size=200), start=st.sampled_from([b"", b"\xff\xfe", b"\xef\xbb\xbf", b"<?xml encoding='"]))
def test_descriptor_bytes(data: bytes, start: bytes) -> None:
    with contextlib.suppress(BadPackage):
        read_descriptor(decode(start + data, "box.ovf"), "box.ovf")


@settings(max_examples=100)
@given(
    lines=st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.from_regex(rb"(SHA-?1|sha256)\([a-z ()=.]{0,9}\) ?=\s?[0-9a-f]{40}", fullmatch=True),
        )
    )
)
def test_manifests(lines: list[bytes]) -> None:
    with contextlib.suppress(BadPackage):
        read_manifest(b"\n".join(lines), "box.mf")


@pytest.mark.long
@settings(max_examples=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.one_of(HEADERS, DATA), max_size=12))
def test_many_more_archives(tmp_path: Path, parts: list[bytes]) -> None:
    opens_or_refuses(tmp_path / "a.ova", b"".join(parts))
