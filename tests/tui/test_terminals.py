"""The console on real terminals: what is sent to which, real tmux, real ssh, other sizes, slow lines."""

import base64
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.simulator.launcher import Simulator
from storage import endpoints
from storage.endpoints import NewEndpoint
from storage.store import Store
from tests.e2e.conftest import simlab
from tests.e2e.lab import MIB, ROOT, Lab, entries
from tests.faults.sshd import Sshd, sshd
from tests.faults.terminal import Terminal, terminal
from tests.jobs.conftest import PATIENCE, simulator, until
from tests.tui.on_terminal import (
    READY,
    check_given_back,
    environment,
    is_gone,
    modes_on,
    shows,
    start,
    without_codes,
)
from tests.tui.screen import Screen
from tests.tui.tmux import tmux

__all__ = ["simlab", "simulator"]

SLIPWAY = [sys.executable, "-m", "cli"]

MOUSE = {"1000", "1003", "1006"}

BAUD_57600 = 5760
"""Bytes per second."""


def tour(mine: Terminal, screen: Screen, process: "subprocess.Popen[bytes]") -> None:
    """Through pages, a form, the help and the palette, and out."""
    form, helping = "enter next", "Help:"
    stops = (("9", "9 Components", READY), ("1", READY, "9 Comp"), ("a", form, "Help:"), ("\x1b", READY, form),
             ("?", helping, READY), ("\x1b", READY, helping))  # fmt: skip
    for key, shown, gone in stops:
        mine.type(key)
        until(lambda here=shown, away=gone: here in screen.text and away not in screen.text, process)
    mine.type("q")
    assert process.wait(PATIENCE) == 0


def colours(sent: str) -> set[str]:
    """What the colour sequences ask for, 0 to 9 (bold, dim, ..) and the terminal's own colours left out."""
    found = {part for sequence in re.findall(r"\x1b\[([\d;]*)m", sent) for part in [*sequence.split(";"), sequence]}
    return {one for one in found if one and not re.fullmatch(r"(\d|2\d|39|49)(;(\d|2\d|39|49))*", one)}


def toured(store: Store, *arguments: str, **variables: str) -> str:
    """Everything that was sent."""
    with terminal() as mine:
        screen = Screen(mine)
        process = start(mine, store.location, *arguments, **variables)
        until(lambda: READY in screen.text, process)
        tour(mine, screen, process)
        check_given_back(mine.text)
        assert "Traceback" not in mine.text
        return mine.text


@pytest.mark.parametrize("term", ["xterm-256color", pytest.param("screen-256color", marks=pytest.mark.long)])
def test_a_terminal_of_256_colours(store: Store, term: str) -> None:
    sent = toured(store, TERM=term)
    assert any(one.startswith("38;5;") or ";38;5;" in one for one in colours(sent))
    assert not any("38;2;" in one for one in colours(sent))


@pytest.mark.parametrize("term", ["vt100", pytest.param("linux", marks=pytest.mark.long)])
def test_an_old_terminal_gets_16_colours_plain_lines_and_no_new_protocols(store: Store, term: str) -> None:
    sent = toured(store, TERM=term)
    assert not any(one in ("38", "48") for one in colours(sent)), "more than 16 colours"
    assert not set(sent) & set("─│┌┐└┘█▃")
    assert "\x1b[>" not in sent


def test_no_color_sends_none(store: Store) -> None:
    sent = toured(store, NO_COLOR="1")
    assert colours(sent) == set()


def test_without_utf8_nothing_but_ascii_is_sent(store: Store) -> None:
    sent = toured(store, LANG="C")
    assert sent.isascii()
    assert "+---" in sent, "a frame"


def test_the_mouse_is_the_terminals_over_ssh_until_asked_for(store: Store) -> None:
    with terminal() as mine:
        mine.resize(80, 24)
        process = start(mine, store.location, SSH_CONNECTION="192.0.2.7 1 192.0.2.8 22")
        shows(mine, READY, process)
        assert not modes_on(mine.text) & MOUSE
        mine.type("m")
        shows(mine, "mouse on", process)
        assert modes_on(mine.text) >= MOUSE
        mine.type("m")
        shows(mine, "mouse off", process)
        assert not modes_on(mine.text) & MOUSE
        mine.type("m")
        until(lambda: modes_on(mine.text) >= MOUSE, process)
        mine.type("q")
        assert process.wait(PATIENCE) == 0
        check_given_back(mine.text)


