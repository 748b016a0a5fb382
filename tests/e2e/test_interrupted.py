"""Clients come and go, workers die: jobs go on, nothing is made twice, nothing half made stays."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from engine.simulator.launcher import Simulator
from storage import claims, deployments
from tests.e2e.lab import MIB, ROOT, Lab, entries
from tests.waiting import PATIENCE, until


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


def machines(lab: Lab) -> list[str]:
    return sorted(path.rpartition("/")[2] for path in lab.govc("find", "/", "-type", "m").split())


def states(lab: Lab) -> list[str]:
    with lab.store() as store:
        return [one.state for one in deployments.listing(store)]


def no_claims(lab: Lab) -> bool:
    with lab.store() as store:
        return claims.listing(store) == []


def uploading(lab: Lab, simulator: Simulator, *arguments: str) -> "subprocess.Popen[str]":
    """`slipway ARGUMENTS`, once bytes have arrived; the rest takes minutes, unless `clear_nfc` lets it go."""
    before = simulator.admin.counters().bytes_received
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB // 16)
    process = lab.start(*arguments)
    until(lambda: simulator.admin.counters().bytes_received > before)
    return process


# A command whose controlling terminal is its stdin, as a shell on a terminal starts it.
CONTROLLED = [
    "-c",
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from cli.main import main; sys.exit(main())",
]


def on_terminal(lab: Lab, slave: int, program: list[str]) -> "subprocess.Popen[str]":
    """Deploy on a terminal."""
    client = subprocess.Popen(
        [sys.executable, *program, "deploy", str(lab.profile("lab01", entries("esxi-1.0", "a")))],
        cwd=ROOT,
        env=lab.env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        text=True,
    )
    lab.clients.append(client)
    return client


def fill(slave: int) -> None:
    """Write until the next write would wait for a reader."""
    os.set_blocking(slave, False)
    with suppress(BlockingIOError):
        while True:
            os.write(slave, b"x")
    os.set_blocking(slave, True)


@pytest.mark.parametrize(
    "how",
    [
        signal.SIGINT,
        signal.SIGKILL,
        *(pytest.param(one, marks=pytest.mark.long) for one in (signal.SIGTERM, signal.SIGHUP)),
    ],
    ids=lambda one: one.name,
)
def test_a_client_that_ends_harms_nothing(simlab: Lab, simulator: Simulator, how: signal.Signals) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi", [4 * MIB])
    process = uploading(lab, simulator, "deploy", str(lab.profile("lab01", entries(uid, "a"), vapp="lab01")))
    process.send_signal(how)
    code, err = ended(process)
    if how is signal.SIGKILL:
        assert code == -how
    else:
        assert code == 130, err
        ways = "watch it: slipway deployment watch 1; cancel it: slipway deployment cancel 1"
        assert err.splitlines()[-1] == f"slipway: deployment 1 goes on; {ways}"
    assert "Traceback" not in err
    simulator.admin.clear_nfc()
    done = lab.ok("deployment", "watch", "1")
    assert (done["state"], done["bytes_sent"], done["items"][0]["path"]) == ("succeeded", 4 * MIB, "staged")
    assert machines(lab) == ["a.lab01.example.com", uid]
    assert no_claims(lab)


def test_a_closed_terminal_ends_the_client_only(simlab: Lab, simulator: Simulator) -> None:
    """As when SSH is lost: the terminal is gone, every write to it fails."""
    lab = simlab
    uid, _ = lab.add_sample("esxi", [4 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    master, slave = pty.openpty()
    client = on_terminal(lab, slave, CONTROLLED)
    os.close(slave)
    until(lambda: simulator.admin.counters().bytes_received > 0)
    os.close(master)
    assert client.wait(PATIENCE) == 130
    simulator.admin.clear_nfc()
    assert lab.ok("deployment", "watch", "1")["state"] == "succeeded"
    assert machines(lab) == ["a.lab01.example.com", uid]


@pytest.mark.parametrize(
    "how", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.long)], ids=lambda one: one.name
)
def test_a_stalled_terminal_holds_neither_client_nor_job(
    simlab: Lab, simulator: Simulator, how: signal.Signals
) -> None:
    """Ctrl-S: nobody reads what the client writes, until its writes wait."""
    lab = simlab
    lab.add_sample("esxi", [2 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    master, slave = pty.openpty()
    fill(slave)
    client = on_terminal(lab, slave, ["-m", "cli"])
    until(lambda: states(lab) == ["succeeded"])
    assert client.poll() is None, "it waits for the terminal"
    client.send_signal(how)
    assert client.wait(PATIENCE) == 130
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("vapp", [None, pytest.param("lab01", marks=pytest.mark.long)], ids=["folder", "vapp"])
def test_a_worker_killed_while_cloning_is_started_again(simlab: Lab, simulator: Simulator, vapp: str | None) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    lab.ok("template", "stage", uid, "--endpoint", lab.name)
    simulator.admin.settings(clone_delay=3)
    profile = lab.profile("lab01", entries(uid, "a", "b"), **({"vapp": vapp} if vapp else {}))
    process = lab.start("deploy", str(profile), "--json")
    until(lambda: simulator.admin.counters().calls.get("CloneVM_Task", 0) == 2, process)
    worker = lab.worker()
    worker.kill()
    code, err = ended(process)
    assert code == 0, err
    assert simulator.admin.counters().calls["CloneVM_Task"] == 2
    assert machines(lab) == ["a.lab01.example.com", "b.lab01.example.com", uid]
    assert no_claims(lab)


@pytest.mark.parametrize("flag", ["true", pytest.param("false", marks=pytest.mark.long)], ids=["staging", "direct"])
def test_client_and_worker_killed_while_uploading_and_resumed(simlab: Lab, simulator: Simulator, flag: str) -> None:
    """SIGKILL leaves a half VM and a claim; the next worker takes the claim over and removes the VM."""
    lab = simlab
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi", [8 * MIB])
    process = uploading(lab, simulator, "deploy", str(lab.profile("lab01", entries(uid, "a"))))
    process.kill()
    ended(process)
    worker = lab.worker()
    worker.kill()
    worker.wait()
    if flag == "true":
        [claim] = lab.ok("lock", "list")
        assert claim["verdict"] == "stale: process gone"
    simulator.admin.clear_nfc()
    assert lab.ok("deployment", "resume", "1")["state"] == "succeeded"
    assert machines(lab) == ["a.lab01.example.com", *([uid] if flag == "true" else [])]
    assert no_claims(lab)


def test_a_worker_told_to_stop_is_gone_and_the_next_one_goes_on(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi", [8 * MIB])
    process = uploading(lab, simulator, "deploy", str(lab.profile("lab01", entries(uid, "a"))), "--json")
    worker = lab.worker()
    worker.terminate()
    assert worker.wait(PATIENCE) is not None or not worker.is_running()
    simulator.admin.clear_nfc()
    code, err = ended(process)
    assert code == 0, err
    assert machines(lab) == ["a.lab01.example.com", uid]
