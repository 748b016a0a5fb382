"""Ten stagings at the same time by one worker: how much memory it holds at most (DESIGN.md rule 14).

A deployment of ten components, each with an OVA of its own: four disks, SHA-256 digests. The simulated hosts take one
MiB of each of the 40 files and then nothing until all 40 are on their way, so the ten do run at once. What is measured
is the worker's VmHWM: the most that the kernel has seen it hold, interpreter and libraries included.

    python -m bench.stagings [--mib 256] [--record]
"""

import argparse
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.report import cores, keep, markdown
from engine.simulator.launcher import Simulator
from tests.e2e.lab import MIB, PASSWORD, Lab, sample_ova

STAGINGS, DISKS, LIMIT = 10, 4, 300
TITLE = "Ten stagings at once: memory of the worker"
METHOD = """\
## How
One deployment of ten components, the settings `stagings_per_endpoint`, `stagings_at_once` and `vms_per_endpoint` at 10.
The simulated hosts take one MiB of each of the 40 files and then nothing, until all 40 are on their way: ten stagings
run at once, each with its full number of uploads (four) and the thread that compares the component's checksum. Then
they go on to the end. VmHWM is the most memory that the kernel has seen the worker hold, with the interpreter, its
libraries and the store.

It does not grow with the OVAs (64 MiB each: 260 MiB, 640 MiB each: 269 MiB): what is read is sent and forgotten, a
block of 1 MiB for each file under way, and its encrypted form. A worker with nothing to do has 109 MiB. It is a test
too: `make test-long ARGS=tests/e2e/test_parallel_stagings.py`.
"""
# Settings, so that no job waits for another.
AT_ONCE = ("stagings_per_endpoint", "stagings_at_once", "vms_per_endpoint")


@dataclass(frozen=True, slots=True)
class Memory:
    """What the worker held, in MiB: with all uploads under way, and at most."""

    uploading: float
    peak: float


def measure(simulator: Simulator, folder: Path, mib: int) -> Memory:
    """Stage ten OVAs of `mib` MiB each at once. The endpoint's folder in the vCenter must not be there yet."""
    lab = Lab(simulator, folder)
    lab.add_endpoint()
    lab.setting("ff_endpoint_ova_staging", "true")
    for name in AT_ONCE:
        lab.setting(name, str(STAGINGS))
    components = [
        {"component_uid": _component(lab, f"box{number}", mib), "hostname": f"box{number}", "host_id": 11 + number}
        for number in range(STAGINGS)
    ]
    simulator.admin.nfc("stall", after_bytes=MIB)
    try:
        deploying = lab.start("deploy", str(lab.profile("lab", [components])), "--no-power-on", "--json")
        while _under_way(simulator) < STAGINGS * DISKS:
            if deploying.poll() is not None:
                raise RuntimeError(deploying.communicate()[1])
            time.sleep(0.1)
        worker = lab.worker()
        uploading = _held(worker.pid, "VmRSS")
        simulator.admin.clear_nfc()
        _, errors = deploying.communicate()
        if deploying.returncode != 0 or {lease.bytes for lease in simulator.admin.counters().leases} != {mib * MIB}:
            raise RuntimeError(f"not everything was staged: {errors}")
        # The worker waits for further work a while (engine.jobs.worker.IDLE) before it ends.
        return Memory(uploading, _held(worker.pid, "VmHWM"))
    finally:
        lab.end_workers()


def _component(lab: Lab, name: str, mib: int) -> str:
    made = sample_ova(lab.folder / f"{name}.ova", name, [mib * MIB // DISKS] * DISKS, sparse=True)
    return lab.add_component(name, made.path, f"sha256:{made.sha256}")


def _under_way(simulator: Simulator) -> int:
    return sum(1 for lease in simulator.admin.counters().leases for file in lease.files if file.bytes)


def _held(pid: int, field: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def main() -> None:
    """Measure and tell, or keep it in docs/evidence."""
    parser = argparse.ArgumentParser(prog="bench.stagings")
    parser.add_argument("--mib", type=int, default=256, help="size of each OVA")
    parser.add_argument("--record", action="store_true", help="write docs/evidence/parallel-stagings.md")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator.start(username="admin", password=PASSWORD) as simulator,
    ):
        os.environ |= dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"), folder)  # its logs
        memory = measure(simulator, Path(folder), options.mib)
    head = ["", "MiB", "limit"]
    rows = [
        ["all uploads under way", f"{memory.uploading:.0f}", ""],
        ["at most (VmHWM)", f"{memory.peak:.0f}", str(LIMIT)],
    ]
    table = markdown([head, *rows])
    print(table)
    if options.record:
        facts = [
            cores(),
            f"Python {platform.python_version()}, {platform.system()} {os.uname().release}",
            f"{STAGINGS} OVAs of {options.mib} MiB, {DISKS} disks each, manifests and component checksums in SHA-256",
            f"{datetime.now(UTC):%Y-%m-%d}",
        ]
        keep("parallel-stagings.md", TITLE, "bench-stagings", facts, table, METHOD)


if __name__ == "__main__":
    main()
