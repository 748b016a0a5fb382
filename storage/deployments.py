"""Deployments: runs of a profile, and their items, one VM each.

An item's MoRef ids (`vm`, `task`) are valid only while `instance_uuid` is the vCenter's. Text not yet known is "".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Table, insert, or_, select
from sqlalchemy import update as change
from sqlalchemy.exc import IntegrityError

from storage import audit, jobs
from storage.errors import BadInput, NotFound
from storage.models import deployments
from storage.models import items as item_rows
from storage.nearest import suggestion
from storage.store import Store

PENDING = "pending"
"""State of a new deployment and of its items; what follows is the engine's."""

REMOVED = "removed"
"""State of a deployment whose VMs were removed on purpose; its records stay."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One run. `created` and `ended` are UTC on the database's clock; `profile` its text, without secrets.

    `vapp` is the MoRef value of the vApp that it made, "" for none.

    `secret` is the profile with its password, encrypted, while a job needs it; None after that.
    """

    id: int
    name: str
    endpoint_id: int
    state: str
    profile: str
    secret: str | None
    power_on: bool
    vapp: str
    created: datetime
    ended: datetime | None
    bytes_sent: int


@dataclass(frozen=True, slots=True)
class Item:
    """One VM of a deployment. `path` is how it came to be, `datastore` where it is put; `template` and `reason` are
    for people.
    """

    id: int
    deployment_id: int
    name: str
    component_uid: str
    state: str
    path: str
    template: str
    vm: str
    task: str
    instance_uuid: str
    reason: str
    seconds: float
    datastore: str = ""


_UNKNOWN = {"path": "", "template": "", "vm": "", "task": "", "instance_uuid": "", "reason": "", "seconds": 0.0}


def create(
    store: Store,
    name: str,
    endpoint_id: int,
    profile: str,
    items: Sequence[tuple[str, str]],
    *,
    secret: str | None = None,
    power_on: bool = True,
    priority: int | None = None,
) -> Deployment:
    """Record a new deployment with its items, given as (VM name, component uid); with a priority also the job that
    makes it. Raises NotFound for the endpoint.
    """
    try:
        with store.begin() as tx:
            new = {"name": name, "endpoint_id": endpoint_id, "state": PENDING, "profile": profile, "bytes_sent": 0}
            new |= {"secret": secret, "power_on": power_on}
            made = tx.execute(insert(deployments).values(**new, created=store.now(tx)).returning(deployments.c.id))
            number = made.scalar_one()
            for vm_name, uid in items:
                row = {"deployment_id": number, "name": vm_name, "component_uid": uid, "state": PENDING}
                tx.execute(insert(item_rows).values(**row, **_UNKNOWN))
            if priority is not None:
                jobs.queue_deploy(store, tx, endpoint_id, number, priority)
            audit.write(store, tx, "deploy", f"deployment {number}", name)
    except IntegrityError as error:
        raise NotFound("no endpoint", on=f"with id {endpoint_id}", why="it was removed") from error
    return get(store, number)


def queue_again(store: Store, deployment: Deployment, profile: str, secret: str, priority: int) -> int:
    """Queue what is left of a deployment that has ended; items that have succeeded stay as they are. The job's id."""
    with store.begin() as tx:
        number = jobs.queue_deploy(store, tx, deployment.endpoint_id, deployment.id, priority)
        afresh = {"state": PENDING, "profile": profile, "secret": secret, "ended": None}
        tx.execute(change(deployments).where(deployments.c.id == deployment.id).values(**afresh))
        left = (item_rows.c.deployment_id == deployment.id) & (item_rows.c.state != jobs.State.SUCCEEDED)
        tx.execute(change(item_rows).where(left).values(state=PENDING, reason=""))
        audit.write(store, tx, "deploy again", f"deployment {deployment.id}", deployment.name)
    return number


