"""The vCenters of the contract suite: our simulator, stock vcsim, and whichever `SLIPWAY_TEST_VCENTER` names."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.simulator.launcher import Simulator, Stock
from engine.vsphere.trust import shown_certificate
from tests.e2e.lab import PASSWORD, Lab, Place

REAL = os.environ.get("SLIPWAY_TEST_VCENTER")

# For a test of several deployments whose calls to vCenter others make on stock vcsim as well.
stock_is_long = pytest.mark.parametrize(
    "lab",
    ["simulator", pytest.param("stock", marks=pytest.mark.long), *(["real"] if REAL else [])],
    indirect=True,
)


@dataclass(frozen=True)
class Real:
    """A real vCenter, as the TOML file that SLIPWAY_TEST_VCENTER names tells (docs/testing.md)."""

    host: str
    port: int
    username: str
    password: str

    @property
    def fingerprint(self) -> str:
        """What it shows now."""
        return shown_certificate(self.host, self.port).fingerprint


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Our simulated vCenter, with faults."""
    with Simulator.start(username="admin", password=PASSWORD, portgroups=["lab01-segment"]) as running:
        yield running


@pytest.fixture
def stock() -> Iterator[Stock]:
    """Stock vcsim."""
    with Stock.start(username="admin", password=PASSWORD) as running:
        yield running


@pytest.fixture(params=["simulator", "stock", *(["real"] if REAL else [])])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """A lab on every vCenter of the suite, the flag on, the endpoint added."""
    if request.param == "simulator":
        made = Lab(request.getfixturevalue("simulator"), tmp_path)
    elif request.param == "stock":
        made = Lab(request.getfixturevalue("stock"), tmp_path)
    else:
        made = real_lab(tmp_path)
    with ready(made):
        yield made
    if request.param == "real":
        made.govc("object.destroy", f"/{made.place.datacenter}/vm/{made.place.vmfolder}")


@pytest.fixture
def simlab(simulator: Simulator, tmp_path: Path) -> Iterator[Lab]:
    """A lab on our simulator only, for what needs its faults and counters."""
    with ready(Lab(simulator, tmp_path)) as lab:
        yield lab


@contextmanager
def ready(lab: Lab) -> Iterator[Lab]:
    """With endpoint and flag, and little patience with faults; its workers end with the context."""
    lab.add_endpoint()
    lab.setting("ff_endpoint_ova_staging", "true")
    lab.setting("retry_seconds", "0.05")
    try:
        yield lab
    finally:
        lab.end_workers()


def real_lab(folder: Path) -> Lab:
    """The vCenter of the developer; a VM folder of the test's own, removed afterwards."""
    said: dict[str, Any] = tomllib.loads(Path(str(REAL)).read_text())
    password = Path(said["password_file"]).read_text().strip()
    names = {key: said[key] for key in ("datacenter", "pool", "datastore", "network", "portgroup")}
    vcenter = Real(said["host"], said.get("port", 443), said["username"], password)
    return Lab(vcenter, folder, Place(**names, vmfolder=f"slipway-test-{os.getpid()}"))
