"""A store of its own for every test; one simulated vCenter for all, with a VM folder of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.simulator.launcher import Simulator
from storage.store import Store, open_store
from tests.e2e.lab import PASSWORD
from tests.staging.ground import Ground, Party


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "slipway.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def vcenter() -> Iterator[Simulator]:
    with Simulator.start(username="admin", password=PASSWORD) as running:
        yield running


@pytest.fixture
def ground(vcenter: Simulator, tmp_path: Path) -> Iterator[Ground]:
    vcenter.admin.reset_counters()
    yield Ground(vcenter, tmp_path)
    vcenter.admin.clear_faults()
    vcenter.admin.clear_nfc()


@pytest.fixture
def party(ground: Ground) -> Iterator[Party]:
    with ground.party() as one:
        yield one
