"""Cancellation: one flag that long work looks at between steps and while it waits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.errors import Cancelled


class Cancel:
    """Set once by the operator's thread, read by the working ones."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._wakes: list[Callable[[], None]] = []

    def ask(self) -> None:
        """Ask the work to stop at its next safe point."""
        self._asked.set()
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
        return self._asked.is_set()

    def check(self) -> None:
        """Raise Cancelled when somebody asked."""
        if self._asked.is_set():
            raise Cancelled("stopped", why="the operator cancelled it")

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until somebody asks; then raise Cancelled."""
        if self._asked.wait(seconds):
            self.check()
