"""The worker: one per store, killed and stopped at any time, its jobs go on in the next."""

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from engine.jobs import presence
from engine.simulator.launcher import Simulator
from storage import claims, deployments, jobs, steps
from storage.jobs import Kind, State
from tests.e2e.lab import LAB_PASSWORD, MIB, PASSWORD, ROOT, entries
from tests.jobs.conftest import StoreLab, until


def ended(process: "subprocess.Popen[bytes]") -> int:
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)], ids=lambda number: number.name
)
def test_stopped_while_uploading_and_started_again(any_lab: StoreLab, simulator: Simulator, how: int) -> None:
    lab = any_lab
    uid, _ = lab.add_sample("esxi", [8 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a", "b")))
    first = lab.worker()
    until(lambda: simulator.admin.counters().bytes_received > 0, first)
    first.send_signal(how)
    assert ended(first) == (-how if how == signal.SIGKILL else 0)
    simulator.admin.clear_nfc()
    with lab.store() as store:
        assert jobs.active(store)
    lab.worker()
    assert lab.ended(deployment) == "succeeded"
    assert lab.names() == ["a.lab01.example.com", "b.lab01.example.com", uid]
    with lab.store() as store:
        assert claims.listing(store) == []


def test_killed_while_cloning_and_started_again(any_lab: StoreLab, simulator: Simulator) -> None:
    """The clones go on in vCenter; the next worker waits for them and starts none."""
    lab = any_lab
    uid, _ = lab.add_sample("esxi")
    simulator.admin.settings(clone_delay=2)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a", "b")))
    first = lab.worker()
    until(lambda: simulator.admin.counters().calls.get("CloneVM_Task", 0) == 2, first)
    first.kill()
    ended(first)
    lab.worker()
    assert lab.ended(deployment) == "succeeded"
    assert simulator.admin.counters().calls["CloneVM_Task"] <= 4  # one asked for before its id was stored comes again
    assert lab.names() == ["a.lab01.example.com", "b.lab01.example.com", uid]


def test_told_to_stop_while_vcenter_clones(lab: StoreLab, simulator: Simulator) -> None:
    """SIGTERM does not wait for a clone: the next worker does."""
    uid, _ = lab.add_sample("esxi")
    simulator.admin.settings(clone_delay=30)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    first = lab.worker()
    until(lambda: simulator.admin.counters().calls.get("CloneVM_Task", 0) == 1, first)
    first.terminate()
    first.communicate(timeout=10)  # the clone would take 30 s
    assert first.returncode == 0
    with lab.store() as store:
        [item] = deployments.items(store, deployment.id)
        assert item.state == "running"
        assert item.task


def test_a_second_worker_is_refused(any_lab: StoreLab) -> None:
    lab = any_lab
    first = lab.worker()
    with lab.store() as store:
        until(lambda: presence.find(store) is not None, first)
        worker = presence.find(store)
        assert worker is not None
        assert worker.holder.pid == first.pid
    second = lab.worker()
    _, err = second.communicate(timeout=60)
    assert second.returncode == 4
    assert f"a worker is running already (pid {first.pid} of" in err.decode()
    assert lab.worker("--until-idle").wait(60) == 0
    assert first.poll() is None
    first.terminate()
    assert ended(first) == 0
    with lab.store() as store:
        assert not presence.is_there(store)
        assert presence.find(store) is None


def test_many_clients_start_one_worker(lab: StoreLab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lab.env.items():
        monkeypatch.setenv(name, value)
    with lab.store() as store:
        starters = [presence.Starter(store) for _ in range(5)]
        for starter in starters:
            starter.ensure()
        until(lambda: presence.find(store) is not None)
        worker = presence.find(store)
        assert worker is not None
        environment = psutil.Process(worker.holder.pid).environ()
        assert "LAB_PASSWORD" not in environment
        assert environment["SLIPWAY_STORE"] == lab.where
        processes = [starter._started for starter in starters if starter._started is not None]
        assert [process.wait(60) for process in processes if process.pid != worker.holder.pid] == [0] * 4
        os.kill(worker.holder.pid, signal.SIGTERM)
        assert [process.wait(60) for process in processes] == [0] * 5


def test_at_most_so_many_deployments_at_once_and_by_priority(lab: StoreLab, simulator: Simulator) -> None:
    lab.setting("deployments_at_once", "1")
    uid, _ = lab.add_sample("esxi")
    made = {
        name: lab.submit(lab.profile(name, entries(uid, "a")), priority)
        for name, priority in (("lab01", 10), ("lab02", 20), ("lab03", 5))
    }
    lab.worker()
    assert {lab.ended(one) for one in made.values()} == {"succeeded"}
    with lab.store() as store:
        runs = [job for one in made.values() for job in jobs.of_deployment(store, one.id) if job.kind is Kind.DEPLOY]
        by_end = [job.deployment_id for job in sorted(runs, key=lambda job: str(job.ended))]
    assert by_end == [made["lab03"].id, made["lab01"].id, made["lab02"].id]


@pytest.mark.long
def test_at_most_so_many_on_one_endpoint(lab: StoreLab, simulator: Simulator) -> None:
    for name in ("deployments_per_endpoint", "vms_per_endpoint"):
        lab.setting(name, "1")
    uid, _ = lab.add_sample("esxi")
    simulator.admin.settings(clone_delay=1)
    made = [lab.submit(lab.profile(name, entries(uid, "a", "b"))) for name in ("lab01", "lab02")]
    lab.worker()
    assert [lab.ended(one) for one in made] == ["succeeded"] * 2
    with lab.store() as store:
        runs = [job for one in made for job in jobs.of_deployment(store, one.id) if job.kind is Kind.DEPLOY]
        taken = [steps.listing(store, [run.id]) for run in runs]
        assert runs[0].ended is not None
        assert runs[0].ended <= taken[1][0].began
    cloning = sorted(step.began for one in taken for step in one if step.step == "cloning")
    assert len(cloning) == 4
    assert all((later - earlier).total_seconds() >= 1 for earlier, later in pairwise(cloning))


def test_no_secret_in_any_file(lab: StoreLab, simulator: Simulator, home: Path) -> None:
    """Values and passwords are encrypted at submit, read inside the step, deleted at the end (rule 10)."""
    uid, _ = lab.add_sample("esxi")
    profile = lab.profile(
        "lab01",
        [[{"component_uid": uid, "hostname": "a", "host_id": 11, "properties": {"guestinfo.dns": "v4lue-of-its-own"}}]],
    )
    deployment = lab.submit(profile)
    first = lab.worker()
    simulator.admin.settings(clone_delay=1)
    until(lambda: simulator.admin.counters().calls.get("CloneVM_Task", 0) == 1, first)
    first.kill()
    ended(first)
    searched = [path for folder in (lab.folder, home) for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in searched} >= {"slipway.db", "slipway.db.jobs"}
    for secret in (LAB_PASSWORD, PASSWORD, "v4lue-of-its-own"):
        found = [path for path in searched if secret.encode() in path.read_bytes() and path != profile]
        assert found == []
    lab.worker()
    assert lab.ended(deployment) == "succeeded"
    with lab.store() as store:
        assert deployments.get(store, deployment.id).secret is None


def test_lost_records_of_the_runner_make_nothing_twice(lab: StoreLab, simulator: Simulator) -> None:
    """DBOS's file is worth nothing without the store: without it the job begins again, and its steps look first."""
    uid, _ = lab.add_sample("esxi")
    simulator.admin.settings(clone_delay=1)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    first = lab.worker()
    until(lambda: simulator.admin.counters().calls.get("CloneVM_Task", 0) == 1, first)
    first.kill()
    ended(first)
    for path in lab.folder.glob("slipway.db.jobs*"):
        path.unlink()
    lab.worker()
    assert lab.ended(deployment) == "succeeded"
    assert lab.names() == ["a.lab01.example.com", uid]
    assert [one.state for one in _stagings(lab, uid)] == [State.SUCCEEDED]


def _stagings(lab: StoreLab, uid: str) -> list[jobs.Job]:
    with lab.store() as store:
        return jobs.stagings(store, 1, uid)


@pytest.mark.long
def test_idle_it_takes_little_of_a_core(lab: StoreLab) -> None:
    process = lab.worker()
    with lab.store() as store:
        until(lambda: presence.find(store) is not None, process)
    measured = psutil.Process(process.pid)
    before = measured.cpu_times()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(60)
    after = measured.cpu_times()
    used = after.user + after.system - before.user - before.system
    assert used <= 0.03 * 60, f"{used / 60:.1%} of a core"


def test_a_worker_with_a_defect_ends_whole(lab: StoreLab, simulator: Simulator, tmp_path: Path) -> None:
    """Not its lock alone: its steps would go on beside those of the next worker."""
    strikes = tmp_path / "strikes"
    uid, _ = lab.add_sample("esxi", [32 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    defect = f"Crew.inspect = lambda self: 1 / (not os.path.exists({str(strikes)!r}))"
    code = f"import os; from engine.jobs.crew import Crew; {defect}; from cli.main import main; main()"
    command = [sys.executable, "-c", code, "worker"]
    worker = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "SLIPWAY_STORE": lab.where})
    lab.processes.append(worker)
    until(lambda: simulator.admin.counters().bytes_received > 0, worker)
    strikes.touch()
    with lab.store() as store:
        until(lambda: not presence.is_there(store))
    assert worker.wait(5) == 1
    simulator.admin.clear_nfc()
    lab.worker()
    assert lab.ended(deployment) == "succeeded"
