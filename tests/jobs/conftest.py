"""A lab whose store is an SQLite file or a PostgreSQL database, and the worker's process."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.catalog.profiles import read_profile
from engine.jobs import submit
from engine.jobs.submit import Ordered
from engine.simulator.launcher import Simulator
from storage.deployments import Deployment
from storage.store import Store, open_store
from tests.e2e.conftest import ready
from tests.e2e.lab import LAB_PASSWORD, PASSWORD, ROOT, Lab
from tests.storage.conftest import postgres
from tests.waiting import PATIENCE, until

__all__ = ["PATIENCE", "postgres", "until"]


@dataclass
class StoreLab(Lab):
    """A lab with its store anywhere, and workers of its own that end with the test."""

    where: str = ""
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """As the lab's."""
        return {**super().env, "SLIPWAY_STORE": self.where}

    def store(self) -> Store:
        """The store, opened in this process."""
        return open_store(self.where)

    def worker(self, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """Start a worker, without anything of the submitter's environment."""
        clean = {name: value for name, value in {**os.environ, **(env or {})}.items() if name != "LAB_PASSWORD"}
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "worker", *arguments],
            cwd=ROOT,
            env={**clean, "SLIPWAY_STORE": self.where},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.processes.append(process)
        return process

    def submit(self, profile: Path, priority: int = 10) -> Deployment:
        """Ask for a deployment; nobody follows it."""
        with self.store() as store:
            return submit.deploy(store, Ordered(read_profile(profile), LAB_PASSWORD), priority=priority)

    def ended(self, deployment: Deployment) -> str:
        """Wait until nothing works on the deployment any more; its state."""
        from storage import deployments

        with self.store() as store:
            until(lambda: submit.active_job(store, deployment) is None)
            return deployments.get(store, deployment.id).state

    def names(self) -> list[str]:
        """Every VM and template."""
        return sorted(path.rpartition("/")[2] for path in self.govc("find", "/", "-type", "m").split())

    def end_workers(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            process.kill()
            process.communicate()
        super().end_workers()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Our simulated vCenter."""
    with Simulator.start(username="admin", password=PASSWORD, portgroups=["lab01-segment"]) as running:
        yield running


@pytest.fixture
def lab(simulator: Simulator, tmp_path: Path) -> Iterator[StoreLab]:
    """A lab with an SQLite store."""
    made = StoreLab(simulator, tmp_path, where=str(tmp_path / "slipway.db"))
    with ready(made):
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def any_lab(request: pytest.FixtureRequest, simulator: Simulator, tmp_path: Path) -> Iterator[StoreLab]:
    """A lab on either store."""
    where = str(tmp_path / "slipway.db")
    if request.param == "postgresql":
        where = request.getfixturevalue("postgres").new_database()
    made = StoreLab(simulator, tmp_path, where=where)
    with ready(made):
        yield made
