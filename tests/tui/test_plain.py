"""Plain mode: how everything is, line by line, and what changes; for pipes, screen readers, terminals of no screen."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import Unreachable
from engine.simulator.launcher import Simulator
from storage import claims, endpoints, settings
from storage.endpoints import NewEndpoint
from storage.store import Store
from tests.e2e.conftest import simlab
from tests.e2e.lab import MIB, ROOT, Lab, entries
from tests.faults.terminal import Terminal, terminal
from tests.jobs.conftest import PATIENCE, simulator, until
from tests.tui.on_terminal import environment, shows, start
from tui import plain
from tui.plain import Told

__all__ = ["simlab", "simulator"]


def piped(store: Store, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """`slipway` into a pipe."""
    command = [sys.executable, "-m", "cli", *arguments]
    env = environment(store.location, **variables)
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT, timeout=PATIENCE, check=False)


def with_endpoint(store: Store, name: str = "vc01") -> int:
    """One that refuses connections."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
    new = NewEndpoint(
        name=name, host="127.0.0.1", port=port, username="u", datacenter="dc", resource_pool="p", datastore="d",
        vmfolder="f",
    )  # fmt: skip
    return endpoints.add(store, new, "hunter2").id


@pytest.mark.parametrize("arguments", [(), ("console",), ("console", "--plain")])
def test_a_pipe_gets_how_everything_is_once(store: Store, arguments: tuple[str, ...]) -> None:
    number = with_endpoint(store)
    claims.insert(store, claims.claim_name(number, "esxi-8.0u3g"), "1")
    settings.update(store, settings.FLAG, "true")
    told = piped(store, *arguments)
    assert (told.returncode, told.stderr) == (0, "")
    first, *lines = told.stdout.splitlines()
    assert re.fullmatch(r"Slipway, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+", first)
    assert lines[:2] == ["staging: on", "worker: none runs"]
    assert lines[2].startswith("endpoint vc01: unreachable: ")
    assert lines[3].startswith("templates: ")
    assert "deployments: none under way" in lines
    assert lines[-1].startswith("claim of esxi-8.0u3g on vc01: foreign")
    assert "\x1b" not in told.stdout
    assert "hunter2" not in told.stdout


def test_control_characters_are_escaped_and_without_utf8_it_is_ascii(store: Store) -> None:
    with_endpoint(store, "vc-ö")
    assert "endpoint vc-o: " in piped(store, LANG="C").stdout
    assert "endpoint vc-ö: " in piped(store).stdout


def test_a_store_that_cannot_be_opened_is_one_line(store: Store, tmp_path: Path) -> None:
    told = piped(store, "--store", str(tmp_path), "console", "--plain")
    assert told.returncode != 0
    assert told.stdout == ""
    assert told.stderr.startswith("slipway: ")
    assert told.stderr.count("\n") == 1


def test_a_closed_pipe_is_quiet(store: Store) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "cli"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, env=environment(store.location), cwd=ROOT, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.fixture
def mine() -> Iterator[Terminal]:
    with terminal() as made:
        yield made


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_without_a_screen_is_told_what_changes(store: Store, mine: Terminal, term: str) -> None:
    before = mine.modes()
    process = start(mine, store.location, TERM=term)
    shows(mine, "Changes follow", process)
    assert "endpoints: no endpoint yet" in mine.text
    settings.update(store, settings.FLAG, "true")
    until(lambda: re.search(r"\n\d\d:\d\d:\d\d staging: on\r\n", mine.text), process)
    mine.type("\x03")
    assert process.wait(PATIENCE) == 0
    assert "\x1b" not in mine.text
    assert "Traceback" not in mine.text
    assert mine.modes() == before


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_it(store: Store, mine: Terminal, number: signal.Signals) -> None:
    process = start(mine, store.location, "console", "--plain")
    shows(mine, "Changes follow", process)
    process.send_signal(number)
    assert process.wait(PATIENCE) == -number
    assert "Traceback" not in mine.text


def test_a_closed_terminal_ends_it(store: Store, mine: Terminal) -> None:
    process = start(mine, store.location, "console", "--plain")
    shows(mine, "Changes follow", process)
    mine.close()
    assert process.wait(PATIENCE) in (1, -signal.SIGHUP)


def test_a_deployment_is_followed_to_its_end(simlab: Lab, simulator: Simulator, mine: Terminal) -> None:
    simulator.admin.nfc(mode="slow", bytes_per_second=2 * MIB)
    uid, _ = simlab.add_sample("esxi", [24 * MIB])  # more than a socket holds
    simlab.ok("deploy", str(simlab.profile("lab-blue", entries(uid, "a", "b"))), "--detach")
    process = start(mine, simlab.env["SLIPWAY_STORE"], "console", "--plain")
    shows(mine, "Changes follow", process)
    assert re.search(r"deployment 1 lab-blue: (queued|running), 0/2 VMs", mine.text)
    until(
        lambda: re.search(r"\d\d:\d\d:\d\d deployment 1 lab-blue: running, 0/2 VMs, uploading \d+%", mine.text), process
    )
    simulator.admin.clear_nfc()
    shows(mine, "deployment 1 lab-blue: done, 2/2 VMs", process)
    shows(mine, "deployments: none under way", process)
    mine.type("\x03")
    assert process.wait(PATIENCE) == 0
    assert "\x1b" not in mine.text


class Changes:
    """A desk whose store changes as the test says, and then is left with Ctrl-C. A reading may be an error."""

    def __init__(self, *readings: "dict[str, Told] | Unreachable") -> None:
        self._readings = list(readings)

    def changed(self, _seconds: float) -> bool:
        if not self._readings:
            raise KeyboardInterrupt
        return True

    def keep_worker(self) -> None:
        pass

    def next(self) -> "dict[str, Told]":
        reading = self._readings.pop(0)
        if isinstance(reading, Unreachable):
            raise reading
        return reading


def followed(
    monkeypatch: pytest.MonkeyPatch, at_first: dict[str, Told], *readings: "dict[str, Told] | Unreachable"
) -> list[str]:
    """What is printed of these readings."""
    printed: list[str] = []
    monkeypatch.setattr(plain, "_everything", lambda desk: desk.next().items())
    monkeypatch.setattr(plain, "_print", lambda line: printed.append(line.partition(" ")[2]))
    monkeypatch.setattr(plain, "POLL", 0.0)
    with pytest.raises(KeyboardInterrupt):
        plain._follow(Changes(*readings), at_first, every=3600)  # type: ignore[arg-type]  # all of a desk that it uses
    return printed


def test_how_far_a_job_is_costs_a_line_only_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = [{"lab": Told("uploading", percent)} for percent in range(100)]
    assert followed(monkeypatch, {}, *readings, {"lab": Told("done")}, {}) == [
        "lab: uploading 0%",
        "lab: done",
        "lab: no more",
    ]


def test_a_store_that_is_away_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = {"store": Told("answers", notable=False), "worker": Told("runs")}
    away = Unreachable("cannot read the store", why="it is away")
    assert followed(monkeypatch, dict(fine), away, away, fine) == [
        "store: cannot read the store: it is away",
        "store: answers",
    ]