def with_endpoint(store: Store) -> None:
    new = NewEndpoint(
        name="vc-ö", host="192.0.2.1", username="u", datacenter="dc", resource_pool="p", datastore="d", vmfolder="f"
    )
    endpoints.add(store, new, "secret")


def test_copying_is_osc_52(store: Store) -> None:
    with_endpoint(store)
    with terminal() as mine:
        mine.resize(80, 24)
        process = start(mine, store.location)
        shows(mine, "vc-ö", process)
        mine.type("y")
        shows(mine, "copied: ", process)
        until(lambda: re.search(r"\x1b\]52;c;[^\a]+\a", mine.text), process)
        [copied] = re.findall(r"\x1b\]52;c;([^\a]+)\a", mine.text)
        assert "vc-ö" in base64.b64decode(copied).decode() or "192.0.2.1" in base64.b64decode(copied).decode()


def test_names_without_utf8_keep_their_cells(store: Store) -> None:
    with_endpoint(store)
    with terminal() as mine:
        mine.resize(80, 24)
        process = start(mine, store.location, LC_ALL="POSIX")
        shows(mine, "vc-o", process)
        assert mine.text.isascii()


class Line:
    """Reads a terminal no faster than a serial line would carry it."""

    def __init__(self, mine: Terminal, per_second: int) -> None:
        self._mine, self._per_second = mine, per_second
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        while not self._ended.wait(0.1):
            self._mine.read(self._per_second // 10)

    def __enter__(self) -> "Line":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def test_a_line_of_57600_baud_carries_what_a_key_costs(store: Store) -> None:
    """A cursor key in 0.3 s, another page in 1.5 s: that follows from the bytes."""
    for number in range(60):
        new = NewEndpoint(
            name=f"vc-{number:02}", host="192.0.2.1", username="u", datacenter="dc", resource_pool="p", datastore="d",
            vmfolder="f",
        )  # fmt: skip
        endpoints.add(store, new, "secret")
    with terminal() as mine:
        mine.resize(80, 24)
        process = start(mine, store.location, "console", "--slow", TERM="vt100")
        with Line(mine, BAUD_57600):
            until(lambda: "vc-00" in mine.seen, process)
            assert not modes_on(mine.seen) & MOUSE
            quiet(mine)
            for key, most in (("j", 0.3), ("k", 0.3), ("9", 1.5), ("1", 1.5), ("G", 1.5)):
                before = len(mine.seen)
                mine.type(key)
                until(lambda since=before: len(mine.seen) > since, process)
                quiet(mine)
                assert len(mine.seen) - before <= most * BAUD_57600, f"{key} costs {len(mine.seen) - before} bytes"
            mine.type("q")
            assert process.wait(PATIENCE) == 0
        check_given_back(mine.text)


def quiet(mine: Terminal) -> None:
    """Wait until nothing more comes for a while."""
    seen = -1
    while seen != len(mine.seen):
        seen = len(mine.seen)
        time.sleep(0.5)


# Other sizes, during a deployment


def deploying(lab: Lab, simulator: Simulator) -> None:
    """A lab of three VMs, whose template takes a while."""
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB // 8)
    uid, _ = lab.add_sample("esxi", [2 * MIB])
    lab.ok("deploy", str(lab.profile("lab-blue", entries(uid, "a", "b", "c"))), "--detach")
    until(lambda: simulator.admin.counters().bytes_received > 0)


def finished(lab: Lab, simulator: Simulator) -> None:
    simulator.admin.clear_nfc()
    assert lab.ok("deployment", "watch", "1")["state"] == "succeeded"


def test_other_sizes_in_tmux_during_a_deployment(simlab: Lab, simulator: Simulator, tmp_path: Path) -> None:
    deploying(simlab, simulator)
    with tmux(tmp_path) as window:
        window.start(SLIPWAY, environment(simlab.env["SLIPWAY_STORE"], TERM="tmux-256color"), 160, 48)
        window.shows("1 Endpoints", "vc01", "running")
        window.keys("3")
        window.shows("3 Deploys", "lab-blue", "upload")
        window.resize(60, 15)
        window.shows("too small: 60x15", "lab-blue 0/3 VMs", "q quit")
        window.resize(80, 24)
        until(lambda: "lab-blue" in window.screen() and "too small" not in window.screen())
        window.resize(160, 48)
        window.shows("3 Deploys", "lab-blue", "a.lab-blue")
        finished(simlab, simulator)
        window.shows("done")
        window.keys("q")
        assert window.ended() == "0"
        assert not window.on_second_screen
        assert not window.mouse


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    """A real sshd."""
    with sshd(tmp_path / "sshd") as running:
        yield running


def login(mine: Terminal, server: Sshd, lab: Lab, **variables: str) -> "subprocess.Popen[bytes]":
    """Somebody who logs in over SSH and starts the console."""
    kept = ("HOME", "PATH", "XDG_", "SLIPWAY_", "PYTHON", "LANG", "TERM", "NO_COLOR")
    env = environment(lab.env["SLIPWAY_STORE"], **variables)
    there = {name: value for name, value in env.items() if name.startswith(kept)}
    return mine.start(server.login(there, "slipway"), {**os.environ, "TERM": env["TERM"]}, ROOT)


def console_of(server: Sshd) -> psutil.Process:
    """The console, below sshd."""
    [found] = [
        one
        for session in server.sessions()
        for one in session.children(recursive=True)
        if one.cmdline()[-2:] == ["-m", "cli"]
    ]
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    "said",
    [
        {"TERM": "xterm-256color"},
        {"TERM": "linux"},
        {"TERM": "vt100"},
        {"TERM": "screen-256color"},
        {"TERM": "xterm-256color", "NO_COLOR": "1"},
        {"TERM": "xterm-256color", "LANG": "C"},
    ],
    ids=lambda said: " ".join(said.values()),
)
def test_over_ssh_during_a_deployment(simlab: Lab, simulator: Simulator, server: Sshd, said: dict[str, str]) -> None:
    deploying(simlab, simulator)
    with terminal() as mine:
        before = mine.modes()
        screen = Screen(mine, 160, 48)
        ssh = login(mine, server, simlab, **said)
        until(lambda: "running" in screen.text, ssh)
        mine.type("3")
        until(lambda: "lab-blue" in screen.text, ssh)
        assert not modes_on(mine.text) & MOUSE
        screen.resize(60, 15)
        until(lambda: "too small: 60x15" in screen.text and "lab-blue 0/3 VMs" in screen.text, ssh)
        screen.resize(160, 48)
        until(lambda: "3 Deploys" in screen.text and "lab-blue" in screen.text, ssh)
        mine.type("q")
        until(lambda: mine.text and ssh.poll() is not None)
        assert ssh.returncode == 0
        check_given_back(mine.text)
        assert mine.modes() == before
        assert "on without this console" in " ".join(without_codes(mine.text).split())
    finished(simlab, simulator)


