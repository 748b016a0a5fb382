"""What the manifest proves of a package's files, without reading them: their digests are compared while they travel."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from engine.ova.findings import Finding
from engine.ova.manifest import Manifest
from engine.ova.package import Package

_NAMED = 5
"""Files that one finding names at most."""


def manifest_findings(package: Package) -> tuple[Finding, ...]:
    """What its manifest leaves unproven, and where it and the certificate file are not as OVF wants them."""
    where = package.descriptor_name
    if package.manifest is None:
        return (Finding.note(where, "comes without a manifest (.mf): only the component's checksum proves its files"),)
    manifest = package.manifest
    return (
        *_unproven(package, manifest),
        *_never_read(package, manifest),
        *_weak(manifest),
        *_misplaced(package, manifest.name),
    )


def unproven(package: Package) -> tuple[str, ...]:
    """The descriptor and the files that travel, as far as the manifest has no digest of them."""
    digests = package.manifest.digests if package.manifest else {}
    return tuple(name for name in (package.descriptor_name, *_sent(package)) if name not in digests)


def _sent(package: Package) -> list[str]:
    return [name for content in package.contents.values() for name in content.names]


def _unproven(package: Package, manifest: Manifest) -> Iterable[Finding]:
    names = unproven(package)
    if names:
        yield Finding.warning(
            manifest.name,
            f"has no digest of {listed(names)}: damage to them is not noticed",
            "get a whole package",
        )


def _never_read(package: Package, manifest: Manifest) -> Iterable[Finding]:
    sent = {package.descriptor_name, *_sent(package)}
    names = [name for name in manifest.digests if name in package.members and name not in sent]
    if names:
        yield Finding.note(
            manifest.name,
            f"lists {listed(names)}, to which no File refers: not uploaded, and the digest is not compared",
        )


def _weak(manifest: Manifest) -> Iterable[Finding]:
    if {digest.algorithm for digest in manifest.digests.values()} == {"sha1"}:
        yield Finding.note(manifest.name, "has SHA-1 digests only: they show damage, but can be forged")


def _misplaced(package: Package, manifest: str) -> Iterable[Finding]:
    """In an OVA: descriptor, manifest, certificate, files; or the second and third of them at the end (DSP0243)."""
    names = list(package.members)
    certificates = [name for name in names if name.lower().endswith(".cert")]
    own = PurePosixPath(manifest).with_suffix(".cert").name
    for name in certificates:
        if name != own:
            yield Finding.warning(name, f"is not named after the manifest '{manifest}'", "get the package again")
    beside = package.path.suffix.lower() == ".ovf"
    if own in certificates and not beside and names.index(own) != names.index(manifest) + 1:
        yield Finding.note(own, f"does not come right after '{manifest}', as OVF wants it; other tools may refuse that")


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, the first few of many."""
    every = [f"'{name}'" for name in names]
    more = len(every) - _NAMED
    return ", ".join(every[:_NAMED]) + (f" and {more} more" if more > 0 else "")
