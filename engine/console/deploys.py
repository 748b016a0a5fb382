"""Deployments as the console shows them, and what can be done about one that is there already."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from engine.catalog.profiles import Profile, Secret, read_profile
from engine.console import worker_log
from engine.console.desk import Desk
from engine.console.rates import Transfer
from engine.console.several import to_each
from engine.console.typed import path_of
from engine.deploy.variables import read_password
from engine.errors import BadInput
from engine.jobs import submit
from engine.jobs.needs import still_needed
from engine.jobs.outcome import TimedStep, stagings_of, state_under, timed
from storage import deployments, endpoints, jobs, settings, steps
from storage.deployments import REMOVED, Deployment, Item
from storage.jobs import Job, Kind
from storage.steps import Step
from storage.store import Store


@dataclass(frozen=True, slots=True)
class VmRow:
    """One VM. `path`: staged, direct, skipped or ""; `reason` says why it is not staged, or why it failed; `step` is
    the one that it is in; `seconds` counts when it has ended.
    """

    name: str
    component: str
    state: str
    path: str
    reason: str
    step: str
    detail: str
    transfer: Transfer | None
    began: datetime | None
    seconds: float


@dataclass(frozen=True, slots=True)
class StagingRow:
    """A template that the deployment waits for, or had staged."""

    uid: str
    state: str
    step: str
    detail: str
    transfer: Transfer | None
    error: str


@dataclass(frozen=True, slots=True)
class Detail:
    """What one deployment went through. `log`: the end of the worker's log of it, when it was asked for."""

    vms: tuple[VmRow, ...]
    stagings: tuple[StagingRow, ...]
    steps: tuple[TimedStep, ...]
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeployRow:
    """One deployment. `active`: a job works on it or waits for its turn (`queued`). `failed_vm`, `failed_at` and
    `error` say where and why the first one failed, or why none was begun; `made`: VMs that removal destroys;
    `fell_back`: how many.

    `detail` is there for what is under way and for the one that was asked for.
    """

    id: int
    name: str
    endpoint: str
    state: str
    active: bool
    queued: bool
    done: int
    vms: int
    fell_back: int
    failed_vm: str
    failed_at: str
    error: str
    made: tuple[str, ...]
    created: datetime
    ended: datetime | None
    bytes_sent: int
    detail: Detail | None


@dataclass(frozen=True, slots=True)
class Needs:
    """What somebody has to say before a deployment is begun again: the profile's file, because its values were deleted;
    the password, because `password_from` has none here.
    """

    file: bool
    password_from: str

    @property
    def nothing(self) -> bool:
        """Whether it can be begun at once."""
        return not self.file and not self.password_from


def read(desk: Desk, chosen: int | None = None, log_lines: int = 0) -> tuple[DeployRow, ...]:
    """Every deployment whose VMs were not removed, newest first; `chosen` with its detail, and so much of the log."""
    store = desk.store
    active = jobs.active(store)
    names = {one.id: one.name for one in endpoints.listing(store)}
    moving: set[int] = set()
    rows: list[DeployRow] = []
    there = [one for one in deployments.listing(store) if one.state != REMOVED]
    for one in there:
        job = next((job for job in active if job.deployment_id == one.id and job.kind is not Kind.STAGE), None)
        wanted = job is not None or one.id == chosen
        known = desk.ended.get(one.id)
        if not wanted and known is not None and known[0] == (one.state, one.ended):
            rows.append(known[1])
            continue
        reading = _Reading(desk, one, job, active, names, moving)
        row = reading.row(reading.detail(log_lines if one.id == chosen else 0) if wanted else None)
        rows.append(row)
        if not wanted:
            desk.ended[one.id] = (one.state, one.ended), row
    desk.deploy_rates.forget(moving)
    for gone in desk.ended.keys() - {one.id for one in there}:
        del desk.ended[gone]
    return tuple(rows)


def cancel(desk: Desk, ids: Collection[int]) -> None:
    """Ask to stop these deployments. Raises Conflict for one that has ended, once all were asked."""
    to_each("cancel", ids, lambda number: submit.cancel(desk.store, deployments.get(desk.store, number)))


def remove(desk: Desk, ids: Collection[int]) -> None:
    """Queue the removal of the VMs that these made. Raises Conflict for one that is under way, once all were asked."""
    to_each("remove", ids, lambda number: submit.remove(desk.store, deployments.get(desk.store, number)))


def needs(desk: Desk, number: int) -> Needs:
    """What has to be said before the deployment is begun again. Raises NotFound."""
    deployment = deployments.get(desk.store, number)
    secret = submit.recorded_profile(deployment).password
    return Needs(submit.needs_values(deployment), "" if _is_there(desk.store, secret) else _place(secret))


def again(desk: Desk, number: int, verb: str, file: str = "", password: str = "") -> Job:
    """Begin the deployment again (`verb`: retry, resume), with its profile's file or the password where needed.

    Raises BadInput for a file that is not this deployment's profile, Conflict when it is under way.
    """
    deployment = deployments.get(desk.store, number)
    profile = submit.recorded_profile(deployment)
    if file:
        profile = submit.the_same(deployment, _read_again(file, profile), verb, file)
    elif submit.needs_values(deployment):
        why = "the property values of its profile were deleted when it ended"
        raise BadInput(f"cannot {verb}", on=deployment.name, why=why, fix="give the profile's file")
    return submit.again(
        desk.store, deployment, submit.Ordered(profile, password or read_password(desk.store, profile.password))
    )


