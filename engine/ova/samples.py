"""OVAs made for tests, the demo and the bench: honest descriptors and manifests, disks of any size.

The descriptor keeps to what vCenter's CreateImportSpec and govmomi's simulator both accept. The disks' bytes look
random and are the same on every machine; they are no VMDKs, so only a simulated host takes them.
"""

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.ova.descriptor import DeploymentOption, Property
from engine.ova.sample_descriptor import sample_descriptor

_CHUNK = 1024 * 1024
_TAR_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Sample:
    """An OVA that was made: `size` in bytes, `sha256` of the whole file in hex, or "" when it was not asked for."""

    path: Path
    size: int
    sha256: str


def build_ova(  # noqa: PLR0913 (each is one choice about the OVA)
    path: str | os.PathLike[str],
    *,
    name: str,
    disks: Sequence[int] = (1024 * 1024,),
    properties: Sequence[Property] = (),
    networks: Sequence[str] = ("VM Network",),
    nics: Sequence[str] | None = None,
    deployment_options: Sequence[DeploymentOption] = (),
    ip_schemes: Sequence[str] = (),
    licences: Sequence[str] = (),
    manifest: Literal["sha1", "sha256", "sha512"] | None = "sha256",
    sparse: bool = False,
    checksum: bool = True,
) -> Sample:
    """Make an OVA at `path` with one disk file per size in `disks` (bytes), and one NIC per entry of `nics`.

    `nics` names each NIC's network; None is one NIC per network. Each of `deployment_options` has 64 MB more than the
    one before. `ip_schemes`: how its guest learns its IPv4 address, `dhcp`, `ovfenv`. `licences`: texts to accept.

    With `sparse` the disks are holes: 10 GiB cost no space, and with `manifest=None, checksum=False` no time either (a
    digest reads them all). Memory: a block of 1 MiB.
    """
    path = Path(path)
    content = _zeros if sparse else _random
    hrefs = [f"{name}-disk{number}.vmdk" for number in range(1, len(disks) + 1)]
    descriptor = sample_descriptor(
        name,
        disks=dict(zip(hrefs, disks, strict=True)),
        properties=properties,
        networks=networks,
        nics=networks if nics is None else nics,
        deployment_options=deployment_options,
        ip_schemes=ip_schemes,
        licences=licences,
    ).encode()
    small = {f"{name}.ovf": descriptor}
    if manifest:
        digests = {f"{name}.ovf": hashlib.new(manifest, descriptor, usedforsecurity=False).hexdigest()}
        for href, size in zip(hrefs, disks, strict=True):
            digests[href] = _digest(manifest, content(href, size))
        lines = (f"{manifest.upper()}({file})= {digest}\n" for file, digest in digests.items())
        small[f"{name}.mf"] = "".join(lines).encode()
    whole = hashlib.sha256()
    with path.open("wb") as file:

        def put(block: bytes) -> None:
            file.write(block)
            if checksum:
                whole.update(block)

        def skip(block: bytes) -> None:
            file.seek(len(block), os.SEEK_CUR)
            if checksum:
                whole.update(block)

        for member, data in small.items():
            _write_member(member, len(data), iter((data,)), put, put)
        for href, size in zip(hrefs, disks, strict=True):
            _write_member(href, size, content(href, size), put, skip if sparse else put)
        put(bytes(2 * _TAR_BLOCK))
    return Sample(path, path.stat().st_size, whole.hexdigest() if checksum else "")


def _write_member(
    name: str, size: int, blocks: Iterator[bytes], put: Callable[[bytes], None], put_block: Callable[[bytes], None]
) -> None:
    header = tarfile.TarInfo(name)
    header.size = size
    header.mtime = 1_700_000_000  # fixed, so that the same arguments make the same file
    put(header.tobuf(tarfile.PAX_FORMAT))
    for block in blocks:
        put_block(block)
    put(bytes(-size % _TAR_BLOCK))


def _digest(algorithm: str, blocks: Iterator[bytes]) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def _random(seed: str, size: int) -> Iterator[bytes]:
    """One random block, numbered, so that no two are equal: 40 times faster than making each at random."""
    block = bytearray(hashlib.shake_256(seed.encode()).digest(min(size, _CHUNK)))
    for start in range(0, size, _CHUNK):
        number = (start // _CHUNK).to_bytes(8)
        block[: len(number)] = number
        yield bytes(block[: size - start])


def _zeros(_seed: str, size: int) -> Iterator[bytes]:
    block = bytes(min(size, _CHUNK))
    for start in range(0, size, _CHUNK):
        yield block[: size - start]
