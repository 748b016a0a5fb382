"""The long run of all targets: `make fuzz ARGS='--inputs 1000000 --seed 7'`, resumed where it was stopped.

A batch is a process of its own with a seed of its own, and begins with the inputs that found new ways before it.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.fuzz.harness import MEMORY, SECONDS

ROOT = Path(__file__).parents[2]
TARGETS = ("archive", "descriptor", "manifest", "certificate")
BATCH = 25_000
FOLDER = ROOT / "build/fuzz"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one process did: inputs it tried and kept, its largest memory in MiB. `defect`: the end of what it said."""

    inputs: int
    kept: int
    peak_mib: int
    seconds: float
    defect: str = ""


@dataclass(slots=True)
class Tally:
    """A target's batches, and lines in a file that outlives this process: one for each batch."""

    file: Path
    batches: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.file.exists():
            lines = (line.split() for line in self.file.read_text().splitlines())
            self.batches = [Batch(int(one), int(two), int(three), float(four)) for one, two, three, four in lines]

    @property
    def inputs(self) -> int:
        """All that were tried."""
        return sum(batch.inputs for batch in self.batches)

    def add(self, batch: Batch) -> None:
        """One more."""
        self.batches.append(batch)
        with self.file.open("a") as file:
            file.write(f"{batch.inputs} {batch.kept} {batch.peak_mib} {batch.seconds:.1f}\n")


def run(target: str, folder: Path, seed: int, inputs: int = -1, seconds: int = 0) -> Batch:
    """Fuzz one target in a process of its own."""
    command = [sys.executable, "-m", f"tests.fuzz.{target}", "--folder", str(folder), "--seed", str(seed)]
    began = time.monotonic()
    said = subprocess.run(
        [*command, "--inputs", str(inputs), "--seconds", str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if said.returncode:
        return Batch(0, 0, 0, 0, said.stdout[-6000:])
    numbers = dict(re.findall(r"stat::(\w+):\s+(\d+)", said.stdout))
    tried, kept, peak = (int(numbers[name]) for name in ("number_of_executed_units", "new_units_added", "peak_rss_mb"))
    return Batch(tried, kept, peak, time.monotonic() - began)


def campaign(inputs: int, seed: int, folder: Path) -> dict[str, Tally]:
    """Try so many inputs over all targets, those of earlier runs included. Raises SystemExit at a defect."""
    for target in TARGETS:
        (folder / target).mkdir(parents=True, exist_ok=True)
    tallies = {target: Tally(folder / target / "batches") for target in TARGETS}
    # The target with the fewest is next, so that all come as far when it is stopped.
    while left := max(0, inputs // len(TARGETS) - min(tally.inputs for tally in tallies.values())):
        target = min(TARGETS, key=lambda target: tallies[target].inputs)
        tally, own_seed = tallies[target], seed * 10_000 + len(tallies[target].batches) + 1
        batch = run(target, folder / target, own_seed, min(BATCH, left))
        if batch.defect:
            raise SystemExit(f"{batch.defect}\n{target}, seed {own_seed}: a defect; its input is in {folder / target}")
        tally.add(batch)
        print(f"{target}: {tally.inputs} inputs, seed {own_seed}, {batch.seconds:.0f} s", flush=True)  # noqa: T201
    return tallies


def report(tallies: dict[str, Tally], seed: int) -> str:
    """The table of docs/evidence/fuzz.md."""
    when = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z, seed {seed}, Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    lines = [
        f"{when}: {sum(one.inputs for one in tallies.values())} inputs, no defect.",
        "",
        "| target | inputs | kept, since they found new ways | inputs per second | largest process |",
        "|---|---|---|---|---|",
    ]
    for target, tally in tallies.items():
        seconds = sum(batch.seconds for batch in tally.batches)
        kept, peak = (
            sum(batch.kept for batch in tally.batches),
            max((batch.peak_mib for batch in tally.batches), default=0),
        )
        lines.append(f"| {target} | {tally.inputs} | {kept} | {tally.inputs / max(seconds, 1):.0f} | {peak} MiB |")
    return "\n".join(lines)


def main() -> None:
    """What `make fuzz` runs."""
    parser = argparse.ArgumentParser(
        description=f"Fuzz all targets: under {SECONDS} s and {MEMORY >> 20} MiB for each."
    )
    parser.add_argument("--inputs", type=int, default=1_000_000, help="over all targets together")
    parser.add_argument("--seed", type=int, default=7)
    said = parser.parse_args()
    print(report(campaign(said.inputs, said.seed, FOLDER / f"seed-{said.seed}"), said.seed))  # noqa: T201


if __name__ == "__main__":
    main()
