"""Staging needs memory for its buffers only, however large the OVA is (DESIGN.md rule 14)."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.cancel import Cancel
from engine.catalog.components import import_components
from engine.catalog.supply import set_file
from engine.jobs import presence
from engine.ova.samples import build_ova
from engine.simulator.launcher import Simulator
from engine.staging.holder import is_gone
from storage import endpoints
from storage.endpoints import NewEndpoint
from storage.store import Store, open_store

ROOT = Path(__file__).parents[2]
GIB = 1 << 30
LIMIT_KIB = 150 << 10


def peak_of_staging(folder: Path, size: int) -> int:
    """The peak RSS in KiB of the worker that stages a sparse OVA of two disks of `size` bytes together."""
    made = build_ova(folder / "big.ova", name="big", disks=[size // 2] * 2, sparse=True)
    document = {
        "component_name": "big",
        "component_version": "1",
        "component_type": "any",
        "component_download_engine": "https",
        "component_download_file": "big.ova",
        "component_download_file_checksum": f"sha256:{made.sha256}",
        "component_isnested": False,
    }
    (folder / "big.json").write_text(json.dumps(document), encoding="utf-8")
    with (
        Simulator.start(username="u", password="p") as simulator,
        open_store(folder / "slipway.db") as store,
    ):
        import_components(store, [folder / "big.json"])
        set_file(store, "big-1", made.path, Cancel(), lambda read: None)
        new = NewEndpoint(
            name="vc01",
            host=simulator.host,
            port=simulator.port,
            username=simulator.username,
            datacenter="DC0",
            resource_pool="DC0_C0",
            datastore="LocalDS_0",
            vmfolder="",
            network="VM Network",
            pin=simulator.fingerprint,
        )
        endpoints.add(store, new, simulator.password)
        arguments = [
            "--store",
            str(folder / "slipway.db"),
            "template",
            "stage",
            "big-1",
            "--endpoint",
            "vc01",
            "--json",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        received = simulator.admin.counters().bytes_received
        assert done.returncode == 0, done.stderr
        peak = end_worker(store)
    assert json.loads(done.stdout)["state"] == "staged"
    assert received == size
    return peak


def end_worker(store: Store) -> int:
    """Stop the worker, which waits for more work; the peak RSS in KiB that the kernel has counted for it."""
    worker = presence.find(store)
    assert worker is not None
    status = Path(f"/proc/{worker.holder.pid}/status").read_text().splitlines()
    os.kill(worker.holder.pid, signal.SIGTERM)
    while not is_gone(worker.holder):
        time.sleep(0.02)
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


@pytest.mark.long
def test_1_gib(tmp_path: Path) -> None:
    assert peak_of_staging(tmp_path, GIB) < LIMIT_KIB


@pytest.mark.long
def test_10_gib(tmp_path: Path) -> None:
    assert peak_of_staging(tmp_path, 10 * GIB) < LIMIT_KIB
