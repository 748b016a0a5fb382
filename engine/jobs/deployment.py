"""The steps of a deployment around those of its VMs: plan, take back when cancelled, end. And of its removal."""

from engine.deploy import undo
from engine.errors import SlipwayError
from engine.jobs.needs import still_needed, templates_needed
from engine.jobs.now import Now, Steps
from engine.jobs.submit import recorded_profile
from engine.jobs.work import Work
from engine.vsphere.refs import moid
from engine.vsphere.vapps import find_vapp, remove_empty
from storage import audit, deployments, endpoints, jobs, steps
from storage.deployments import REMOVED, Item
from storage.jobs import Job, Kind, State
from storage.store import Store


def plan(work: Work, _now: Now) -> Now:
    """Look at everything once more; the ids of the VMs to make, step by step of the profile."""
    if not jobs.begin(work.store, work.job.id):
        return {"next": ""}
    if jobs.get(work.store, work.job.id).cancel:
        work.cancel.ask()
    work.cancel.check()
    deployments.update(work.store, work.deployment.id, state="running")
    work.plan.check()
    ids = {item.name: item.id for item in deployments.items(work.store, work.deployment.id)}
    return {"next": "vms", "steps": [[ids[item.name] for item in step] for step in work.plan.steps]}


def settle(work: Work, _now: Now) -> Now:
    """What follows when its VMs have ended: a cancelled deployment is taken back."""
    return {"next": "take back" if work.cancel.asked or jobs.get(work.store, work.job.id).cancel else "end"}


def take_back(work: Work, _now: Now) -> Now:
    """Remove what this deployment has made; stagings that nobody else waits for stop too."""
    _leave_stagings(work)
    deployment, endpoint = work.deployment, work.site.endpoint.name
    state = REMOVED if work.job.kind is Kind.REMOVE else State.CANCELLED
    name = recorded_profile(deployment).vapp
    vapp = find_vapp(work.site.session, work.site.target, name) if name else None
    taken = steps.listing(work.store, [job.id for job in jobs.of_deployment(work.store, deployment.id)])
    cloning = {step.item for step in taken if step.step == "cloning"}
    needed = templates_needed(work.store, deployment)
    for item in deployments.items(work.store, deployment.id):
        template = needed[item.name] if item.name in cloning else ""
        if undo.remove_vm(work.site, vapp, item, work.recorder, work.halt, template):
            audit.record(work.store, "VM removed", f"{endpoint}/{item.name}", f"deployment {deployment.id}")
            work.recorder.began(item.name, "removed")
        if item.path != "skipped":
            deployments.update_item(work.store, item.id, vm="", task="", state=state, path="", template="")
    if vapp is not None and moid(vapp) == deployment.vapp:
        remove_empty(work.site.session, vapp, str(name))
    return {"next": "end", "state": State.SUCCEEDED if work.job.kind is Kind.REMOVE else State.CANCELLED}


def end(work: Work, now: Now) -> Now:
    """Record how the deployment ended; its secrets are deleted (DESIGN.md rule 10).

    Taken again after its job has ended, by the next worker, it does nothing: the deployment may have a new job by then.
    """
    store, deployment = work.store, work.deployment
    job = jobs.get(store, work.job.id)
    if not job.active:
        return {"next": "", "state": job.state}
    state = now.get("state") or _state(deployments.items(store, deployment.id))
    removed = job.kind is Kind.REMOVE and state == State.SUCCEEDED
    with store.read() as tx:
        ended = store.now(tx)
    deployments.update(
        store,
        deployment.id,
        state=REMOVED if removed else deployment.state if job.kind is Kind.REMOVE else state,
        ended=ended,
        secret=None,
        bytes_sent=steps.bytes_sent(store, deployment.id),
    )
    work.close()
    name = f"{endpoints.by_id(store, deployment.endpoint_id).name}/{deployment.name}"
    audit.record(store, f"deployment {REMOVED if removed else state}", name, f"deployment {deployment.id}")
    jobs.end(store, job.id, State(state))
    return {"next": "", "state": state}


def failed(work: Work, _now: Now, error: SlipwayError) -> Now:
    """What follows when planning, or taking back, raised `error`."""
    jobs.note(work.store, work.job.id, str(error))
    return {"next": "end", "state": State.FAILED}


def cancelled(_work: Work, _now: Now, _error: SlipwayError) -> Now:
    """What follows when the deployment is cancelled before any VM was begun."""
    return {"next": "take back"}


def _state(items: list[Item]) -> State:
    return State.SUCCEEDED if all(item.state == State.SUCCEEDED for item in items) else State.FAILED


def _leave_stagings(work: Work) -> None:
    needed = set(templates_needed(work.store, work.deployment).values())
    for job in jobs.active(work.store):
        for_us = job.kind is Kind.STAGE and job.endpoint_id == work.job.endpoint_id and job.component_uid in needed
        if for_us and not is_wanted(work.store, job, work.job):
            jobs.ask_cancel(work.store, job.id)


def is_wanted(store: Store, staging: Job, but: Job) -> bool:
    """Whether anybody but the deployment `but` waits for the staging: asked for by hand, or another deployment's VM."""
    if staging.deployment_id is None:
        return True
    for job in jobs.active(store):
        waits = job.kind is Kind.DEPLOY and job.endpoint_id == staging.endpoint_id and not job.cancel
        if waits and job.id != but.id:
            needed = still_needed(store, deployments.get(store, job.deployment_id or 0))
            if staging.component_uid in needed:
                return True
    return False


STEPS: Steps = {"plan": plan, "settle": settle, "take back": take_back, "end": end}
