"""The crew: everything under way in the worker's process. It takes the steps, and tries again what passes."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.exc import DBAPIError

from engine.cancel import Cancel
from engine.errors import Cancelled, NotFound, Refused, SlipwayError, Unreachable
from engine.jobs import deployment, presence, runner, staging, vm
from engine.jobs.now import Now
from engine.jobs.sites import Sites
from engine.jobs.work import Work
from engine.staging.sweep import sweep
from engine.vsphere.transient import passes
from storage import deployments, endpoints, jobs
from storage.jobs import Job, Kind, State
from storage.pace import Pace
from storage.store import Store

log = logging.getLogger(__name__)

# Seconds between two looks of a VM for a free place.
PLACE_POLL = 0.25
# Seconds that steps have to reach a safe point when the worker is told to stop.
DRAIN = 8.0
# Uploads of one OVA, each under a fresh lease, before its job gives up: within a lease broken files are sent again too,
# and gigabytes that fail again and again help nobody.
UPLOADS = 3
# The longest wait before another attempt at a step, in seconds.
LONGEST_WAIT = 60.0


class Crew:
    """Everything under way in this process: one Work per job, and the steps that run."""

    def __init__(self, store: Store, pace: Pace) -> None:
        self.store = store
        self.pace = pace
        self.halted = threading.Event()
        self._halting = Cancel()
        self._sites = Sites(store)
        self._lock = threading.Lock()
        self._works: dict[int, Work] = {}
        self._submitted: set[int] = set()
        self._slots: dict[int, threading.BoundedSemaphore] = {}
        self._running = 0

    def step(self, kind: str, name: str, now: Now, job_id: int, item_id: int | None, /) -> Now:
        """Take one step, again after a failure that passes by itself. A worker that stops never returns from it: the
        step is then taken again by the next worker. While the store does not answer nothing could be recorded: that is
        waited out.
        """
        with self._counted():
            attempt = 0
            while True:
                self._park_if_halted()
                attempt += 1
                try:
                    after = self._attempt(attempt, kind, name, now, job_id, item_id)
                except Exception as error:
                    if _of_the_store(error):
                        log.warning("job %d: %s: %s", job_id, name, error)
                        attempt -= 1  # vCenter has not failed
                        self.halted.wait(self.pace.retry_seconds)
                        continue
                    log.exception("job %d: %s ended unexpectedly", job_id, name)
                    raise
                self._park_if_halted()
                if after is not None:
                    if not after["next"] and item_id is None:
                        self._forget(job_id)
                    return after

    def _attempt(self, attempt: int, kind: str, name: str, now: Now, job_id: int, item_id: int | None) -> Now | None:
        """Where the workflow stands then, None when the step is worth another attempt. Raises what the store raises."""
        module: Any = {"deployment": deployment, "vm": vm, "staging": staging}[kind]
        work = self._work(job_id)
        ids = [_item(self.store, item_id)] if item_id is not None else []
        subject = ids[0].name if ids else work.job.component_uid or work.deployment.name
        after: Now
        try:
            with self._slot(work, kind, name):
                after = module.STEPS[name](work, *ids, now)
        except SlipwayError as error:
            # In this order: a worker that stops asks `cancel` too, but says first that it stops.
            stopped = isinstance(error, Cancelled) or work.cancel.asked
            self._park_if_halted()
            log.info("job %d: %s: %s", job_id, name, error, exc_info=error.__cause__)
            if name == "end" or _of_the_store(error):
                raise
            if stopped and name not in ("take back", "discard"):
                after = module.cancelled(work, *ids, now, error)
            elif passes(error) and attempt < self.pace.retry_attempts and not _sent_enough(work, name, subject):
                self._wait(work, subject, attempt, error)
                return None
            else:
                after = module.failed(work, *ids, now, error)
        return after

    def _wait(self, work: Work, subject: str, attempt: int, error: SlipwayError) -> None:
        seconds = min(LONGEST_WAIT, self.pace.retry_seconds * 2 ** (attempt - 1))
        work.recorder.began(subject, "trying again", f"in {seconds:g} s: {error}")
        with suppress(Cancelled):
            (work.halt if work.cancel.asked else work.cancel).pause(seconds)

    def look(self) -> bool:
        """Take up new jobs, pass on cancels; whether there is anything to do."""
        active = jobs.active(self.store)
        for job in active:
            if job.cancel:
                self._cancel(job)
            if job.id not in self._submitted:
                runner.submit(job)
                self._submitted.add(job.id)
        return bool(active)

    def flush(self) -> None:
        """Write how many bytes every job has sent."""
        with self._lock:
            works = list(self._works.values())
        for work in works:
            work.recorder.flush()

    def inspect(self) -> None:
        """Show that we are alive; end jobs whose workflow has broken."""
        presence.show_life(self.store)
        for job in jobs.active(self.store):
            why = runner.broken(job) if job.id in self._submitted else ""
            if why and jobs.get(self.store, job.id).active:
                log.error("job %d: %s", job.id, why)
                self._give_up(job, why)

    def sweep(self) -> None:
        """Finish or remove what crashes left, on every endpoint; one that does not answer costs nothing but its own."""
        for endpoint in endpoints.listing(self.store):
            if endpoint.refused or self.halted.is_set():
                continue
            try:
                with self._sites.use(endpoint.id) as site:
                    for done in sweep(site, self._halting):
                        log.info("sweep: %s %s", done.action, done.on)
            except SlipwayError as error:
                log.info("sweep of %s: %s", endpoint.name, error)
        runner.tidy()

    def halt(self) -> None:
        """Ask every step to stop at its next safe point."""
        self.halted.set()
        self._halting.ask()
        for work in list(self._works.values()):
            work.cancel.ask()
            work.halt.ask()

    def drain(self) -> None:
        """Wait until no step runs, for at most DRAIN seconds."""
        deadline = time.monotonic() + DRAIN
        while self._running and time.monotonic() < deadline:
            time.sleep(0.02)

    def _cancel(self, job: Job) -> None:
        with self._lock:
            work = self._works.get(job.id)
        if work is not None:
            work.cancel.ask()
        elif jobs.drop(self.store, job.id):
            if job.id in self._submitted:
                runner.dequeue(job)
            self._submitted.add(job.id)

    def _give_up(self, job: Job, why: str) -> None:
        jobs.note(self.store, job.id, why)
        if job.deployment_id is not None and job.kind is Kind.DEPLOY:
            with self.store.read() as tx:
                ended = self.store.now(tx)
            deployments.update(self.store, job.deployment_id, state=State.FAILED, secret=None, ended=ended)
        jobs.end(self.store, job.id, State.FAILED)
        self._forget(job.id)

    def _work(self, job_id: int) -> Work:
        with self._lock:
            if job_id not in self._works:
                self._works[job_id] = Work(self.store, jobs.get(self.store, job_id), self._sites)
            work = self._works[job_id]
        if self.halted.is_set():
            work.cancel.ask()
            work.halt.ask()
        return work

    def _forget(self, job_id: int) -> None:
        with self._lock:
            work = self._works.pop(job_id, None)
        if work is not None:
            work.recorder.flush()
            work.close()

    @contextmanager
    def _slot(self, work: Work, kind: str, name: str) -> Iterator[None]:
        """One of the endpoint's places for making a VM; who only looks or waits takes none."""
        if kind != "vm" or name not in vm.AT_WORK:
            yield
            return
        with self._lock:
            slots = self._slots.setdefault(work.job.endpoint_id, threading.BoundedSemaphore(self.pace.vms_per_endpoint))
        while not slots.acquire(timeout=PLACE_POLL):
            work.cancel.check()
        try:
            yield
        finally:
            slots.release()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def _park_if_halted(self) -> None:
        """Never return when the worker stops: what a step returned or raised then must not be recorded."""
        if self.halted.is_set():
            with self._lock:
                self._running -= 1
            threading.Event().wait()


def _of_the_store(error: Exception) -> bool:
    """Whether the store is away, full or read-only: nothing can be recorded then."""
    return type(error) is Unreachable or (type(error) is Refused and isinstance(error.__cause__, DBAPIError))


def _sent_enough(work: Work, name: str, subject: str) -> bool:
    return name in ("upload", "import") and work.recorder.uploads(subject) >= UPLOADS


def _item(store: Store, item_id: int) -> deployments.Item:
    item = deployments.find_item(store, item_id)
    if item is None:
        raise NotFound("no item", on=str(item_id), why="its records were removed")
    return item
