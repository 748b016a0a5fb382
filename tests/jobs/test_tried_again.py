"""What is tried again by itself, and what is not."""

from engine.simulator.launcher import Simulator
from storage import deployments, jobs
from tests.e2e.lab import entries
from tests.jobs.conftest import StoreLab


def test_a_clone_whose_task_failed_for_a_moment_is_begun_anew(lab: StoreLab, simulator: Simulator) -> None:
    """The failed task is on record; the next attempt does not take its failure for its own."""
    uid, _ = lab.add_sample("esxi")
    lab.setting("retry_seconds", "0.1")
    simulator.admin.fault("CloneVM_Task", "HostNotConnected", in_task=True, times=1)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a", "b")))
    lab.worker()
    assert lab.ended(deployment) == "succeeded"
    assert simulator.admin.counters().calls["CloneVM_Task"] == 3
    with lab.store() as store:
        assert {item.path for item in deployments.items(store, deployment.id)} == {"staged"}


def test_what_vcenter_refused_is_not_asked_for_again(lab: StoreLab, simulator: Simulator) -> None:
    """Of a staging that failed otherwise a waiter tries one more."""
    uid, _ = lab.add_sample("esxi")
    simulator.admin.deny("VApp.Import")
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a", "b")))
    lab.worker()
    assert lab.ended(deployment) == "failed"
    assert simulator.admin.counters().calls["ImportVApp"] == 1
    with lab.store() as store:
        assert [job.refused for job in jobs.stagings(store, 1, uid)] == [True]
        assert all("privilege" in item.reason for item in deployments.items(store, deployment.id))