def test_a_lost_ssh_session_ends_it_and_no_job(simlab: Lab, simulator: Simulator, server: Sshd) -> None:
    deploying(simlab, simulator)
    with terminal() as mine:
        screen = Screen(mine)
        ssh = login(mine, server, simlab)
        until(lambda: "running" in screen.text, ssh)
        console = console_of(server)
        ssh.kill()
        until(lambda: is_gone(console))
    finished(simlab, simulator)


# Job control


def test_it_is_suspended_and_comes_back(store: Store, tmp_path: Path) -> None:
    shell = ["bash", "--noprofile", "--norc", "-i"]
    with tmux(tmp_path) as window:
        window.start(shell, environment(store.location, TERM="tmux-256color", PS1="ready> "), 80, 24)
        window.shows("ready>")
        window.keys(f"{sys.executable} -m cli; echo left with $?", "Enter")
        window.shows(READY)
        window.keys("C-z")
        window.shows("Stopped")
        assert not window.on_second_screen
        assert not window.mouse
        window.keys("fg", "Enter")
        window.shows(READY)
        assert window.on_second_screen
        window.keys("q")
        until(lambda: not window.on_second_screen)
        window.shows("ready>")


def test_without_a_shell_it_is_not_suspended(store: Store, tmp_path: Path) -> None:
    with tmux(tmp_path) as window:
        window.start(SLIPWAY, environment(store.location, TERM="tmux-256color"), 80, 24)
        window.shows(READY)
        window.keys("C-z")
        window.shows("there is no shell here that could bring it back")
        window.keys("C-c")
        assert window.ended() == "0"


def test_what_somebody_else_wrote_on_the_screen_goes_with_r(store: Store, tmp_path: Path) -> None:
    with tmux(tmp_path) as window:
        window.start(SLIPWAY, environment(store.location, TERM="tmux-256color"), 80, 24)
        window.shows(READY)

        def broadcast() -> bool:
            window.tty.write_text("\x1b[2;2HBroadcast message from root")
            return "Broadcast message from root" in window.screen()

        # The console may still draw these cells once more, with what it has just read: said again until it is there.
        until(broadcast)
        window.keys("r")
        until(lambda: "Broadcast" not in window.screen() and READY in window.screen())
        window.keys("q")
        assert window.ended() == "0"
