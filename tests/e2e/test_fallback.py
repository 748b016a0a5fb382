"""When staging or cloning fails: direct import with the reason shown, or a clean failure (DESIGN.md rule 7)."""

from pathlib import Path

import pytest

from engine.simulator.launcher import Simulator
from tests.e2e.lab import MIB, Lab, entries
from tests.e2e.test_interrupted import machines, no_claims
from tests.waiting import until


def nothing_left(lab: Lab, *names: str) -> None:
    """But these machines; what could not be removed at once is swept when the worker has nothing else to do."""
    until(lambda: machines(lab) == sorted(names) and no_claims(lab))


@pytest.mark.parametrize("in_task", [False, pytest.param(True, marks=pytest.mark.long)], ids=["call", "task"])
@pytest.mark.parametrize(
    "fault",
    ["GenericVmConfigFault", *(pytest.param(one, marks=pytest.mark.long) for one in ("NoPermission", "InvalidState"))],
)
def test_a_clone_that_fails_arrives_by_direct_import(
    simlab: Lab, simulator: Simulator, fault: str, in_task: bool
) -> None:
    uid, _ = simlab.add_sample("esxi")
    simulator.admin.fault("CloneVM_Task", fault, in_task=in_task, times=1)
    done = simlab.ok("deploy", str(simlab.profile("lab01", entries(uid, "a"))))
    [item] = done["items"]
    assert (item["state"], item["path"], item["template"]) == ("succeeded", "direct", "")
    assert "cannot clone" in item["reason"]
    assert done["bytes_sent"] == 2 * MIB
    nothing_left(simlab, uid, "a.lab01.example.com")


@pytest.mark.parametrize(
    "method", ["MarkAsTemplate", *(pytest.param(one, marks=pytest.mark.long) for one in ("CreateFolder", "SetField"))]
)
def test_staging_that_fails_falls_back_and_leaves_nothing(simlab: Lab, simulator: Simulator, method: str) -> None:
    uid, _ = simlab.add_sample("esxi")
    simulator.admin.fault(method, "NoPermission")
    done = simlab.ok("deploy", str(simlab.profile("lab01", entries(uid, "a", "b"))))
    assert [item["path"] for item in done["items"]] == ["direct"] * 2
    assert all("NoPermission" in item["reason"] or "privilege" in item["reason"] for item in done["items"])
    nothing_left(simlab, "a.lab01.example.com", "b.lab01.example.com")


def test_a_rename_that_fails_leaves_the_whole_template_for_the_next_run(simlab: Lab, simulator: Simulator) -> None:
    """The upload is not lost: only the rename is missing (DESIGN.md rule 1)."""
    uid, _ = simlab.add_sample("esxi")
    simulator.admin.fault("Rename_Task", "NoPermission")
    done = simlab.ok("deploy", str(simlab.profile("lab01", entries(uid, "a", "b"))))
    assert [item["path"] for item in done["items"]] == ["direct"] * 2
    assert len(simulator.admin.counters().leases) == 3
    [left] = simlab.ok("template", "list")
    assert (left["uid"].partition(".staging-")[0], left["state"]) == (uid, "failed")
    simulator.admin.clear_faults()
    again = simlab.ok("deploy", str(simlab.profile("lab02", entries(uid, "a"))))
    assert (again["bytes_sent"], again["items"][0]["path"]) == (0, "staged")
    nothing_left(simlab, uid, "a.lab01.example.com", "b.lab01.example.com", "a.lab02.example.com")


def test_a_clone_made_by_hand_is_not_ours(simlab: Lab) -> None:
    """It inherits the notes, identity line included; nothing of it is touched."""
    uid, _ = simlab.add_sample("esxi")
    simlab.ok("deploy", str(simlab.profile("lab01", entries(uid, "a"))))
    folder, pool = "/DC0/vm/zpods", "/DC0/host/DC0_C0/Resources"
    for source, name in ((f"{folder}/components-staging/{uid}", "b"), (f"{folder}/a.lab01.example.com", "c")):
        simlab.govc(
            "vm.clone", f"-vm={source}", "-on=false", f"-folder={folder}", f"-pool={pool}", f"{name}.lab01.example.com"
        )
    before = simlab.machines()
    outcome = simlab.slipway("deploy", str(simlab.profile("lab01", entries(uid, "a", "b", "c"))), "--json")
    assert (outcome.code, outcome.error["code"]) == (4, "conflict")
    assert "b.lab01" in outcome.error["why"]
    assert "c.lab01" in outcome.error["why"]
    assert simlab.machines() == before


def test_a_foreign_vm_in_the_folder_is_never_removed(simlab: Lab) -> None:
    uid, sample = simlab.add_sample("esxi")
    folder, pool = "/DC0/vm/zpods/components-staging", "/DC0/host/DC0_C0/Resources"
    simlab.govc("folder.create", folder)
    simlab.govc("import.ova", f"-folder={folder}", f"-pool={pool}", f"-name={uid}", str(sample.path))
    refused = simlab.slipway("template", "remove", uid, "--endpoint", simlab.name, "--yes", "--json")
    assert (refused.code, refused.error["code"]) == (4, "conflict")
    nothing_left(simlab, uid)


