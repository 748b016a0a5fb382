"""Jobs: what the worker has to do, is doing and did: deployments, their removal, and components to stage.

A deployment has one job per attempt. Clients write here and read here; the worker alone changes a job's state.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, insert, or_, select
from sqlalchemy import update as change

from storage.changes import notify
from storage.errors import NotFound
from storage.models import deployments, items, jobs
from storage.store import Store

PRIORITY = 10
"""Of a job for which nobody said another; a lower number comes first."""


class Kind(StrEnum):
    """What is to be done."""

    DEPLOY = "deploy"
    REMOVE = "remove"
    STAGE = "stage"


class State(StrEnum):
    """Where a job is. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (State.QUEUED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `cancel`: somebody asked to stop it. `error` says why it failed, in one line for people.

    `falls_back`: it was staging itself that failed, so that the OVA may still be imported directly. `refused`: vCenter
    said no, to the password or for want of a privilege, and nobody asks again by himself.

    A staging has a `component_uid`, which is the template's name (engine.catalog.variants), and the `deployment_id` for
    which it was begun, None when asked for by hand.
    """

    id: int
    kind: Kind
    endpoint_id: int
    deployment_id: int | None
    component_uid: str | None
    priority: int
    state: State
    cancel: bool
    error: str
    falls_back: bool
    refused: bool
    created: datetime
    ended: datetime | None

    @property
    def active(self) -> bool:
        """Whether it is still to be done, or under way."""
        return self.state in ACTIVE


def queue_deploy(store: Store, tx: Connection, endpoint_id: int, deployment_id: int, priority: int = PRIORITY) -> int:
    """Queue a deployment in the transaction that records it: one without a job could be neither cancelled nor removed.
    The job's id; of what is active of this deployment already its.
    """
    return _queue(store, tx, Kind.DEPLOY, endpoint_id, deployment_id, None, priority)


def create_remove(store: Store, endpoint_id: int, deployment_id: int, priority: int = PRIORITY) -> Job:
    """Queue the removal of a deployment's VMs. What is active of this deployment already is returned instead."""
    with store.begin() as tx:
        number = _queue(store, tx, Kind.REMOVE, endpoint_id, deployment_id, None, priority)
    return get(store, number)


def create_stage(
    store: Store, endpoint_id: int, component_uid: str, deployment_id: int | None = None, priority: int = PRIORITY
) -> Job:
    """Queue a staging for the deployment, or for nobody in particular; the one that is active already, if any."""
    with store.begin() as tx:
        number = _queue(store, tx, Kind.STAGE, endpoint_id, deployment_id, component_uid, priority)
    return get(store, number)


def _queue(
    store: Store,
    tx: Connection,
    kind: Kind,
    endpoint_id: int,
    deployment_id: int | None,
    component_uid: str | None,
    priority: int,
) -> int:
    """The id of the job, the active one of its kind if there is one."""
    if kind is Kind.STAGE:
        alike = (jobs.c.kind == kind) & (jobs.c.component_uid == component_uid) & ~jobs.c.cancel
    else:
        alike = (jobs.c.kind != Kind.STAGE) & (jobs.c.deployment_id == deployment_id)
    active = select(jobs.c.id).where(jobs.c.endpoint_id == endpoint_id, alike, jobs.c.state.in_(ACTIVE))
    new: dict[str, Any] = {"kind": kind, "endpoint_id": endpoint_id, "deployment_id": deployment_id}
    new |= {"component_uid": component_uid, "priority": priority, "state": State.QUEUED}
    notify(tx)
    store.alone(tx, "jobs")
    number = tx.execute(active).scalars().first()
    if number is None:
        new |= {"cancel": False, "error": "", "falls_back": False, "refused": False}
        made = tx.execute(insert(jobs).values(**new, created=store.now(tx)).returning(jobs.c.id))
        return int(made.scalar_one())
    if kind is Kind.STAGE and deployment_id is None:
        # Asked for by hand too: it no longer depends on the deployment that began it.
        tx.execute(change(jobs).where(jobs.c.id == number).values(deployment_id=None))
    return int(number)


def get(store: Store, job_id: int) -> Job:
    """The job of that id. Raises NotFound."""
    found = _select(store, select(jobs).where(jobs.c.id == job_id))
    if not found:
        raise NotFound("no job", on=str(job_id), why="its records were removed")
    return found[0]


def active(store: Store) -> list[Job]:
    """Every job that is queued or running, oldest first."""
    return _select(store, select(jobs).where(jobs.c.state.in_(ACTIVE)).order_by(jobs.c.id))


def of_deployment(store: Store, deployment_id: int) -> list[Job]:
    """The deployment's attempts, and the stagings begun for it, oldest first."""
    return _select(store, select(jobs).where(jobs.c.deployment_id == deployment_id).order_by(jobs.c.id))


def stagings(store: Store, endpoint_id: int, component_uid: str) -> list[Job]:
    """Every staging of the component there, newest first."""
    alike = (jobs.c.kind == Kind.STAGE, jobs.c.endpoint_id == endpoint_id, jobs.c.component_uid == component_uid)
    return _select(store, select(jobs).where(*alike).order_by(jobs.c.id.desc()))


def recent_stagings(store: Store, limit: int = 500) -> list[Job]:
    """The newest stagings of all endpoints, newest first."""
    return _select(store, select(jobs).where(jobs.c.kind == Kind.STAGE).order_by(jobs.c.id.desc()).limit(limit))


def ask_cancel(store: Store, job_id: int) -> bool:
    """Ask the worker to stop the job; False when it has ended already."""
    with store.begin() as tx:
        notify(tx)
        asked = tx.execute(change(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(ACTIVE)).values(cancel=True))
        return asked.rowcount == 1


def begin(store: Store, job_id: int) -> bool:
    """The job is under way; False when it has ended meanwhile."""
    with store.begin() as tx:
        notify(tx)
        begun = change(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(ACTIVE)).values(state=State.RUNNING)
        return tx.execute(begun).rowcount == 1


def drop(store: Store, job_id: int) -> bool:
    """Cancel a job that is still queued, and with it the deployment that it was to make; False when it has begun or
    ended, or when an earlier attempt has made VMs, which the job itself takes back.
    """
    with store.begin() as tx:
        over = {"state": State.CANCELLED, "ended": store.now(tx)}
        made = select(items.c.id).where(items.c.deployment_id == jobs.c.deployment_id)
        made = made.where(or_(items.c.vm != "", items.c.task != ""))
        queued = (jobs.c.id == job_id) & (jobs.c.state == State.QUEUED) & ~made.exists()
        dropped = tx.execute(change(jobs).where(queued).values(**over)).rowcount == 1
        if dropped:
            made_by = select(jobs.c.deployment_id).where(jobs.c.id == job_id, jobs.c.kind == Kind.DEPLOY)
            theirs = deployments.c.id == made_by.scalar_subquery()
            tx.execute(change(deployments).where(theirs).values(**over, secret=None))
        notify(tx)
    return dropped


def note(store: Store, job_id: int, error: str, *, falls_back: bool = False, refused: bool = False) -> None:
    """Why the job is going to end without success."""
    with store.begin() as tx:
        tx.execute(change(jobs).where(jobs.c.id == job_id).values(error=error, falls_back=falls_back, refused=refused))


def end(store: Store, job_id: int, state: State) -> None:
    """The job is over, unless it was already."""
    with store.begin() as tx:
        notify(tx)
        over = {"state": state, "ended": store.now(tx)}
        tx.execute(change(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(ACTIVE)).values(**over))


def _select(store: Store, query: Select[Any]) -> list[Job]:
    with store.read() as tx:
        rows = tx.execute(query).mappings().all()
    return [Job(**{**row, "kind": Kind(row["kind"]), "state": State(row["state"])}) for row in rows]
