"""What became of a deployment, as the store tells it: while it runs, and when it has ended."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from engine.jobs.submit import active_job
from storage import deployments, endpoints, jobs, steps
from storage.deployments import Deployment
from storage.jobs import Job, Kind
from storage.steps import Step
from storage.store import Store

ENDS = ("succeeded", "failed", "cancelled", "staged")
"""The steps in which an item comes to its end."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One VM. `state`: pending, running, succeeded, failed, cancelled; `path`: staged, direct, skipped or ""."""

    name: str
    state: str
    path: str
    template: str
    vm: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """One deployment. `bytes_sent` counts the bytes of disks sent to leases; `error` says why none of its VMs was
    begun, "" otherwise.
    """

    id: int
    name: str
    endpoint: str
    state: str
    seconds: float
    bytes_sent: int
    error: str
    items: tuple[ItemResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """The stable JSON form (docs/cli.md)."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step that an item went through, and how long it took; the last one still counts while its job is active."""

    item: str
    step: str
    detail: str
    began: datetime
    seconds: float


def timed(taken: Sequence[Step], mine: Sequence[Job], now: datetime) -> list[TimedStep]:
    """Each step with how long it took: until the item's next one, the last until its job ended; an end takes none."""
    until = {job.id: job.ended or now for job in mine}
    following: dict[tuple[int, str], datetime] = {}
    told = []
    for step in reversed(taken):
        last = step.began if step.step in ENDS else until[step.job_id]
        ended = following.get((step.job_id, step.item), last)
        following[step.job_id, step.item] = step.began
        seconds = round((ended - step.began).total_seconds(), 3)
        told.append(TimedStep(step.item, step.step, step.detail, step.began, seconds))
    return told[::-1]


def stagings_of(attempt: Job, mine: Iterable[Job], active: Iterable[Job], needed: Collection[str]) -> list[Job]:
    """The stagings that were begun for this attempt of a deployment, and while it is active those that it joins: of
    the templates `needed` on its endpoint, whoever began them.

    `mine` are the jobs of the deployment, `active` those of the store that have not ended.
    """
    begun = [job for job in mine if job.kind is Kind.STAGE and job.id > attempt.id]
    joins = attempt.active and attempt.kind is Kind.DEPLOY
    joined = [
        job
        for job in active
        if joins and job.kind is Kind.STAGE and job.endpoint_id == attempt.endpoint_id and job.component_uid in needed
    ]
    return list({job.id: job for job in [*begun, *joined]}.values())


def result_of(store: Store, deployment_id: int) -> Result:
    """The deployment as it is now. Raises NotFound."""
    deployment = deployments.get(store, deployment_id)
    attempts = [job for job in jobs.of_deployment(store, deployment_id) if job.kind is not Kind.STAGE]
    last = attempts[-1] if attempts else None
    with store.read() as tx:
        until = deployment.ended or store.now(tx)
    rows = deployments.items(store, deployment_id)
    return Result(
        id=deployment.id,
        name=deployment.name,
        endpoint=endpoints.by_id(store, deployment.endpoint_id).name,
        state=state_of(store, deployment),
        seconds=round((until - (last.created if last else deployment.created)).total_seconds(), 3),
        bytes_sent=steps.bytes_sent(store, deployment_id),
        error=last.error if last else "",
        items=tuple(
            ItemResult(row.name, row.state, row.path, row.template, row.vm, row.seconds, row.reason) for row in rows
        ),
    )


def state_of(store: Store, deployment: Deployment) -> str:
    """The deployment's state; `cancelling` and `removing` while such a job is under way."""
    return state_under(deployment, active_job(store, deployment))


def state_under(deployment: Deployment, job: Job | None) -> str:
    """The same where it is known already which job works on it."""
    if job is None:
        return deployment.state
    if job.kind is Kind.REMOVE:
        return "removing"
    return "cancelling" if job.cancel else deployment.state
