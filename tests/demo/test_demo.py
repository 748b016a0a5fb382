"""The demo does the main job on two simulated vCenters, tells the truth about it, and leaves nothing behind."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.demo import logging_to
from engine.cancel import Cancel
from engine.demo.ground import Ground, Run, prepared, run_lab
from engine.demo.labs import LABS
from engine.progress import Nobody
from storage import paths

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
SAMPLES = {"zcore-13.5-sample": 64 * MIB, "esxi-8.0u3g-sample": 96 * MIB, "zbox-13.5-sample": 32 * MIB}
NINE_OVAS = (64 + 6 * 96 + 2 * 32) * MIB


def start_demo(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """`slipway demo`, with this temporary folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "demo", *arguments],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_of(folder: Path) -> list[str]:
    """Who runs with this temporary folder: a process hands its environment down."""
    return [
        str(process)
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("TMPDIR") == str(folder)
    ]


def left_behind(folder: Path) -> list[str]:
    """What a demo with this temporary folder left: its processes, its files, and files of the user."""
    homes = [Path(value) for name, value in os.environ.items() if name == "HOME" or name.startswith("XDG_")]
    files = [str(path) for place in (folder, *homes) if place.exists() for path in place.rglob("*") if path.is_file()]
    return processes_of(folder) + files


@pytest.mark.long
def test_headless_json(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, "--headless", "--json")
    assert processes_of(tmp_path), "the demo itself must be seen, or nothing would be found later either"
    out, err = demo.communicate()
    assert demo.returncode == 0, err
    document = json.loads(out)
    runs = document["runs"]
    assert [(run["endpoint"], run["name"]) for run in runs] == [(lab.endpoint, lab.name) for lab in LABS]
    once = sum(SAMPLES.values())
    assert [run["bytes_received"] for run in runs] == [once, 0, once, 0]
    assert [run["bytes_sent"] for run in runs] == [once, 0, once, 0]
    assert [run["bytes_direct"] for run in runs] == [NINE_OVAS] * 4
    assert [(item["state"], item["path"]) for run in runs for item in run["items"]] == [("succeeded", "staged")] * 36
    assert document["ratio"] == pytest.approx(4 * NINE_OVAS / (2 * once), abs=0.001)
    assert "simulated" in err
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_stopped_in_the_middle(tmp_path: Path, number: signal.Signals) -> None:
    demo = start_demo(tmp_path, "--headless")
    assert demo.stderr is not None
    next(line for line in demo.stderr if " uploading: " in line)
    assert any(tmp_path.iterdir())
    demo.send_signal(number)
    out, err = demo.communicate()
    assert demo.returncode == 130, out + err
    assert left_behind(tmp_path) == []


@pytest.mark.long
def test_readable_at_80_columns(tmp_path: Path) -> None:
    out, err = start_demo(tmp_path, "--headless").communicate()
    assert "1 : 7.3" in out
    assert [line for line in (out + err).splitlines() if len(line) > 80] == []


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Ground, list[Run]]]:
    """The demo's folder while its store is open (so that there is a WAL), after two labs on one vCenter."""
    folder = tmp_path_factory.mktemp("demo")
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)  # more than the commands log
    with logging_to(folder), prepared(folder, LABS[:2], Cancel()) as ground:
        yield folder, ground, [run_lab(ground, lab, Nobody(), Cancel()) for lab in LABS[:2]]
    root.setLevel(level)


def test_one_lease_per_ova_and_none_in_the_second_run(twice: tuple[Path, Ground, list[Run]]) -> None:
    _, ground, runs = twice
    assert [run.result.state for run in runs] == ["succeeded", "succeeded"]
    leases = ground.simulators["vc01"].admin.counters().leases
    received = {lease.name.partition(".staging-")[0]: lease.bytes for lease in leases}
    assert len(leases) == len(SAMPLES)
    assert received == SAMPLES


def test_no_password_in_any_file(twice: tuple[Path, Ground, list[Run]]) -> None:
    folder, ground, _ = twice
    there = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".ova"]
    files = {path.name: path.read_bytes() for path in there}
    worker_log = paths.worker_log_file(ground.store.id).name
    assert {"slipway.db", "slipway.db-wal", "slipway.db.jobs", "slipway.log", worker_log} <= files.keys()
    assert b"demo_lab_password" in files["slipway.db"] + files["slipway.db-wal"], "what is stored must be found"
    assert b"uploading" in files[worker_log]
    used = [ground.lab_password, *(simulator.password for simulator in ground.simulators.values())]
    assert len(used) == 2
    for password in used:
        assert [name for name, content in files.items() if password.encode() in content] == []
