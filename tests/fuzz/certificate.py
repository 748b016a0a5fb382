"""Fuzz target: the certificate file, what it signs and whom it names."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from tests.fuzz.harness import MemoryFile, instrumented, main
from tests.ova.archives import END, envelope, member
from tests.ova.signing import NOW, Chain, certificate_file, chain_of, made

with instrumented():
    from engine.ova.chain import State
    from engine.ova.member import Member
    from engine.ova.package import open_package
    from engine.ova.signature import signature_of

_MANIFEST = f"SHA1(disk1.vmdk)= {'0' * 40}\n".encode()
_BEGIN, _END = "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"
_PACKAGE = MemoryFile()
_PACKAGE.hold(member("box.ovf", envelope()) + member("box.mf", _MANIFEST) + member("disk1.vmdk", b"") + END)
_package = open_package(_PACKAGE.path)
_FILE = MemoryFile()
_CHAINS: dict[str, Chain] = {kind: chain_of(kind) for kind in ("ec", "rsa")}
_ROOTS = [chain.root.der for chain in _CHAINS.values()]


def check(data: bytes) -> None:
    """Whatever is in it, there is a verdict; only what a trusted chain signed is valid."""
    text = armoured(data[1:]) if data[:1] == b"\1" else data[1:]
    _FILE.hold(text)
    members = {**_package.members, "box.cert": Member("box.cert", 0, len(text), _FILE.path)}
    found = signature_of(replace(_package, members=MappingProxyType(members)), _ROOTS, NOW)
    assert found.state is State.VALID or found.why
    assert len(found.why) < 2000


def armoured(data: bytes) -> bytes:
    """A line and DER certificates as PEM: mutations of base64 would seldom get past its decoder."""
    line, *certificates = data.split(b"\n=====\n")
    blocks = (f"{_BEGIN}{base64.encodebytes(der).decode()}{_END}".encode() for der in certificates)
    return b"\n".join((line, *blocks))


def seeds() -> Iterator[bytes]:
    """Valid ones and others, as PEM and as DER."""
    for chain in _CHAINS.values():
        for holders in (chain.holders, [chain.signer], [chain.between, chain.root], [made("Nobody", ca=False)]):
            text = certificate_file(_MANIFEST, holders)
            yield b"\0" + text.encode()
            yield b"\1" + b"\n=====\n".join((text.splitlines()[0].encode(), *(one.der for one in holders)))


if __name__ == "__main__":
    main(check, seeds())
