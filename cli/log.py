"""The logs: 0600, UTC, one line per event. Their files are made by the first event."""

import logging
import os
import queue
import sys
import threading
import time
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from cli.output import printable
from storage import paths

# The worker writes some 60 bytes per step: 5 files of 5 MiB hold months.
SIZE, FILES = 5 << 20, 5
# Lines kept for a terminal that is stalled; further ones are in the log only.
KEPT = 1000
# Seconds that the last lines have to reach the terminal.
LAST = 1.0


def to_file() -> None:
    """Log to `slipway.log` in the state directory."""
    logging.basicConfig(level=logging.INFO, handlers=[_formatted(_PrivateFile(paths.log_file(), delay=True))])
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False


def to_file_again() -> None:
    """The same for a process that is not the worker after all."""
    logging.getLogger().handlers[:] = [_formatted(_PrivateFile(paths.log_file(), delay=True))]


def of_worker(store_id: str) -> None:
    """Log to the worker's own file from now on, rotated, and to the terminal if there is one."""
    file = _PrivateFile(paths.worker_log_file(store_id), maxBytes=SIZE, backupCount=FILES - 1, delay=True)
    handlers: list[logging.Handler] = [file]
    if sys.stderr.isatty():
        handlers.append(_Terminal())
    logging.getLogger().handlers[:] = [_formatted(handler) for handler in handlers]
    # The durable runner would print by a handler of its own; with one there already it makes none.
    runner = logging.getLogger("dbos")
    runner.handlers[:] = [logging.NullHandler()]
    runner.propagate = True


def file_name() -> str:
    """The file that this process logs to."""
    files = [one for one in logging.getLogger().handlers if isinstance(one, logging.FileHandler)]
    return files[0].baseFilename if files else str(paths.log_file())


def _formatted(handler: logging.Handler) -> logging.Handler:
    handler.setFormatter(_OneLine())
    return handler


class _PrivateFile(RotatingFileHandler):
    """Rotated only when `maxBytes` is given: several processes that rotate one file lose lines."""

    def _open(self):  # type: ignore[no-untyped-def]  # as the base class: a text file
        path = Path(self.baseFilename)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # a full disk or a read-only home stops no command and spoils no screen
            super().emit(record)


class _Terminal(logging.Handler):
    """Lines on stderr, written by a thread of its own: a stalled terminal costs its lines and slows nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str] = queue.Queue(KEPT)
        threading.Thread(target=self._write, name="terminal", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            self._lines.put_nowait(self.format(record))

    def flush(self) -> None:
        deadline = time.monotonic() + LAST
        while self._lines.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            with suppress(OSError):
                os.write(2, line.encode(errors="backslashreplace") + b"\n")  # past sys.stderr's lock
            self._lines.task_done()


class _OneLine(logging.Formatter):
    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(process)d %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
        )
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return " | ".join(printable(line) for line in super().format(record).splitlines() if line.strip())
