"""The steps of one VM: look, template, clone or import, finish, power on.

Each may run again from its start, in another process: it looks first (DESIGN.md rule 5).
"""

from collections.abc import Callable

from engine.deploy import make
from engine.deploy.linking import NO_BASE
from engine.deploy.make import Making
from engine.deploy.plan import Way
from engine.errors import Failed, Gone, SlipwayError, StagingFault
from engine.jobs.now import Now, Steps
from engine.jobs.work import Work
from engine.progress import FOR_TEMPLATE
from engine.staging import templates
from engine.staging.identity import Identity
from engine.vsphere import vms
from engine.vsphere.refs import TaskRef, VmRef, moid
from engine.vsphere.snapshots import base_of
from storage import deployments, jobs, steps
from storage.deployments import Item
from storage.jobs import Job, State

# Seconds between two looks at a staging that is waited for.
POLL = 0.25


def look(work: Work, item: Item, _now: Now) -> Now:
    """Is the VM there already, made by an earlier attempt or deployment?"""
    work.cancel.check()
    planned, uuid = work.planned(item), work.site.session.instance_uuid
    earlier = _earlier(work, item)
    deployments.update_item(work.store, item.id, state="running", instance_uuid=uuid)
    found = make.find(_making(work, item, earlier))
    if found is None:
        return {"next": "template" if planned.way is not Way.DIRECT else "import"}
    finished = earlier is not None and earlier.vm == found.moid and earlier.state == "succeeded"
    if earlier is None or earlier.id != item.id:
        reason = "it was there already" if finished else "it was begun earlier"
        deployments.update_item(work.store, item.id, path=Way.SKIPPED, reason=reason)
    deployments.update_item(work.store, item.id, vm=found.moid)
    # A VM that was finished is its users', and left as it is.
    return {"next": "power on" if finished else "finish", "vm": found.moid}


def template(work: Work, item: Item, now: Now) -> Now:
    """The staged template to clone: looked at, or waited for while a staging makes it."""
    planned = work.planned(item)
    while True:
        found = templates.look(work.site, planned.template, planned.component, planned.package)
        if found.usable and found.ref is not None:
            return {"next": "clone", "template": moid(found.ref), "vanished": now.get("vanished", 0)}
        absent = found.state in (templates.State.ABSENT, templates.State.STAGING, templates.State.OUTDATED)
        if planned.package is None or not absent:
            raise StagingFault("cannot clone", on=item.name, why=f"{found.path} is {found.state}: {found.why}")
        _wait_for_staging(work, item, planned.template)


def clone(work: Work, item: Item, now: Now) -> Now:
    """Clone the template; one that vanished is resolved once more before any fallback (DESIGN.md rule 1)."""
    try:
        source = vms.details(work.site.session, work.site.session.managed(VmRef, now["template"]))
        planned = work.planned(item)
        base = base_of(work.site.session, source.vm.ref) if planned.linked else None
        ref = make.clone(_making(work, item, _earlier(work, item)), source, base)
    except Gone as error:
        if now["vanished"]:
            raise StagingFault("cannot clone", on=item.name, why=str(error)) from error
        return {"next": "template", "vanished": 1}
    reason = f"full clone: {NO_BASE}" if planned.linked and base is None else planned.why
    deployments.update_item(
        work.store, item.id, vm=moid(ref), path=Way.STAGED, template=planned.template, reason=reason
    )
    return {"next": "finish", "vm": moid(ref), "template": now["template"]}


def import_vm(work: Work, item: Item, _now: Now) -> Now:
    """Import the OVA straight into the VM."""
    planned = work.planned(item)
    ref = make.import_directly(_making(work, item, None))
    row = deployments.find_item(work.store, item.id)
    reason = row.reason if row is not None and row.reason else planned.why
    deployments.update_item(work.store, item.id, vm=moid(ref), path=Way.DIRECT, template="", reason=reason)
    return {"next": "finish", "vm": moid(ref)}


def finish(work: Work, item: Item, now: Now) -> Now:
    """Make the VM what was asked."""
    ref = work.site.session.managed(VmRef, now["vm"])
    make.finish(_making(work, item, None), ref, now.get("template", ""))
    return {"next": "power on", "vm": now["vm"]}


