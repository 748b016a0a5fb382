"""Cancellation: one flag that long work looks at between steps and while it waits."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.errors import Cancelled

# Seconds until a wait looks again: a signal's handler may have asked between its last look and its wait.
LOOK = 0.5


class Cancel:
    """Set once by the operator's thread, or by a signal's handler; read by the working ones."""

    def __init__(self) -> None:
        self._asked = False
        # Reentrant: the handler asks in the main thread, which may hold it, about to wait. An Event's lock is not: a
        # client whose terminal closed at that moment hung for ever.
        self._waiting = threading.Condition(threading.RLock())
        self._wakes: list[Callable[[], None]] = []

    def ask(self) -> None:
        """Ask the work to stop at its next safe point."""
        self._asked = True
        with self._waiting:
            self._waiting.notify_all()
        for wake in [*self._wakes]:
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Within, `ask` calls `wake` too, in the asker's thread and maybe twice: it ends what waits for somebody else,
        and does not raise.
        """
        self._wakes.append(wake)
        try:
            if self.asked:  # before it was there to be called
                wake()
            yield
        finally:
            self._wakes.remove(wake)

    @property
    def asked(self) -> bool:
        """True once somebody asked."""
        return self._asked

    def check(self) -> None:
        """Raise Cancelled when somebody asked."""
        if self._asked:
            raise Cancelled("stopped", why="the operator cancelled it")

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until somebody asks; then raise Cancelled."""
        end = time.monotonic() + seconds
        with self._waiting:
            while not self._asked and (left := end - time.monotonic()) > 0:
                self._waiting.wait(min(left, LOOK))
        self.check()
