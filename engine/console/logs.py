"""Logs as the console shows them: the end of a file that grows and is rotated, in bounded memory."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from sys import intern
from typing import BinaryIO

from engine.console.desk import Desk
from engine.errors import Failed
from storage import paths

SOURCES = ("worker", "commands")
"""Whose logs there are: the worker's of this store, and that of every command and console of this user."""

KEPT, BYTES, LONGEST = 50_000, 8 << 20, 16 << 10
"""Lines kept at most, bytes of them at most, bytes of one line at most."""

PIECE = 256 << 10
"""Bytes that are read at once."""

_LEVELS = {name: name.lower() for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")}
_RECORDER = "engine.jobs.recorder:"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; `number` tells it from all others. `at` is UTC, None of a line that is not in Slipway's form: then
    `text` is all of it. `job`: `deployment 3` or `job 7`, `item`: a VM's name or a template's uid; "" where it names
    none. `module`: the part of Slipway that wrote it.
    """

    number: int
    at: datetime | None
    level: str
    job: str
    item: str
    text: str
    module: str
    pid: str


class Tail:
    """The end of a log. For one thread."""

    def __init__(self, path: Path) -> None:
        """The file need not be there yet."""
        self.path = path
        self._inode: int | None = None
        self._offset = 0
        self._begun = b""
        self._lines: deque[LogLine] = deque()
        self._size = 0
        self._number = 0
        self._shown: tuple[LogLine, ...] = ()

    def read(self) -> tuple[LogLine, ...]:
        """The last lines; the very same tuple when nothing has come. Raises Failed for a file that cannot be read."""
        before = self._number
        try:
            for piece in self._appended():
                *lines, self._begun = (self._begun + piece).split(b"\n")
                self._begun = self._begun[:LONGEST]
                for line in lines:
                    self._keep(line[:LONGEST].decode(errors="backslashreplace"))
        except FileNotFoundError:  # nothing has been written yet, or it is being rotated
            pass
        except OSError as error:
            why, fix = error.strerror or str(error), "make it readable for this user"
            raise Failed("cannot read the log", on=str(self.path), why=why, fix=fix) from error
        if self._number != before:
            self._shown = tuple(self._lines)
        return self._shown

    def _appended(self) -> Iterator[bytes]:
        """What was written since the last time, at most the last BYTES of it, piece by piece."""
        with self.path.open("rb") as file:
            now = os.fstat(file.fileno())
            if self._inode is None:
                yield from _rotated(self.path.with_name(f"{self.path.name}.1"), 0, BYTES - now.st_size)
            elif self._inode != now.st_ino:
                yield from _rotated(self._where(self._inode), self._offset, BYTES)
                self._offset = 0
            elif now.st_size < self._offset:
                self._offset = 0
            self._inode = now.st_ino
            yield from _pieces(file, self._offset, BYTES)
            self._offset = file.tell()

    def _where(self, inode: int) -> Path:
        """Where the file is now that was rotated away while it was being read."""
        older = self.path.parent.glob(f"{self.path.name}.*")
        return next((path for path in older if path.stat().st_ino == inode), self.path.with_name("gone"))

    def _keep(self, line: str) -> None:
        self._number += 1
        self._lines.append(parsed(self._number, line))
        self._size += len(self._lines[-1].text)
        while len(self._lines) > KEPT or self._size > BYTES:
            self._size -= len(self._lines.popleft().text)


def _rotated(path: Path, begin: int, most: int) -> Iterator[bytes]:
    """The end of a file that was rotated away, nothing when it is gone."""
    if most > 0:
        with suppress(FileNotFoundError), path.open("rb") as file:
            yield from _pieces(file, begin, most)


def _pieces(file: BinaryIO, begin: int, most: int) -> Iterator[bytes]:
    """What the file has after `begin`; of more than `most` bytes the last ones, from the beginning of a line."""
    start = max(begin, os.fstat(file.fileno()).st_size - most)
    file.seek(start)
    if start > begin:
        file.readline()
    while piece := file.read(PIECE):
        yield piece


def tail_of(desk: Desk, source: str) -> Tail:
    """The log of that one of SOURCES."""
    return Tail(paths.worker_log_file(desk.store.id) if source == "worker" else paths.log_file())


def parsed(number: int, line: str) -> LogLine:
    """`2026-11-21T15:53:14.305Z 31672 INFO engine.jobs.recorder: deployment 1: a.lab01 cloning: of esxi-8.0u3g`."""
    told = line.split(" ", 4)
    if len(told) < 5 or told[2] not in _LEVELS or not (told[0].endswith("Z") and told[3].endswith(":")):
        return LogLine(number, None, "", "", "", line, "", "")
    try:
        at = datetime.fromisoformat(told[0])
    except ValueError:
        return LogLine(number, None, "", "", "", line, "", "")
    _, pid, level, module, text = told
    job = item = ""
    if text.startswith(("deployment ", "job ")):
        head, colon, rest = text.partition(": ")
        if colon and head.rpartition(" ")[2].isdigit():
            job, text = head, rest
            if module == _RECORDER:
                item, _, text = rest.partition(" ")
    return LogLine(number, at, _LEVELS[level], intern(job), intern(item), text, intern(module[:-1]), intern(pid))
