"""Hang-up and termination: Textual by itself dies without giving the terminal back, or spins (tui sheet, fact 5)."""

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.app import Console

SIGNALS = {signal.SIGHUP, signal.SIGTERM}

GRACE = 2.0
"""Seconds that the console has to leave in order; output to a closed terminal may block for ever."""


def block() -> None:
    """From now on these signals wait until somebody asks for them; before any thread is made."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def unblock() -> None:
    """In a child process: they are its own matter again."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def watch(console: "Console") -> None:
    """End the console when such a signal comes; jobs are the worker's and go on."""

    def wait() -> None:
        came = signal.sigwait(SIGNALS)
        code = 128 + came
        console.later(lambda: console.exit(code, return_code=code))
        if not _ended.wait(GRACE):
            os._exit(code)

    threading.Thread(target=wait, name="hangup", daemon=True).start()


_ended = threading.Event()


def ended() -> None:
    """The console has left in order."""
    _ended.set()
