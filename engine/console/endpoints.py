"""Endpoints as the console shows them: what the store has, and what was last seen of each. And what is done to them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.cancel import Cancel
from engine.console.desk import Desk
from engine.console.observer import observe_all
from engine.console.typed import path_of
from engine.endpoints import deep, preflight, register
from engine.endpoints.findings import State
from engine.endpoints.given import FULL, LINKED, anything, fields_of, pinned, signed, usable_name
from engine.endpoints.hostname import joined
from engine.endpoints.register import Registered
from engine.errors import BadField, CertificateRefused
from engine.staging import claims
from engine.vsphere.trust import Certificate
from storage import deployments, endpoints, jobs
from storage.endpoints import Endpoint, NewEndpoint

FIELDS = (
    "host",
    "username",
    "datacenter",
    "resource_pool",
    "datastore",
    "vmfolder",
    "host_system",
    "network",
    "signatures",
    "clones",
)
"""Those of an endpoint that are a text; beside them a form has `name`, `password`, `trust` and `proof`."""

Given = Mapping[str, str]
"""A form's fields, as text. `trust` is `ask`, `pin`, `ca` or `any`; `proof` the fingerprint or the authority's file."""


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint. `latency` in seconds; sizes in bytes; times UTC; None is not known yet."""

    id: int
    name: str
    server: str
    username: str
    trust: str
    pin: str
    datacenter: str
    resource_pool: str
    datastore: str
    vmfolder: str
    host_system: str | None
    network: str | None
    signatures: str
    clones: str
    instance_uuid: str | None
    created: datetime
    state: str
    version: str
    latency: float | None
    templates: int | None
    jobs: int
    free_bytes: int | None
    capacity_bytes: int | None
    seen: datetime | None
    error: str
    fix: str
    next_try: datetime | None


@dataclass(frozen=True, slots=True)
class Saved:
    """An endpoint that was stored, and what it names that vCenter does not have."""

    name: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What goes with an endpoint's row: numbers of deployments and of VMs they made. `claims` and `jobs` stand in the
    way of its removal.
    """

    deployments: int
    vms: int
    claims: int
    jobs: int


def read(desk: Desk) -> tuple[EndpointRow, ...]:
    """Every endpoint by name."""
    active = jobs.active(desk.store)
    return tuple(
        EndpointRow(
            id=one.id,
            name=one.name,
            server=joined(one.host, one.port),
            username=one.username,
            trust=_trust(one),
            pin=one.pin or "",
            datacenter=one.datacenter,
            resource_pool=one.resource_pool,
            datastore=one.datastore,
            vmfolder=one.vmfolder,
            host_system=one.host_system,
            network=one.network,
            signatures=one.signatures,
            clones=LINKED if one.linked_clones else FULL,
            instance_uuid=one.instance_uuid,
            created=one.created,
            state=seen.state,
            version=seen.version,
            latency=seen.latency,
            templates=None if seen.templates is None else len(seen.templates),
            jobs=sum(job.endpoint_id == one.id for job in active),
            free_bytes=seen.free_bytes,
            capacity_bytes=seen.capacity_bytes,
            seen=seen.seen,
            error=seen.error,
            fix=seen.fix,
            next_try=seen.next_try,
        )
        for one, seen in observe_all(desk.observer, desk.store)
    )


def add(desk: Desk, given: Given, consented: str = "") -> Saved:
    """Check the certificate, log in once, and store the endpoint.

    `consented` is the fingerprint that the operator was shown and accepted. Raises BadField; CertificateRefused with
    the fingerprint when consent is needed; as `register.add`.
    """
    name = usable_name(given["name"].strip())
    new = NewEndpoint(name=name, **_fields(given), **_given_trust(given, consented))
    register.check_free(desk.store, name)
    if not given["password"]:
        raise BadField("password", "no password", why="it is empty", fix="type that of the account")
    return _saved(register.add(desk.store, new, given["password"], _refuse))


def update(desk: Desk, name: str, given: Given, consented: str = "") -> Saved:
    """Change the fields that are given, and no other; the endpoint is asked at once.

    Raises as `add` and `register.update`.
    """
    changes = _fields(given) | _given_trust(given, consented)
    updated = register.update(desk.store, name, changes, given.get("password"), _refuse)
    desk.observer.look_again(updated.endpoint.id)
    return _saved(updated)


def standing_on(desk: Desk, name: str) -> Standing:
    """What stands on the endpoint. Raises NotFound."""
    endpoint = endpoints.get(desk.store, name)
    runs = [one for one in deployments.listing(desk.store) if one.endpoint_id == endpoint.id]
    made = [item for run in runs for item in deployments.items(desk.store, run.id) if item.vm]
    return Standing(
        deployments=len(runs),
        vms=sum(item.state != deployments.REMOVED for item in made),
        claims=sum(claim.endpoint_id == endpoint.id for claim in claims.standing(desk.store)),
        jobs=sum(job.endpoint_id == endpoint.id for job in jobs.active(desk.store)),
    )


def remove(desk: Desk, name: str) -> None:
    """Forget the endpoint and its deployments' records. Raises NotFound; Conflict while a claim or a job stands."""
    endpoints.remove(desk.store, name)


