"""A program on a terminal of its own: what arrived on the pty, when, and what the program used for it."""

import fcntl
import os
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ASKED = b"\x1b[?2026$p"
"""What Textual asks every terminal: does it paint a frame at once? Most of today's do (`SAID`), at 16 B a frame."""

SAID = b"\x1b[?2026;2$y"

TICK = 1 / os.sysconf("SC_CLK_TCK")


class Missing(Exception):
    """What should have arrived did not."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: the time, and how many bytes had arrived by then."""

    at: float
    arrived: int


class Pty:
    """Runs a command on a pty and reads all that it writes, as fast as it comes or at a line's speed."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (80, 24), baud: int = 0
    ) -> None:
        """`size` in columns and rows. `baud`: 10 bits for a byte; 0 for no limit."""
        self._pause = 10 / baud if baud else 0.0
        self._ends: list[tuple[int, float]] = []
        self._bytes = bytearray()
        self._news = threading.Condition()
        self.began = Mark(time.perf_counter(), 0)
        self.pid, self._fd = _spawn(command, environment, size)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._reader.join()
        os.close(self._fd)

    def press(self, keys: str) -> Mark:
        """Type the keys; the moment just before."""
        mark = self.now()
        os.write(self._fd, keys.encode())
        return mark

    def now(self) -> Mark:
        """This moment."""
        with self._news:
            return Mark(time.perf_counter(), len(self._bytes))

    def seen(self, pattern: str, since: Mark, seconds: float = 60.0) -> float:
        """The seconds from the mark until the regular expression's last byte was there. Raises Missing."""
        wanted = re.compile(pattern.encode())
        with self._news:
            while not (found := wanted.search(self._bytes, since.arrived)):
                left = since.at + seconds - time.perf_counter()
                if left <= 0 or not self._news.wait(left):
                    tail = bytes(self._bytes[since.arrived :][-400:])
                    raise Missing(f"{pattern!r} within {seconds} s; the last of what came: {tail!r}")
            return next(at for end, at in self._ends if end >= found.end()) - since.at

    def quiet(self, seconds: float = 0.3, limit: float = 60.0) -> float:
        """Wait until nothing has arrived for so long; when the last byte came. Raises Missing."""
        deadline = time.perf_counter() + limit
        with self._news:
            while self._news.wait(seconds):
                if time.perf_counter() > deadline:
                    raise Missing(f"no quiet of {seconds} s within {limit} s")
            return self._ends[-1][1] if self._ends else self.began.at

    def complete(self, pattern: str, since: Mark, pause: float = 0.3) -> float:
        """The seconds from the mark until the last byte of what began with the pattern. Raises Missing."""
        self.seen(pattern, since)
        return self.quiet(pause) - since.at

    def painted(self, cells: int, since: Mark, seconds: float = 60.0) -> float:
        """The seconds from the mark until so many characters were painted, escape sequences left out."""
        deadline = since.at + seconds
        with self._news:
            while True:
                for end, at in self._ends:
                    if end > since.arrived and len(_SEQUENCE.sub(b"", self._bytes[since.arrived : end])) >= cells:
                        return at - since.at
                if not self._news.wait(max(0.0, deadline - time.perf_counter())):
                    raise Missing(f"{cells} characters within {seconds} s")

    def bytes_since(self, mark: Mark) -> int:
        """How many bytes have arrived since."""
        with self._news:
            return len(self._bytes) - mark.arrived

    def text_since(self, mark: Mark) -> bytes:
        """What has arrived since."""
        with self._news:
            return bytes(self._bytes[mark.arrived :])

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the program has used (proc(5), stat fields 14 and 15)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK

    @property
    def rss(self) -> int:
        """Bytes of memory that the program holds now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def _read(self) -> None:
        answered = False
        while True:
            ready, _, _ = select.select([self._fd], [], [], 1.0)
            if not ready:
                continue
            try:
                # A slow line takes little at a time, so that what is behind it waits as on a real one.
                came = os.read(self._fd, 64 if self._pause else 1 << 16)
            except OSError:  # EIO: the program has ended
                return
            if not came:
                return
            if self._pause:
                time.sleep(self._pause * len(came))
            with self._news:
                self._bytes += came
                self._ends.append((len(self._bytes), time.perf_counter()))
                self._news.notify_all()
            if not answered and ASKED in self._bytes:
                os.write(self._fd, SAID)
                answered = True


_SEQUENCE = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|[P_\]][^\x1b\x07]*(\x1b\\|\x07)|.)|[\x00-\x1f]")


def _spawn(command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int]) -> tuple[int, int]:
    """Start the command as the leader of a session whose terminal is the pty; pid and our end."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        os.login_tty(theirs)
        os.execvpe(command[0], list(command), dict(environment))  # noqa: S606 - that is the point of it
    os.close(theirs)
    return pid, ours