def power_on(work: Work, item: Item, now: Now) -> Now:
    """Power the VM on, where the deployment says so."""
    ref = work.site.session.managed(VmRef, now["vm"])
    if work.deployment.power_on and not vms.look(work.site.session, ref).powered_on:
        work.recorder.began(item.name, "powering on")
        vms.power_on(work.site.session, ref, item.name, work.cancel)
    return {"next": "end", "state": State.SUCCEEDED}


def end(work: Work, item: Item, now: Now) -> Now:
    """Record how it ended. `now["state"]` says it."""
    row = deployments.find_item(work.store, item.id)
    reason = row.reason if row is not None else ""
    began = [one.began for one in steps.listing(work.store, [work.job.id]) if one.item == item.name]
    with work.store.read() as tx:
        seconds = (work.store.now(tx) - began[0]).total_seconds() if began else 0.0
    deployments.update_item(work.store, item.id, state=now["state"], seconds=round(seconds, 3))
    work.recorder.began(item.name, now["state"], reason)
    return {"next": "", "state": now["state"]}


STEPS: Steps = {
    "look": look,
    "template": template,
    "clone": clone,
    "import": import_vm,
    "finish": finish,
    "power on": power_on,
    "end": end,
}

AT_WORK = ("clone", "import", "finish", "power on")
"""The steps in which vCenter works for this VM: they take one of the endpoint's places."""


def failed(work: Work, item: Item, _now: Now, error: SlipwayError) -> Now:
    """What follows when a step raised `error`: a fault of staging itself falls back to a direct import (rule 7)."""
    if isinstance(error, StagingFault) and work.planned(item).package is not None:
        deployments.update_item(work.store, item.id, reason=f"fallback: {error}")
        work.recorder.began(item.name, "falling back", str(error))
        return {"next": "import"}
    deployments.update_item(work.store, item.id, reason=str(error))
    return {"next": "end", "state": State.FAILED}


def cancelled(work: Work, item: Item, _now: Now, error: SlipwayError) -> Now:
    """What follows when a step stopped because the deployment is being cancelled."""
    deployments.update_item(work.store, item.id, reason=str(error))
    return {"next": "end", "state": State.CANCELLED}


def _wait_for_staging(work: Work, item: Item, uid: str) -> None:
    """Have the template staged. When the elected staging fails, one more is tried, but not after a refusal; the rest do
    not upload.
    """
    endpoint = work.job.endpoint_id
    first = work.first_staging.get(uid)
    if first is not None:
        tried = [one for one in jobs.stagings(work.store, endpoint, uid) if one.id >= first]
        failures = [one for one in tried if one.state is State.FAILED]
        if len(failures) >= 2 or any(one.refused for one in failures):
            raise _error_of(failures[0])
    work.cancel.check()
    job = jobs.create_stage(work.store, endpoint, uid, work.job.deployment_id, work.job.priority)
    work.first_staging.setdefault(uid, job.id)
    work.recorder.began(item.name, "waiting", f"{FOR_TEMPLATE}{uid}")
    while (job := jobs.get(work.store, job.id)).active:
        work.cancel.pause(POLL)
    if job.state is State.CANCELLED:
        raise Failed("cannot clone", on=item.name, why=f"the staging of {uid} was cancelled")


def _error_of(job: Job) -> SlipwayError:
    return StagingFault(job.error) if job.falls_back else Failed(job.error)


def _making(work: Work, item: Item, earlier: Item | None) -> Making:
    planned = work.planned(item)
    site = work.site.at(planned.place.datastore, planned.place.host) if planned.place else work.site
    with work.store.read() as tx:
        created = work.store.now(tx).isoformat(timespec="seconds").replace("+00:00", "Z")
    mine = Identity(
        store=work.store.id,
        component=item.component_uid,
        digest=planned.component.checksum,
        created=created,
        deployment=item.deployment_id,
        item=item.id,
        address=planned.address,
    )
    task = site.session.managed(TaskRef, earlier.task) if earlier and earlier.task and not earlier.vm else None
    return Making(site, work.vapp, planned, mine, work.recorder, work.cancel, task, _noting(work, item))


def _noting(work: Work, item: Item) -> Callable[[TaskRef], None]:
    return lambda task: deployments.update_item(work.store, item.id, task=moid(task), vm="")


def _earlier(work: Work, item: Item) -> Item | None:
    """What this or an earlier deployment of the VM noted, if in this very vCenter: MoRefs are void in another."""
    row = deployments.latest_item(work.store, work.job.endpoint_id, item.name)
    return row if row is not None and row.instance_uuid == work.site.session.instance_uuid else None
