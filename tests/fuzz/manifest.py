"""Fuzz target: the manifest."""

from collections.abc import Iterator
from contextlib import suppress

from engine.errors import BadPackage
from tests.fuzz.harness import CORPUS, LONGEST, instrumented, main

with instrumented():
    from engine.ova.manifest import read_manifest


def check(data: bytes) -> None:
    """Read it; what was read has whole digests."""
    with suppress(BadPackage):
        for digest in read_manifest(data, "box.mf").digests.values():
            assert len(bytes.fromhex(digest.hex)) in (20, 32, 64)


def seeds() -> Iterator[bytes]:
    """As several tools write it, and real ones."""
    for line in ("SHA1({0})= {1:040}", "  sha-256 (./{0}) = {1:064}\r", "\ufeffSHA512({0})={1:0128}\t"):
        yield "\n".join(line.format(name, 7) for name in ("box.ovf", "disk (1) = a.vmdk", "größe.iso")).encode()
    for path in sorted(CORPUS.rglob("*.mf")):
        if path.stat().st_size < LONGEST:
            yield path.read_bytes()


if __name__ == "__main__":
    main(check, seeds())
