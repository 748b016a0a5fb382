"""The worker's log: rotated, closed to others, and never held up by a terminal."""

import os
import pty
import stat
import subprocess
import sys
from contextlib import suppress

from storage import paths
from tests.cli.conftest import ROOT

SCRIPT = """\
import logging, sys
from cli import log
log.to_file()
log.SIZE = 2000
log.of_worker("5107e1")
for number in range(int(sys.argv[1])):
    logging.getLogger("slipway").info("event %d of\\x1b[31m many\\nlines", number)
logging.getLogger("dbos").warning("the runner's")
logging.shutdown()
"""


def run(events: int, **streams: int) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, str(events)], cwd=ROOT, check=True, timeout=60, **streams)


def test_it_is_rotated_and_stays_closed_to_others() -> None:
    run(400)
    log = paths.worker_log_file("5107e1")
    files = sorted(path.name for path in log.parent.iterdir())
    assert files == [log.name, *(f"{log.name}.{number}" for number in (1, 2, 3, 4))]
    for path in log.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_size <= 2000
    # Which line the rotation falls on depends on the length of the process's id.
    lines = [line for name in (f"{log.name}.1", log.name) for line in (log.parent / name).read_text().splitlines()]
    assert lines[-1].endswith("WARNING dbos: the runner's")
    assert lines[-2].endswith(r"INFO slipway: event 399 of\x1b[31m many | lines")


def test_on_a_terminal_its_lines_are_shown() -> None:
    master, slave = pty.openpty()
    run(1, stderr=slave)
    os.close(slave)
    shown = b""
    with suppress(OSError):  # EIO at the end
        while part := os.read(master, 4096):
            shown += part
    os.close(master)
    lines = shown.decode().splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [r"event 0 of\x1b[31m many | lines", "the runner's"]


def test_a_stalled_terminal_does_not_hold_it_up() -> None:
    master, slave = pty.openpty()
    os.set_blocking(slave, False)
    with suppress(BlockingIOError):
        while True:
            os.write(slave, b"x")
    os.set_blocking(slave, True)
    run(3000, stderr=slave)
    assert "event 2999" in paths.worker_log_file("5107e1").read_text()
    os.close(master)
    os.close(slave)
