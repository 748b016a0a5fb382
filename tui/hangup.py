"""Hang-up and termination: Textual by itself dies without giving the terminal back, or spins (tui sheet, fact 5)."""

import logging
import os
import select
import signal
import sys
import termios
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.app import Console

log = logging.getLogger(__name__)

SIGNALS = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}

GRACE = 2.0
"""Seconds that the console has to leave in order; output to a stalled terminal may block for ever."""

GIVEN_BACK = (
    "\x18"  # ends what was cut off in the middle
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # mouse
    "\x1b[?2004l\x1b[?2048l\x1b[?2026l\x1b[?7h"  # bracketed paste, reports of size, held updates; lines wrap
    "\x1b[<u\x1b[?1004l\x1b[?1049l\x1b[?25h\x1b[0m"  # keys, focus, screen, cursor, colours
)


def block() -> None:
    """From now on these signals wait until somebody asks for them; before any thread is made. A worker that is started
    meanwhile takes its own up again (cli.worker).
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def watch(console: "Console") -> None:
    """End the console when such a signal comes, or the terminal has gone; jobs are the worker's and go on."""
    modes = termios.tcgetattr(0)

    def wait() -> None:
        came = signal.sigwait(SIGNALS)
        code = 128 + came
        if _has_gone():
            _write_nowhere()  # what is still written must neither fail nor wait
        console.later(lambda: console.exit(code, return_code=code))
        if not _ended.wait(GRACE):
            with suppress(OSError, termios.error):
                _give_back(modes)
            os._exit(code)

    def listen() -> None:
        """Somebody else may lead the session, and not pass the signal on."""
        _has_gone(wait=True)
        os.kill(os.getpid(), signal.SIGHUP)

    def told(defect: threading.ExceptHookArgs) -> None:
        """Writing to a terminal that has gone is no defect of the thread that writes. Others go to the log: the screen
        is not ours to print on.
        """
        if not (_is_writer(defect.thread) and isinstance(defect.exc_value, OSError)):
            log.critical("unexpected %s in a thread", defect.exc_type.__name__, exc_info=defect.exc_value)

    threading.excepthook = told
    for task in (wait, listen):
        threading.Thread(target=task, name=f"hangup {task.__name__}", daemon=True).start()


_ended = threading.Event()


def ended() -> None:
    """The console has left in order."""
    _ended.set()


def _is_writer(thread: threading.Thread | None) -> bool:
    return thread is not None and thread.name == "textual-output"


def _has_gone(wait: bool = False) -> bool:
    """Whether the terminal has hung up, or wait until it has."""
    terminal = select.poll()
    terminal.register(0, 0)  # POLLHUP and POLLERR are always told
    return bool(terminal.poll(None if wait else 0))


def _write_nowhere() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(nowhere, number)


def _give_back(modes: list[Any]) -> None:
    """Restore a terminal that takes nothing: what waits for it is thrown away, and the last words are put there."""
    terminal = os.dup(sys.stderr.fileno())
    _write_nowhere()
    for thread in threading.enumerate():
        if _is_writer(thread) and thread.ident is not None:
            # Its write ends here (the handler is Textual's) and goes on nowhere.
            signal.pthread_kill(thread.ident, signal.SIGWINCH)
    termios.tcflush(terminal, termios.TCOFLUSH)
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    if select.select([], [terminal], [], 0.5)[1]:
        os.write(terminal, GIVEN_BACK.encode())
