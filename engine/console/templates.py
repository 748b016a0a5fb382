"""Templates as the console shows them: what was last seen of each endpoint, and what the store tells of stagings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from engine.console.desk import Desk
from engine.console.observer import Observed, observe_all
from engine.console.observer import State as Seen
from engine.console.rates import Transfer
from engine.jobs.needs import still_needed
from engine.jobs.outcome import TimedStep, timed
from engine.staging import claims
from engine.staging.claims import Standing
from engine.staging.templates import IN_PROGRESS, State, Template, first_to_the_folder, whole_name
from storage import audit, deployments, endpoints, jobs, steps
from storage.audit import Entry
from storage.endpoints import Endpoint
from storage.jobs import Job, Kind
from storage.steps import Step

SHOWN_FAILED = timedelta(days=1)
"""How long a staging that failed is shown where it left nothing."""

HISTORY = 6
"""Entries of a template's history."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to it."""

    at: datetime
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """One template on one endpoint, or the place where one is being staged.

    `uid` is its name there, `component` the one that it has when it is whole. `state`: of `staging.templates.State`, or
    queued, cancelling, claimed. `active`: a job of ours stages it; `step` is what it is in now, `steps` those of the
    last staging. `as_of`: when the endpoint was last seen, if it does not answer now. None is not known.
    """

    endpoint: str
    uid: str
    component: str
    state: str
    why: str
    active: bool = False
    path: str = ""
    digest: str = ""
    size_bytes: int | None = None
    staged_at: datetime | None = None
    children: int | None = None
    as_of: datetime | None = None
    step: str = ""
    transfer: Transfer | None = None
    claim: str = ""
    needed_by: tuple[str, ...] = ()
    steps: tuple[TimedStep, ...] = ()
    history: tuple[Event, ...] = ()


class Lacks(StrEnum):
    """What is missing before something can be staged."""

    ENDPOINT = "endpoint"
    ANSWER = "answer"
    REACHABLE = "reachable"
    COMPONENT = "component"
    OVA = "ova"
    NOTHING = ""


def read(desk: Desk) -> tuple[TemplateRow, ...]:
    """Every template, staging and claim by endpoint and name."""
    known = _known(desk)
    desk.staging_rates.forget({told[-1].id for told in known.steps.values()})
    rows: list[TemplateRow] = []
    for endpoint, seen in observe_all(desk.observer, desk.store):
        rows += _of_endpoint(known, endpoint, seen)
    return tuple(rows)


def lacks(desk: Desk) -> Lacks:
    """What the operator has to do first."""
    seen = observe_all(desk.observer, desk.store)
    known = desk.catalog.listing()
    if not seen:
        return Lacks.ENDPOINT
    if not known:
        return Lacks.COMPONENT
    if not any(one.ova_path for one in known):
        return Lacks.OVA
    if all(one.seen is None for _, one in seen):
        connecting = any(one.state is Seen.CONNECTING for _, one in seen)
        return Lacks.ANSWER if connecting else Lacks.REACHABLE
    return Lacks.NOTHING


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knows, by (endpoint id, name of the template) where nothing else is said."""

    desk: Desk
    now: datetime
    guards: dict[int, int]
    """The endpoint's id that its claims are named by, by endpoint id."""
    stagings: dict[tuple[int, str], list[Job]]
    """Newest first."""
    claims: dict[tuple[int, str], Standing]
    needed: dict[tuple[int, str], tuple[str, ...]]
    steps: dict[int, list[Step]]
    """By job id."""
    told: dict[str, list[Entry]]
    """By the object's name in the audit trail."""


def _known(desk: Desk) -> _Known:
    store = desk.store
    stagings: dict[tuple[int, str], list[Job]] = {}
    for job in jobs.recent_stagings(store):
        stagings.setdefault((job.endpoint_id, job.component_uid or ""), []).append(job)
    by_job: dict[int, list[Step]] = {}
    for step in steps.listing(store, [made[0].id for made in stagings.values()]):
        by_job.setdefault(step.job_id, []).append(step)
    told: dict[str, list[Entry]] = {}
    for entry in audit.listing(store, 200):
        told.setdefault(entry.on, []).append(entry)
    all_of_them = endpoints.listing(store)
    with store.read() as tx:
        now = store.now(tx)
    return _Known(
        desk=desk,
        now=now,
        guards={one.id: first_to_the_folder(one, all_of_them) for one in all_of_them},
        stagings=stagings,
        claims={(one.endpoint_id, one.uid): one for one in claims.standing(store)},
        needed=_needed(desk),
        steps=by_job,
        told=told,
    )


def _needed(desk: Desk) -> dict[tuple[int, str], tuple[str, ...]]:
    """The deployments under way that still have to clone each template."""
    needed: dict[tuple[int, str], tuple[str, ...]] = {}
    for job in jobs.active(desk.store):
        if job.kind is Kind.DEPLOY and job.deployment_id is not None and not job.cancel:
            deployment = deployments.get(desk.store, job.deployment_id)
            name = f"{deployment.name} (deployment {deployment.id})"
            for uid in still_needed(desk.store, deployment):
                needed[job.endpoint_id, uid] = (*needed.get((job.endpoint_id, uid), ()), name)
    return needed


