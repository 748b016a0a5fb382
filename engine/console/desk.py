"""The console's desk: the store it works on, the endpoints it observes, and the pulse of everything.

Used from several threads; every one of them only reads, or calls what is safe to call from anywhere.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.cancel import Cancel
from engine.console.catalog import Catalog
from engine.console.doing import doing
from engine.console.files import Files
from engine.console.observer import Observer, observe_all
from engine.console.rates import Rates
from engine.jobs.presence import Starter, find, is_there
from engine.staging import claims
from storage import jobs, settings
from storage.changes import Watch
from storage.jobs import State
from storage.store import Store, open_store

if TYPE_CHECKING:
    from engine.console.components import ComponentRow
    from engine.console.deploys import DeployRow


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the first line of every page says. `worker`: running, none, hung. `down`: endpoints that do not answer, or
    refuse; `doing`: the running jobs, in words.
    """

    running: int
    queued: int
    stale_claims: int
    down: int
    endpoints: int
    staging: bool
    worker: str
    doing: tuple[str, ...] = ()


class Desk:
    """An opened store and what is known beside it."""

    def __init__(self, store: Store, watch: Watch) -> None:
        """`open_desk` is the way in."""
        self.store = store
        self.catalog = Catalog(store)
        self.observer = Observer(store, self.catalog)
        self.staging_rates, self.deploy_rates = Rates(), Rates()
        """Each forgets what its own page no longer shows."""
        self.files = Files()
        self.components: tuple[tuple[object, ...], tuple[ComponentRow, ...]] = (), ()
        """The rows of the components, and what they were made from."""
        self.ended: dict[int, tuple[tuple[str, datetime | None], DeployRow]] = {}
        """Deployments that have ended, by id, with the state and the time that they were read in: read once."""
        self._watch = watch
        self._starter = Starter(store)
        self._news = 0
        self._at_work: dict[int, int] = {}
        self._to_finish: dict[threading.Thread, Cancel] = {}

    def changed(self, seconds: float) -> bool:
        """Whether the store, or what is known of an endpoint, changes within so many seconds; at once when it does.

        For one thread.
        """
        changed = self._watch.wait(seconds)
        news, self._news = self._news, self.observer.news + self.files.news
        return changed or news != self._news

    def look_again(self) -> None:
        """Ask every endpoint now, and look at every file."""
        self.observer.look_again()
        self.files.look_again()

    def keep_worker(self) -> None:
        """See to it that a worker runs while there is something to do. Raises Refused when none can be started."""
        if jobs.active(self.store):
            self._starter.ensure()

    def pulse(self) -> Pulse:
        """How everything is, as of now. Where a job has ended since the last one the endpoint is looked at again."""
        active = jobs.active(self.store)
        before, self._at_work = self._at_work, {job.id: job.endpoint_id for job in active}
        for ended in before.keys() - self._at_work.keys():
            self.observer.look_again(before[ended])
        if self.observer.count:  # once a page has asked for them: an edit is heeded whatever page is shown now
            observe_all(self.observer, self.store)
        worker = find(self.store)
        hung = worker is not None and worker.hung
        return Pulse(
            running=sum(job.state is State.RUNNING for job in active),
            queued=sum(job.state is State.QUEUED for job in active),
            stale_claims=sum(claim.stale for claim in claims.standing(self.store)),
            down=self.observer.down,
            endpoints=self.observer.count,
            staging=settings.is_on(self.store, settings.FLAG),
            worker="hung" if hung else "running" if worker or is_there(self.store) else "none",
            doing=doing(self.store, active),
        )

    def finish(self, work: threading.Thread, cancel: Cancel) -> None:
        """Run the work to its end; when the desk is closed it is told to stop, and waited for."""
        work.start()
        self._to_finish[work] = cancel
        work.join()
        del self._to_finish[work]

    def close(self) -> None:
        """Stop what is under way: the store is open until the last of it has ended."""
        under_way = list(self._to_finish.items())
        for _, cancel in under_way:
            cancel.ask()
        self.observer.stop()
        for work, _ in under_way:
            work.join()


@contextmanager
def open_desk(where: str | None) -> Iterator[Desk]:
    """Open the store at `where` (path, URL, None for the configured one). Raises as `storage.store.open_store`."""
    with open_store(where) as store, Watch(store) as watch:
        desk = Desk(store, watch)
        try:
            yield desk
        finally:
            desk.close()