def again_all(desk: Desk, ids: Collection[int], verb: str) -> None:
    """Begin these again, which need nothing for that. Raises as `again`, once all were tried."""
    to_each(verb, ids, lambda number: again(desk, number, verb))


class _Reading:
    """One deployment, read."""

    def __init__(
        self,
        desk: Desk,
        deployment: Deployment,
        job: Job | None,
        active: list[Job],
        endpoint_names: dict[int, str],
        moving: set[int],
    ) -> None:
        self.desk, self.deployment, self.job, self.moving = desk, deployment, job, moving
        self.endpoint = endpoint_names.get(deployment.endpoint_id, "?")
        self.items = deployments.items(desk.store, deployment.id)
        self.jobs = jobs.of_deployment(desk.store, deployment.id)
        self.attempts = [one for one in self.jobs if one.kind is not Kind.STAGE]
        needed = still_needed(desk.store, deployment) if job is not None else set()
        last = job or (self.attempts[-1] if self.attempts else None)
        self.stagings = stagings_of(last, self.jobs, active, needed) if last else []
        self.steps = steps.listing(desk.store, {one.id for one in [*self.attempts, *self.stagings]})

    def row(self, detail: Detail | None) -> DeployRow:
        one, job = self.deployment, self.job
        failed_vm, failed_at, error = self._failure()
        return DeployRow(
            id=one.id,
            name=one.name,
            endpoint=self.endpoint,
            state=state_under(one, job),
            active=job is not None,
            queued=job is not None and job.state == "queued",
            done=sum(item.state == "succeeded" for item in self.items),
            vms=len(self.items),
            fell_back=sum(item.reason.startswith("fallback") for item in self.items),
            failed_vm=failed_vm,
            failed_at=failed_at,
            error=error,
            made=tuple(item.name for item in self.items if item.vm and item.path != "skipped"),
            created=one.created,
            ended=one.ended,
            bytes_sent=one.bytes_sent,
            detail=detail,
        )

    def detail(self, log_lines: int) -> Detail:
        with self.desk.store.read() as tx:
            now = self.desk.store.now(tx)
        last = self.attempts[-1].id if self.attempts else 0
        mine = [step for step in self.steps if step.job_id == last]
        wanted = [job.id for job in [*self.attempts, *self.stagings]]
        return Detail(
            vms=tuple(self._vm(item, [step for step in mine if step.item == item.name]) for item in self.items),
            stagings=tuple(self._staging(job) for job in self.stagings),
            steps=tuple(timed(self.steps, [*self.jobs, *self.stagings], now)),
            log=worker_log.lines(self.desk, self.deployment.id, wanted, log_lines) if log_lines else (),
        )

    def _vm(self, item: Item, taken: list[Step]) -> VmRow:
        step = taken[-1] if taken else None
        running = item.state == "running" or (self.job is not None and self.job.cancel)
        return VmRow(
            name=item.name,
            component=item.component_uid,
            state=item.state,
            path=item.path,
            reason=item.reason,
            step=step.step if step and running else "",
            detail=step.detail if step and running else "",
            transfer=self._transfer(step) if item.state == "running" else None,
            began=taken[0].began if taken else None,
            seconds=item.seconds,
        )

    def _staging(self, job: Job) -> StagingRow:
        step = next((step for step in reversed(self.steps) if step.job_id == job.id), None)
        return StagingRow(
            uid=job.component_uid or "",
            state=str(job.state),
            step=step.step if step else "",
            detail=step.detail if step else "",
            transfer=self._transfer(step) if job.active else None,
            error=job.error,
        )

    def _transfer(self, step: Step | None) -> Transfer | None:
        transfer = self.desk.deploy_rates.transfer(step) if step is not None else None
        if step is not None and transfer is not None:
            self.moving.add(step.id)
        return transfer

    def _failure(self) -> tuple[str, str, str]:
        """Which VM failed, at what and why; a removal that failed says why too."""
        last = self.attempts[-1] if self.attempts else None
        if last is not None and last.error and not last.active:
            return "", {Kind.REMOVE: "removal"}.get(last.kind, "plan"), last.error
        failed = next((item for item in self.items if item.state == "failed"), None)
        if failed is None or self.job is not None:
            return "", "", ""
        taken = [step.step for step in self.steps if step.item == failed.name and step.step not in _NO_STEPS]
        return failed.name, taken[-1] if taken else "plan", failed.reason


_NO_STEPS = ("failed", "trying again", "waiting")
"""What a VM does not fail at: its end, and the pauses between."""


def _read_again(file: str, recorded: Profile) -> Profile:
    """The profile in the file; what that leaves to the command line is as it was."""
    path = path_of(file, "give the path of its profile")
    try:
        return read_profile(path)
    except BadInput:
        given = [("name", recorded.name), ("endpoint", recorded.endpoint), ("domain", recorded.domain)]
        given += [("vapp", recorded.vapp)] if recorded.vapp else []
        given += [("network.portgroup", recorded.network.portgroup)] if recorded.network.portgroup else []
        return read_profile(path, given)


def _is_there(store: Store, secret: Secret | None) -> bool:
    if secret is None:
        return True
    if secret.setting is not None:
        return any(one.name == secret.setting for one in settings.listing(store))
    return (secret.env or "") in os.environ


def _place(secret: Secret | None) -> str:
    if secret is None:
        return ""
    return f"setting {secret.setting}" if secret.setting else f"environment variable {secret.env}"
