"""Stock vcsim for the operator's commands, and the command line."""

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.simulator.launcher import Stock
from tests.cli.conftest import ROOT, Outcome, process, slipway
from tests.endpoints.proxy import Proxy

__all__ = ["process", "slipway"]

# Characters that shells, XML, JSON and SQL treat specially: what reaches the vCenter must be these.
PASSWORD = 'p4 "ss" \\ <w&> {{ö}} %s'


@pytest.fixture(scope="session")
def vcenter() -> Iterator[Stock]:
    """One stock vcsim for tests that change nothing in it."""
    with Stock.start(username="operator", password=PASSWORD) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store that the commands use."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setenv("SLIPWAY_STORE", str(folder / "slipway.db"))
    monkeypatch.setenv("VC_PASSWORD", PASSWORD)
    return folder


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this host that refuses connections: bound, never listening."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


PLACE = ("--datacenter", "DC0", "--resource-pool", "DC0_C0", "--datastore", "LocalDS_0", "--vmfolder", "")


def arguments(server: Stock | Proxy, *more: str, name: str = "vc01") -> tuple[str, ...]:
    """`endpoint add` for a simulated vCenter, without trust and password."""
    host, port = server.host, server.port
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return ("endpoint", "add", name, "--host", shown, "--username", server.username, *PLACE, *more)


@pytest.fixture
def add(slipway: Callable[..., Outcome], store: Path) -> Callable[..., Outcome]:
    """Add an endpoint for a server, pinned, with the right password."""

    def call(server: Stock | Proxy, *more: str, name: str = "vc01") -> Outcome:
        trust = () if {"--pin", "--ca", "--insecure"} & set(more) else ("--pin", server.fingerprint)
        outcome = slipway(*arguments(server, *trust, "--password-env", "VC_PASSWORD", *more, name=name))
        assert outcome.code == 0, outcome.err
        return outcome

    return call


def converse(*arguments: str, answers: tuple[tuple[str, str], ...]) -> tuple[int, str]:
    """Exit code and everything shown of a command on a terminal; each answer is typed when its prompt is there."""
    master, slave = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(slave)
    left = list(answers)
    shown = bytearray()
    try:
        while part := os.read(master, 4096):
            shown += part
            if left and shown.decode(errors="replace").rstrip().endswith(left[0][0]):
                os.write(master, f"{left.pop(0)[1]}\n".encode())
    except OSError:  # EIO: the command closed the terminal
        pass
    os.close(master)
    return command.wait(), shown.decode()
