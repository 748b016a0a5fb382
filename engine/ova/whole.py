"""Whether a package is whole: its archive against its descriptor; and what it asks of whoever imports it."""

from collections.abc import Iterator

from engine.cancel import Cancel
from engine.errors import BadPackage
from engine.ova.descriptor import Descriptor
from engine.ova.findings import Finding, place
from engine.ova.integrity import listed
from engine.ova.limits import MAX_PROBLEMS
from engine.ova.package import Package
from engine.ova.signature import certificate_name

_PUT_THERE = "put it there, or get it again"


def archive_findings(package: Package, cancel: Cancel) -> Iterator[Finding]:
    """Files that are missing, of another size, unknown to the descriptor, or in another order than OVF wants. Raises
    Cancelled while a compressed one is expanded.
    """
    yield from _missing(package)
    yield from _sizes(package)
    yield from _compressed(package, cancel)
    yield from _unknown(package)
    if package.path.suffix.lower() != ".ovf":
        yield from _order(package)


def content_findings(package: Package) -> Iterator[Finding]:
    """What whoever imports it should know of its properties and licences."""
    descriptor, file = package.descriptor, package.descriptor_name
    for known in descriptor.properties:
        if known.password and known.default:
            what = "is a password with a default, which everybody has who has the package"
            yield Finding.warning(place(file, known.line, f"Property '{known.key}'"), what, "give it another value")
    if descriptor.eulas:
        yield Finding.note(
            place(file, 0, "EulaSection"),
            f"has {len(descriptor.eulas)} licence text{'s' if len(descriptor.eulas) > 1 else ''} to accept",
            "they are accepted for a component: slipway component accept-eula UID",
        )


def without_default(descriptor: Descriptor, file: str) -> Iterator[Finding]:
    """The properties that whoever deploys has to give a value: they may be set, and the descriptor sets none."""
    for known in descriptor.properties:
        if known.user_configurable and not known.default:
            where = place(file, known.line, f"Property '{known.key}'")
            yield Finding.warning(where, f"has no default ({known.type})", "set it in the profile or the component")


def _missing(package: Package) -> Iterator[Finding]:
    """Of a bare descriptor; of an archive it is told when it is opened."""
    if package.path.suffix.lower() != ".ovf":
        return
    lines = {
        file.href: place(package.descriptor_name, file.line, f"File '{file.id}'") for file in package.descriptor.files
    }
    for name in package.missing[:MAX_PROBLEMS]:
        where = lines.get(name, package.manifest.name if package.manifest else package.descriptor_name)
        yield Finding.error(where, f"refers to '{name}', which does not lie beside it", _PUT_THERE)
    if len(package.missing) > MAX_PROBLEMS:
        more = f"and its manifest refer to {len(package.missing) - MAX_PROBLEMS} more files that do not lie beside it"
        yield Finding.error(package.descriptor_name, more, _PUT_THERE)


def _sizes(package: Package) -> Iterator[Finding]:
    """ovftool imports such a package too, with a warning."""
    for file in package.descriptor.files:
        content = package.contents.get(file.href)
        if content is None or content.is_compressed or file.size in (None, content.stored):
            continue
        where = place(package.descriptor_name, file.line, f"File '{file.id}'")
        what = f"says that '{file.href}' has {file.size} bytes, it has {content.stored}"
        yield Finding.warning(where, what, "look whether it is whole: it may be another build's, or cut off")


def _compressed(package: Package, cancel: Cancel) -> Iterator[Finding]:
    """Each is expanded once, for the size that a host wants to know before the first byte."""
    files = {file.href: file for file in package.descriptor.files}
    for href in package.contents:
        try:
            package.content_size(href, cancel)
        except BadPackage as error:
            where = place(package.descriptor_name, files[href].line, f"File '{files[href].id}'")
            yield Finding.error(where, f"refers to '{href}': {error.why}", error.fix)


def _unknown(package: Package) -> Iterator[Finding]:
    """Those that the manifest lists are told with it."""
    known = {member.name for content in package.contents.values() for member in content.members}
    known |= {package.descriptor_name, certificate_name(package)}
    if package.manifest:
        known |= {package.manifest.name, *package.manifest.digests}
    names = [name for name in package.members if name not in known]
    if names:
        yield Finding.note(package.path.name, f"holds {listed(names)}, to which nothing refers: not uploaded")


def _order(package: Package) -> Iterator[Finding]:
    """The descriptor first, the files as References has them (DSP0243 5.3): for who reads it as a stream."""
    order = {name: number for number, name in enumerate(package.members)}
    first = next(iter(order))
    if first != package.descriptor_name:
        what = f"does not begin with its descriptor but with '{first}': tools that read a stream may refuse it"
        yield Finding.note(package.path.name, what)
    files = [member.name for content in package.contents.values() for member in content.members]
    if files != sorted(files, key=order.__getitem__):
        yield Finding.note(package.path.name, "has its files in another order than its descriptor's References")
