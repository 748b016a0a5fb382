"""`slipway deployment`, `--detach`, `template cancel` and `slipway worker`, as operators and scripts use them."""

import json
import re
import signal
import stat

import pytest

from engine.simulator.launcher import Simulator
from storage import paths
from tests.e2e.lab import LAB_PASSWORD, MIB, Lab, entries, properties_of
from tests.e2e.test_interrupted import machines, no_claims, uploading
from tests.waiting import until

NAME = "a.lab01.example.com"


def test_detached_then_listed_shown_watched_and_removed(simlab: Lab) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi", [2 * MIB])
    profile = str(lab.profile("lab01", entries(uid, "a", "b"), vapp="lab01"))
    assert lab.ok("deploy", profile, "--detach") == {"id": 1}
    watched = lab.ok("deployment", "watch", "1")
    said = lab.slipway("deploy", str(lab.profile("lab02", entries(uid, "a"))), "--detach")
    assert said.out == "deployment 2 queued; watch it: slipway deployment watch 2\n"
    assert lab.ok("deployment", "watch", "2")["state"] == "succeeded"
    assert lab.ok("deployment", "watch", "1") == watched, "watching what has ended shows its result"
    [newer, older] = lab.ok("deployment", "list")
    assert (newer["name"], newer["bytes_sent"], newer["vms"]) == ("lab02", 0, 1)
    assert (older["endpoint"], older["state"], older["vms_done"], older["vms"]) == (lab.name, "succeeded", 2, 2)
    shown = lab.ok("deployment", "show", "1")
    assert {item["name"] for item in shown["items"]} == {NAME, "b.lab01.example.com"}
    taken = {(one["item"], one["step"]) for one in shown["steps"]}
    assert {(uid, "uploading"), (NAME, "cloning"), (NAME, "powering on")} <= taken
    assert all(one["seconds"] >= 0 for one in shown["steps"])
    table = lab.slipway("deployment", "list").out.splitlines()
    assert table[0].split() == ["ID", "NAME", "ENDPOINT", "STATE", "VMS", "CREATED", "AGE", "SENT"]
    refused = lab.slipway("deployment", "remove", "1", "--json")
    assert (refused.code, json.loads(refused.err.splitlines()[-1])["error"]["object"]) == (2, "lab01")
    assert lab.ok("deployment", "remove", "1", "--yes")["state"] == "removed"
    assert machines(lab) == ["a.lab02.example.com", uid]
    assert [one["id"] for one in lab.ok("deployment", "list")] == [2]


@pytest.mark.parametrize("flag", ["true", pytest.param("false", marks=pytest.mark.long)], ids=["staging", "direct"])
def test_cancelled_while_uploading_leaves_nothing_and_resumes(simlab: Lab, simulator: Simulator, flag: str) -> None:
    lab = simlab
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi", [8 * MIB])
    process = uploading(lab, simulator, "deploy", str(lab.profile("lab01", entries(uid, "a"))), "--json")
    cancelled = lab.ok("deployment", "cancel", "1", "--yes")
    assert cancelled["state"] == "cancelled"
    out, err = process.communicate()
    assert (process.returncode, json.loads(out)["state"]) == (1, "cancelled"), err
    until(lambda: machines(lab) == [] and no_claims(lab))
    simulator.admin.clear_nfc()
    resumed = lab.ok("deployment", "resume", "1")
    assert (resumed["state"], resumed["items"][0]["state"]) == ("succeeded", "succeeded")


@pytest.mark.long
def test_what_made_vms_before_is_kept_by_cancel(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))
    lab.add_sample("slow", [8 * MIB])
    slow = {"component_uid": "slow-1.0", "hostname": "b", "host_id": 12}
    profile = lab.profile("lab01", [*entries(uid, "a"), slow])
    process = uploading(lab, simulator, "deploy", str(profile), "--json")
    lab.ok("deployment", "cancel", "2", "--yes")
    process.communicate()
    until(lambda: machines(lab) == [NAME, uid])


