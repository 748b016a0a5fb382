"""Whether a package may be used: its licence was accepted, its signature proves what the endpoint asks for.

The plan, staging and direct imports ask here, before the first byte is sent. Whether it fits the endpoint's hosts is
looked at by `engine.fit`, whose findings they hand in.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

from engine.catalog.licences import licence_findings, licence_in
from engine.errors import BadInput, BadPackage, SlipwayError
from engine.ova.chain import State, system_roots
from engine.ova.check import findings_of
from engine.ova.findings import Finding, Severity, numbered
from engine.ova.integrity import listed, unproven
from engine.ova.package import Package
from engine.ova.signature import Signature, certificate_name, signature_of
from engine.progress import Watcher
from storage.components import Component
from storage.endpoints import Endpoint, Signatures
from storage.roots import ROOTS, configured_roots
from storage.store import Store

log = logging.getLogger(__name__)

_TRUST = f"if you trust its maker, add the certificate to a PEM file: slipway setting update {ROOTS} -v FILE"
_AGAIN = "get it again from its maker"
_FIX: Mapping[State, str] = {
    State.UNSIGNED: "get a signed one from its maker",
    State.EXPIRED: "get one from its maker that is signed anew",
    State.NOT_YET_VALID: "check this machine's clock",
    State.SELF_SIGNED: _TRUST,
    State.UNTRUSTED: _TRUST,
    State.TAMPERED: f"do not use it; {_AGAIN}",
    State.UNREADABLE: _AGAIN,
}


def licence_problems(component: Component, package: Package) -> tuple[Finding, ...]:
    """An error when the component's licence waits to be accepted."""
    return licence_findings(licence_in(component, package), package.path.name)


def signature_problems(
    store: Store, endpoint: Endpoint, package: Package, now: datetime | None = None
) -> tuple[Finding, ...]:
    """What its signature leaves unproven: errors where the endpoint requires one, warnings where it only asks."""
    if endpoint.signatures == Signatures.OFF:
        return ()
    severity = Severity.ERROR if endpoint.signatures == Signatures.REQUIRE else Severity.WARNING
    return _judged(store, package, severity, f"; {_otherwise(endpoint)}", now)[1]


def signature_findings(store: Store, package: Package, now: datetime | None = None) -> tuple[Finding, ...]:
    """What its signature says, and leaves unproven, to who asks for no endpoint in particular."""
    if not certificate_name(package):
        return (Finding.note(package.path.name, "is not signed"),)
    signature, found = _judged(store, package, Severity.WARNING, "", now)
    where = certificate_name(package)
    if not found:
        found += (Finding.note(where, f"is a valid signature of {signature.signer} for every file that is sent"),)
    if signature.algorithm == "sha1":
        found += (Finding.note(where, "signs with SHA-1, which can be forged"),)
    return found


def _judged(
    store: Store, package: Package, severity: Severity, otherwise: str, now: datetime | None
) -> tuple[Signature, tuple[Finding, ...]]:
    found: list[Finding] = []
    roots = system_roots()
    try:
        roots += configured_roots(store)
    except BadInput as error:
        found.append(Finding(severity, f"setting {ROOTS}", f"{error.on}: {error.why}", error.fix))
    signature = signature_of(package, roots, now)
    where = package.path.name
    if signature.state is not State.VALID:
        found.append(Finding(severity, where, _told(signature), f"{_FIX[signature.state]}{otherwise}"))
    elif names := unproven(package):
        what = f"its signature does not cover {listed(names)}: the manifest has no digest of them"
        found.append(Finding(severity, where, what, f"{_AGAIN}{otherwise}"))
    return signature, tuple(found)


def refusals(findings: Iterable[Finding]) -> tuple[SlipwayError, ...]:
    """The errors among them, as exceptions."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    return tuple(BadPackage("cannot use", on=one.where, why=one.what, fix=one.fix) for one in errors)


def check(
    store: Store, endpoint: Endpoint, component: Component, package: Package, more: Iterable[Finding] = ()
) -> tuple[Finding, ...]:
    """The warnings. Raises BadPackage when the package may not be used there; `more` is what else was found."""
    found = (
        *findings_of(package),
        *licence_problems(component, package),
        *signature_problems(store, endpoint, package),
        *more,
    )
    refused = refusals(found)
    if len(refused) > 1:
        why = numbered([f"{one.why}; {one.fix}" for one in refused])
        fix = f"see all with: slipway ova check {package.path} --endpoint {endpoint.name}"
        raise BadPackage("cannot use", on=package.path.name, why=why, fix=fix)
    if refused:
        raise refused[0]
    return tuple(one for one in found if one.severity is Severity.WARNING)


def admit(
    store: Store,
    endpoint: Endpoint,
    component: Component,
    package: Package,
    item: str,
    watcher: Watcher,
    more: Iterable[Finding] = (),
) -> None:
    """Right before its first byte is sent for `item`: refuse it, or tell its warnings. Raises as `check`."""
    warnings = check(store, endpoint, component, package, more)
    for warning in warnings:
        log.warning("%s: %s; %s", item, warning, warning.fix)
    if warnings:
        watcher.began(item, "checking", "; ".join(str(warning) for warning in warnings))


def _told(signature: Signature) -> str:
    if signature.state is State.UNSIGNED:
        return f"it is not signed: {signature.why}"
    return f"its signature proves nothing ({signature.state}): {signature.why}"


def _otherwise(endpoint: Endpoint) -> str:
    less = Signatures.WARN if endpoint.signatures == Signatures.REQUIRE else Signatures.OFF
    return f"or ask less: slipway endpoint update {endpoint.name} --signatures {less}"
