"""Asking for jobs, and asking to stop them. Only the store is written; the worker does the rest."""

import json
from dataclasses import dataclass, field, replace

from engine.catalog.profiles import Profile, profile_of
from engine.catalog.variants import component_of_template
from engine.errors import BadInput, Conflict
from storage import audit, deployments, endpoints, jobs
from storage.deployments import REMOVED, Deployment
from storage.endpoints import Endpoint
from storage.jobs import PRIORITY, Job, Kind
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a deployment is to make: the whole profile, values included, and the lab's password."""

    profile: Profile
    password: str = field(repr=False)


def deploy(store: Store, ordered: Ordered, power_on: bool = True, priority: int = PRIORITY) -> Deployment:
    """Record the deployment and queue it. Raises NotFound for the endpoint, Refused without the store's key."""
    profile = ordered.profile
    endpoint = endpoints.get(store, profile.endpoint)
    return deployments.create(
        store,
        profile.name,
        endpoint.id,
        _without_values(profile),
        [(entry.vm_name(profile.domain), entry.component_uid) for step in profile.steps for entry in step],
        secret=_sealed(store, ordered),
        power_on=power_on,
        priority=priority,
    )


def again(store: Store, deployment: Deployment, ordered: Ordered, priority: int = PRIORITY) -> Job:
    """Queue the rest of a deployment that has ended: the VMs it has made stay as they are.

    Raises Conflict while it is active, or when there is nothing left to do.
    """
    if deployment.state in ("succeeded", REMOVED):
        raise Conflict("nothing to do for deployment", on=str(deployment.id), why=f"it is {deployment.state}")
    _check_idle(store, deployment)
    profile = _without_values(ordered.profile)
    return jobs.get(store, deployments.queue_again(store, deployment, profile, _sealed(store, ordered), priority))


def remove(store: Store, deployment: Deployment) -> Job:
    """Queue the removal of the VMs that the deployment made. Raises Conflict while it is active."""
    _check_idle(store, deployment)
    audit.record(store, "remove", f"deployment {deployment.id}", deployment.name)
    return jobs.create_remove(store, deployment.endpoint_id, deployment.id)


def stage(store: Store, endpoint: Endpoint, uid: str) -> Job:
    """Queue the staging of the template of that name, or join the one under way. Raises NotFound."""
    component_of_template(store, uid)
    return jobs.create_stage(store, endpoint.id, uid)


def cancel(store: Store, deployment: Deployment) -> Job:
    """Ask to stop the deployment and to remove what it has made. Raises Conflict when it has ended."""
    job = active_job(store, deployment)
    if job is None or job.kind is not Kind.DEPLOY or not jobs.ask_cancel(store, job.id):
        raise Conflict(
            "cannot cancel deployment",
            on=str(deployment.id),
            why=f"it is {deployment.state}",
            fix=f"what it made is removed with: slipway deployment remove {deployment.id}",
        )
    audit.record(store, "cancel", f"deployment {deployment.id}", deployment.name)
    return job


def cancel_staging(store: Store, endpoint: Endpoint, uid: str) -> Job:
    """Ask to stop staging the template of that name. Raises Conflict when nobody stages it."""
    for job in jobs.stagings(store, endpoint.id, uid):
        if job.active and jobs.ask_cancel(store, job.id):
            audit.record(store, "cancel", f"staging of {uid} on {endpoint.name}")
            return job
    raise Conflict("cannot cancel the staging of", on=uid, why=f"nobody stages it on {endpoint.name}")


def active_job(store: Store, deployment: Deployment) -> Job | None:
    """The job that works on the deployment itself, None when none does."""
    mine = [job for job in jobs.of_deployment(store, deployment.id) if job.kind is not Kind.STAGE and job.active]
    return mine[-1] if mine else None


def needs_values(deployment: Deployment) -> bool:
    """Whether the profile gives property values of its own: they were deleted when the deployment ended, so to deploy
    again its file is needed.
    """
    return bool(json.loads(deployment.profile).get("values_left_out"))


def recorded_profile(deployment: Deployment) -> Profile:
    """The profile as recorded, without its entries' own property values."""
    document = json.loads(deployment.profile)
    document.pop("values_left_out", None)
    return profile_of(document, f"deployment {deployment.id}")


def the_same(deployment: Deployment, profile: Profile, verb: str, where: str) -> Profile:
    """The profile, read again from `where` to `verb` the deployment. Raises BadInput when it is another one."""
    if _identity(profile) != _identity(recorded_profile(deployment)):
        why = f"deployment {deployment.id} has another name, endpoint or other VMs"
        raise BadInput(f"cannot {verb} with", on=where, why=why, fix="give the profile that was deployed")
    return profile


def ordered_of(store: Store, deployment: Deployment) -> Ordered:
    """What the deployment is to make. Raises Conflict when its values were deleted: it has ended."""
    if deployment.secret is None:
        raise Conflict("nothing to do for deployment", on=str(deployment.id), why=f"it is {deployment.state}")
    sealed = json.loads(store.decrypt(deployment.secret))
    return Ordered(profile_of(sealed["profile"], f"deployment {deployment.id}"), sealed["password"])


def _check_idle(store: Store, deployment: Deployment) -> None:
    if active_job(store, deployment) is not None:
        fix = f"follow it: slipway deployment watch {deployment.id}, or cancel it first"
        raise Conflict("cannot change deployment", on=str(deployment.id), why="it is under way", fix=fix)


def _identity(profile: Profile) -> tuple[str, str, list[str]]:
    names = [entry.vm_name(profile.domain) for step in profile.steps for entry in step]
    return profile.name, profile.endpoint, names


def _sealed(store: Store, ordered: Ordered) -> str:
    return store.encrypt(json.dumps({"profile": ordered.profile.as_dict(), "password": ordered.password}))


def _without_values(profile: Profile) -> str:
    """The profile as JSON, for the records. An entry's own property values may be secrets and are left out."""
    steps = tuple(tuple(replace(entry, properties={}) for entry in step) for step in profile.steps)
    document = replace(profile, steps=steps).as_dict()
    if steps != profile.steps:
        document["values_left_out"] = True
    return json.dumps(document)
