"""Two consoles want one template at once: of one store, by two endpoint rows, of two stores. One is made, no error."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.simulator.launcher import Simulator
from engine.site import open_site
from engine.staging.templates import find
from storage import claims
from tests.conftest import XDG
from tests.e2e.conftest import ready
from tests.e2e.lab import MIB, Lab, entries
from tests.jobs.conftest import StoreLab, simulator
from tests.storage.conftest import Postgres, postgres

__all__ = ["postgres", "simulator"]

SIZE = 2 * MIB


class Host(Lab):
    """A lab on a host of its own: home and store are nobody else's."""

    @property
    def env(self) -> dict[str, str]:
        """The lab's, at home elsewhere."""
        folders = {name: str(self.folder / name.lower()) for name in XDG}
        return {**super().env, "HOME": str(self.folder), **folders}


@pytest.fixture
def one(simulator: Simulator, tmp_path: Path) -> Iterator[Host]:
    """A host, its endpoint `vc01`."""
    with ready(host(simulator, tmp_path / "one")) as made:
        # As long as it takes for the others to come.
        simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
        yield made


@contextmanager
def another(simulator: Simulator, folder: Path) -> Iterator[Host]:
    """A second host, with an endpoint of the same folder."""
    made = host(simulator, folder)
    made.add_row()
    made.setting("ff_endpoint_ova_staging", "true")
    try:
        yield made
    finally:
        made.end_workers()


def host(simulator: Simulator, folder: Path) -> Host:
    folder.mkdir()
    return Host(simulator, folder)


def at_once(*commands: "subprocess.Popen[str]") -> None:
    """All of them succeed."""
    for command in commands:
        _, err = command.communicate(timeout=240)
        assert command.returncode == 0, err


def stage(lab: Lab, uid: str) -> "subprocess.Popen[str]":
    return lab.start("template", "stage", uid, "--endpoint", lab.name)


def deploy(lab: Lab, name: str, uid: str) -> "subprocess.Popen[str]":
    return lab.start("deploy", str(lab.profile(name, entries(uid, "a"))))


def uploads(simulator: Simulator, uid: str) -> int:
    """Uploads for the template of that uid, whole or not."""
    return sum(lease.name.startswith(uid) for lease in simulator.admin.counters().leases)


def check(lab: Lab, uid: str, *deployed: str) -> None:
    """The template, these deployments' VMs, and nothing else of that uid; nobody holds a claim."""
    there = sorted(lab.machines())
    assert [name for name in there if uid in name] == [uid]
    assert {f"a.{name}.example.com" for name in deployed} <= {*there}
    with lab.store() as store, open_site(store, lab.name) as site:
        assert find(site, uid).state == "staged"
        assert claims.listing(store) == []


def of_one_store(lab: Lab, simulator: Simulator, number: int) -> None:
    uid, _ = lab.add_sample(f"esxi{number}", [SIZE])
    first, second = f"lab{number}a", f"lab{number}b"
    at_once(stage(lab, uid), deploy(lab, first, uid), stage(lab, uid), deploy(lab, second, uid))
    assert uploads(simulator, uid) == 1
    check(lab, uid, first, second)


def by_two_rows(lab: Lab, row: Lab, number: int) -> None:
    uid, _ = lab.add_sample(f"esxi{number}", [SIZE])
    at_once(stage(lab, uid), stage(row, uid))
    check(lab, uid)
    check(row, uid)


def of_two_stores(one: Lab, other: Lab, number: int) -> None:
    uid, sample = one.add_sample(f"esxi{number}", [SIZE])
    other.add_component(f"esxi{number}", sample.path, f"sha256:{sample.sha256}")
    who, whom = (one, other) if number % 2 else (other, one)
    at_once(deploy(who, f"lab{number}", uid), stage(whom, uid))
    check(one, uid, f"lab{number}")
    check(other, uid, f"lab{number}")


def two_rows(lab: Lab) -> Lab:
    """The lab by an endpoint row of another name."""
    row = replace(lab, name="vc02")
    row.add_row()
    return row


def test_two_consoles_of_one_store(one: Host, simulator: Simulator) -> None:
    of_one_store(one, simulator, 1)


@pytest.mark.long
def test_two_rows_on_one_folder(one: Host) -> None:
    by_two_rows(one, two_rows(one), 1)


@pytest.mark.long
def test_two_stores_on_one_folder(one: Host, simulator: Simulator, tmp_path: Path) -> None:
    with another(simulator, tmp_path / "two") as other:
        of_two_stores(one, other, 1)


@pytest.mark.long
def test_two_consoles_of_one_store_twenty_times(one: Host, simulator: Simulator) -> None:
    for number in range(20):
        of_one_store(one, simulator, number)


@pytest.mark.long
def test_two_consoles_of_a_store_on_postgresql(simulator: Simulator, tmp_path: Path, postgres: Postgres) -> None:
    with ready(StoreLab(simulator, tmp_path, where=postgres.new_database())) as lab:
        simulator.admin.nfc(mode="slow", bytes_per_second=MIB)
        for number in range(5):
            of_one_store(lab, simulator, number)


@pytest.mark.long
def test_two_rows_on_one_folder_twenty_times(one: Host) -> None:
    row = two_rows(one)
    for number in range(20):
        by_two_rows(one, row, number)


@pytest.mark.long
def test_two_stores_on_one_folder_twenty_times(one: Host, simulator: Simulator, tmp_path: Path) -> None:
    with another(simulator, tmp_path / "two") as other:
        for number in range(20):
            of_two_stores(one, other, number)
