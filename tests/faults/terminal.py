"""A terminal of the test's: a pty that is read when the test looks, and not otherwise."""

import os
import pty
import select
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class Terminal:
    """`started` are the programs whose controlling terminal it is."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        os.set_blocking(self._master, False)
        self._shown = b""
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, program: Sequence[str], env: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
        """Start a program on it, as the leader of a session."""
        process = subprocess.Popen(
            ["setsid", "--ctty", *program],
            cwd=folder,
            env=env,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
        )
        self.started.append(process)
        return process

    @property
    def text(self) -> str:
        """What it has shown so far; whatever waited to be read is read now."""
        while self.read(65536):
            pass
        return self.seen

    @property
    def seen(self) -> str:
        """What was read so far."""
        return self._shown.decode(errors="replace")

    def read(self, most: int) -> int:
        """Read what waits, so many bytes at most; how many it were."""
        try:
            read = os.read(self._master, most)
        except BlockingIOError:
            return 0
        self._shown += read
        return len(read)

    def type(self, text: str) -> None:
        """Press these keys: \\x03 is Ctrl-C."""
        os.write(self._master, text.encode())

    def modes(self) -> list[Any]:
        """Its settings (tcgetattr)."""
        return termios.tcgetattr(self._slave)

    def resize(self, columns: int, rows: int) -> None:
        """Another size; the programs on it are told (SIGWINCH)."""
        termios.tcsetwinsize(self._slave, (rows, columns))

    @property
    def is_full(self) -> bool:
        """Whether who writes has to wait for the reader."""
        return not select.select([], [self._slave], [], 0)[1]

    def fill(self) -> None:
        """Write until the next byte would wait for the reader."""
        os.set_blocking(self._slave, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self._slave, b"x")
        os.set_blocking(self._slave, True)

    def close(self) -> None:
        """Hang up: the kernel sends SIGHUP to the session's leader, and every write to the terminal fails."""
        for handle in {self._master, self._slave} - {-1}:
            os.close(handle)
        self._master = self._slave = -1


@contextmanager
def terminal() -> Iterator[Terminal]:
    """A terminal; the programs on it end with the context."""
    made = Terminal()
    try:
        yield made
    finally:
        for process in made.started:
            process.kill()
            process.wait()
        made.close()
