"""The terminal is lost, stalled or the console is told to go: it ends within seconds and gives the terminal back."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from engine.simulator.launcher import Simulator
from storage import jobs, paths
from storage.store import Store
from tests.e2e.conftest import simlab
from tests.e2e.lab import MIB, ROOT, Lab, entries
from tests.faults.terminal import Terminal, terminal
from tests.jobs.conftest import PATIENCE, simulator, until
from tests.tui.on_terminal import READY, check_given_back, environment, shows, start, without_codes

__all__ = ["simlab", "simulator"]


def ready(mine: Terminal, store: Store, *arguments: str, **variables: str) -> "subprocess.Popen[bytes]":
    mine.resize(80, 24)
    process = start(mine, store.location, *arguments, **variables)
    shows(mine, READY, process)
    return process


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGHUP, 129), pytest.param(signal.SIGINT, 130, marks=pytest.mark.long), (signal.SIGTERM, 143)],
)
def test_a_signal_ends_it_in_order(store: Store, number: int, code: int) -> None:
    with terminal() as mine:
        before = mine.modes()
        process = ready(mine, store)
        assert mine.modes() != before
        process.send_signal(number)
        assert process.wait(PATIENCE) == code
        check_given_back(mine.text)
        assert mine.modes() == before
        assert "Traceback" not in mine.text
    assert not paths.log_file().exists()


@pytest.mark.parametrize(
    "key", ["q", pytest.param("\x03", marks=pytest.mark.long), pytest.param("\x11", marks=pytest.mark.long)]
)
def test_a_key_ends_it(store: Store, key: str) -> None:
    with terminal() as mine:
        before = mine.modes()
        process = ready(mine, store)
        mine.type(key)
        assert process.wait(PATIENCE) == 0
        check_given_back(mine.text)
        assert mine.modes() == before


def test_a_closed_terminal_ends_it(store: Store) -> None:
    with terminal() as mine:
        process = ready(mine, store)
        mine.close()
        assert process.wait(PATIENCE) in (129, -signal.SIGHUP)
    assert not paths.log_file().exists() or "unexpected" not in paths.log_file().read_text()


def test_a_closed_terminal_ends_it_when_nobody_passes_the_signal_on(store: Store) -> None:
    """Its shell ignores the hang-up and waits: Textual would read the end of the terminal for ever (122% CPU)."""
    with terminal() as mine:
        mine.resize(80, 24)
        shell = mine.start(
            ["sh", "-c", f"trap '' HUP; {sys.executable} -m cli; exit 7"], environment(store.location), ROOT
        )
        shows(mine, READY, shell)
        [console] = psutil.Process(shell.pid).children()
        mine.close()
        assert shell.wait(PATIENCE) == 7
        assert not console.is_running()


DEFECT = """
import sys
from tui.app import Console
def broken(console): secret = "hunter2"; raise ZeroDivisionError(secret)
Console.act_refresh = broken
sys.argv = ["slipway"]
from cli.main import main
sys.exit(main())
"""


def test_a_defect_is_one_line_and_the_log_has_the_rest(store: Store) -> None:
    with terminal() as mine:
        before = mine.modes()
        mine.resize(80, 24)
        process = mine.start([sys.executable, "-c", DEFECT], environment(store.location), ROOT)
        shows(mine, READY, process)
        mine.type("r")
        assert process.wait(PATIENCE) == 1
        check_given_back(mine.text)
        assert mine.modes() == before
        last = " ".join(without_codes(mine.text[mine.text.rindex("\x1b[?1049l") :]).split())
        assert last.startswith("slipway: unexpected error ZeroDivisionError; report it with the last line of the log")
        assert "Traceback" not in mine.text
        assert "hunter2" not in mine.text
    assert "ZeroDivisionError" in paths.log_file().read_text()


def stall(mine: Terminal, process: "subprocess.Popen[bytes]") -> None:
    """Nobody reads any more, and the console has more to send than fits."""

    def is_full() -> bool:
        mine.type("t")
        return mine.is_full

    until(is_full, process)


def test_a_stalled_terminal_does_not_keep_it(store: Store) -> None:
    with terminal() as mine:
        before = mine.modes()
        process = ready(mine, store)
        stall(mine, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 143
        # Who reads again gets what was under way, and then the terminal back.
        check_given_back(mine.text)
        assert mine.modes() == before


def test_a_stalled_terminal_that_is_closed_ends_it(store: Store) -> None:
    with terminal() as mine:
        process = ready(mine, store)
        stall(mine, process)
        mine.close()
        assert process.wait(PATIENCE) in (129, -signal.SIGHUP)


def test_a_stalled_terminal_that_is_read_again_goes_on(store: Store) -> None:
    with terminal() as mine:
        process = ready(mine, store)
        stall(mine, process)
        reading = threading.Event()

        def read() -> None:
            while not reading.wait(0.02):
                _ = mine.text

        reader = threading.Thread(target=read)
        reader.start()
        try:
            mine.type("q")
            assert process.wait(PATIENCE) == 0
        finally:
            reading.set()
            reader.join()
        check_given_back(mine.text)


def blocked_signals(process: psutil.Process) -> set[int]:
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = int(next(line for line in status.splitlines() if line.startswith("SigBlk")).split()[1], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_the_worker_that_it_starts_takes_signals_and_outlives_it(store: Store) -> None:
    from storage import endpoints
    from storage.endpoints import NewEndpoint

    new = NewEndpoint(
        name="vc01", host="192.0.2.1", username="u", datacenter="dc", resource_pool="p", datastore="d", vmfolder="f"
    )
    endpoint = endpoints.add(store, new, "secret")
    jobs.create_stage(store, endpoint.id, "esxi-8.0u3g")
    with terminal() as mine:
        mine.resize(80, 24)
        process = start(mine, store.location)
        workers: list[psutil.Process] = []

        def found() -> bool:
            workers[:] = [one for one in psutil.Process(process.pid).children() if "worker" in one.cmdline()]
            return bool(workers)

        until(found, process)
        [worker] = workers
        try:
            until(lambda: not blocked_signals(worker) & {signal.SIGHUP, signal.SIGINT, signal.SIGTERM})
            assert os.getsid(worker.pid) == worker.pid
            mine.close()
            process.wait(PATIENCE)
            assert worker.is_running()
        finally:
            worker.terminate()
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.long
def test_however_consoles_are_lost_a_deployment_goes_on(simlab: Lab, simulator: Simulator) -> None:
    """Five consoles at once, each lost in its own way; the deployment is made once, by the worker that was there."""
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    uid, _ = simlab.add_sample("esxi", [24 * MIB])
    simlab.ok("deploy", str(simlab.profile("lab01", entries(uid, "a", "b"))), "--detach")
    until(lambda: simulator.admin.counters().bytes_received > 0)
    [worker] = simlab.workers()
    with ExitStack() as terminals:
        watching = []
        for _ in range(5):
            mine = terminals.enter_context(terminal())
            mine.resize(80, 24)
            watching.append((mine, start(mine, simlab.env["SLIPWAY_STORE"])))
        for mine, process in watching:
            shows(mine, "running", process)
        stall(watching[3][0], watching[3][1])
        for (mine, process), lost in zip(watching, ("close", "HUP", "TERM", "close", "KILL"), strict=True):
            if lost == "close":
                mine.close()
            else:
                process.send_signal(signal.Signals[f"SIG{lost}"])
        for _, process in watching:
            process.wait(PATIENCE)
    assert simulator.admin.counters().bytes_received < 24 * MIB, "the upload was to outlast the consoles"
    simulator.admin.clear_nfc()
    assert simlab.ok("deployment", "watch", "1")["state"] == "succeeded"
    assert simlab.workers() == [worker]
    assert simulator.admin.counters().bytes_received == 24 * MIB