def _of_endpoint(known: _Known, endpoint: Endpoint, seen: Observed) -> Iterator[TemplateRow]:
    found = {one.uid: one for one in seen.templates or ()}
    for uid in sorted(found.keys() | _told_of(known, endpoint, seen)):
        row = _row(known, endpoint, seen, uid, found.get(uid))
        if row is not None:
            yield row


def _told_of(known: _Known, endpoint: Endpoint, seen: Observed) -> set[str]:
    """The uids that the store tells of: staged now or lately in vain, or claimed."""
    guard = known.guards.get(endpoint.id)
    told = {uid for (where, uid), one in known.claims.items() if where == guard and not one.stale}
    for (where, uid), made in known.stagings.items():
        tells = made[0].active or _failed_lately(known, made[0]) or _unseen(known, made[0], seen)
        if where == endpoint.id and tells:
            told.add(uid)
    return told


def _failed_lately(known: _Known, job: Job) -> bool:
    return job.state is jobs.State.FAILED and job.ended is not None and known.now - job.ended < SHOWN_FAILED


def _unseen(known: _Known, job: Job, seen: Observed) -> bool:
    """Whether the staging has made something since the endpoint was looked at, told without comparing two clocks."""
    if job.state is not jobs.State.SUCCEEDED or job.ended is None or seen.seen is None:
        return False
    return known.now - job.ended < datetime.now(UTC) - seen.seen


def _row(known: _Known, endpoint: Endpoint, seen: Observed, uid: str, template: Template | None) -> TemplateRow | None:
    component = whole_name(uid)
    made = known.stagings.get((endpoint.id, component), [])
    last = made[0] if made else None
    at_work = last is not None and (last.active or _unseen(known, last, seen))
    if at_work and uid.startswith(f"{component}{IN_PROGRESS}{known.desk.store.id}-"):
        return None  # it is what the row of its component tells of
    claim = known.claims.get((known.guards.get(endpoint.id, endpoint.id), component))
    state, why = _state(template, last if uid == component else None, known, seen, claim)
    if not state:
        return None
    told = known.steps.get(last.id, []) if last else []
    answers = seen.state is Seen.READY or (at_work and uid == component)
    return TemplateRow(
        endpoint=endpoint.name,
        uid=uid,
        component=component,
        state=state,
        why=why or (_held_up(told[-1]) if told and at_work else ""),
        active=last is not None and last.active and uid == component,
        path=template.path if template else "",
        digest=template.digest if template else "",
        size_bytes=template.size_bytes if template and template.ref else None,
        staged_at=template.staged_at if template else None,
        children=template.children if template else None,
        as_of=None if answers else seen.seen,
        step=told[-1].step if told and at_work else "",
        transfer=known.desk.staging_rates.transfer(told[-1]) if told and last and last.active else None,
        claim=_held(claim),
        needed_by=known.needed.get((endpoint.id, component), ()),
        steps=tuple(timed(told, [last], known.now)) if last else (),
        history=_history(known, endpoint, uid, made),
    )


def _state(
    template: Template | None, last: Job | None, known: _Known, seen: Observed, claim: Standing | None
) -> tuple[str, str]:
    """The state and why; "" when there is nothing to show any more."""
    if last is not None and last.active:
        if last.cancel:
            return "cancelling", "what was uploaded of it is removed"
        return ("staging", "") if last.state is jobs.State.RUNNING else ("queued", "waits for its turn")
    there = template is not None and template.ref is not None
    if last is not None and _unseen(known, last, seen) and not (template and template.usable):
        return State.STAGING, "done; vCenter is being looked at"
    if template is not None and there:
        if template.state is State.OUTDATED and last is not None and _failed_lately(known, last):
            return State.FAILED, f"{last.error}; the outdated one is still there"
        return template.state, template.why
    if claim is not None and not claim.stale:
        return "claimed", claim.purpose or claim.evidence
    if last is not None and _failed_lately(known, last):
        return State.FAILED, last.error
    return "", ""


def _held_up(step: Step) -> str:
    """What it waits for, if that is what it does."""
    return f"{step.step} {step.detail}" if step.step in ("waiting", "trying again") else ""


def _held(claim: Standing | None) -> str:
    if claim is None:
        return ""
    return (
        f"{claim.verdict}: {claim.purpose}, {claim.evidence}" if claim.purpose else f"{claim.verdict}: {claim.evidence}"
    )


def _history(known: _Known, endpoint: Endpoint, uid: str, made: list[Job]) -> tuple[Event, ...]:
    """What happened to it, newest first: its stagings, and what the audit trail tells beside them."""
    words = {jobs.State.SUCCEEDED: "staged", jobs.State.FAILED: "failed", jobs.State.CANCELLED: "cancelled"}
    events = [Event(one.ended, words[one.state], one.error) for one in made if one.ended and one.state in words]
    told = [one for one in known.told.get(f"{endpoint.name}/{uid}", ()) if one.action != "template staged"]
    events += [Event(one.at, f"{one.action.removeprefix('template ')} by {one.who}", one.detail) for one in told]
    return tuple(sorted(events, key=lambda one: one.at, reverse=True)[:HISTORY])
