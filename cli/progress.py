"""Progress of long work on stderr: one line per event, and on a terminal a last line with bytes, rate and time left.

The last line is redrawn at most four times a second and is the only thing redrawn: some 80 bytes, so a slow line
keeps up.
"""

import os
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from cli.output import printable
from cli.units import duration, size
from engine.cancel import Cancel
from engine.errors import Cancelled

# Seconds without a byte before the line says so.
SILENT = 5.0
# Seconds in which a second Ctrl-C counts as the first: a process group may get it twice.
SAME = 0.5
# The rate is the one of the last seconds, not of the whole upload.
WINDOW = 30.0
REDRAW = 0.25


class Progress:
    """A watcher (engine.progress.Watcher) that writes to stderr. Safe to call from every worker.

    A terminal that has gone away costs its lines and nothing else.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._expected = self._done = 0
        self._steps: dict[str, str] = {}
        self._samples: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._drawn = 0.0
        self._finished = threading.Event()

    def began(self, item: str, step: str, detail: str = "") -> None:
        """A line for every new step."""
        with self._lock:
            if self._steps.get(item) == step:
                return
            self._steps[item] = step
            self._wipe()
            now = time.strftime("%H:%M:%S")
            self._write(printable(f"{now}  {item}  {step}" + (f": {detail}" if detail else "")) + "\n")
            self._draw()

    def expects(self, _item: str, size: int) -> None:
        """More bytes to come."""
        with self._lock:
            if self._terminal and not self._expected:
                threading.Thread(target=self._watch, name="progress", daemon=True).start()
            self._expected += size

    def sent(self, _item: str, count: int) -> None:
        """Bytes that arrived."""
        with self._lock:
            self._done += count
            now = time.monotonic()
            if now - self._drawn >= REDRAW:
                self._samples.append((now, self._done))
                while now - self._samples[0][0] > WINDOW:
                    self._samples.popleft()
                self._drawn = now
                self._draw()

    def _watch(self) -> None:
        """Draw also while nothing moves, so that a stall is seen."""
        while not self._finished.wait(1):
            with self._lock:
                if time.monotonic() - self._samples[-1][0] > SILENT:
                    self._draw()

    def finish(self) -> None:
        """Take the last line away."""
        self._finished.set()
        with self._lock:
            self._wipe()

    def _wipe(self) -> None:
        if self._terminal:
            self._write("\r\x1b[K")

    def _draw(self) -> None:
        if self._terminal and self._done < self._expected:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r" + self._line()[:width] + "\x1b[K")

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()

    def _line(self) -> str:
        (since, before), (now, done) = self._samples[0], self._samples[-1]
        line = f"{size(self._done)} of {size(self._expected)}"
        silent = time.monotonic() - now
        if silent > SILENT:
            return f"{line}  no data for {silent:.0f} s"
        if now > since and done > before:
            rate = (done - before) / (now - since)
            line += f"  {size(rate)}/s  {duration((self._expected - self._done) / rate)} left"
        return line


INTERRUPTED = 130

# Seconds after which a client that was told to leave is gone, even if its terminal stopped taking lines (Ctrl-S).
LEAVING = 2.0

STOPPING = (
    "stopping: uploads are taken back, clones that vCenter has begun end by themselves",
    "(once more to leave at once: the next run then cleans up)",
)


@contextmanager
def interruptible(cancel: Cancel, words: Sequence[str] = STOPPING) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask the work of this process to stop at its next safe point, and say so in
    these words; a second Ctrl-C ends at once.

    Cancelled leaves with exit code 130.
    """

    def ask(_number: int) -> None:
        if not cancel.asked:
            cancel.ask()
            # Past the stream: the signal may have come while it writes a line, and it cannot be entered twice.
            with suppress(OSError, ValueError):
                os.write(sys.stderr.fileno(), "".join(f"{line}\n" for line in words).encode())

    with _signals_to(ask):
        yield


@contextmanager
def leaving(cancel: Cancel) -> Iterator[None]:
    """The same for a client whose work is a worker's: it is gone soon, whatever its terminal does; the job goes on."""
    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def ask(number: int) -> None:
        if cancel.asked:
            return
        cancel.ask()
        if number == signal.SIGHUP:  # what is still written must neither fail nor wait
            nowhere = os.open(os.devnull, os.O_RDWR)
            for terminal in terminals:
                os.dup2(nowhere, terminal)
        if number != signal.SIGINT:
            last_resort = threading.Timer(LEAVING, os._exit, [INTERRUPTED])
            last_resort.daemon = True
            last_resort.start()

    with _signals_to(ask):
        yield


@contextmanager
def _signals_to(ask: Callable[[int], None]) -> Iterator[None]:
    asked: list[float] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        asked.append(time.monotonic())
        if asked[-1] - asked[0] > SAME and number == signal.SIGINT:
            os._exit(INTERRUPTED)  # workers may be waiting for a vCenter that does not answer
        ask(number)

    # What is ignored stays so: nohup, and a shell's background jobs.
    caught = [one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in caught}
    try:
        yield
    except Cancelled as error:
        if asked:  # by a signal; otherwise somebody else cancelled what this command waited for
            error.exit_code = INTERRUPTED
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
