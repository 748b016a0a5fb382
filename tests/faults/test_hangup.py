"""The session is lost: ssh or sshd dies, the terminal closes or stops. Clients end, jobs go on.

`HANGUPS=17` draws the moments of the long form from seed 17; what it found is in docs/evidence/hangup.md.
"""

import os
import random
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil
import pytest

from engine.jobs import presence
from engine.jobs.submit import active_job
from engine.simulator.launcher import Simulator
from storage import deployments, paths, steps
from storage.deployments import Deployment
from tests.e2e.conftest import simlab
from tests.e2e.lab import MIB, ROOT, Lab, entries
from tests.faults.sshd import Sshd, sshd
from tests.faults.terminal import Terminal, terminal
from tests.jobs.conftest import PATIENCE, simulator, until

__all__ = ["simlab", "simulator"]

SLIPWAY = [sys.executable, "-m", "cli"]
# What a login of its own has of the test's environment.
LOGIN = ("HOME", "PATH", "XDG_", "SLIPWAY_", "LAB_PASSWORD", "PYTHON")
INTERRUPTED = 130
# An upload takes 16 s unless the test lets it go faster.
SIZE, SLOW = 2 * MIB, MIB // 8
# Sessions of the long form that upload side by side.
AT_ONCE = 5


class How(StrEnum):
    """How the session is lost."""

    CLIENT = "ssh killed"
    SERVER = "sshd killed"
    TERMINAL = "terminal closed"


class Session:
    """Somebody who logs in over SSH and deploys one VM of a component that nobody has staged."""

    def __init__(self, lab: Lab, server: Sshd, terminal: Terminal, name: str) -> None:
        self.lab, self.server, self.terminal, self.name = lab, server, terminal, name
        self.simulator: Simulator = lab.vcenter
        self.uid, _ = lab.add_sample(f"esxi-{name}", [SIZE])
        self.profile = lab.profile(name, entries(self.uid, "a"))

    def deploy(self, by_hand: bool) -> None:
        """`slipway deploy`, typed at a prompt or as ssh's command."""
        env = {name: value for name, value in self.lab.env.items() if name.startswith(LOGIN)}
        command = f"slipway deploy {self.profile}"
        self.ssh = self.terminal.start(self.server.login(env, "" if by_hand else command), os.environ, ROOT)
        if by_hand:
            until(lambda: "ready> " in self.terminal.text, self.ssh)
            self.terminal.type(f"{command}\n")

    def deployment(self) -> Deployment | None:
        with self.lab.store() as store:
            return next((one for one in deployments.listing(store) if one.name == self.name), None)

    def arrived(self) -> float:
        """How much of the upload vCenter's host has, 0 to 1; what the client has sent may still wait in a socket."""
        leases = self.simulator.admin.counters().leases
        return max((lease.bytes / SIZE for lease in leases if lease.name.startswith(self.uid)), default=0)

    def client(self) -> psutil.Process:
        """The process of `slipway deploy`, below the shell."""
        [found] = [
            process
            for process in psutil.process_iter(["cmdline"])
            if (process.info["cmdline"] or [])[-4:] == ["-m", "cli", "deploy", str(self.profile)]
        ]
        return found

    def lose(self, how: How) -> psutil.Process:
        """Lose the session; the client of Slipway that was in it."""
        client = self.client()
        if how is How.CLIENT:
            self.ssh.kill()
        elif how is How.SERVER:
            [connection] = set(self.server.sessions()) & set(client.parents())
            connection.kill()
        else:
            self.terminal.close()
        return client

    def check(self) -> None:
        """The VM was made in the end: one upload, one clone, whoever watched it."""
        deployment = self.deployment()
        assert deployment is not None
        with self.lab.store() as store:
            until(lambda: active_job(store, deployment) is None)
            assert deployments.get(store, deployment.id).state == "succeeded"
            assert steps.bytes_sent(store, deployment.id) == SIZE


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    """A real sshd."""
    with sshd(tmp_path / "sshd") as running:
        yield running


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; who must collect it may be a process of the system that takes its time."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def in_session_of_its_own(worker: psutil.Process) -> bool:
    return os.getsid(worker.pid) == os.getpgid(worker.pid) == worker.pid and worker.terminal() is None