def get(store: Store, deployment_id: int) -> Deployment:
    """The deployment of that id. Raises NotFound."""
    with store.read() as tx:
        row = tx.execute(select(deployments).where(deployments.c.id == deployment_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("no deployment", on=str(deployment_id), fix="see: slipway deployment list")
    return Deployment(**row)


def listing(store: Store) -> list[Deployment]:
    """Every deployment, newest first."""
    with store.read() as tx:
        return [
            Deployment(**row) for row in tx.execute(select(deployments).order_by(deployments.c.id.desc())).mappings()
        ]


def items(store: Store, deployment_id: int) -> list[Item]:
    """The items of a deployment in the profile's order."""
    query = select(item_rows).where(item_rows.c.deployment_id == deployment_id).order_by(item_rows.c.id)
    with store.read() as tx:
        return [Item(**row) for row in tx.execute(query).mappings()]


def place(store: Store, deployment_id: int, datastores: Mapping[str, str]) -> None:
    """Note on which datastores the deployment's VMs are put, by their names."""
    mine = item_rows.c.deployment_id == deployment_id
    with store.begin() as tx:
        for name, datastore in datastores.items():
            of_vm = mine & (item_rows.c.name == name) & (item_rows.c.datastore != datastore)
            tx.execute(change(item_rows).where(of_vm).values(datastore=datastore))


def find_item(store: Store, item_id: int) -> Item | None:
    """The item of that id, None when its deployment's records were removed."""
    with store.read() as tx:
        row = tx.execute(select(item_rows).where(item_rows.c.id == item_id)).mappings().one_or_none()
    return Item(**row) if row is not None else None


def update(store: Store, deployment_id: int, /, **changes: Any) -> None:
    """Change fields of a Deployment but its id. Raises NotFound, BadInput for a field that is none."""
    _update(store, deployments, Deployment, deployment_id, changes)


def update_item(store: Store, item_id: int, /, **changes: Any) -> None:
    """Change fields of an Item but its ids. Raises NotFound, BadInput for a field that is none."""
    _update(store, item_rows, Item, item_id, changes)


def latest_item(store: Store, endpoint_id: int, name: str) -> Item | None:
    """The newest item of that VM name on the endpoint that has a `vm` or a `task`; None when there is none."""
    query = (
        select(item_rows)
        .join(deployments, deployments.c.id == item_rows.c.deployment_id)
        .where(deployments.c.endpoint_id == endpoint_id, item_rows.c.name == name)
        .where(or_(item_rows.c.vm != "", item_rows.c.task != ""))
        .order_by(item_rows.c.id.desc())
        .limit(1)
    )
    with store.read() as tx:
        row = tx.execute(query).mappings().one_or_none()
    return Item(**row) if row is not None else None


def finished_vms(store: Store, endpoint_id: int, instance_uuid: str) -> list[Item]:
    """The items of the endpoint's ended deployments that have a `vm` in this vCenter."""
    query = (
        select(item_rows)
        .join(deployments, deployments.c.id == item_rows.c.deployment_id)
        .where(deployments.c.endpoint_id == endpoint_id, deployments.c.ended.is_not(None))
        .where(item_rows.c.vm != "", item_rows.c.instance_uuid == instance_uuid)
    )
    with store.read() as tx:
        return [Item(**row) for row in tx.execute(query).mappings()]


def _update(
    store: Store, table: Table, kind: type[Deployment] | type[Item], row_id: int, changes: dict[str, Any]
) -> None:
    word = kind.__name__.lower()
    changeable = {field.name for field in fields(kind)} - {"id", "deployment_id", "endpoint_id"}
    for field in changes:
        if field not in changeable:
            raise BadInput("no field", on=f'"{field}" of {word}', fix=suggestion(field, changeable))
    with store.begin() as tx:
        if tx.execute(change(table).where(table.c.id == row_id).values(**changes)).rowcount == 0:
            raise NotFound(f"no {word}", on=str(row_id), why="it was removed")
