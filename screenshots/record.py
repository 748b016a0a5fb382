"""docs/console.cast: half a minute of the console at work, for `asciinema play`; made by `make screenshots`.

The console runs in a terminal of its own, on the same scene as the pictures; what it sends is kept with its time.
"""

import codecs
import fcntl
import json
import os
import pty
import selectors
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from screenshots.scene import scene

RECORDING = Path(__file__).parents[1] / "docs" / "console.cast"

COLUMNS, LINES = 80, 24

KEYS = (
    *((3.0, ""), (1.2, "j"), (1.0, "j"), (1.0, "\r"), (2.5, "\x1b"), (1.0, "2")),
    *((2.5, "j"), (0.8, "j"), (0.8, "\r"), (3.0, "\x1b"), (1.0, "3")),
    *((2.0, "\r"), (8.0, "\x1b"), (1.0, "?"), (2.0, "\x1b"), (0.8, "q")),
)
"""Seconds until a key is pressed, and the key."""

END = 10.0
"""Seconds that the console has to leave after its last key."""


def main() -> int:
    """Record, and say how large it is."""
    with tempfile.TemporaryDirectory(prefix="slipway-recording-") as name, scene(Path(name)) as store:
        events = record([str(Path(sys.executable).with_name("slipway")), "--store", str(store)])
    head = {"version": 2, "width": COLUMNS, "height": LINES, "title": "Slipway", "env": {"TERM": "xterm-256color"}}
    RECORDING.write_text("".join(json.dumps(one) + "\n" for one in [head, *events]))
    print(f"{RECORDING.name}: {RECORDING.stat().st_size / 1000:.0f} KB, {events[-1][0]:.0f} s")
    return 0


def record(command: list[str]) -> list[tuple[float, str, str]]:
    """Run the command on a terminal, press the keys; what it sent, as asciicast wants it."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    with subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True
    ) as process:
        os.close(its)
        try:
            return _played(ours, time.monotonic())
        finally:
            os.close(ours)
            process.terminate()


def _played(terminal: int, began: float) -> list[tuple[float, str, str]]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    events: list[tuple[float, str, str]] = []
    with selectors.DefaultSelector() as ready:
        ready.register(terminal, selectors.EVENT_READ)
        for wait, key in (*KEYS, (END, "")):
            until = time.monotonic() + wait
            while (left := until - time.monotonic()) > 0:
                if not ready.select(left):
                    continue
                try:
                    data = os.read(terminal, 65536)
                except OSError:  # the console has left
                    return events
                if text := decoder.decode(data):
                    events.append((round(time.monotonic() - began, 3), "o", text))
            os.write(terminal, key.encode())
    return events


if __name__ == "__main__":
    sys.exit(main())
