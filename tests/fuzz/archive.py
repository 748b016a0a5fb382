"""Fuzz target: the archive, down to every byte of its files."""

import gzip
from collections.abc import Iterator
from contextlib import suppress

from engine.errors import BadPackage
from tests.fuzz.harness import MemoryFile, instrumented, main
from tests.ova.archives import BLOCK, END, base256, envelope, header, member, pax

with instrumented():
    from engine.ova.check import examine
    from engine.ova.package import Package, open_package

_FILE = MemoryFile()


def check(data: bytes) -> None:
    """Say what is wrong with it, and if that is nothing, look at each option and read all that would travel."""
    _FILE.hold(repaired(data[1:]) if data[:1] == b"\1" else data[1:])
    examined = examine(_FILE.path)
    assert examined.package or examined.errors
    with suppress(BadPackage):
        package = open_package(_FILE.path) if examined.package else examined.importable()
        assert sum(one.size for one in package.members.values()) <= len(data)
        for option in package.descriptor.deployment_options:
            package.in_option(option.id)
        for name, found in package.members.items():
            with package.open(name) as reader:
                assert len(reader.readall()) == found.size
        for href in package.contents:
            with suppress(BadPackage):
                expanded = package.content_size(href)
                assert read_through(href, package) == expanded


def read_through(href: str, package: Package) -> int:
    """How many bytes a host would get."""
    buffer, size = memoryview(bytearray(1 << 16)), 0
    with package.open_content(href) as source:
        while count := source.readinto(buffer):
            size += count
    return size


def repaired(data: bytes) -> bytes:
    """With right checksums in what looks like a header: mutations would not get past them."""
    blocks = bytearray(data)
    for start in range(0, len(blocks) - BLOCK + 1, BLOCK):
        if blocks[start + 257 : start + 262] == b"ustar":
            blocks[start + 148 : start + 156] = b" " * 8
            blocks[start + 148 : start + 156] = b"%06o\0 " % sum(blocks[start : start + BLOCK])
    return bytes(blocks)


def seeds() -> Iterator[bytes]:
    """Archives of every construct that is read, and of some that are refused; each with right and with its own sums."""
    plain, digest = envelope(), "0" * 40
    descriptor, disk = member("box.ovf", plain), member("disk1.vmdk", b"d" * 70)
    packed = gzip.compress(b"z" * 70, mtime=0)
    compressed = envelope(files='<File ovf:id="a" ovf:href="d.gz" ovf:compression="gzip"/>')
    bundle = envelope(
        '<Strings ovf:fileRef="m"/><EulaSection><License ovf:msgid="a"/></EulaSection>',
        system='<ProductSection><Property ovf:key="k" ovf:password="true" ovf:value="v"/></ProductSection>',
        files='<File ovf:id="m" ovf:href="en.msg" ovf:size="9"/>',
    )
    texts = '<Strings xml:lang="en"><Msg ovf:msgid="a">read</Msg></Strings>'
    chunked = envelope(files='<File ovf:id="a" ovf:href="d" ovf:chunkSize="7" ovf:size="10"/>')
    archives = (
        descriptor + disk,
        disk + descriptor + member("box.mf", f"SHA1(disk1.vmdk)= {digest}\n"),
        pax({"path": "box.ovf", "size": str(len(plain))}) + header("x", 0) + descriptor[BLOCK:] + disk,
        member("././@LongLink", b"box.ovf\0", b"L") + member("y", plain) + disk,
        pax({"comment": "x"}, b"g")
        + header("box/", 0, b"5")
        + member("box/box.ovf", plain)
        + member("box/disk1.vmdk", b""),
        descriptor + header("disk1.vmdk", base256(70)) + disk[BLOCK:] + member("._box.ovf", b"Mac"),
        member("box.ovf", compressed) + member("d.gz", packed) + member("box.cert", f"SHA1(box.mf)= {digest}\n"),
        member("box.ovf", chunked) + member("d.000000000", b"c" * 7) + member("d.000000001", b"c" * 3),
        member("box.ovf", bundle) + member("en.msg", texts),
        descriptor + header("disk1.vmdk", 0, b"2") + member("DISK1.vmdk", b"") + member("../x", b""),
    )
    for archive in archives:
        yield b"\1" + archive + END
        yield b"\0" + archive


if __name__ == "__main__":
    main(check, seeds())
