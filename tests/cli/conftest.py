"""Running the command: in this process (fast), in one of its own, or on a terminal."""

import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.run import run

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as the one JSON document of `--json`."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """Stderr as the JSON form of an error; nothing else may be there, nor on stdout."""
        assert self.out == ""
        [(word, error)] = json.loads(self.err).items()
        assert word == "error"
        assert set(error) == {"code", "what", "object", "why", "fix"}
        found: dict[str, str] = error
        return found

    @property
    def line(self) -> str:
        """The one line on stderr that people get for an error."""
        assert self.out == ""
        assert self.err.startswith("slipway: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("slipway: ").rstrip("\n")


@pytest.fixture
def slipway(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`slipway("setting", "list", given="stdin", VARIABLE="value")` in this process, without a terminal."""

    def call(*arguments: str, given: str | bytes = b"", **variables: str) -> Outcome:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            stdin = io.BytesIO(given.encode() if isinstance(given, str) else given)
            patch.setattr(sys, "stdin", io.TextIOWrapper(stdin, encoding="utf-8"))
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setattr(threading, "excepthook", threading.excepthook)
            code = run(list(arguments))
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return call


def _in_a_process(*arguments: str, given: str | bytes = b"", **variables: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def process() -> Callable[..., Outcome]:
    """The same in a process of its own: for what concerns start, encodings, the log."""
    return _in_a_process


def _on_a_terminal(*arguments: str, typed: str, **variables: str) -> tuple[int, str]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"} | variables,
    )
    os.close(slave)
    os.write(master, typed.encode())
    shown = bytearray()
    try:
        while part := os.read(master, 4096):
            shown += part
    except OSError:  # EIO: the last process closed the terminal
        pass
    os.close(master)
    return process.wait(), shown.decode()


@pytest.fixture
def on_a_terminal() -> Callable[..., tuple[int, str]]:
    """Exit code and everything shown of a command that has a terminal, where `typed` was typed."""
    return _on_a_terminal
