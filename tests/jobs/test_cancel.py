"""Cancel: within a second, what this deployment made is removed and nothing else."""

import time

import pytest

from engine.jobs import submit
from engine.simulator.launcher import Simulator
from storage import claims, deployments, endpoints, jobs, steps
from storage.errors import Conflict
from storage.jobs import State
from storage.store import Store
from tests.e2e.lab import MIB, entries, snapshots_of
from tests.jobs.conftest import StoreLab, until


def steps_of(store: Store, deployment: deployments.Deployment) -> list[str]:
    ids = [job.id for job in jobs.of_deployment(store, deployment.id)]
    return [one.step for one in steps.listing(store, ids)]


def cancel(lab: StoreLab, deployment: deployments.Deployment) -> None:
    with lab.store() as store:
        submit.cancel(store, deployments.get(store, deployment.id))


@pytest.mark.parametrize("flag", ["true", pytest.param("false", marks=pytest.mark.long)], ids=["staging", "direct"])
def test_while_uploading_the_bytes_stop_at_once(any_lab: StoreLab, simulator: Simulator, flag: str) -> None:
    lab = any_lab
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi", [64 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    worker = lab.worker()
    until(lambda: simulator.admin.counters().bytes_received > 0, worker)
    cancel(lab, deployment)
    asked = time.monotonic()
    assert lab.ended(deployment) == "cancelled"
    took = time.monotonic() - asked
    received = simulator.admin.counters().bytes_received
    assert received < 32 * MIB, f"{received} bytes: it went on uploading for {took:.1f} s"
    until(lambda: lab.names() == [], worker)
    with lab.store() as store:
        until(lambda: not jobs.active(store), worker)
        assert claims.listing(store) == []
        [item] = deployments.items(store, deployment.id)
        assert (item.state, item.vm) == ("cancelled", "")


def test_while_cloning_what_it_made_goes_and_the_rest_stays(any_lab: StoreLab, simulator: Simulator) -> None:
    lab = any_lab
    uid, _ = lab.add_sample("esxi")
    lab.worker()
    other = lab.submit(lab.profile("lab00", entries(uid, "x")))
    assert lab.ended(other) == "succeeded"
    wanted = [*entries(uid, "a"), [{"component_uid": uid, "hostname": "b", "host_id": 12}]]
    profile = lab.profile("lab01", wanted, vapp="lab01")
    deployment = lab.submit(profile)
    with lab.store() as store:
        until(lambda: deployments.items(store, deployment.id)[0].state == "succeeded")
        simulator.admin.settings(clone_delay=30)
        until(lambda: deployments.items(store, deployment.id)[1].task)
    cancel(lab, deployment)
    assert lab.ended(deployment) == "cancelled"
    assert lab.names() == [uid, "x.lab00.example.com"]
    assert "lab01" not in lab.govc("find", "/", "-type", "a")


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "within"])
def test_while_the_snapshot_is_taken(lab: StoreLab, simulator: Simulator, when: str) -> None:
    uid, _ = lab.add_sample("esxi")
    with lab.store() as store:
        endpoints.update(store, lab.name, linked_clones=True)
    simulator.admin.fault("CreateSnapshot_Task", delay=2, in_task=when == "within", times=1)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    worker = lab.worker("--until-idle")
    until(lambda: "CreateSnapshot_Task" in simulator.admin.counters().calls, worker)
    cancel(lab, deployment)
    assert lab.ended(deployment) == "cancelled"
    worker.wait()
    assert lab.names() == []
    with lab.store() as store:
        assert claims.listing(store) == []
    again = lab.submit(lab.profile("lab02", entries(uid, "b")))
    lab.worker()
    assert lab.ended(again) == "succeeded"
    assert lab.names() == ["b.lab02.example.com", uid]
    assert snapshots_of(lab.machines()[uid]) == ["slipway-base"]


def test_the_template_goes_on_for_whoever_waits_for_it(lab: StoreLab, simulator: Simulator) -> None:
    uid, _ = lab.add_sample("esxi", [4 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    first = lab.submit(lab.profile("lab01", entries(uid, "a")))
    second = lab.submit(lab.profile("lab02", entries(uid, "b")))
    worker = lab.worker()
    until(lambda: simulator.admin.counters().bytes_received > 0, worker)
    with lab.store() as store:
        until(lambda: deployments.items(store, second.id)[0].state == "running", worker)
    cancel(lab, first)
    assert lab.ended(first) == "cancelled"
    assert lab.ended(second) == "succeeded"
    assert lab.names() == ["b.lab02.example.com", uid]
    with lab.store() as store:
        assert [job.state for job in jobs.stagings(store, 1, uid)] == [State.SUCCEEDED]


def test_before_it_has_begun(lab: StoreLab) -> None:
    uid, _ = lab.add_sample("esxi")
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    cancel(lab, deployment)
    lab.worker()
    assert lab.ended(deployment) == "cancelled"
    assert lab.names() == []
    with pytest.raises(Conflict, match="cannot cancel deployment 1: it is cancelled"):
        cancel(lab, deployment)


def test_cancelled_and_begun_again(lab: StoreLab, simulator: Simulator) -> None:
    uid, _ = lab.add_sample("esxi")
    simulator.admin.settings(clone_delay=30)
    profile = lab.profile("lab01", entries(uid, "a", "b"))
    deployment = lab.submit(profile)
    worker = lab.worker()
    until(lambda: simulator.admin.counters().calls.get("CloneVM_Task", 0) == 2, worker)
    cancel(lab, deployment)
    assert lab.ended(deployment) == "cancelled"
    simulator.admin.settings(clone_delay=0)
    with lab.store() as store:
        row = deployments.get(store, deployment.id)
        submit.again(store, row, submit.Ordered(submit.recorded_profile(row), "again"))
    assert lab.ended(deployment) == "succeeded"
    with lab.store() as store:
        assert {item.state for item in deployments.items(store, deployment.id)} == {"succeeded"}


@pytest.mark.parametrize("vapp", [None, pytest.param("lab01", marks=pytest.mark.long)], ids=["folder", "vapp"])
def test_removed_when_it_has_ended(lab: StoreLab, vapp: str | None) -> None:
    uid, _ = lab.add_sample("esxi")
    lab.worker()
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a", "b"), **({"vapp": vapp} if vapp else {})))
    assert lab.ended(deployment) == "succeeded"
    assert lab.names() == ["a.lab01.example.com", "b.lab01.example.com", uid]
    with lab.store() as store:
        submit.remove(store, deployments.get(store, deployment.id))
    assert lab.ended(deployment) == "removed"
    assert lab.names() == [uid]
    assert "lab01" not in lab.govc("find", "/", "-type", "a")


def test_a_clone_whose_answer_was_lost_is_taken_back_too(lab: StoreLab, simulator: Simulator) -> None:
    """vCenter makes it, and nobody has its task."""
    uid, _ = lab.add_sample("esxi")
    lab.setting("retry_seconds", "60")
    simulator.admin.settings(clone_delay=4)
    simulator.admin.fault("CloneVM_Task", mode="drop", after=True, times=1)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    worker = lab.worker()
    with lab.store() as store:
        until(lambda: "trying again" in steps_of(store, deployment), worker)
        assert deployments.items(store, deployment.id)[0].task == ""
        asked = simulator.admin.counters().calls["CloneVM_Task"]
    cancel(lab, deployment)
    assert lab.ended(deployment) == "cancelled"
    assert lab.names() == [uid]
    assert simulator.admin.counters().calls["CloneVM_Task"] == asked
