"""A running simulated vCenter, and govc to look at it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.ova.samples import build_ova
from engine.simulator.launcher import Simulator, Stock, program

USERNAME = "administrator@vsphere.local"
PASSWORD = 'simul"ated\\secret'
POOL = "/DC0/host/DC0_C0/Resources/DC0_C0_RP1"

Govc = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.start(username=USERNAME, password=PASSWORD, folders=["zpods"]) as running:
        yield running


@pytest.fixture
def govc(simulator: Simulator, home: Path) -> Govc:
    return govc_of(simulator, home)


def govc_of(server: Stock, home: Path) -> Govc:
    """govc against a server; it keeps its sessions in the test's home."""
    environment = os.environ | {
        "GOVC_URL": server.url,
        "GOVC_USERNAME": server.username,
        "GOVC_PASSWORD": server.password,
        "GOVC_INSECURE": "1",
        "GOVMOMI_HOME": str(home / "govmomi"),
    }
    return lambda *arguments: subprocess.run(
        [program("govc"), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def ova(tmp_path: Path) -> Path:
    return build_ova(tmp_path / "app.ova", name="app", disks=[100_000, 50_000]).path


def import_ova(govc: Govc, ova: Path, name: str = "app") -> subprocess.CompletedProcess[str]:
    return govc("import.ova", "-name", name, "-pool", POOL, "-folder", "/DC0/vm/zpods", str(ova))
