"""Steps: what a job's items (VMs, templates) went through and how far each is, written by the worker, read by
whoever follows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy import update as change

from storage.changes import notify
from storage.models import jobs, steps
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one item. `done` and `total` are bytes; `began` is UTC on the database's clock."""

    id: int
    job_id: int
    item: str
    step: str
    detail: str
    began: datetime
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step that an item has entered."""

    item: str
    step: str
    detail: str = ""


def write(
    store: Store, job_id: int, new: Iterable[NewStep], moved: Mapping[str, tuple[int, int]] | None = None
) -> None:
    """Add steps, and bring the newest step of each item in `moved` to (bytes done, bytes in all); one transaction."""
    with store.begin() as tx:
        notify(tx)
        now = store.now(tx)
        rows = [
            {"job_id": job_id, "item": one.item, "step": one.step, "detail": one.detail, "began": now} for one in new
        ]
        if rows:
            tx.execute(insert(steps), [{**row, "done": 0, "total": 0} for row in rows])
        for item, (done, total) in (moved or {}).items():
            newest = select(func.max(steps.c.id)).where(steps.c.job_id == job_id, steps.c.item == item)
            tx.execute(change(steps).where(steps.c.id == newest.scalar_subquery()).values(done=done, total=total))


def listing(store: Store, job_ids: Iterable[int], after: int = 0) -> list[Step]:
    """The steps of these jobs with an id greater than `after`, in order."""
    query = select(steps).where(steps.c.job_id.in_(list(job_ids)), steps.c.id > after).order_by(steps.c.id)
    with store.read() as tx:
        return [Step(**row) for row in tx.execute(query).mappings()]


def bytes_sent(store: Store, deployment_id: int) -> int:
    """Bytes that the deployment's jobs have sent, the stagings begun for it included."""
    query = select(func.coalesce(func.sum(steps.c.done), 0)).join(jobs, jobs.c.id == steps.c.job_id)
    with store.read() as tx:
        return int(tx.execute(query.where(jobs.c.deployment_id == deployment_id)).scalar_one())
