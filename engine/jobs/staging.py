"""The steps of a staging job (engine.staging.stage), as the durable runner takes them."""

from engine.errors import ClaimLost, Gone, Refused, SlipwayError, StagingFault
from engine.jobs.now import Now, Steps
from engine.jobs.work import Work
from engine.staging import claims, leftovers, stage
from engine.staging.claims import Claim
from engine.vsphere.refs import VmRef
from engine.vsphere.vms import Vm
from storage import jobs
from storage.jobs import State


def elect(work: Work, _now: Now) -> Now:
    """Find the template, or become the one who stages it."""
    if not jobs.begin(work.store, work.job.id):
        return {"next": ""}
    found = stage.elect(work.site, work.staging, work.recorder, work.cancel)
    if not isinstance(found, Claim):
        return {"next": "end", "state": State.SUCCEEDED}
    work.hold(found)
    return {"next": "upload"}


def upload(work: Work, _now: Now) -> Now:
    """Import the OVA under a temporary name, or find the whole one that an earlier attempt left."""
    vm = stage.upload(work.site, work.staging, work.claim, work.recorder, work.cancel)
    return {"next": "mark", "vm": vm.moid}


def mark(work: Work, now: Now) -> Now:
    """Identity, template, attribute."""
    stage.mark(work.site, work.staging, _half(work, now), work.claim, work.recorder, work.cancel)
    return {"next": "commit", "vm": now["vm"]}


def commit(work: Work, now: Now) -> Now:
    """The rename."""
    stage.commit(work.site, work.staging, _half(work, now), work.claim, work.recorder)
    return {"next": "tidy"}


def tidy(work: Work, _now: Now) -> Now:
    """Replaced templates on which nothing stands any more."""
    stage.tidy(work.site, work.staging, work.claim, work.recorder)
    return {"next": "end", "state": State.SUCCEEDED}


def end(work: Work, now: Now) -> Now:
    """Release the claim, also that of a worker that died in here, and record how it ended."""
    work.close()
    claims.release_stale(work.store, work.job.component_uid or "")
    jobs.end(work.store, work.job.id, State(now["state"]))
    return {"next": "", "state": now["state"]}


def discard(work: Work, now: Now) -> Now:
    """Remove what could not be marked; what cannot be removed now is left to the sweep."""
    leftovers.remove(work.site, _half(work, now), work.claim)
    return {"next": "end", "state": now["state"]}


STEPS: Steps = {
    "elect": elect,
    "upload": upload,
    "mark": mark,
    "commit": commit,
    "tidy": tidy,
    "discard": discard,
    "end": end,
}


def failed(work: Work, now: Now, error: SlipwayError) -> Now:
    """What follows when a step raised `error`: a lost claim is contended for again, a vanished VM uploaded once more:
    somebody who removes each would have us upload without end. Once renamed, nothing makes it fail any more.
    """
    if now["next"] == "tidy":
        return {"next": "end", "state": State.SUCCEEDED}
    if now["next"] == "discard":
        return {"next": "end", "state": now["state"]}
    if isinstance(error, ClaimLost) or work.lost_claim():
        return {"next": "elect"}
    if isinstance(error, Gone) and not work.vanished:
        work.vanished += 1
        return {"next": "upload"}
    falls_back = isinstance(error, StagingFault | Gone)
    refused = any(isinstance(one, Refused) for one in (error, error.__cause__))
    jobs.note(work.store, work.job.id, str(error), falls_back=falls_back, refused=refused)
    return _ending(now, State.FAILED)


def cancelled(work: Work, now: Now, error: SlipwayError) -> Now:
    """What follows when a step stopped because the job is being cancelled. What is renamed is staged."""
    if now["next"] == "tidy":
        return {"next": "end", "state": State.SUCCEEDED}
    jobs.note(work.store, work.job.id, str(error))
    return _ending(now, State.CANCELLED)


def _ending(now: Now, state: State) -> Now:
    """A half-made VM is removed first. One that is marked stays: it is whole, and the next staging only renames it."""
    return {"next": "discard" if now["next"] == "mark" else "end", "vm": now.get("vm", ""), "state": state}


def _half(work: Work, now: Now) -> Vm:
    return leftovers.find(work.site, work.job.component_uid or "", work.site.session.managed(VmRef, now["vm"]))