@pytest.mark.long
def test_retried_with_the_profile_whose_values_were_deleted(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    entry = {**entries(uid, "a")[0][0], "properties": {"guestinfo.dns": "10.9.8.7"}}
    profile = lab.profile("lab01", [entry])
    simulator.admin.fault("CloneVM_Task", "NoDiskSpace", in_task=True)
    failed = lab.slipway("deploy", str(profile), "--json")
    assert (failed.code, failed.document["state"]) == (1, "failed")
    simulator.admin.clear_faults()
    without = lab.slipway("deployment", "retry", "1", "--json")
    assert (without.code, without.error["fix"]) == (2, "add --profile FILE")
    other = lab.slipway("deployment", "retry", "1", "--profile", str(lab.profile("lab02", [entry])), "--json")
    assert (other.code, other.error["code"]) == (2, "bad_input")
    assert lab.ok("deployment", "retry", "1", "--profile", str(profile))["state"] == "succeeded"
    values = properties_of(lab.machines()[NAME])
    assert (values["guestinfo.dns"], values["guestinfo.password"]) == ("10.9.8.7", LAB_PASSWORD)


def test_retried_with_the_password_of_today(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    simulator.admin.fault("CloneVM_Task", "NoDiskSpace", in_task=True)
    assert lab.slipway("deploy", str(lab.profile("lab01", entries(uid, "a", "b")))).code == 1
    simulator.admin.clear_faults()
    done = lab.slipway("deployment", "retry", "1", "--json", env={"LAB_PASSWORD": "another"})
    assert done.code == 0, done.err
    assert properties_of(lab.machines()[NAME])["guestinfo.password"] == "another"


def test_wrong_states_are_told(simlab: Lab) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))
    for verb in ("cancel", "retry", "resume"):
        refused = lab.slipway("deployment", verb, "1", "--json")
        assert (refused.code, refused.error["code"], refused.error["why"]) == (4, "conflict", "it is succeeded")
        assert lab.slipway("deployment", verb, "2", "--json").error["code"] == "not_found"


def test_one_that_runs_is_not_retried_nor_removed_but_resumed(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi", [4 * MIB])
    uploading(lab, simulator, "deploy", str(lab.profile("lab01", entries(uid, "a"))), "--detach").communicate()
    for verb in ("retry", "remove"):
        refused = lab.slipway("deployment", verb, "1", "--json")
        assert (refused.code, refused.error["why"]) == (4, "it is running")
        assert refused.error["fix"] == "see: slipway deployment watch 1"
    resumed = lab.start("deployment", "resume", "1", "--json")
    assert resumed.stderr is not None
    next(line for line in resumed.stderr if "uploading" in line)
    simulator.admin.clear_nfc()
    out, err = resumed.communicate()
    assert (resumed.returncode, json.loads(out)["state"]) == (0, "succeeded"), err


def test_a_staging_is_left_joined_and_cancelled(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi", [8 * MIB])
    staging = ("template", "stage", uid, "--endpoint", lab.name)
    process = uploading(lab, simulator, *staging)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert f"staging {uid} goes on; watch it: slipway {' '.join(staging)}; cancel it: slipway template cancel" in err
    assert lab.ok(*staging, "--detach") == {"endpoint": lab.name, "uid": uid}
    joined = lab.start(*staging, "--json")
    assert joined.stderr is not None
    next(line for line in joined.stderr if "uploading" in line)
    assert lab.ok("template", "cancel", uid, "--endpoint", lab.name) == {"endpoint": lab.name, "uid": uid}
    _, err = joined.communicate()
    assert (joined.returncode, json.loads(err.splitlines()[-1])["error"]["code"]) == (1, "cancelled")
    assert len(simulator.admin.counters().leases) == 1
    until(lambda: machines(lab) == [] and no_claims(lab))
    again = lab.slipway("template", "cancel", uid, "--endpoint", lab.name, "--json")
    assert (again.code, again.error["code"]) == (4, "conflict")


def test_a_worker_in_the_foreground(simlab: Lab) -> None:
    """One per store; its log has a line per event, readable by its user only, without the lab's password."""
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    worker = lab.start("worker")
    with lab.store() as store:
        log = paths.worker_log_file(store.id)
    until(lambda: log.exists() and "worker started" in log.read_text(), worker)
    second = lab.slipway("worker")
    assert second.code == 4
    assert f"a worker is running already (pid {worker.pid} " in second.err
    assert lab.slipway("worker", "--until-idle").code == 0
    lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))
    [check] = [one for one in lab.ok("doctor")["checks"] if one["name"] == "worker"]
    assert check["told"].startswith(f"pid {worker.pid} ")
    worker.terminate()
    assert worker.communicate() == ("", "")
    assert worker.returncode == 0
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    lines = log.read_text().splitlines()
    assert all(re.match(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z {worker.pid} ", line) for line in lines)
    assert any(f"deployment 1: {NAME} cloning" in line for line in lines)
    assert "worker stopped" in lines[-1]
    assert json.dumps(LAB_PASSWORD)[1:-1] not in log.read_text()
    assert LAB_PASSWORD not in log.read_text()
