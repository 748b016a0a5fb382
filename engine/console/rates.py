"""Rates of transfer over the last 30 seconds, and what they say of the time left."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from storage.steps import Step

WINDOW = 30.0
"""Seconds that a rate is taken over."""

SILENT = 15.0
"""Seconds without a byte after which no time left is told any more."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` in bytes, `left` in seconds or None when nothing can be said, `silent`: seconds without a byte."""

    per_second: float
    left: float | None
    silent: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes under way. `byte_at`: when the last one was seen to arrive; `ends_at`: when the very last one is due, None
    when nothing can be said of that (UTC).
    """

    done: int
    total: int
    per_second: float
    byte_at: datetime
    ends_at: datetime | None


class Rates:
    """What was seen of each transfer: (time, bytes done)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds, monotonic."""
        self._clock = clock
        self._seen: dict[int, deque[tuple[float, int]]] = {}
        self._lock = threading.Lock()

    def of(self, transfer: int, done: int, total: int) -> Rate:
        """The rate of a transfer that has `done` of `total` bytes now."""
        now = self._clock()
        with self._lock:
            seen = self._seen.setdefault(transfer, deque())
            if seen and done < seen[-1][1]:
                seen.clear()  # it began anew, or sends a part again: what was before tells nothing of what is left
            if not seen or seen[-1][1] != done:
                seen.append((now, done))
            while len(seen) > 2 and seen[1][0] < now - WINDOW:
                seen.popleft()
            began, first = seen[0]
            last, _ = seen[-1]
        took = now - began
        rate = (done - first) / took if took > 0 else 0.0
        silent = now - last
        left = max(0, total - done) / rate if rate and silent < SILENT else None
        return Rate(rate, left, silent)

    def transfer(self, step: Step) -> Transfer | None:
        """The bytes that this step sends; None when it sends none, or all are sent."""
        if not step.total or step.done >= step.total:
            return None
        rate, now = self.of(step.id, step.done, step.total), datetime.now(UTC)
        ends_at = None if rate.left is None else now + timedelta(seconds=rate.left)
        return Transfer(step.done, step.total, rate.per_second, now - timedelta(seconds=rate.silent), ends_at)

    def forget(self, running: set[int]) -> None:
        """Drop every transfer but these."""
        with self._lock:
            for transfer in self._seen.keys() - running:
                del self._seen[transfer]
