"""Checking the OVA of a component for the console: what `slipway ova check` finds, given what the component sets."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.cancel import Cancel
from engine.catalog.admission import licence_problems, signature_findings
from engine.catalog.limits import limits_of
from engine.catalog.supply import obstacle
from engine.console.desk import Desk
from engine.deploy.values import declared
from engine.errors import BadInput
from engine.ova.check import compare_digests, digest_bytes
from engine.ova.findings import Finding, worst_first
from engine.ova.package import Package
from engine.ova.whole import without_default
from engine.progress import Watcher
from engine.vsphere.ovf_import import examined
from storage import components
from storage.components import Component


@dataclass(frozen=True, slots=True)
class PackageFinding:
    """As `engine.endpoints.findings.Finding`; `state` is error, warning, note, or ok when there is nothing else."""

    name: str
    state: str
    detail: str
    fix: str = ""


def check(desk: Desk, uid: str, cancel: Cancel, watcher: Watcher) -> tuple[PackageFinding, ...]:
    """Everything that is wrong with it or worth knowing, the worst first; `watcher` hears how far its digests are.

    Raises NotFound, BadInput when it has no OVA here, Cancelled.
    """
    component = components.get(desk.store, uid)
    if why := obstacle(component):
        raise BadInput("cannot check the OVA of", on=uid, why=why)
    seen = examined(component, limits_of(desk.store))
    found = list(seen.findings)
    if seen.package is not None:
        found += _to_be_given(component, seen.package)
        found += licence_problems(component, seen.package)
        found += signature_findings(desk.store, seen.package)
        watcher.expects(uid, digest_bytes(seen.package))
        found += compare_digests(seen.package, cancel, lambda count: watcher.sent(uid, count))
    return _told(worst_first(dict.fromkeys(found)), seen.path.name)


def _to_be_given(component: Component, package: Package) -> Iterable[Finding]:
    """The properties without a value that the component does not set: a profile has to."""
    descriptor = package.descriptor
    mapped = [declared(descriptor, each["Key"]) for each in component.spec.get("PropertyMapping") or ()]
    left = tuple(one for one in descriptor.properties if one not in mapped)
    return without_default(replace(descriptor, properties=left), package.descriptor_name)


def _told(found: Iterable[Finding], name: str) -> tuple[PackageFinding, ...]:
    told = tuple(PackageFinding(one.where, str(one.severity), one.what, one.fix) for one in found)
    fine = all(one.state == "note" for one in told)
    return (PackageFinding(name, "ok", "nothing is wrong with it"), *told) if fine else told
