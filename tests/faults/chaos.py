"""Chaos: the worker is killed at random moments of deployments of nine VMs, and everything must come out right.

`make chaos ARGS="--kills 200 --seed 8"`. A round is one deployment: what it is like and when its kills come is drawn
from the seed and its number, so `--seed 8 --round 12` plays one round again (the machine's own pace is not repeated).
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from engine.jobs import presence, submit
from engine.staging.holder import is_gone
from storage import deployments, jobs, paths
from storage.models import steps
from tests.faults import chaos_checks as checks
from tests.faults.chaos_lab import LAB_PASSWORD, MIB, ChaosLab, chaos_lab, profile_named

# Steps as engine.jobs.recorder is told of them; of templates, then of VMs.
TEMPLATE_STEPS = ("preparing", "uploading", "completing", "taking the snapshot", "setting the attribute", "marking")
TEMPLATE_STEPS += ("renaming", "tidying")
VM_STEPS = ("waiting", "cloning", "importing", "verifying", "powering on")
OVER = ("staged", "succeeded", "failed", "cancelled", "removed")
# Of the worker itself, before it has told of any step: it starts, or looks at everything once more.
STARTING = "starting, planning"

# Seconds after its row in which a kill aimed at a step comes, most often soon.
AIMED = 0.4
# The calls that short steps consist of.
WIDE = ("AddCustomFieldDef", "SetField", "MarkAsTemplate", "Rename_Task", "ReconfigVM_Task", "PowerOnVM_Task")
WIDE += ("HttpNfcLeaseComplete", "CreateFolder", "Destroy_Task", "CreateSnapshot_Task")
# Step -> the call that it makes. That may come later than the next worker: what a dead process has asked for.
CALLS = {
    "uploading": "ImportVApp",
    "completing": "HttpNfcLeaseComplete",
    "taking the snapshot": "CreateSnapshot_Task",
    "setting the attribute": "SetField",
    "marking": "MarkAsTemplate",
    "renaming": "Rename_Task",
    "tidying": "Destroy_Task",
    "cloning": "CloneVM_Task",
    "importing": "ImportVApp",
    "verifying": "ReconfigVM_Task",
    "powering on": "PowerOnVM_Task",
}

# Kills of a whole run, and of them at least at each step.
FULL, EACH = 200, 3
# Seconds in which a deployment has to end, and a worker that has nothing to do.
DEADLINE, IDLE = 600.0, 180.0


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: `seconds` after the step's next row, or without a step after the worker was there."""

    step: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """One deployment. `mode`: fresh (no templates), staged (they are there), restaged (outdated), direct (flag off).
    `linked`: its VMs are linked clones where they can be.
    """

    number: int
    mode: str
    vapp: bool
    late: str
    late_by: float
    kills: tuple[Kill, ...]
    linked: bool = False

    def __str__(self) -> str:
        late = f", {self.late} {self.late_by:.1f} s late" if self.late else ""
        return f"round {self.number}: {self.mode}{', linked' * self.linked}{', vApp' * self.vapp}{late}"


