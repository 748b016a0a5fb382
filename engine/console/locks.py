"""Claims as the console shows them: who stages what, the evidence that he is still there, and who waits for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.console.desk import Desk
from engine.console.several import to_each
from engine.progress import FOR_TEMPLATE
from engine.staging import claims
from engine.staging.claims import Standing, Verdict
from engine.staging.templates import folder_of
from storage import endpoints, jobs, steps
from storage.endpoints import Endpoint
from storage.jobs import Job, Kind
from storage.steps import Step
from storage.store import Store


@dataclass(frozen=True, slots=True)
class LockRow:
    """One claim. `endpoint`: its name, "" when it was removed; `waiting`: who waits for the claim, in words."""

    claim: Standing
    endpoint: str
    waiting: tuple[str, ...]

    @property
    def live(self) -> bool:
        """Whether its holder is at work, as far as anybody can tell."""
        return self.claim.verdict is Verdict.LIVE

    @property
    def foreign(self) -> bool:
        """Whether somebody else than Slipway wrote it."""
        return self.claim.verdict is Verdict.FOREIGN


def read(desk: Desk) -> tuple[LockRow, ...]:
    """Every claim, those that somebody should look at first."""
    standing = claims.standing(desk.store)
    if not standing:
        return ()
    known = {one.id: one for one in endpoints.listing(desk.store)}
    waiting = _waiting(desk.store)
    rows = [
        LockRow(
            claim=claim,
            endpoint=known[claim.endpoint_id].name if claim.endpoint_id in known else "",
            waiting=tuple(
                told
                for job, uid, told in waiting
                if uid == claim.uid and _share(known.get(job.endpoint_id), known.get(claim.endpoint_id))
            ),
        )
        for claim in standing
    ]
    return tuple(sorted(rows, key=lambda row: (row.live, row.foreign, row.claim.name)))


def clear(desk: Desk, row: LockRow, force: bool = False) -> str:
    """Remove the claim as it was shown, a live one only with `force`; its uid.

    Raises Conflict when it is live, or has another holder meanwhile; NotFound when it is gone.
    """
    claims.clear(desk.store, row.claim, force)
    return row.claim.uid


def clear_all(desk: Desk, rows: Sequence[LockRow]) -> list[str]:
    """Clear each as it was shown, also one that was shown live; their uids. Raises as `clear`, once all were tried."""
    to_each("clear", rows, lambda row: clear(desk, row, force=row.live))
    return [row.claim.uid for row in rows]


def _waiting(store: Store) -> list[tuple[Job, str, str]]:
    """Every job that waits for a template: the job, the template's uid, who it is in words."""
    active = {job.id: job for job in jobs.active(store)}
    found = []
    for step in _newest(steps.listing(store, active)).values():
        job = active[step.job_id]
        if step.step != "waiting":
            continue
        if job.kind is Kind.STAGE:
            found.append((job, step.item, f"staging of {step.item}, job {job.id}"))
        elif step.detail.startswith(FOR_TEMPLATE):
            told = f"{step.item} of deployment {job.deployment_id}"
            found.append((job, step.detail.removeprefix(FOR_TEMPLATE), told))
    return found


def _newest(listed: list[Step]) -> Mapping[tuple[int, str], Step]:
    return {(step.job_id, step.item): step for step in listed}


def _share(one: Endpoint | None, other: Endpoint | None) -> bool:
    """Whether two endpoints lead to one folder, and so share claims."""
    if one is None or other is None:
        return False
    return one.id == other.id or (one.instance_uuid is not None and folder_of(one) == folder_of(other))
