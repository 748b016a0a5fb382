"""Adding and changing an endpoint: nothing is stored before its certificate was accepted and its login has worked."""

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from engine.endpoints.findings import Finding, State
from engine.endpoints.hostname import joined
from engine.endpoints.preflight import find_objects
from engine.errors import BadInput, CertificateRefused, Conflict, LoginRefused, SlipwayError, Unreachable
from engine.site import login_turn
from engine.vsphere.session import Address, Session, Turn, connect
from engine.vsphere.trust import Certificate, Trust, normal_fingerprint, reason, shown_certificate
from storage import endpoints
from storage.endpoints import Endpoint, NewEndpoint
from storage.pace import pace_of
from storage.store import Store

log = logging.getLogger(__name__)

Consent = Callable[[str, Certificate], None]
"""Asks whether the certificate that this `host:port` shows is the right one, else raises CertificateRefused."""

TRUST: dict[str, Any] = {"pin": None, "ca": None, "insecure": False}
"""No trust given: the machine's own authorities decide, else the operator."""

AnyEndpoint = TypeVar("AnyEndpoint", bound=NewEndpoint)


@dataclass(frozen=True, slots=True)
class Registered:
    """A stored endpoint, and what it names that vCenter does not have."""

    endpoint: Endpoint
    missing: tuple[Finding, ...]


def check_free(store: Store, name: str) -> None:
    """Raise Conflict when an endpoint has that name, before anybody is asked for a password."""
    if any(endpoint.name == name for endpoint in endpoints.listing(store)):
        fix = f"choose another, or change it with: slipway endpoint update {name}"
        raise Conflict("cannot name an endpoint", on=name, why="the name is taken", fix=fix)


def add(store: Store, new: NewEndpoint, password: str, consent: Consent) -> Registered:
    """Accept the certificate, log in once, and store the endpoint.

    Raises EndpointUnreachable, CertificateRefused, LoginRefused, Conflict; nothing is stored then.
    """
    with _nothing_changed("nothing was stored"):
        new = _accepted(new, consent)
        with _log_in(store, new, password) as session:
            instance_uuid = session.instance_uuid
            absent = _absent(session, new)
    stored = endpoints.add(store, new, password)
    return Registered(endpoints.update(store, stored.name, instance_uuid=instance_uuid), absent)


def update(store: Store, name: str, changes: dict[str, Any], password: str | None, consent: Consent) -> Registered:
    """Change fields of the endpoint, and its password unless that is None.

    Another host, trust, user or password is tried first; another host needs consent again, because a pin or `insecure`
    was given for the old one. A stored password is tried even if it was refused before: somebody asks by hand.
    Raises as `add`, and NotFound; nothing is changed then.
    """
    standing = endpoints.get(store, name)
    if (standing.host, standing.port) != (changes.get("host", standing.host), changes.get("port", standing.port)):
        changes = {"pin": None, "insecure": False, **changes}
    wanted = replace(standing, **changes)
    absent: tuple[Finding, ...] = ()
    if password is not None or changes.keys() & {"host", "port", "username", *TRUST}:
        with _nothing_changed("nothing was changed"):
            wanted = _accepted(wanted, consent)
            secret = endpoints.password(store, standing) if password is None else password
            stored = password is None and not changes.keys() & {"host", "port", "username"}
            turn = (lambda: login_turn(store, standing.id, by_hand=True)) if stored else None
            with _log_in(store, wanted, secret, turn) as session:
                changes = {**changes, "pin": wanted.pin, "instance_uuid": session.instance_uuid}
                absent = _absent(session, wanted)
    else:
        absent = _absent_if_it_answers(store, wanted)
    if password is not None:
        changes = {**changes, "password": password}
    return Registered(endpoints.update(store, name, **changes), absent)


def pin_of(text: str) -> str:
    """A SHA-256 fingerprint as 64 lower-case hex digits. Raises BadInput."""
    pin = normal_fingerprint(text)
    if len(pin) != 64 or not set(pin) <= set("0123456789abcdef"):
        why = "it is a SHA-1 fingerprint" if len(pin) == 40 else "it is not 64 hex digits"
        raise BadInput("cannot use the pin", on=f'"{text}"', why=why, fix="give the certificate's SHA-256 fingerprint")
    return pin


def ca_of(path: Path) -> str:
    """The PEM text of an authority's certificates. Raises BadInput when the file cannot be read or holds none."""
    try:
        text = path.read_text(encoding="ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise _unusable_ca(path, "it holds no PEM certificate") from error
    except OSError as error:
        raise _unusable_ca(path, reason(error)) from error
    return text


def _unusable_ca(path: Path, why: str) -> BadInput:
    return BadInput("cannot use the CA file", on=str(path), why=why, fix="give a PEM file of the authority")


def _accepted(new: AnyEndpoint, consent: Consent) -> AnyEndpoint:
    """The endpoint with a trust: its own, the machine's authorities, or what is shown, with the operator's consent."""
    if new.pin or new.ca or new.insecure:
        return new
    certificate = shown_certificate(new.host, new.port)
    if certificate.trusted:
        return new
    consent(joined(new.host, new.port), certificate)
    return replace(new, pin=certificate.fingerprint)


def _log_in(store: Store, new: NewEndpoint, password: str, turn: Turn | None = None) -> Session:
    trust = Trust(pin=new.pin, ca=new.ca, insecure=new.insecure)
    return connect(Address(new.host, new.port, new.username, password, trust), pace_of(store), turn)


def _absent(session: Session, new: NewEndpoint) -> tuple[Finding, ...]:
    _, findings = find_objects(session, new)
    return tuple(finding for finding in findings if finding.state is State.MISSING)


def _absent_if_it_answers(store: Store, wanted: Endpoint) -> tuple[Finding, ...]:
    """What the endpoint would name in vain. Names may be changed while vCenter is away, so no answer is no error."""
    try:
        password = endpoints.password(store, wanted)
        with _log_in(store, wanted, password, lambda: login_turn(store, wanted.id)) as session:
            return _absent(session, wanted)
    except SlipwayError as error:
        log.info("%s", error)
        return ()


@contextmanager
def _nothing_changed(outcome: str) -> Iterator[None]:
    """The fixes of these errors speak of a stored endpoint; here the command itself is to be repeated."""
    try:
        yield
    except CertificateRefused as error:
        error.fix = (
            error.fix
            if error.fingerprint
            else "compare the fingerprint with the server's own, and repeat with the right --pin or --ca"
        )
        error.fix += f"; {outcome}"
        raise
    except LoginRefused as error:
        error.fix = f"check user name and password before you repeat it, accounts lock; {outcome}"
        raise
    except Unreachable as error:
        error.fix += f"; {outcome}"
        raise
