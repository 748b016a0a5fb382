"""Endpoints: the vCenters and where on them Slipway works. An id is never given out twice, because claims name it."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, insert, select
from sqlalchemy import update as change
from sqlalchemy.exc import IntegrityError

from storage import audit
from storage.claims import PREFIX
from storage.errors import BadInput, Conflict, NotFound
from storage.jobs import ACTIVE
from storage.models import endpoints, jobs, settings
from storage.nearest import suggestion
from storage.store import Store


class Signatures(StrEnum):
    """What the endpoint asks of a signature: nothing, a warning where it does not prove who made the OVA, or proof."""

    OFF = "off"
    WARN = "warn"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """What the operator gives; `pin` is 64 lower-case hex digits (SHA-256), `ca` PEM text. Optional ones are None.

    `signatures` is a Signatures; `linked_clones`: whether VMs are linked clones unless a profile says otherwise.
    """

    name: str
    host: str
    port: int = 443
    username: str
    datacenter: str
    resource_pool: str
    datastore: str
    vmfolder: str
    host_system: str | None = None
    network: str | None = None
    pin: str | None = None
    ca: str | None = None
    insecure: bool = False
    signatures: str = Signatures.WARN
    linked_clones: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(NewEndpoint):
    """An endpoint of the store. `instance_uuid` is vCenter's own, learned at the first login; `created` is UTC.

    `refused`: vCenter refused this user name and password; nothing tries them again by itself (accounts lock).
    """

    id: int
    instance_uuid: str | None
    refused: bool
    created: datetime


_COLUMNS = [endpoints.c[field.name] for field in fields(Endpoint)]


def add(store: Store, new: NewEndpoint, password: str) -> Endpoint:
    """Add an endpoint. Raises Conflict when the name is taken."""
    given = {field.name: getattr(new, field.name) for field in fields(NewEndpoint)}
    encrypted = store.encrypt(password)
    try:
        with store.begin() as tx:
            tx.execute(insert(endpoints).values(**given, password=encrypted, created=store.now(tx)))
            audit.write(store, tx, "add", f"endpoint {new.name}", f"{new.username} at {new.host}:{new.port}")
    except IntegrityError as error:
        raise _taken(new.name) from error
    return get(store, new.name)


def get(store: Store, name: str) -> Endpoint:
    """The endpoint of that name. Raises NotFound with the nearest name."""
    with store.read() as tx:
        row = tx.execute(_named(name)).mappings().one_or_none()
        if row is None:
            raise _missing(tx, name)
    return _endpoint(row)


def by_id(store: Store, endpoint_id: int) -> Endpoint:
    """The endpoint of that id. Raises NotFound."""
    with store.read() as tx:
        row = tx.execute(select(*_COLUMNS).where(endpoints.c.id == endpoint_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("no endpoint", on=f"with id {endpoint_id}", why="it was removed")
    return _endpoint(row)


def listing(store: Store) -> list[Endpoint]:
    """Every endpoint by name."""
    with store.read() as tx:
        return [_endpoint(row) for row in tx.execute(select(*_COLUMNS).order_by(endpoints.c.name)).mappings()]


def update(store: Store, name: str, /, **changes: Any) -> Endpoint:
    """Change fields of Endpoint, or its `password`. Raises NotFound, Conflict, BadInput for a field that is none."""
    changeable = {field.name for field in fields(Endpoint)} - {"id", "created"} | {"password"}
    for field in changes:
        if field not in changeable:
            raise BadInput("no field", on=f'"{field}" of an endpoint', fix=suggestion(field, changeable))
    told = ", ".join(sorted(changes))
    if changes.keys() & {"password", "username", "host"}:
        changes.setdefault("refused", False)
    if "password" in changes:
        changes["password"] = store.encrypt(changes["password"])
    try:
        with store.begin() as tx:
            if tx.execute(change(endpoints).where(endpoints.c.name == name).values(**changes)).rowcount == 0:
                raise _missing(tx, name)
            audit.write(store, tx, "update", f"endpoint {name}", told)
    except IntegrityError as error:
        raise _taken(str(changes.get("name"))) from error
    return get(store, changes.get("name", name))


def remove(store: Store, name: str) -> None:
    """Remove the endpoint and its deployments' records. Raises NotFound; Conflict while a claim of it stands."""
    with store.begin() as tx:
        found = tx.execute(_named(name)).mappings().one_or_none()
        if found is None:
            raise _missing(tx, name)
        of_claims = settings.c.name.startswith(f"{PREFIX}{found['id']}_", autoescape=True)
        claim = tx.execute(select(settings.c.name).where(of_claims).limit(1)).scalar_one_or_none()
        if claim is not None:
            fix = f"wait for its end, or see: slipway lock clear {claim}"
            raise Conflict("cannot remove endpoint", on=name, why=f"the claim {claim} stands", fix=fix)
        of_endpoint = (jobs.c.endpoint_id == found["id"]) & jobs.c.state.in_(ACTIVE)
        if tx.execute(select(jobs.c.id).where(of_endpoint).limit(1)).first() is not None:
            fix = "wait for its end, or cancel it: slipway deployment list"
            raise Conflict("cannot remove endpoint", on=name, why="a job is queued or under way there", fix=fix)
        tx.execute(delete(endpoints).where(endpoints.c.name == name))
        audit.write(store, tx, "remove", f"endpoint {name}")


def password(store: Store, endpoint: Endpoint) -> str:
    """The endpoint's password in the clear. Raises NotFound, Refused when it cannot be decrypted."""
    with store.read() as tx:
        encrypted = tx.execute(select(endpoints.c.password).where(endpoints.c.id == endpoint.id)).scalar_one_or_none()
        if encrypted is None:
            raise _missing(tx, endpoint.name)
    return store.decrypt(encrypted)


def _named(name: str) -> Select[Any]:
    return select(*_COLUMNS).where(endpoints.c.name == name)


def _endpoint(row: RowMapping) -> Endpoint:
    return Endpoint(**row)


def _taken(name: str) -> Conflict:
    fix = f"choose another, or change it with: slipway endpoint update {name}"
    return Conflict("cannot name an endpoint", on=name, why="the name is taken", fix=fix)


def _missing(tx: Connection, name: str) -> NotFound:
    known = tx.execute(select(endpoints.c.name)).scalars()
    return NotFound("no endpoint", on=f'"{name}"', fix=suggestion(name, known) or "see: slipway endpoint list")