def made_once(lab: Lab, simulator: Simulator, sessions: Sequence[Session]) -> None:
    """One upload and one clone for each, and nothing else in the inventory, the log without a defect."""
    counted = simulator.admin.counters()
    assert sorted(lab.machines()) == sorted(name for one in sessions for name in (one.uid, f"a.{one.name}.example.com"))
    assert (len(counted.leases), counted.calls["CloneVM_Task"]) == (len(sessions), len(sessions))
    assert counted.bytes_received == sum(file.bytes for lease in counted.leases for file in lease.files)
    assert lab.ok("lock", "list") == []
    log = paths.log_file().read_text()
    assert "Traceback" not in log
    assert "unexpected" not in log


def test_a_lost_ssh_session_ends_the_client_only(simlab: Lab, simulator: Simulator, server: Sshd) -> None:
    lab = simlab
    simulator.admin.nfc(mode="slow", bytes_per_second=SLOW)
    with terminal() as mine:
        session = Session(lab, server, mine, "lab01")
        session.deploy(by_hand=True)
        until(lambda: session.arrived() > 0, session.ssh)
        [worker] = lab.workers()
        assert in_session_of_its_own(worker)
        assert os.getsid(session.client().pid) != worker.pid
        client = session.lose(How.CLIENT)
        until(lambda: is_gone(client))
        assert session.arrived() < 1, "the upload was to outlast the client"
        simulator.admin.clear_nfc()
        assert lab.ok("deployment", "watch", "1")["state"] == "succeeded"
        assert lab.workers() == [worker], "the worker that was there has done it all"
        session.check()
    made_once(lab, simulator, [session])


@dataclass(frozen=True, slots=True)
class HangUp:
    """One lost session; `moment` is the part of the upload after which it is lost."""

    name: str
    how: How
    by_hand: bool
    moment: float

    def __str__(self) -> str:
        return f"{self.name}: {self.how} at {self.moment:.0%}, {self.from_what}"

    @property
    def from_what(self) -> str:
        """What runs in the session."""
        return "an interactive shell" if self.by_hand else "a command"


def drawn(seed: int, number: int) -> HangUp:
    """Every way in turn, the moment by seed."""
    moment = random.Random(f"{seed}/{number}").uniform(0, 0.8)
    return HangUp(f"lab{number:02}", list(How)[number % len(How)], number % 2 == 0, moment)


class Losing:
    """Sessions that upload side by side, each to be lost at its moment. `seconds` is what the clients took to end."""

    def __init__(self, sessions: Mapping[HangUp, Session]) -> None:
        self._there = dict(sessions)
        self._leaving: list[tuple[float, psutil.Process]] = []
        self.seconds: list[float] = []

    def is_over(self) -> bool:
        """Lose those whose moment has come; whether every client is gone."""
        for one, session in list(self._there.items()):
            arrived = session.arrived()
            if arrived > one.moment:
                assert arrived < 1, f"{one}: the upload was over"
                self._leaving.append((time.monotonic(), session.lose(one.how)))
                del self._there[one]
        gone = [(began, client) for began, client in self._leaving if is_gone(client)]
        self._leaving = [one for one in self._leaving if one not in gone]
        self.seconds += [time.monotonic() - began for began, _ in gone]
        return not self._there and not self._leaving


@pytest.mark.long
def test_fifty_lost_ssh_sessions(simlab: Lab, simulator: Simulator, server: Sshd) -> None:
    lab, seed = simlab, int(os.environ.get("HANGUPS", "8"))
    for name in ("deployments_per_endpoint", "deployments_at_once", "stagings_per_endpoint", "stagings_at_once"):
        lab.setting(name, str(AT_ONCE))
    hang_ups = [drawn(seed, number) for number in range(1, 51)]
    done: list[Session] = []
    seconds: list[float] = []
    for first in range(0, len(hang_ups), AT_ONCE):
        simulator.admin.nfc(mode="slow", bytes_per_second=SLOW)
        with ExitStack() as terminals:
            sessions = {
                one: Session(lab, server, terminals.enter_context(terminal()), one.name)
                for one in hang_ups[first : first + AT_ONCE]
            }
            for one, session in sessions.items():
                session.deploy(one.by_hand)
            losing = Losing(sessions)
            until(losing.is_over)
            seconds += losing.seconds
        simulator.admin.clear_nfc()
        for session in sessions.values():
            session.check()
        done += sessions.values()
    made_once(lab, simulator, done)
    for kind, count in sorted(Counter(f"{one.how}, {one.from_what}" for one in hang_ups).items()):
        sys.stdout.write(f"| {kind} | {count} |\n")
    sys.stdout.write(f"seed {seed}: clients were gone after {max(seconds):.1f} s at most\n")