def check(desk: Desk, name: str, cancel: Cancel, report: deep.Report) -> bool:
    """Report finding by finding what a deployment needs; whether vCenter was reached. Raises NotFound, Cancelled."""
    reached = True
    for finding in preflight.check(desk.store, endpoints.get(desk.store, name)):
        cancel.check()
        report(finding)
        reached = reached and not (finding.state is State.MISSING and finding.name in preflight.REACHING)
    return reached


def try_out(desk: Desk, name: str, cancel: Cancel, report: deep.Report) -> None:
    """The deep test: stage, clone and remove a small OVA. Returns when all of it is removed. Raises Cancelled."""
    ended: list[Exception] = []

    def work() -> None:
        try:
            deep.try_out(desk.store, name, cancel, report)
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that asked
            ended.append(error)

    # Not a daemon: a console that is left in the middle of it stays until what was made is removed.
    desk.finish(threading.Thread(target=work, name=f"deep test of {name}", daemon=False), cancel)
    if ended:
        raise ended[0]


def _fields(given: Given) -> dict[str, Any]:
    return fields_of({field: given.get(field) for field in FIELDS}, lambda field: f"the {field.replace('_', ' ')}")


def _given_trust(given: Given, consented: str) -> dict[str, Any]:
    trust, proof = given.get("trust", ""), given.get("proof", "").strip()
    if consented:
        return pinned(consented)
    if proof and trust not in ("pin", "ca"):
        raise BadField("trust", "one trust is enough", why="a fingerprint or file is given too", fix="choose which")
    match trust:
        case "ask":
            return pinned("")
        case "pin":
            if not proof:
                raise BadField("proof", "no fingerprint", why="it is empty", fix="give the certificate's SHA-256")
            return pinned(proof)
        case "ca":
            if not proof:
                raise BadField("proof", "no file", why="it is empty", fix="give a PEM file of the authority")
            return signed(path_of(proof, "give a PEM file of the authority"))
        case "any":
            return anything()
    return {}


def _refuse(server: str, certificate: Certificate) -> None:
    """Consent is asked for on the screen: refuse, with what it must show."""
    raise CertificateRefused(
        "cannot trust the certificate of",
        on=server,
        why=certificate.why_not,
        fix="compare its fingerprint with the server's own",
        fingerprint=certificate.fingerprint,
    )


def _saved(registered: Registered) -> Saved:
    return Saved(registered.endpoint.name, tuple(f"{one.name}: {one.detail}" for one in registered.missing))


def _trust(endpoint: Endpoint) -> str:
    if endpoint.insecure:
        return "any (insecure)"
    if endpoint.pin:
        return "pinned"
    return "signed by the given authority" if endpoint.ca else "signed by an authority of this machine"
