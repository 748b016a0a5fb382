"""No worker runs: who asks for a job or waits for one starts it, who looks does not. None can work: clients say so."""

import pytest

from engine.jobs import submit
from storage import deployments, endpoints, jobs
from storage.deployments import Deployment
from storage.jobs import State
from tests.e2e.lab import entries
from tests.jobs.conftest import StoreLab, until


@pytest.mark.long
def test_a_client_does_not_wait_for_workers_that_end_at_once(lab: StoreLab) -> None:
    """The durable runner's file is damaged; what was asked for is carried out once it is out of the way."""
    uid, _ = lab.add_sample("esxi")
    damaged = lab.folder / "slipway.db.jobs"
    damaged.write_bytes(b"no database" * 1000)
    told = lab.slipway("deploy", str(lab.profile("lab01", entries(uid, "a"))), "--json")
    assert (told.code, told.error["code"]) == (5, "refused")
    assert told.error["why"] == "it ended 3 times with exit code 5"
    why = lab.slipway("worker")
    assert (why.code, str(damaged) in why.err, "file is not a database" in why.err) == (5, True, True)
    damaged.unlink()
    assert lab.ok("deployment", "watch", "1")["state"] == "succeeded"


def test_who_only_looks_starts_none(lab: StoreLab) -> None:
    uid, _ = lab.add_sample("esxi")
    lab.submit(lab.profile("lab01", entries(uid, "a")))
    assert lab.ok("deployment", "list")[0]["state"] == "pending"
    assert lab.ok("deployment", "show", "1")["state"] == "pending"
    assert lab.ok("template", "list", "--endpoint", lab.name) == []
    assert lab.ok("lock", "list") == []
    assert lab.workers() == []


@pytest.mark.long
def test_who_asks_or_waits_starts_one(lab: StoreLab) -> None:
    uid, _ = lab.add_sample("esxi")
    other, _ = lab.add_sample("other")

    def queued(name: str) -> Deployment:
        return lab.submit(lab.profile(name, entries(uid, "a")))

    def after(deployment: Deployment, *command: str) -> str:
        """The deployment's state when a worker that the command started has ended it."""
        starts_one(*command)
        state = lab.ended(deployment)
        lab.end_workers()
        return state

    def starts_one(*command: str) -> None:
        assert lab.workers() == []
        done = lab.slipway(*command)
        assert done.code == 0, done.err
        until(lab.workers)

    first = queued("lab01")
    assert after(first, "deployment", "watch", "1") == "succeeded"
    assert after(queued("lab02"), "deployment", "resume", "2", "--detach") == "succeeded"
    third = queued("lab03")
    assert after(third, "deployment", "cancel", "3", "--yes", "--detach") == "cancelled"
    assert after(third, "deployment", "resume", "3", "--detach") == "succeeded"
    fourth = queued("lab04")
    with lab.store() as store:
        job = submit.active_job(store, fourth)
        assert job is not None
        deployments.update(store, fourth.id, state="failed")
        jobs.end(store, job.id, State.FAILED)
    assert after(fourth, "deployment", "retry", "4", "--detach") == "succeeded"
    assert after(first, "deployment", "remove", "1", "--yes", "--detach") == "removed"
    with lab.store() as store:
        submit.stage(store, endpoints.get(store, lab.name), other)
    starts_one("template", "cancel", other, "--endpoint", lab.name)
    lab.end_workers()
    starts_one("template", "stage", other, "--endpoint", lab.name, "--detach")
    until(lambda: other in lab.names())
    lab.end_workers()
    starts_one("deploy", str(lab.profile("lab05", entries(other, "a"))), "--detach")
    until(lambda: "a.lab05.example.com" in lab.names())


def test_a_deployment_of_a_slipway_without_jobs_is_shown(lab: StoreLab) -> None:
    with lab.store() as store:
        endpoint = endpoints.get(store, lab.name)
        old = deployments.create(store, "lab01", endpoint.id, "{}", [("a.lab01.example.com", "esxi-1.0")])
        deployments.update(store, old.id, state="failed")
    told = lab.slipway("deployment", "watch", "1", "--json")
    assert (told.code, told.document["state"]) == (1, "failed")
