"""Following a job: its steps and bytes, as the worker writes them, told to a watcher of this process."""

import time
from collections.abc import Iterable

from engine.cancel import Cancel
from engine.jobs.needs import templates_needed
from engine.jobs.outcome import stagings_of
from engine.jobs.presence import Starter
from engine.progress import Watcher
from storage import deployments, jobs, steps
from storage.jobs import Job, Kind
from storage.steps import Step
from storage.store import Store

# Seconds between two looks: half of what a person takes for immediate.
POLL = 0.25
# And between two looks for a worker that may have died.
PRESENCE = 0.5


def follow(store: Store, job: Job, starter: Starter, watcher: Watcher, leave: Cancel) -> Job:
    """Tell the watcher what happens until the job has ended; the starter keeps a worker running. The job as it ended.

    Of a deployment also the stagings that it waits for. Raises Cancelled when asked to leave: the job goes on.
    """
    telling = _Telling(store, job, watcher)
    looked = 0.0
    while True:
        if time.monotonic() - looked >= PRESENCE:
            starter.ensure()
            looked = time.monotonic()
        now = jobs.get(store, job.id)
        telling.tell()
        if not now.active:
            return now
        leave.pause(POLL)


class _Telling:
    """What the watcher knows already: the last step of each job, and the bytes of the steps that move."""

    def __init__(self, store: Store, job: Job, watcher: Watcher) -> None:
        self._store, self._job, self._watcher = store, job, watcher
        self._told = 0
        self._done: dict[int, int] = {}
        self._total: dict[int, int] = {}
        self._moving: dict[tuple[int, str], int] = {}

    def tell(self) -> None:
        # From the oldest step that may still move on.
        after = min([self._told, *(number - 1 for number in self._moving.values())])
        for step in steps.listing(self._store, self._job_ids(), after):
            if step.id > self._told:
                self._watcher.began(step.item, step.step, step.detail)
            self._bytes(step)
            self._moving[step.job_id, step.item] = step.id
            self._told = max(self._told, step.id)

    def _bytes(self, step: Step) -> None:
        if step.total != self._total.get(step.id, 0):
            self._watcher.expects(step.item, step.total - self._total.get(step.id, 0))
            self._total[step.id] = step.total
        if step.done != self._done.get(step.id, 0):
            self._watcher.sent(step.item, step.done - self._done.get(step.id, 0))
            self._done[step.id] = step.done

    def _job_ids(self) -> Iterable[int]:
        """The job, and the stagings that its items need and that are under way or were begun for it."""
        job = self._job
        if job.kind is not Kind.DEPLOY or job.deployment_id is None:
            return [job.id]
        needed = set(templates_needed(self._store, deployments.get(self._store, job.deployment_id)).values())
        mine = jobs.of_deployment(self._store, job.deployment_id)
        return [job.id, *(one.id for one in stagings_of(job, mine, jobs.active(self._store), needed))]
