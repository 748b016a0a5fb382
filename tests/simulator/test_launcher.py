"""Start, addresses, secrets and end of the simulated vCenter and of stock vcsim."""

import hashlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import Failed, NotFound
from engine.ova.samples import build_ova
from engine.simulator.launcher import Simulator, Stock
from tests.simulator.conftest import PASSWORD, USERNAME, Govc, govc_of, import_ova


def start_stock() -> Stock:
    return Stock.start(username=USERNAME, password=PASSWORD)


def start_simulator() -> Stock:
    return Simulator.start(username=USERNAME, password=PASSWORD)


BOTH = pytest.mark.parametrize("start", [start_stock, start_simulator])


def certificate(host: str, port: int) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, port)))


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.01)


@BOTH
def test_it_listens_where_it_says(start: Callable[[], Stock], home: Path) -> None:
    with start() as server:
        assert server.url == f"https://{server.host}:{server.port}/sdk"
        assert server.host == "127.0.0.1"
        assert hashlib.sha256(certificate(server.host, server.port)).hexdigest() == server.fingerprint
        assert govc_of(server, home)("about").returncode == 0


@BOTH
def test_only_the_right_password_gets_in(start: Callable[[], Stock], home: Path) -> None:
    with start() as server:
        server.password = "wrong"
        answer = govc_of(server, home)("about")
    assert answer.returncode != 0
    assert "login" in answer.stderr.lower()


@BOTH
def test_password_is_no_argument(start: Callable[[], Stock]) -> None:
    with start() as server:
        arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert USERNAME.encode() in arguments
    assert PASSWORD.encode() not in arguments


@BOTH
def test_stop_leaves_nothing(start: Callable[[], Stock]) -> None:
    server = start()
    folder = Path(server._folder)
    assert folder.is_dir()
    server.stop()
    assert not folder.exists()
    assert not Path(f"/proc/{server.pid}").exists()
    server.stop()


@BOTH
def test_killed_process_leaves_no_files(start: Callable[[], Stock]) -> None:
    server = start()
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    assert not Path(server._folder).exists()


PARENT = """
import signal
from engine.simulator.launcher import KIND
server = KIND.start(username="u", password="p")
print(server.pid, server._folder, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("kind", ["Simulator", "Stock"])
def test_it_ends_with_its_parent(kind: str) -> None:
    script = PARENT.replace("KIND", kind)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    assert Path(folder).is_dir()
    parent.kill()
    parent.communicate()
    until(lambda: not Path(folder).exists(), "the temporary files go")
    until(lambda: not is_running(int(pid)), "the process ends")


def is_running(pid: int) -> bool:
    """False for a zombie too: its new parent may never collect it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_unbuilt_program_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="make setup"):
        Simulator.start(username="u", password="p", tools=tmp_path)


def test_wrong_start_says_why() -> None:
    with pytest.raises(Failed, match="folder"):
        Simulator.start(username="u", password="p", folders=["twice", "twice"])


def test_two_starts_are_two_vcenters() -> None:
    with start_simulator() as one, start_simulator() as other:
        assert isinstance(one, Simulator)
        assert isinstance(other, Simulator)
        assert one.instance_uuid != other.instance_uuid
        assert one.fingerprint != other.fingerprint
    with Simulator.start(username="u", password="p", instance_uuid=one.instance_uuid) as again:
        assert again.instance_uuid == one.instance_uuid


def test_hosts_answer_at_their_addresses(simulator: Simulator) -> None:
    assert [host.name for host in simulator.hosts] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    for host in simulator.hosts:
        digest = hashlib.sha1(certificate(host.name, host.port), usedforsecurity=False).hexdigest().upper()
        assert host.thumbprint.replace(":", "") == digest


def test_uploaded_bytes_are_not_kept(simulator: Simulator, govc: Govc, tmp_path: Path) -> None:
    size = 512 * 1024 * 1024
    large = build_ova(
        tmp_path / "large.ova", name="large", disks=[size], manifest=None, sparse=True, checksum=False
    ).path
    before = resident(simulator.pid)
    assert import_ova(govc, large, "large").returncode == 0
    assert simulator.admin.counters().bytes_received == size
    assert resident(simulator.pid) - before < 40 * 1024 * 1024
    kept = sum(file.stat().st_blocks * 512 for file in Path(simulator._folder).rglob("*"))
    assert kept < 1024 * 1024


def resident(pid: int) -> int:
    """The most memory that the process ever had, bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")
