"""A simulated vCenter for one test, and a session with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cancel import Cancel
from engine.ova.samples import build_ova
from engine.simulator.launcher import Simulator
from engine.vsphere.inventory import target_of
from engine.vsphere.session import connect
from tests.vsphere.ground import MIB, PACE, PASSWORD, USERNAME, Ground, address, endpoint


@pytest.fixture
def vcenter() -> Iterator[Simulator]:
    with Simulator.start(username=USERNAME, password=PASSWORD, folders=["zpods"]) as running:
        yield running


@pytest.fixture(scope="session")
def ova(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two disks, of 12 and 4 MiB."""
    return build_ova(tmp_path_factory.mktemp("ova") / "app.ova", name="app", disks=[12 * MIB, 4 * MIB]).path


@pytest.fixture
def ground(vcenter: Simulator, ova: Path) -> Iterator[Ground]:
    with connect(address(vcenter), PACE) as session:
        yield Ground(vcenter, session, target_of(session, endpoint(vcenter)), ova, Cancel(), [])
        vcenter.admin.clear_faults()