@pytest.mark.long
def test_a_terminal_that_stops_or_ends_takes_its_client_only(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi", [SIZE])
    simulator.admin.nfc(mode="slow", bytes_per_second=SLOW)
    with terminal() as interrupted:
        client = interrupted.start([*SLIPWAY, "deploy", str(lab.profile("lab01", entries(uid, "a")))], lab.env, ROOT)
        until(lambda: "uploading" in interrupted.text, client)
        interrupted.type("\x03")
        assert client.wait(PATIENCE) == INTERRUPTED
        ways = "watch it: slipway deployment watch 1; cancel it: slipway deployment cancel 1"
        assert interrupted.text.splitlines()[-1].endswith(f"slipway: deployment 1 goes on; {ways}")
    watch = [*SLIPWAY, "deployment", "watch", "1"]
    with terminal() as signalled:
        modes = signalled.modes()
        client = signalled.start(watch, lab.env, ROOT)
        until(lambda: "uploading" in signalled.text, client)
        client.send_signal(signal.SIGHUP)
        assert client.wait(PATIENCE) == INTERRUPTED
        assert signalled.modes() == modes
        assert "Traceback" not in signalled.text
    with terminal() as closed, terminal() as stalled:
        leaving = closed.start(watch, lab.env, ROOT)
        until(lambda: "uploading" in closed.text, leaving)
        closed.close()
        assert leaving.wait(PATIENCE) == INTERRUPTED
        stalled.fill()
        waiting = stalled.start(watch, lab.env, ROOT)
        assert simulator.admin.counters().bytes_received < SIZE, "the upload was to outlast the other clients"
        simulator.admin.clear_nfc()
        assert lab.ok("deployment", "watch", "1")["state"] == "succeeded"
        assert simulator.admin.counters().bytes_received == SIZE
        assert waiting.poll() is None, "it waits for its terminal"
        stalled.close()
        assert waiting.wait(PATIENCE) in (INTERRUPTED, -signal.SIGHUP)
    assert sorted(lab.machines()) == ["a.lab01.example.com", uid]
    assert "Traceback" not in paths.log_file().read_text()


def test_a_client_that_ignores_the_hangup_follows_to_the_end(simlab: Lab, simulator: Simulator) -> None:
    """A shell's job after `disown`, or `trap '' HUP`: its terminal is gone, and every write to it fails."""
    lab = simlab
    uid, _ = lab.add_sample("esxi", [SIZE])
    simulator.admin.nfc(mode="slow", bytes_per_second=SLOW)
    command = shlex.join([*SLIPWAY, "deploy", str(lab.profile("lab01", entries(uid, "a")))])
    with terminal() as mine:
        client = mine.start(["sh", "-c", f"trap '' HUP; exec {command}"], lab.env, ROOT)
        until(lambda: "uploading" in mine.text, client)
        mine.close()
        assert simulator.admin.counters().bytes_received < SIZE
        simulator.admin.clear_nfc()
        assert client.wait(PATIENCE) == 1, "it could not say how the deployment ended"
    assert lab.ok("deployment", "show", "1")["state"] == "succeeded"
    assert not paths.log_file().exists() or "unexpected" not in paths.log_file().read_text()


def test_a_client_starts_another_worker_when_one_died(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi", [SIZE])
    simulator.admin.nfc(mode="slow", bytes_per_second=SLOW)
    client = lab.start("deploy", str(lab.profile("lab01", entries(uid, "a"))), "--json")
    until(lambda: simulator.admin.counters().bytes_received > 0)
    [worker] = lab.workers()
    with lab.store() as store:
        worker.kill()
        began = time.monotonic()
        until(lambda: not presence.is_there(store))
        until(lambda: presence.is_there(store))
        seconds = time.monotonic() - began
    sys.stdout.write(f"another worker held the store's lock {seconds:.2f} s after SIGKILL\n")
    assert seconds <= 5, "2 s on a machine that has nothing else to do"
    simulator.admin.clear_nfc()
    _, err = client.communicate(timeout=PATIENCE)
    assert client.returncode == 0, err
    assert sorted(lab.machines()) == ["a.lab01.example.com", uid]
