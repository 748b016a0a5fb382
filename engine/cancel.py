"""Cancellation: one flag that long work looks at between steps and while it waits."""

import threading

from engine.errors import Cancelled


class Cancel:
    """Set once by the operator's thread, read by the working ones."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask the work to stop at its next safe point."""
        self._asked.set()

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
