"""What a job finds of its own earlier run: after a crash, a cancel, a retry."""

import signal

import pytest

from engine.jobs import deployment as steps
from engine.jobs import submit
from engine.jobs.sites import Sites
from engine.jobs.submit import Ordered
from engine.jobs.work import Work
from engine.simulator.launcher import Simulator
from storage import deployments, endpoints, jobs
from storage.jobs import Kind, State
from storage.store import Store
from tests.e2e.lab import MIB, entries
from tests.jobs.conftest import StoreLab, until


def deploy_job(store: Store, number: int) -> jobs.Job:
    return [job for job in jobs.of_deployment(store, number) if job.kind is Kind.DEPLOY][-1]


def again(store: Store, number: int) -> jobs.Job:
    row = deployments.get(store, number)
    return submit.again(store, row, Ordered(submit.recorded_profile(row), "again"))


def test_who_dies_while_asking_has_asked_for_nothing(lab: StoreLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment without a job could be neither cancelled, retried nor removed, and would keep its secret."""
    uid, _ = lab.add_sample("esxi")
    failed = lab.submit(lab.profile("lab01", entries(uid, "a")))
    with lab.store() as store:
        deployments.update(store, failed.id, state="failed", secret=None)
        jobs.end(store, deploy_job(store, failed.id).id, State.FAILED)
        before = deployments.get(store, failed.id)

        def dies(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("storage.jobs.notify", dies)
        with pytest.raises(KeyboardInterrupt):
            lab.submit(lab.profile("lab02", entries(uid, "a")))
        with pytest.raises(KeyboardInterrupt):
            again(store, failed.id)
        assert deployments.listing(store) == [before]


def test_a_retry_cancelled_before_it_has_begun_is_taken_back_too(lab: StoreLab) -> None:
    uid, _ = lab.add_sample("esxi")
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a", "b")))
    worker = lab.worker()
    assert lab.ended(deployment) == "succeeded"
    worker.kill()
    worker.wait()
    with lab.store() as store:
        item = deployments.items(store, deployment.id)[1]
        deployments.update_item(store, item.id, state="failed", vm="")
        deployments.update(store, deployment.id, state="failed")
        again(store, deployment.id)
        submit.cancel(store, deployments.get(store, deployment.id))
    lab.worker()
    assert lab.ended(deployment) == "cancelled"
    assert lab.names() == [uid]


def test_the_end_of_a_job_that_has_ended_leaves_the_next_one_alone(lab: StoreLab) -> None:
    """Its worker died after the commit of the end, and before the runner had recorded that step."""
    uid, _ = lab.add_sample("esxi")
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    with lab.store() as store:
        work = Work(store, deploy_job(store, deployment.id), Sites(store))
        assert steps.end(work, {"next": "end", "state": State.FAILED})["state"] == "failed"
        again(store, deployment.id)
        assert steps.end(work, {"next": "end", "state": State.FAILED}) == {"next": "", "state": "failed"}
        now = deployments.get(store, deployment.id)
        assert (now.state, now.ended, now.secret is None) == ("pending", None, False)


def test_a_cancel_that_came_too_late_to_take_anything_back_is_none(lab: StoreLab) -> None:
    uid, _ = lab.add_sample("esxi")
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    with lab.store() as store:
        work = Work(store, deploy_job(store, deployment.id), Sites(store))
        for item in deployments.items(store, deployment.id):
            deployments.update_item(store, item.id, state="succeeded", vm="vm-7")
        after = steps.settle(work, {"next": "settle"})
        submit.cancel(store, deployment)
        assert steps.end(work, after)["state"] == "succeeded"
        assert deployments.get(store, deployment.id).state == "succeeded"


def test_a_staging_goes_on_without_the_secret_of_who_began_it(lab: StoreLab, simulator: Simulator) -> None:
    """The endpoint has no network of its own: that of the deployment is taken, which is no secret."""
    with lab.store() as store:
        endpoints.update(store, lab.name, network=None)
    uid, _ = lab.add_sample("esxi", [4 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    first = lab.submit(lab.profile("lab01", entries(uid, "a")))
    worker = lab.worker()
    until(lambda: simulator.admin.counters().bytes_received > 0, worker)
    second = lab.submit(lab.profile("lab02", entries(uid, "b")))
    with lab.store() as store:
        until(lambda: deployments.items(store, second.id)[0].state == "running", worker)
        submit.cancel(store, deployments.get(store, first.id))
    assert lab.ended(first) == "cancelled"
    assert lab.ended(second) == "succeeded"
    with lab.store() as store:
        assert [job.state for job in jobs.stagings(store, 1, uid)] == [State.SUCCEEDED]


@pytest.mark.parametrize("flag", ["true", pytest.param("false", marks=pytest.mark.long)], ids=["staged", "direct"])
def test_what_an_earlier_run_has_filled_is_not_missing(lab: StoreLab, simulator: Simulator, flag: str) -> None:
    """The plan's sum is for the whole deployment, and part of it is there already."""
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, sample = lab.add_sample("esxi", [8 * MIB])
    size = sample.path.stat().st_size
    used = 0
    simulator.admin.settings(clone_delay=3, datastore_capacity=used + 3 * size + MIB)
    simulator.admin.nfc(mode="slow", bytes_per_second=4 * MIB)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a", "b")))
    worker = lab.worker()
    if flag == "true":
        until(lambda: simulator.admin.counters().calls.get("CloneVM_Task", 0) == 2, worker)
    else:
        until(lambda: simulator.admin.counters().bytes_received > 12 * MIB, worker)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    lab.worker()
    state = lab.ended(deployment)
    with lab.store() as store:
        assert state == "succeeded", [item.reason for item in deployments.items(store, deployment.id)]
