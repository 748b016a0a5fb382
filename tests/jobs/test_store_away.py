"""The store is away for a moment while jobs are under way."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from engine.jobs import presence
from engine.simulator.launcher import Simulator
from tests.e2e.conftest import ready
from tests.e2e.lab import MIB, entries
from tests.jobs.conftest import StoreLab, until
from tests.storage.conftest import Postgres, postgres

__all__ = ["postgres"]


@pytest.fixture
def shared(simulator: Simulator, postgres: Postgres, tmp_path: Path) -> Iterator[StoreLab]:
    """A lab whose store is a PostgreSQL database."""
    made = StoreLab(simulator, tmp_path, where=postgres.new_database())
    with ready(made):
        yield made


def cut(lab: StoreLab, postgres: Postgres) -> None:
    """End every connection to the database, as a restart of the server does."""
    with psycopg.connect(host=str(postgres.folder), user="tester", dbname="postgres", autocommit=True) as admin:
        name = make_url(lab.where).database
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_a_worker_cut_off_takes_its_lock_again_and_sends_no_byte_twice(
    shared: StoreLab, simulator: Simulator, postgres: Postgres
) -> None:
    """Nobody follows the deployment: no client would start another worker."""
    lab = shared
    uid, _ = lab.add_sample("esxi", [12 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    deployment = lab.submit(lab.profile("lab01", entries(uid, "a")))
    worker = lab.worker("--until-idle")
    until(lambda: simulator.admin.counters().bytes_received > 0, worker)
    cut(lab, postgres)
    assert lab.ended(deployment) == "succeeded"
    assert simulator.admin.counters().calls["ImportVApp"] == 1
    with lab.store() as store:
        found = presence.find(store)
        assert found is not None
        assert found.holder.pid == worker.pid