def round_of(seed: int, number: int) -> Round:
    """Drawn from the seed and the number alone. One kill is aimed at a step, each round at the next; of up to three
    further ones some are, and the others come at any moment.
    """
    draw = random.Random(f"{seed}/{number}")
    aims = TEMPLATE_STEPS + VM_STEPS
    aim = aims[number % len(aims)]
    mode = draw.choice(["fresh", "fresh", "fresh", "restaged"])
    if aim not in TEMPLATE_STEPS and aim != "waiting":
        mode = draw.choice(["fresh", "staged", "restaged", "direct"])
    if aim == "cloning" and mode == "direct":
        mode = "staged"
    kills = [Kill(aim, AIMED * draw.random() ** 2)]
    for _ in range(draw.choice([0, 2, 3, 3])):
        aimed = draw.random() < 0.3
        kills.append(Kill(draw.choice(aims), AIMED * draw.random() ** 2) if aimed else Kill("", draw.uniform(0, 10)))
    draw.shuffle(kills)
    late = CALLS.get(aim, "") if draw.random() < 0.5 else ""
    vapp, late_by = draw.random() < 0.5, draw.uniform(2, 12)
    # Where a snapshot is taken at all.
    linked = aim == "taking the snapshot" or draw.random() < 0.5
    return Round(number, mode, vapp, late, late_by, tuple(kills), linked)


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow the vCenter is, so that kills hit what it does: seconds per clone, bytes per second and file, seconds by
    which each call of a short step is late, seconds per snapshot.
    """

    clone_delay: float
    upload_speed: int
    widened: float
    snapshot_delay: float


# Labs at once: most of the time they wait.
LANES = 6
LONG, QUICK = Pace(5.0, 10 * MIB, 0.15, 0.5), Pace(0.3, 80 * MIB, 0.05, 0.2)


@dataclass
class Tally:
    """What was killed, over all rounds. `per_step` counts a kill once for every step that was running then."""

    kills: int = 0
    rounds: int = 0
    swept: int = 0
    complete: int = 0
    per_step: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Failed(AssertionError):
    """Something did not hold; the text says what, and where to look."""


class Lane:
    """One lab, one store, one worker after the other."""

    def __init__(self, lab: ChaosLab, seed: int, pace: Pace, tally: Tally) -> None:
        self._lab, self._seed, self._pace, self._tally = lab, seed, pace, tally
        self._starter = presence.Starter(lab.store)
        self._hit: list[str] = []

    def play(self, one: Round) -> str:
        """Deploy, kill, look; how it went in a line. Raises Failed."""
        lab, began = self._lab, time.monotonic()
        self._hit = []
        self._prepare(one)
        before = self._there(one)
        name = f"r{one.number}-{one.mode}"
        sealed = submit.Ordered(profile_named(lab, name, one.vapp), LAB_PASSWORD)
        first = self._newest_step()
        deployment = submit.deploy(lab.store, sealed)
        complete: dict[str, Counter[str]] = {}
        try:
            last = first
            for kill in one.kills:
                if not self._shoot(kill, last):
                    break
                last = self._newest_step()
                complete = checks.whole(lab) | complete
            shot = time.monotonic()
            self._until(lambda: not jobs.active(lab.store), DEADLINE, "the jobs do not end")
            # What a dead worker asked for may be still to come.
            time.sleep(max(0.0, shot + one.late_by - time.monotonic()) if one.late else 0)
            left = self._until_clean(before, name)
            snapshots = {*range(1, 3 if one.late == CALLS["taking the snapshot"] else 2)} if one.linked else {0}
            problems = checks.wrongs(lab, before, deployment.id, one.mode != "direct", snapshots)
            problems += checks.sent_again(lab, complete)
            if problems:
                raise Failed("\n".join(problems))
        except Failed as failure:
            raise Failed(self._report(one, str(failure), deployment.id, first)) from None
        with self._tally.lock:
            self._tally.rounds += 1
            self._tally.swept += bool(left)
            self._tally.complete += sum(checks.is_temporary(template) for template in complete)
        killed, swept = " | ".join(self._hit) or "nothing", f"; left to the sweep: {', '.join(left)}" if left else ""
        return f"{one}, {time.monotonic() - began:.0f} s; killed at: {killed}{swept}"

    def end(self) -> None:
        """The worker ends by itself, and leaves no lease open."""
        self._until(lambda: not presence.is_there(self._lab.store), IDLE, "the worker does not end", start=False)
        self._until(lambda: not self._open_leases(), IDLE, "leases are still open", start=False)

    def stop(self) -> None:
        """Leave no worker behind, whatever happened."""
        worker, started = presence.find(self._lab.store), self._starter._started
        if worker is not None and not is_gone(worker.holder):
            os.kill(worker.holder.pid, signal.SIGKILL)
        if started is not None:
            started.kill()
            started.wait()

    def _open_leases(self) -> list[str]:
        return [one.name for one in self._lab.vcenter.admin.counters().leases if one.state == "ready"]

    def _prepare(self, one: Round) -> None:
        lab, admin = self._lab, self._lab.vcenter.admin
        admin.clear_faults()
        lab.switch(one.mode != "direct", one.linked)
        if one.mode == "fresh":
            lab.set_aside(str(one.number))
        elif one.mode == "restaged":
            lab.renew_digests()
        if one.late:
            admin.fault(one.late, delay=one.late_by, times=1)
        for method in WIDE:
            admin.fault(method, delay=self._pace.widened)
        admin.fault("CreateSnapshot_Task", in_task=True, delay=self._pace.snapshot_delay)

    def _there(self, one: Round) -> dict[str, dict[str, Any]]:
        """What must not change; templates that are to be replaced may."""
        templates = {self._lab.uid(name) for name in ("zcore", "esxi", "zbox")}
        machines = self._lab.machines()
        if one.mode != "restaged":
            return machines
        return {moref: machine for moref, machine in machines.items() if machine["name"] not in templates}

    def _shoot(self, kill: Kill, after: int) -> bool:
        """Kill the worker when its moment has come; False when all is done before that."""
        lab = self._lab
        self._until(lambda: presence.find(lab.store) is not None, DEADLINE, "no worker starts")
        if kill.step:
            self._until(lambda: not jobs.active(lab.store) or self._entered(kill.step, after), DEADLINE, str(kill))
        moment = time.monotonic() + kill.seconds
        while time.monotonic() < moment and jobs.active(lab.store):
            time.sleep(0.005)
        worker = presence.find(lab.store)
        if worker is None or not jobs.active(lab.store):
            return False
        os.kill(worker.holder.pid, signal.SIGKILL)
        self._until(lambda: is_gone(worker.holder), DEADLINE, "the worker does not die", start=False)
        self._count(after)
        return True

    def _count(self, after: int) -> None:
        running = self._running(after) or Counter([STARTING])
        self._hit.append(", ".join(f"{step} x{times}" if times > 1 else step for step, times in running.items()))
        with self._tally.lock:
            self._tally.kills += 1
            self._tally.per_step.update(set(running))

    def _running(self, after: int) -> Counter[str]:
        """The step that each item of an active job is in, of those that the worker that died has told of."""
        active = [job.id for job in jobs.active(self._lab.store)]
        newest = (
            select(func.max(steps.c.id))
            .where(steps.c.job_id.in_(active), steps.c.id > after)
            .group_by(steps.c.job_id, steps.c.item)
        )
        with self._lab.store.read() as tx:
            found = tx.execute(select(steps.c.step).where(steps.c.id.in_(newest), steps.c.step.not_in(OVER)))
            return Counter(found.scalars())

    def _entered(self, step: str, after: int) -> bool:
        with self._lab.store.read() as tx:
            found = tx.execute(select(steps.c.id).where(steps.c.id > after, steps.c.step == step).limit(1))
            return found.first() is not None

    def _newest_step(self) -> int:
        with self._lab.store.read() as tx:
            return tx.execute(select(func.coalesce(func.max(steps.c.id), 0))).scalar_one()

    def _until_clean(self, before: dict[str, dict[str, Any]], name: str) -> list[str]:
        """What was left for the sweep at the end of the worker, and is gone now."""
        left = checks.left_behind(self._lab, before, name)
        if not left:
            return []
        self._until(lambda: not presence.is_there(self._lab.store), IDLE, "the worker does not end", start=False)
        problems = checks.left_behind(self._lab, before, name)
        if problems:
            raise Failed("\n".join(problems))
        return left

    def _until(self, condition: Callable[[], object], seconds: float, otherwise: str, start: bool = True) -> None:
        """Wait, as a client that follows a job: it starts a worker where none is."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Failed(f"{otherwise} (waited {seconds:g} s)")
            if start:
                self._starter.ensure()
            time.sleep(0.005)

    def _report(self, one: Round, what: str, deployment_id: int, first: int) -> str:
        store = self._lab.store
        with store.read() as tx:
            rows = tx.execute(select(steps).where(steps.c.id > first).order_by(steps.c.id)).all()
        told = [f"  {row.began:%H:%M:%S.%f} job {row.job_id} {row.item}: {row.step} {row.detail}" for row in rows]
        items = [f"  {item}" for item in deployments.items(store, deployment_id)]
        log = paths.worker_log_file(store.id)
        tail = log.read_text(encoding="utf-8").splitlines()[-60:] if log.exists() else []
        return "\n".join(
            [
                f"seed {self._seed}, {one}; kills {one.kills}; killed at: {' | '.join(self._hit)}",
                what,
                "steps:",
                *told,
                "items:",
                *items,
                f"jobs: {jobs.of_deployment(store, deployment_id)}",
                f"log {log}:",
                *tail,
            ]
        )


