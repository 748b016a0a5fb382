"""Calls lost on the wire, an endpoint gone and back, uploads whose answer is lost, idle sessions; seen by govc."""

import socket
import threading
from pathlib import Path

import pytest

from engine.errors import BadInput
from engine.simulator.admin import RunningTask
from engine.simulator.launcher import Simulator
from tests.simulator.conftest import Govc, import_ova


@pytest.mark.parametrize("mode", ["503", "drop"])
def test_call_lost_before_it_was_carried_out(simulator: Simulator, govc: Govc, mode: str) -> None:
    simulator.admin.fault("CreateFolder", mode=mode, times=1)
    assert govc("folder.create", "/DC0/vm/zpods/sub").returncode != 0
    assert govc("folder.create", "/DC0/vm/zpods/sub").returncode == 0


@pytest.mark.parametrize("mode", ["503", "drop"])
def test_call_carried_out_and_its_answer_lost(simulator: Simulator, govc: Govc, mode: str) -> None:
    simulator.admin.fault("CreateFolder", object="sub", mode=mode, after=True, times=1)
    assert govc("folder.create", "/DC0/vm/zpods/sub").returncode != 0
    assert govc("ls", "/DC0/vm/zpods").stdout.split() == ["/DC0/vm/zpods/sub"]


def test_stalled_call_goes_on_when_the_fault_is_cleared(simulator: Simulator, govc: Govc) -> None:
    simulator.admin.fault("CreateFolder", mode="stall", after=True)
    codes: list[int] = []
    caller = threading.Thread(target=lambda: codes.append(govc("folder.create", "/DC0/vm/zpods/sub").returncode))
    caller.start()
    while not simulator.admin.counters().calls.get("CreateFolder"):
        pass
    assert govc("ls", "/DC0/vm/zpods").returncode == 0
    assert caller.is_alive()
    simulator.admin.clear_faults()
    caller.join(60)
    assert codes == [0]


def test_login_fails_when_ordered(simulator: Simulator, govc: Govc) -> None:
    simulator.admin.fault("Login", "InvalidLogin")
    assert "incorrect user name" in govc("ls", "/DC0/vm").stderr
    simulator.admin.clear_faults()
    assert govc("ls", "/DC0/vm").returncode == 0


def test_endpoint_is_gone_and_back_with_its_sessions(simulator: Simulator, govc: Govc) -> None:
    assert govc("folder.create", "/DC0/vm/zpods/sub").returncode == 0
    sessions = simulator.admin.counters().live_sessions
    simulator.admin.listen(False)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((simulator.host, simulator.port), timeout=10)
    assert govc("ls", "/DC0/vm/zpods").returncode != 0
    simulator.admin.listen(True)
    assert govc("ls", "/DC0/vm/zpods").stdout.split() == ["/DC0/vm/zpods/sub"]
    assert simulator.admin.counters().live_sessions == sessions


def test_upload_whose_answer_is_lost_came_whole(simulator: Simulator, govc: Govc, ova: Path) -> None:
    simulator.admin.nfc("drop", match="app", after=True, times=1)
    assert import_ova(govc, ova).returncode != 0
    (lease,) = simulator.admin.counters().leases
    assert max((file.complete, file.bytes) for file in lease.files) == (1, lease.bytes)


def test_running_tasks(simulator: Simulator, govc: Govc, ova: Path) -> None:
    assert import_ova(govc, ova).returncode == 0
    simulator.admin.fault("Rename_Task", "Timedout", in_task=True, delay=600)
    caller = threading.Thread(target=lambda: govc("object.rename", "/DC0/vm/zpods/app", "other"))
    caller.start()
    while simulator.admin.counters().running != (RunningTask("Rename_Task", "app"),):
        pass
    simulator.admin.clear_faults()
    caller.join(60)
    while simulator.admin.counters().running:
        pass
    assert govc("ls", "/DC0/vm/zpods").stdout.split() == ["/DC0/vm/zpods/other"]


def test_idle_session_ends(simulator: Simulator, govc: Govc) -> None:
    assert govc("ls", "/DC0/vm").returncode == 0
    assert simulator.admin.counters().live_sessions == 1
    simulator.admin.settings(session_idle=0.2)
    while simulator.admin.counters().live_sessions:
        pass


def test_orders_on_the_wire_that_mean_nothing(simulator: Simulator) -> None:
    with pytest.raises(BadInput, match="takes no fault"):
        simulator.admin.fault("Login", "InvalidLogin", mode="drop")
    with pytest.raises(BadInput, match="after"):
        simulator.admin.nfc("stall", after=True)
