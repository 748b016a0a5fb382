"""Ctrl-C and kill: what is half made is removed or found again, nothing is made twice."""

import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from engine.simulator.launcher import Simulator
from storage import claims
from tests.e2e.lab import MIB, Lab, entries

PATIENCE = 60.0


def until(condition: Callable[[], bool], process: "subprocess.Popen[str] | None" = None) -> None:
    """Wait for the condition; fail when the process ended before it came true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


def machines(lab: Lab) -> list[str]:
    return sorted(path.rpartition("/")[2] for path in lab.govc("find", "/", "-type", "m").split())


@pytest.mark.parametrize("vapp", [None, "lab01"], ids=["folder", "vapp"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_interrupted_while_cloning_and_run_again(
    simlab: Lab, simulator: Simulator, vapp: str | None, how: signal.Signals
) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    lab.ok("template", "stage", uid, "--endpoint", lab.name)
    simulator.admin.settings(clone_delay=3)
    profile = str(lab.profile("lab01", entries(uid, "a", "b"), **({"vapp": vapp} if vapp else {})))
    process = lab.start("deploy", profile)
    until(lambda: simulator.admin.counters().calls.get("CloneVM_Task", 0) == 2, process)
    process.send_signal(how)
    code, err = ended(process)
    assert code == (-how if how is signal.SIGKILL else 130), err
    assert "Traceback" not in err
    again = lab.ok("deploy", profile)
    assert [item["state"] for item in again["items"]] == ["succeeded"] * 2
    assert again["bytes_sent"] == 0
    assert machines(lab) == ["a.lab01.example.com", "b.lab01.example.com", uid]
    with lab.store() as store:
        assert claims.listing(store) == []


@pytest.mark.parametrize("flag", ["true", "false"], ids=["staging", "direct"])
def test_interrupted_while_uploading_leaves_nothing(simlab: Lab, simulator: Simulator, flag: str) -> None:
    lab = simlab
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi", [8 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    profile = str(lab.profile("lab01", entries(uid, "a")))
    process = lab.start("deploy", profile)
    until(lambda: simulator.admin.counters().bytes_received > 0, process)
    process.send_signal(signal.SIGINT)
    code, err = ended(process)
    assert code == 130, err
    assert machines(lab) == []
    with lab.store() as store:
        assert claims.listing(store) == []
    simulator.admin.clear_nfc()
    assert lab.ok("deploy", profile)["state"] == "succeeded"


@pytest.mark.parametrize("flag", ["true", "false"], ids=["staging", "direct"])
def test_killed_while_uploading_and_run_again(simlab: Lab, simulator: Simulator, flag: str) -> None:
    """SIGKILL leaves a half VM and a claim; the next run takes the claim over and removes the VM."""
    lab = simlab
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi", [8 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    profile = str(lab.profile("lab01", entries(uid, "a")))
    process = lab.start("deploy", profile)
    until(lambda: simulator.admin.counters().bytes_received > 0, process)
    process.kill()
    ended(process)
    simulator.admin.clear_nfc()
    if flag == "true":
        [claim] = lab.ok("lock", "list")
        assert claim["verdict"] == "stale: process gone"
    assert lab.ok("deploy", profile)["state"] == "succeeded"
    assert machines(lab) == ["a.lab01.example.com", *([uid] if flag == "true" else [])]