def test_no_space_while_cloning_fails_the_item(simlab: Lab, simulator: Simulator) -> None:
    uid, _ = simlab.add_sample("esxi")
    simulator.admin.fault("CloneVM_Task", "NoDiskSpace", in_task=True)
    outcome = simlab.slipway("deploy", str(simlab.profile("lab01", entries(uid, "a"))), "--json")
    assert outcome.code == 1
    [item] = outcome.document["items"]
    assert (item["state"], item["path"]) == ("failed", "")
    assert "full" in item["reason"]
    nothing_left(simlab, uid)


@pytest.mark.parametrize("mode", ["drop", pytest.param("status", marks=pytest.mark.long)])
def test_an_upload_that_breaks_leaves_nothing(simlab: Lab, simulator: Simulator, mode: str) -> None:
    """Three items wait for one staging: its failure is tried once more, then nobody uploads any more."""
    simlab.setting("retry_attempts", "2")
    uid, _ = simlab.add_sample("esxi", [4 * MIB])
    simulator.admin.nfc(mode=mode, after_bytes=2 * MIB, status=503, times=100)
    outcome = simlab.slipway("deploy", str(simlab.profile("lab01", entries(uid, "a", "b", "c"))), "--json")
    assert outcome.code == 1
    assert [item["state"] for item in outcome.document["items"]] == ["failed"] * 3
    assert all("cannot upload" in item["reason"] for item in outcome.document["items"])
    assert len(simulator.admin.counters().leases) == 2 * 2
    nothing_left(simlab)


def test_an_upload_that_breaks_once_is_made_good_in_the_same_lease(simlab: Lab, simulator: Simulator) -> None:
    uid, _ = simlab.add_sample("esxi", [4 * MIB])
    simulator.admin.nfc(mode="drop", after_bytes=2 * MIB, times=1)
    done = simlab.ok("deploy", str(simlab.profile("lab01", entries(uid, "a", "b"))))
    assert [item["path"] for item in done["items"]] == ["staged"] * 2
    assert len(simulator.admin.counters().leases) == 1


def test_a_vanished_template_is_resolved_once_more(simlab: Lab, simulator: Simulator) -> None:
    uid, _ = simlab.add_sample("esxi")
    detail = {"obj": {"type": "VirtualMachine", "value": "vm-1"}}
    simulator.admin.fault("CloneVM_Task", "ManagedObjectNotFound", times=1, detail=detail)
    done = simlab.ok("deploy", str(simlab.profile("lab01", entries(uid, "a"))))
    assert (done["items"][0]["path"], done["bytes_sent"]) == ("staged", MIB)


def test_property_values_that_a_clone_lost_are_given_back(simlab: Lab, simulator: Simulator) -> None:
    """What stock vcsim does to every clone (tests/e2e/test_main_job.py) is repaired by one reconfigure."""
    uid, _ = simlab.add_sample("esxi")
    simlab.ok("deploy", str(simlab.profile("lab01", entries(uid, "a"))))
    calls = simulator.admin.counters().calls
    # One for the template's identity; the clone came out right at once.
    assert calls.get("ReconfigVM_Task", 0) == 1


def test_a_cluster_without_drs(tmp_path: Path) -> None:
    """Named hosts instead of DRS; a vApp is a problem of the plan."""
    from tests.e2e.conftest import ready
    from tests.e2e.lab import PASSWORD

    running = Simulator.start(username="admin", password=PASSWORD, drs=False)
    with running as vcenter, ready(Lab(vcenter, tmp_path)) as lab:
        uid, _ = lab.add_sample("esxi")
        assert lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))["items"][0]["path"] == "staged"
        refused = lab.slipway("deploy", str(lab.profile("lab02", entries(uid, "a"), vapp="lab02")), "--json")
        assert refused.code == 2
        assert "DRS" in refused.error["why"]


def test_an_expired_session_logs_in_again(simlab: Lab, simulator: Simulator) -> None:
    uid, _ = simlab.add_sample("esxi", [8 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=4 * MIB)
    process = simlab.start("deploy", str(simlab.profile("lab01", entries(uid, "a"))), "--json")
    until(lambda: simulator.admin.counters().bytes_received > 0, process)
    simulator.admin.expire_sessions()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    nothing_left(simlab, uid, "a.lab01.example.com")


def test_a_disconnected_host_makes_templates_unreachable(simlab: Lab, simulator: Simulator) -> None:
    uid, _ = simlab.add_sample("esxi")
    simlab.ok("template", "stage", uid, "--endpoint", simlab.name)
    host = simlab.govc("find", "-i", "/", "-type", "m", "-name", uid).strip()
    name = simlab.govc("object.collect", "-s", host, "runtime.host").strip()
    simulator.admin.disconnect_host(simlab.govc("object.collect", "-s", name, "name").strip())
    [template] = simlab.ok("template", "list")
    assert template["state"] == "unreachable"
