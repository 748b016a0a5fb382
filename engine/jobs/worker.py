"""The worker: the process that carries out a store's jobs until it is told to stop, or until nothing is left to do."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from engine.errors import SlipwayError
from engine.jobs import presence
from storage import jobs
from storage.changes import Watch
from storage.pace import pace_of
from storage.store import Store

if TYPE_CHECKING:
    from engine.jobs.crew import Crew

log = logging.getLogger(__name__)

# Seconds between two writes of bytes sent: at most four times a second.
TICK = 0.25
# Seconds between two looks for new jobs and cancels where the store tells of no change.
LOOK = 1.0
# Seconds without a job after which a worker that a client started ends.
IDLE = 10.0
# Seconds between two looks whether a job's workflow has broken, or the lock is lost.
INSPECTION = 5.0

Told = Callable[[], bool]
"""Whether the worker was told to stop."""


def work(store: Store, until_idle: bool) -> None:
    """Be the store's worker until SIGTERM or SIGINT, or until idle. Raises Conflict when there is one already.

    Told to stop, it lets every step reach a safe point, for at most DRAIN seconds, and ends the process: the jobs go on
    in the next worker.
    """
    with presence.holding(store) as still_held, _told_by_signals() as told:
        # Loading DBOS takes 0.6 to 1.0 s; clients see by then that somebody works.
        from engine.jobs import runner
        from engine.jobs.crew import Crew

        crew = Crew(store, pace_of(store))
        runner.launch(store, crew.pace, crew)
        log.info("worker started for %s", store.location)
        code = 0
        try:
            while _until_told_or_idle(crew, told, still_held, until_idle):
                _sweep(crew, told)
                if not told() and not jobs.active(store):
                    runner.stop()
                    log.info("worker ended: nothing to do")
                    return
        except Exception:
            log.exception("the worker cannot go on")
            code = 1
        crew.halt()
        crew.drain()
        # A step that could not stop keeps its thread, and the interpreter would wait for it, without the lock.
        log.info("worker stopped")
        logging.shutdown()
        os._exit(code)


def _until_told_or_idle(crew: "Crew", told: Told, still_held: presence.StillHeld, until_idle: bool) -> bool:
    """Whether it ended because there is nothing to do, and not because it was told to, or lost its lock."""
    busy = inspected = flushed = time.monotonic()
    looked = 0.0
    with Watch(crew.store) as watch:
        while not told():
            changed = watch.wait(TICK)
            now = time.monotonic()
            try:
                if changed or now - looked > LOOK:
                    looked = now
                    busy = now if crew.look() else busy
                if now - flushed > TICK:
                    flushed = now
                    crew.flush()
                if now - inspected > INSPECTION:
                    inspected = now
                    if not still_held():
                        log.error("the lock on the store is lost: another worker may run")
                        return False
                    crew.inspect()
            except SlipwayError as error:  # the store: away, full, read-only
                busy = now
                log.warning("%s", error)
                time.sleep(LOOK)
            if until_idle and now - busy > IDLE:
                return True
    return False


def _sweep(crew: "Crew", told: Told) -> None:
    """In a thread, so that neither being told to stop nor a new job waits for an endpoint that is slow to answer."""
    sweeping = threading.Thread(target=crew.sweep, name="sweep", daemon=True)
    sweeping.start()
    while sweeping.is_alive() and not told() and not jobs.active(crew.store):
        sweeping.join(TICK)


@contextmanager
def _told_by_signals() -> Iterator[Told]:
    told: list[int] = []

    def tell(number: int, _frame: FrameType | None) -> None:
        told.append(number)  # nothing that takes a lock: the main thread may hold it

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