@contextmanager
def lane(folder: Path, seed: int, pace: Pace, tally: Tally) -> Iterator[Lane]:
    """A lane in the folder; its worker is gone with the context."""
    with chaos_lab(folder, pace.clone_delay, pace.upload_speed) as lab:
        made = Lane(lab, seed, pace, tally)
        try:
            yield made
        finally:
            made.stop()


def run(seed: int, kills: int, lanes: int, only: Sequence[int], folder: Path) -> Tally:
    """Rounds until that many kills have hit, on several labs at once. Raises Failed."""
    tally, stop = Tally(), threading.Event()
    numbers = iter(only) if only else count()
    began = time.monotonic()

    def next_round() -> Round | None:
        with tally.lock:
            number = None if stop.is_set() or (tally.kills >= kills and not only) else next(numbers, None)
        return None if number is None else round_of(seed, number)

    def drive(number: int) -> None:
        try:
            with lane(folder / f"lane{number}", seed, LONG, tally) as mine:
                while (one := next_round()) is not None:
                    went = mine.play(one)
                    _say(f"{time.monotonic() - began:5.0f} s {tally.kills:4d} kills, lane {number}: {went}")
                mine.end()
        finally:
            stop.set()

    with ThreadPoolExecutor(lanes) as pool:
        for done in [pool.submit(drive, number) for number in range(lanes)]:
            done.result()
    return tally


