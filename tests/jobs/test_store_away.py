"""The store is away for a moment while jobs are under way."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event, make_url

from engine.jobs import presence
from engine.jobs.crew import Crew
from engine.simulator.launcher import Simulator
from storage import jobs
from storage.pace import pace_of
from tests.e2e.conftest import ready
from tests.e2e.lab import MIB, entries
from tests.jobs.conftest import StoreLab, until
from tests.storage.conftest import Postgres, needs_root, postgres

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


@pytest.mark.long
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


def test_a_store_that_is_read_only_for_a_while_costs_no_job(lab: StoreLab) -> None:
    """As after a disk's error, or on a PostgreSQL that is about to change places with another."""
    uid, _ = lab.add_sample("esxi")
    lab.submit(lab.profile("lab01", entries(uid, "a")))
    read_only = True

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA query_only = {read_only:d}")

    def mended() -> None:
        nonlocal read_only
        read_only = False

    with lab.store() as store:
        crew = Crew(store, pace_of(store))
        [job] = jobs.active(store)
        event.listen(store.engine, "begin", begin)
        threading.Timer(0.5, mended).start()
        after = crew.step("deployment", "plan", {}, job.id, None)
        assert (after["next"], read_only) == ("vms", False)


@needs_root
def test_a_full_disk_costs_no_job_and_no_byte_twice(lab: StoreLab, simulator: Simulator, tmp_path: Path) -> None:
    """Neither the store nor the durable runner can write while the OVA travels and arrives."""
    uid, _ = lab.add_sample("esxi", [3 * MIB])
    simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", str(disk)], check=True)
    try:
        for file in tmp_path.glob("slipway.db*"):
            shutil.copy(file, disk)
        moved = replace(lab, where=str(disk / "slipway.db"), processes=[])
        deployment = moved.submit(lab.profile("lab01", entries(uid, "a")))
        worker = moved.worker()
        until(lambda: simulator.admin.counters().bytes_received > 0, worker)
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        time.sleep(5)
        filler.unlink()
        assert moved.ended(deployment) == "succeeded"
        assert worker.poll() is None
        assert simulator.admin.counters().calls["ImportVApp"] == 1
        worker.kill()
        worker.communicate()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
