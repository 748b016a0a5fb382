"""The manifest (`.mf`): the digest of each file of a package, as OVF 1.1 and 2.1 section "Distribution" write it.

Lines are `SHA256(disk1.vmdk)= <hex>`; tools differ in spaces, case, line ends and the algorithm's name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.errors import BadPackage
from engine.ova.findings import Told, refuse

# Hex digits of each algorithm by the name that hashlib gives it.
_LENGTHS = {"sha1": 40, "sha256": 64, "sha512": 128}
LINE = re.compile(r"\s*(?P<algorithm>[A-Za-z0-9-]+)\s*\((?P<name>.+)\)\s*=\s*(?P<hex>[0-9A-Fa-f]+)\s*")


@dataclass(frozen=True, slots=True)
class Digest:
    """`algorithm` is a name of hashlib (`sha1`, `sha256`, `sha512`), `hex` lower case."""

    algorithm: str
    hex: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Digests by file name, in the manifest's order. `name` is its own file's, `data` the bytes: what is signed."""

    digests: Mapping[str, Digest]
    name: str = ""
    data: bytes = field(default=b"", repr=False)


def read_manifest(data: bytes, where: str, told: Told = refuse) -> Manifest:
    """The manifest in `data`; `where` names its file in errors. `told` hears of each line that cannot be used.

    Raises BadPackage.
    """
    try:
        lines = re.split(r"\r\n|\r|\n", data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadPackage("cannot read manifest", on=where, why=f"it is not UTF-8 at byte {error.start}") from None
    digests: dict[str, Digest] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            name, digest = _entry(line, f"{where} line {number}")
        except BadPackage as error:
            told(error)
            continue
        if digests.setdefault(name, digest) != digest:
            why = f"a second digest of '{name}'"
            told(BadPackage("cannot read manifest", on=f"{where} line {number}", why=why))
    return Manifest(MappingProxyType(digests), data=data)


def plain_algorithm(name: str) -> str:
    """hashlib's name of an algorithm: `sha256` for SHA-256, and for the SHA2-256 that OpenSSL 3 writes."""
    return name.lower().replace("sha2-", "sha").replace("-", "")


def _entry(line: str, where: str) -> tuple[str, Digest]:
    match = LINE.fullmatch(line)
    if match is None:
        raise BadPackage("cannot read manifest", on=where, why=f"{line[:80]!r} is not 'SHA256(file)= digest'")
    algorithm = plain_algorithm(match["algorithm"])
    if algorithm not in _LENGTHS:
        why = f"unknown digest algorithm '{match['algorithm'][:40]}'"
        raise BadPackage("cannot read manifest", on=where, why=why, fix="SHA1, SHA256 and SHA512 are supported")
    if len(match["hex"]) != _LENGTHS[algorithm]:
        why = f"a {algorithm} digest has {_LENGTHS[algorithm]} hex digits, this one {len(match['hex'])}"
        raise BadPackage("cannot read manifest", on=where, why=why)
    return match["name"].strip().removeprefix("./"), Digest(algorithm, match["hex"].lower())