def spared(tally: Tally) -> list[str]:
    """The steps that too few kills have hit to say anything."""
    return [step for step in TEMPLATE_STEPS + VM_STEPS if tally.per_step[step] < EACH]


def table(seed: int, tally: Tally, seconds: float) -> str:
    """The result, as docs/evidence/chaos.md has it."""
    known = [*TEMPLATE_STEPS, *VM_STEPS]
    rows = [*known, *sorted(set(tally.per_step) - set(known))]
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z, seed {seed}"
    lines = [
        f"{when}: {tally.kills} kills in {tally.rounds} deployments of nine VMs, {seconds / 60:.0f} minutes.",
        f"Deployments after which the sweep at the worker's end had something to remove: {tally.swept}.",
        f"Templates that were complete under their temporary name at a kill, and not sent again: {tally.complete}.",
        "",
        "| step | kills that hit it |",
        "|---|---|",
        *(f"| {step} | {tally.per_step[step]} |" for step in rows),
    ]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Kill the worker at random moments of deployments of nine VMs.")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--kills", type=int, default=FULL)
    parser.add_argument("--lanes", type=int, default=LANES, help="simulated vCenters, each with a store, at once")
    parser.add_argument("--round", type=int, action="append", default=[], help="only this one; may be given again")
    said = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="slipway-chaos-"))
    os.environ |= {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}
    began = time.monotonic()
    try:
        tally = run(said.seed, said.kills, said.lanes, said.round, folder)
    except Failed as failure:
        _say(f"FAILED (everything is in {folder})\n{failure}")
        return 1
    shutil.rmtree(folder)
    _say(table(said.seed, tally, time.monotonic() - began))
    missed = spared(tally)
    if missed and said.kills >= FULL and not said.round:
        _say(f"FAILED: fewer than {EACH} kills hit {', '.join(missed)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
