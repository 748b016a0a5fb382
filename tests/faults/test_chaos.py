"""Kills of the worker in the middle of a deployment of nine VMs; `make chaos` does two hundred of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.chaos import FULL, LANES, QUICK, Kill, Lane, Round, Tally, lane, run, spared

SEED = 8


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, tally: Tally) -> Iterator[Lane]:
    with lane(tmp_path_factory.mktemp("chaos") / "lane", SEED, QUICK, tally) as made:
        yield made


@pytest.mark.parametrize(
    ("number", "mode", "vapp", "linked", "step", "seconds"),
    [
        (1, "fresh", False, False, "uploading", 0.1),
        (2, "restaged", False, True, "taking the snapshot", 0.1),
        pytest.param(3, "restaged", False, False, "renaming", 0.05, marks=pytest.mark.long),
        (4, "staged", True, False, "cloning", 0.2),
        pytest.param(5, "direct", False, False, "importing", 0.1, marks=pytest.mark.long),
        pytest.param(6, "staged", False, False, "powering on", 0.02, marks=pytest.mark.long),
    ],
    ids=["upload", "snapshot", "commit", "clone", "direct-import", "power-on"],
)
def test_a_killed_worker_loses_nothing(
    quick: Lane, tally: Tally, number: int, mode: str, vapp: bool, linked: bool, step: str, seconds: float
) -> None:
    before = tally.kills
    # Powering on takes the simulator some milliseconds: with its call late the kill finds it on every machine.
    late = ("PowerOnVM_Task", 1.0) if step == "powering on" else ("", 0.0)
    quick.play(Round(number, mode, vapp, *late, (Kill(step, seconds),), linked))
    assert tally.kills == before + 1, f"{step} never began"


@pytest.mark.long
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    assert spared(run(SEED, FULL, LANES, [], tmp_path)) == []
