"""Ctrl-C, SIGTERM and SIGHUP in the process that does the work."""

import fcntl
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from cli.progress import STOPPING, interruptible
from engine.cancel import Cancel
from tests.waiting import until

PAGE = 4096


def test_ctrl_c_while_a_line_waits_to_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of a pipe takes no more: the signal comes within the write, which must not be entered again."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PAGE)
    os.write(writing, b"." * PAGE)
    cancel, main = Cancel(), threading.main_thread()
    waits = Path(f"/proc/self/task/{main.native_id}/wchan")
    taken: list[bytes] = []

    def interrupt() -> None:
        until(lambda: "pipe" in waits.read_text())
        signal.pthread_kill(main.ident or 0, signal.SIGINT)
        until(lambda: cancel.asked)
        while len(b"".join(taken)) < PAGE or not taken[-1].endswith(b"the line\n"):
            taken.append(os.read(reading, PAGE))

    reader = threading.Thread(target=interrupt)
    with open(writing, "w") as stream, interruptible(cancel):  # noqa: PTH123 (a descriptor)
        monkeypatch.setattr(sys, "stderr", stream)
        reader.start()
        print("the line", file=stream, flush=True)
        reader.join()
    os.close(reading)
    assert b"".join(taken).decode() == "." * PAGE + "".join(f"{line}\n" for line in STOPPING) + "the line\n"
