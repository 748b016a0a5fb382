"""`endpoint test` and its `--deep` against our simulated vCenter: everything well, and each thing that can fail."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.endpoints.findings import State
from engine.simulator.launcher import Simulator
from storage import claims
from storage.store import open_store
from tests.cli.conftest import Outcome
from tests.endpoints.conftest import PASSWORD
from tests.endpoints.test_deep import inventory, run

Slipway = Callable[..., Outcome]


@pytest.fixture
def simulator(add: Slipway) -> Iterator[Simulator]:
    with Simulator.start(username="operator", password=PASSWORD) as running:
        add(running, "--network", "VM Network")
        yield running


def states(outcome: Outcome) -> dict[str, str]:
    return {row["name"]: row["state"] for row in outcome.document}


def test_all_is_well(slipway: Slipway, simulator: Simulator) -> None:
    outcome = slipway("endpoint", "test", "vc01", "--deep")
    assert outcome.code == 0, outcome.out
    assert "missing" not in outcome.out
    assert outcome.err == ""


def test_drs_off_is_no_obstacle(slipway: Slipway, add: Slipway, store: Path) -> None:
    with Simulator.start(username="operator", password=PASSWORD, drs=False) as running:
        add(running, "--network", "VM Network")
        outcome = slipway("endpoint", "test", "vc01", "--deep", "--json")
    assert outcome.code == 0
    [row] = [row for row in outcome.document if row["name"] == "DRS"]
    assert row["state"] == "warning"
    assert "vApps" in row["detail"]
    assert "127.0.0.1" in row["detail"]


def test_a_denied_privilege(slipway: Slipway, simulator: Simulator) -> None:
    simulator.admin.deny("Datastore.AllocateSpace", "LocalDS_0")
    outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 1
    assert states(outcome)["privileges on datastore"] == "missing"
    assert states(outcome)["privileges on VM folder"] == "ok"


def test_a_disconnected_host(slipway: Slipway, simulator: Simulator) -> None:
    simulator.admin.disconnect_host("127.0.0.2")
    outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 0
    assert states(outcome)["host 127.0.0.2"] == "warning"
    assert states(outcome)["host 127.0.0.1"] == "ok"


@pytest.mark.parametrize("method", ["HasPrivilegeOnEntities", "CreateContainerView", "CurrentTime"])
def test_one_dead_call_does_not_hide_the_rest(slipway: Slipway, simulator: Simulator, method: str) -> None:
    simulator.admin.fault(method, "RuntimeFault")
    outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 1
    found = states(outcome)
    assert "missing" in found.values()
    assert found["login"] == "ok"
    assert len(found) > 4


@pytest.mark.parametrize(
    ("method", "fault", "in_task", "step"),
    [
        ("CreateFolder", "NoPermission", False, "stage"),
        ("AddCustomFieldDef", "NoPermission", False, "stage"),
        ("CreateImportSpec", "NoPermission", False, "stage"),
        ("ImportVApp", "NoPermission", False, "stage"),
        ("MarkAsTemplate", "NotSupported", False, "stage"),
        ("SetField", "NoPermission", False, "stage"),
        ("Rename_Task", "NoPermission", False, "stage"),
        ("CloneVM_Task", "NoPermission", False, "clone"),
        ("CloneVM_Task", "NoDiskSpace", True, "clone"),
    ],
)
def test_a_failing_call_is_told_and_nothing_stays(
    simulator: Simulator, tmp_path: Path, method: str, fault: str, in_task: bool, step: str
) -> None:
    before = inventory(simulator, tmp_path)
    simulator.admin.fault(method, fault, in_task=in_task)
    found = {one.name: one for one in run()}
    assert found[f"deep: {step}"].state is State.MISSING
    assert found[f"deep: {step}"].detail
    assert found["deep: look for leftovers"].state is State.OK
    simulator.admin.clear_faults()
    assert inventory(simulator, tmp_path) == before
    with open_store() as store:
        assert claims.listing(store) == []


def test_a_dropped_upload_is_told_and_nothing_stays(simulator: Simulator, tmp_path: Path) -> None:
    before = inventory(simulator, tmp_path)
    simulator.admin.nfc("drop")
    found = {one.name: one for one in run()}
    assert found["deep: stage"].state is State.MISSING
    assert inventory(simulator, tmp_path) == before


def test_what_cannot_be_removed_is_named(simulator: Simulator, tmp_path: Path) -> None:
    simulator.admin.fault("Destroy_Task", "NoPermission")
    found = {one.name: one for one in run()}
    assert found["deep: remove the clone"].state is State.MISSING
    assert found["deep: remove the template"].state is State.MISSING
    left = found["deep: leftovers"]
    assert left.state is State.MISSING
    simulator.admin.clear_faults()
    for path in inventory(simulator, tmp_path):
        name = path.rpartition("/")[2]
        if path.startswith("/DC0/vm") and name.startswith("slipway-test"):
            assert name in left.detail


def test_an_expired_session_and_a_503_are_survived_or_told(slipway: Slipway, simulator: Simulator) -> None:
    simulator.admin.http503(1)
    outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 5
    assert states(outcome) == {"connection": "missing"}
    assert slipway("endpoint", "test", "vc01").code == 0
