"""Archives that are cut, blown up or point elsewhere: each is read with the right content, or refused by name."""

import hashlib
import re
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from engine.errors import BadPackage
from engine.ova.check import examine
from engine.ova.findings import Severity
from engine.ova.limits import MAX_MANIFEST, MAX_TAR_EXTENSIONS, MAX_XML_NODES, Limits
from engine.ova.package import open_package
from storage.limits import MOST
from tests.ova.archives import END, Refused, envelope, header, member, pax, write_ova

DESCRIPTOR = member("box.ovf", envelope())
DISK = member("disk1.vmdk", b"d" * 700)
ROOT = Path(__file__).parents[2]


def manifest(algorithm: str, line: str = "{0}({1})= {2}\n", **files: str | bytes) -> bytes:
    """A manifest of these files as box.mf, `__` in a name standing for a dot."""
    text = ""
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        text += line.format(algorithm, name.replace("__", "."), hashlib.new(algorithm, data).hexdigest())
    return member("box.mf", text)


# What is cut.

LAYOUTS = {
    "descriptor first": [("box.ovf", DESCRIPTOR), ("disk1.vmdk", DISK)],
    "disk first": [("disk1.vmdk", DISK), ("box.ovf", DESCRIPTOR)],
    "pax": [("box.ovf", pax({"path": "box.ovf"}) + DESCRIPTOR), ("disk1.vmdk", pax({"size": "700"}) + DISK)],
    "gnu": [("box.ovf", member("././@LongLink", b"box.ovf\0", b"L") + DESCRIPTOR), ("disk1.vmdk", DISK)],
    "with manifest": [
        ("box.ovf", DESCRIPTOR),
        ("box.mf", manifest("sha256", box__ovf=envelope(), disk1__vmdk=b"d" * 700)),
        ("disk1.vmdk", DISK),
    ],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_an_archive_that_ends_at_any_block_is_read_or_says_what_is_missing(
    tmp_path: Path, layout: list[tuple[str, bytes]]
) -> None:
    whole = b"".join(part for _, part in layout)
    ends = [sum(len(part) for _, part in layout[: count + 1]) for count in range(len(layout))]
    path = tmp_path / "cut.ova"
    for cut in range(0, len(whole + END) + 1, 512):
        path.write_bytes((whole + END)[:cut])
        complete = [name for (name, _), end in zip(layout, ends, strict=True) if end <= cut]
        if len(complete) == len(layout):
            assert open_package(path).open("disk1.vmdk").read() == b"d" * 700
            continue
        with pytest.raises(BadPackage, match=re.escape(str(path))) as caught:
            open_package(path)
        said = str(caught.value)
        if cut in (0, *ends):
            assert ("no descriptor" if "box.ovf" not in complete else "'disk1.vmdk' is missing") in said, cut
        else:
            assert "truncated: " in said, cut


@pytest.mark.parametrize("flavour", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
@pytest.mark.parametrize("size", [1 << 33, (1 << 40) + 1], ids=["8 GiB", "1 TiB and a byte"])
def test_huge_members_as_python_writes_them(tmp_path: Path, flavour: int, size: int) -> None:
    path = tmp_path / "huge.ova"
    disk = tarfile.TarInfo("disk1.vmdk")
    disk.size = size
    with path.open("wb") as file:
        file.write(disk.tobuf(flavour))
        file.seek(size + -size % 512, 1)
        file.write(DESCRIPTOR + END)
    package = open_package(path)
    assert {name: one.size for name, one in package.members.items()} == {"disk1.vmdk": size, "box.ovf": len(envelope())}
    with path.open("r+b") as file:
        file.truncate(1 << 32)
    with pytest.raises(BadPackage, match=rf"member 'disk1\.vmdk' has \d+ of {size} bytes"):
        open_package(path)


# What is blown up.


def nodes(element: str, count: int = MAX_XML_NODES - 20) -> str:
    return envelope(files="", system=element * count)


SHARED = "<Item><rasd:ResourceType>17</rasd:ResourceType><rasd:HostResource>ovf:/disk/d</rasd:HostResource></Item>"
# Each stands for as many as there is room for.
FILLINGS = {
    "LETTERS": "a",
    "LINES": "a\n",
    "LETTER_ACCENTS": "a" + "\u0301\u0316" * 15,
    "ACCENTS": "\u0301\u0316",
    "ESCAPED": "%41",
    "TIBETAN": "\u0f73",
}
WORST_XML = {
    "elements": nodes("<a/>"),
    "machines inside each other": nodes("<VirtualSystem>" * 60 + "</VirtualSystem>" * 60, (MAX_XML_NODES - 20) // 60),
    "items": envelope(
        files="",
        system="<VirtualHardwareSection>"
        + "<Item><rasd:ResourceType>17</rasd:ResourceType></Item>" * ((MAX_XML_NODES - 20) // 2)
        + "</VirtualHardwareSection>",
    ),
    "files in chunks": envelope(
        files="".join(
            f'<File ovf:id="{number}" ovf:href="{number}" ovf:chunkSize="5"/>' for number in range(MAX_XML_NODES // 5)
        )
    ),
    "the same chunks many times": envelope(
        files='<File ovf:id="x" ovf:href="many" ovf:chunkSize="1"/>' * (MAX_XML_NODES // 5)
    ),
    "message bundles": envelope(
        '<Strings ovf:fileRef="one"/><Strings ovf:fileRef="two"/>' * (MAX_XML_NODES // 5),
        files='<File ovf:id="one" ovf:href="one.msg"/><File ovf:id="two" ovf:href="two.msg"/>',
    ),
    "properties of many options": envelope(
        "<ProductSection><Property ovf:key='a'>"
        + "<Value ovf:value='a' ovf:configuration='b'/>" * (MAX_XML_NODES // 8)
        + "</Property></ProductSection>"
        + "<DeploymentOptionSection>"
        + "<Configuration ovf:id='a'/>" * (MAX_XML_NODES // 5)
        + "</DeploymentOptionSection>"
    ),
    "one long message for many annotations": envelope(
        "<Strings><Msg ovf:msgid='a'>LETTERS</Msg></Strings>",
        system="<AnnotationSection><Annotation ovf:msgid='a'/></AnnotationSection>" * 12_000,
    ),
    "one long message for many licences": envelope(
        "<Strings><Msg ovf:msgid='a'>LETTERS</Msg></Strings>"
        + "<EulaSection><License ovf:msgid='a'/></EulaSection>" * 12_000
    ),
    "a long name in many findings": envelope(
        system="<VirtualHardwareSection>"
        + "<Item><rasd:ResourceType>10</rasd:ResourceType><rasd:Connection>x</rasd:Connection></Item>" * 12_000
        + "</VirtualHardwareSection>"
    ).replace('ovf:id="vm"', 'ovf:id="LETTERS"'),
    "a disk with a long name that is shared": envelope(
        '<DiskSection><Disk ovf:diskId="d" ovf:fileRef="file1"/></DiskSection>',
        system="<VirtualHardwareSection>"
        + SHARED.replace("<Item>", "<Item><rasd:ElementName>LETTERS</rasd:ElementName>")
        + SHARED * 12_000
        + "</VirtualHardwareSection>",
    ),
    "machines and disks": envelope(
        "<DiskSection>" + "".join(f'<Disk ovf:diskId="{number}"/>' for number in range(9_000)) + "</DiskSection>",
        system="".join("<VirtualSystem/>" for _ in range(20_000)),
    ),
    "unknown sections": nodes("<ASection/>"),
    "disks without files": envelope(
        "<DiskSection>" + '<Disk ovf:diskId="" ovf:fileRef="x"/>' * (MAX_XML_NODES // 4) + "</DiskSection>"
    ),
    "files outside": envelope(files='<File ovf:id="" ovf:href="../x" ovf:size="y"/>' * (MAX_XML_NODES // 5)),
    "names": nodes(f"<{'n' * 255}/>", 16_000),
    "accents": envelope(files='<File ovf:id="f" ovf:href="aACCENTS"/>'),
    "marks that stand for two": envelope(files='<File ovf:id="f" ovf:href="aTIBETAN"/>'),
    "an escaped name": envelope(files='<File ovf:id="f" ovf:href="ESCAPED"/>'),
    "accents in a host's name": envelope(files='<File ovf:id="f" ovf:href="https://aACCENTS/"/>'),
    "as many accents on each letter as are ordered": envelope(files='<File ovf:id="f" ovf:href="LETTER_ACCENTS"/>'),
    "bundles in a file each": envelope(
        "".join(f'<Strings ovf:fileRef="{number}"/>' for number in range(MAX_XML_NODES // 5 - 20)),
        files="".join(
            f'<File ovf:id="{number}" ovf:href="many.000000001"/>' for number in range(MAX_XML_NODES // 5 - 20)
        ),
    ),
    "lines": envelope(files="", system="LINES"),
    "wide text": envelope(files="", system="\U0001f4a3LETTERS"),
}


def cost(path: Path, limits: Limits) -> tuple[int, float, int]:
    """In a process of its own: the number of findings, its processor seconds, and the bytes of memory it needs more."""
    script = (
        "import time\n"
        "from engine.ova.limits import Limits\n"
        "from engine.ova.check import examine\n"
        "from pathlib import Path\n"
        "def peak(): return int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
        "began, before = time.process_time(), peak()\n"
        f"examined = examine(Path({str(path)!r}), {limits!r})\n"
        "said = len(examined.findings)\n"
        "print(said, time.process_time() - began, (peak() - before) * 1024, sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    said, seconds, used = done.stdout.splitlines()
    return int(said), float(seconds), int(used)


@pytest.mark.parametrize("text", WORST_XML.values(), ids=WORST_XML.keys())
def test_the_worst_package_costs_less_than_2_seconds_and_256_mib(tmp_path: Path, text: str) -> None:
    """With every limit as high as it can be set. Processor time, which other processes do not use up."""
    limits = Limits(**MOST)
    chunks = [f"many.{number:09}" for number in range(limits.ova_entries - 8)]
    digests = "".join(f"SHA1({name})= {0:040}\n" for name in chunks)
    room = limits.ova_descriptor_bytes - len(text)
    for word, filling in FILLINGS.items():
        text = text.replace(word, filling * (room // len(filling.encode())))
    path = write_ova(
        tmp_path / "worst.ova",
        pax({"comment": "c" * (MAX_TAR_EXTENSIONS - 100)}, b"g"),
        member("box.ovf", text),
        member("box.mf", digests + "\n" * (MAX_MANIFEST - len(digests))),
        DISK,
        *(member(f"{name}.msg", f"<Strings>{'<M/>' * 30_000}</Strings>") for name in ("one", "two")),
        *(member(name, b"x") for name in chunks),
    )
    findings, seconds, used = cost(path, limits)

    assert findings
    assert seconds < 2
    assert used < 256 << 20


def test_the_worst_folder_costs_less_than_2_seconds_and_256_mib(tmp_path: Path) -> None:
    """A bare descriptor's files are looked for one by one; one of them has a thousand names."""
    (tmp_path / "box.mf").write_text("".join(f"SHA1({number:05})={0:040}\n" for number in range(18_000)))
    for number in range(200):
        (tmp_path / f"chunked-disk.{number:09}").write_bytes(b"x")
    names = [
        "".join(f"%{ord(one):02x}" if number >> n & 1 else one for n, one in enumerate("chunked-disk"))
        for number in range(4_000)
    ]
    names += ["chunked-disk"] * 1_000 + [f"disk{number}" for number in range(6_000)]
    files = "".join(f'<File ovf:id="{n}" ovf:href="{name}" ovf:chunkSize="1"/>' for n, name in enumerate(names))
    (tmp_path / "box.ovf").write_text(envelope(files=files))
    findings, seconds, used = cost(tmp_path / "box.ovf", Limits(**MOST))
    assert findings
    assert seconds < 2
    assert used < 256 << 20


def test_what_a_bare_descriptor_lacks_is_listed_up_to_a_hundred(tmp_path: Path) -> None:
    files = "".join(f'<File ovf:id="f{number}" ovf:href="disk{number}"/>' for number in range(120))
    (tmp_path / "box.ovf").write_text(envelope(files=files))
    errors = [str(one) for one in examine(tmp_path / "box.ovf").findings if one.severity is Severity.ERROR]
    assert len(errors) == 101
    assert errors[-1] == "box.ovf: and its manifest refer to 20 more files that do not lie beside it"


def test_a_member_with_more_accents_than_any_language_is_refused(refused: Refused) -> None:
    assert "more accents on a letter than any language" in refused(DESCRIPTOR, member("a" + "\u0301" * 31, ""), DISK)


BOMBS = {
    "billion laughs": "<!DOCTYPE a [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {chr(97 + n)} '{f'&{chr(96 + n)};' * 10}'>" for n in range(1, 20))
    + "]><Envelope>&t;</Envelope>",
    "quadratic": f"<!DOCTYPE a [<!ENTITY a '{'a' * 100_000}'>]><Envelope>{'&a;' * 100_000}</Envelope>",
    "of parameters": "<!DOCTYPE a [<!ENTITY % a '<!ENTITY b \"c\">'>%a;]><Envelope>&b;</Envelope>",
    "of itself": "<!DOCTYPE a [<!ENTITY a '&a;'>]><Envelope>&a;</Envelope>",
    "in an attribute": "<!DOCTYPE a [<!ENTITY a 'b'><!ATTLIST Envelope x CDATA '&a;&a;'>]><Envelope/>",
    "utf-16": "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a [<!ENTITY a 'b'>]><Envelope>&a;</Envelope>",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_entities_are_refused_before_they_expand(refused: Refused, text: str) -> None:
    data = text.encode("utf-16" if "utf-16" in text else "utf-8")
    assert "it has a DTD or entities, which an OVF descriptor does not need" in refused(member("box.ovf", data), DISK)


def test_nothing_outside_is_opened_or_connected_to(tmp_path: Path) -> None:
    """Python tells a hook of every file and socket; a listener and a file whose name is asked for prove the rest."""
    secret = tmp_path / "secret.xml"
    secret.write_text("<a>secret</a>")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        there = f"http://127.0.0.1:{server.getsockname()[1]}/x.dtd"
        tricks = (
            f'<!DOCTYPE a SYSTEM "{there}"><Envelope/>',
            f'<!DOCTYPE a PUBLIC "-//x" "{secret.as_uri()}"><Envelope/>',
            f'<!DOCTYPE a [<!ENTITY b SYSTEM "{secret.as_uri()}">]><Envelope>&b;</Envelope>',
            f'<!DOCTYPE a [<!ENTITY % b SYSTEM "{there}">%b;]><Envelope/>',
            envelope().replace("<References>", f'<x:include xmlns:x="XInclude" href="{secret.as_uri()}"/><References>'),
            f'<?xml-stylesheet href="{there}"?>' + envelope(),
            envelope().replace("<Envelope ", f'<Envelope xsi:schemaLocation="x {there}" '),
            envelope(files=f'<File ovf:id="file1" ovf:href="{there}"/><File ovf:id="b" ovf:href="{secret.as_uri()}"/>'),
        )
        for number, trick in enumerate(tricks):
            write_ova(tmp_path / f"{number}.ova", member("box.ovf", trick), DISK)
            (tmp_path / f"{number}.ovf").write_text(trick)
        script = (
            "import sys\n"
            "from pathlib import Path\n"
            "from engine.ova.check import examine\n"
            "sys.addaudithook(lambda event, args: event.startswith(('open', 'socket', 'subprocess', 'urllib'))"
            " and print(event, args[0]))\n"
            f"for number in range({len(tricks)}):\n"
            "    for suffix in ('ova', 'ovf'):\n"
            f"        examine(Path(f'{tmp_path}/{{number}}.{{suffix}}'))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        with pytest.raises(BlockingIOError):
            server.accept()
    opened = {line for line in done.stdout.splitlines() if "site-packages" not in line and "/lib/python" not in line}
    ours = {f"open {tmp_path}/{number}.{suffix}" for number in range(len(tricks)) for suffix in ("ova", "ovf")}
    assert opened == ours


@pytest.mark.parametrize(
    "href",
    [
        *("http://host/x.vmdk", "https://host/x.vmdk", "HTTP://host/x", "ftp://host/x", "smb://host/x", "nfs://h/x"),
        *("file:///etc/passwd", "file:/etc/passwd", "//host/share/x.vmdk", "\\\\host\\share\\x.vmdk"),
    ],
)
def test_a_file_that_lies_elsewhere_is_refused_by_name(tmp_path: Path, refused: Refused, href: str) -> None:
    text = envelope(files=f'<File ovf:id="file1" ovf:href="{href}"/>')
    assert f"'{href}' is missing, which File 'file1' refers to" in refused(member("box.ovf", text), DISK)
    (tmp_path / "box.ovf").write_text(text)
    for path in (write_ova(tmp_path / "box.ova", member("box.ovf", text), DISK), tmp_path / "box.ovf"):
        examined = examine(path)
        assert f"lies elsewhere ('{href}'), and " in " ".join(
            finding.what for finding in examined.findings if finding.severity is Severity.ERROR
        )
        with pytest.raises(BadPackage):
            examined.importable()


@pytest.mark.parametrize("href", ["a:b.vmdk", "disk:1.vmdk", "http:x", "profile.vmdk"])
def test_a_name_with_a_colon_is_a_name(tmp_path: Path, href: str) -> None:
    text = envelope(files=f'<File ovf:id="file1" ovf:href="{href}"/>')
    package = open_package(write_ova(tmp_path / "box.ova", member("box.ovf", text), member(href, b"disk")))
    assert package.open(href).read() == b"disk"
    assert not package.descriptor.problems


def test_more_chunks_than_a_process_may_open_files(tmp_path: Path) -> None:
    text = envelope(files='<File ovf:id="file1" ovf:href="d" ovf:chunkSize="2"/>')
    chunks = [member(f"d.{number:09}", b"xy") for number in range(1500)]
    package = open_package(write_ova(tmp_path / "box.ova", member("box.ovf", text), *chunks))
    before = len(list(Path("/proc/self/fd").iterdir()))
    buffer, size = memoryview(bytearray(100)), 0
    with package.open_content("d") as source:
        while count := source.readinto(buffer):
            size += count
            assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    assert size == package.content_size("d") == 3000
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_gigantic_claim_costs_nothing(refused: Refused) -> None:
    assert "has 0 of 9223372036854775807 bytes" in refused(
        DESCRIPTOR, pax({"size": str((1 << 63) - 1)}), header("disk1.vmdk", 0)
    ).replace("has 1024 of", "has 0 of")
    assert "bytes of extension headers" in refused(DESCRIPTOR, header("x", b"\x80" + (1 << 60).to_bytes(11), b"x"))
    assert "bytes of extension headers" in refused(DESCRIPTOR, header("x", b"\x80" + (1 << 60).to_bytes(11), b"L"))
    assert "truncated: member 'disk1.vmdk'" in refused(DESCRIPTOR, header("disk1.vmdk", b"\x80" + b"\xff" * 11))


# Manifests.


@pytest.mark.parametrize(
    "line",
    ["{0}({1})= {2}\n", "{0}({1})= {2}\r\n", "  {0} ( {1} )  =  {2} \t\r\n\r\n", "\n{0}(./{1})={2}\r"],
    ids=["plain", "CRLF", "spaces", "CR"],
)
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512", "SHA512", "sha-512"])
def test_manifests_of_every_writer_are_heeded(tmp_path: Path, refused: Refused, algorithm: str, line: str) -> None:
    plain = algorithm.lower().replace("-", "")
    line = line.replace("{0}", algorithm)
    good = manifest(plain, line, box__ovf=envelope(), disk1__vmdk=b"d" * 700)
    package = open_package(write_ova(tmp_path / "a.ova", DESCRIPTOR, good, DISK))
    assert package.manifest is not None
    found = {name: (one.algorithm, one.hex) for name, one in package.manifest.digests.items()}
    assert found == {
        "box.ovf": (plain, hashlib.new(plain, envelope().encode()).hexdigest()),
        "disk1.vmdk": (plain, hashlib.new(plain, b"d" * 700).hexdigest()),
    }
    other = manifest(plain, line, box__ovf="<other/>", disk1__vmdk=b"d" * 700)
    assert f"damaged descriptor {tmp_path}/bad.ova: box.ovf: its {plain} is" in refused(DESCRIPTOR, other, DISK)


def test_a_manifest_without_the_descriptor_or_with_an_unknown_file(tmp_path: Path, refused: Refused) -> None:
    package = open_package(write_ova(tmp_path / "a.ova", DESCRIPTOR, manifest("sha256", disk1__vmdk=b"d"), DISK))
    assert package.manifest is not None
    assert list(package.manifest.digests) == ["disk1.vmdk"]
    said = refused(DESCRIPTOR, manifest("sha256", box__ovf=envelope(), ghost__iso=b""), DISK)
    assert "'ghost.iso' is missing, which the manifest refers to" in said
