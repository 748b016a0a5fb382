"""The recorder: a watcher that writes what a job does into the store, for whoever follows it from another process."""

import logging
import threading

from storage import steps
from storage.steps import NewStep
from storage.store import Store

log = logging.getLogger(__name__)


class Recorder:
    """Watches one job. A new step is written at once, bytes only by `flush`: an upload never waits for the database."""

    def __init__(self, store: Store, job_id: int, label: str) -> None:
        self._store, self._job_id, self._label = store, job_id, label
        self._lock = threading.Lock()
        self._bytes: dict[str, tuple[int, int]] = {}
        self._moved: set[str] = set()
        self._uploads: dict[str, int] = {}

    def began(self, item: str, step: str, detail: str = "") -> None:
        """The item entered a step. Raises as the store does."""
        log.info("%s: %s %s%s", self._label, item, step, f": {detail}" if detail else "")
        self.flush()
        with self._lock:
            self._bytes[item] = (0, 0)
        steps.write(self._store, self._job_id, [NewStep(item, step, detail)])

    def expects(self, item: str, size: int) -> None:
        """More bytes to come: one more upload."""
        self._uploads[item] = self._uploads.get(item, 0) + 1
        self._add(item, 0, size)

    def sent(self, item: str, count: int) -> None:
        """Bytes that arrived; negative when some have to be sent again."""
        self._add(item, count, 0)

    def uploads(self, item: str) -> int:
        """How many uploads of the item have begun in this process."""
        return self._uploads.get(item, 0)

    def flush(self) -> None:
        """Write the bytes counted since the last time. Raises as the store does."""
        with self._lock:
            moved = {item: self._bytes[item] for item in self._moved}
            self._moved.clear()
        if moved:
            steps.write(self._store, self._job_id, [], moved)

    def _add(self, item: str, done: int, total: int) -> None:
        with self._lock:
            before = self._bytes.get(item, (0, 0))
            self._bytes[item] = (before[0] + done, before[1] + total)
            self._moved.add(item)
