"""A worker that has nothing left to do."""

import threading
from collections.abc import Callable
from typing import cast

from engine.jobs.crew import Crew
from engine.jobs.worker import _sweep
from storage import jobs
from storage.store import Store
from tests.jobs.conftest import StoreLab


class SlowCrew:
    """Its sweep waits for an endpoint that does not answer."""

    def __init__(self, store: Store, meanwhile: Callable[[], object]) -> None:
        self.store, self._meanwhile = store, meanwhile
        self.answered = threading.Event()

    def sweep(self) -> None:
        self._meanwhile()
        self.answered.wait()


def test_a_job_does_not_wait_for_the_last_sweep(lab: StoreLab) -> None:
    uid, _ = lab.add_sample("esxi")
    with lab.store() as store:
        crew = SlowCrew(store, lambda: jobs.create_stage(store, 1, uid))
        waiting = threading.Thread(target=_sweep, args=(cast("Crew", crew), lambda: False), daemon=True)
        waiting.start()
        waiting.join(60)
        returned = not waiting.is_alive()
        crew.answered.set()
        waiting.join()
    assert returned
