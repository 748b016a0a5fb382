"""The console as a process on a terminal of the test's: starting it, and what it left behind."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.e2e.lab import ROOT
from tests.faults.terminal import Terminal
from tests.jobs.conftest import until

READY = "No endpoint yet"
"""What the console shows of an empty store."""


def environment(store: Path | str, **variables: str) -> dict[str, str]:
    """That of somebody who logged in: a terminal that takes UTF-8, no SSH."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SSH_", "LC_", "TMUX"))}
    return {
        **clean,
        "SLIPWAY_STORE": str(store),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        **variables,
    }


def start(terminal: Terminal, store: Path | str, *arguments: str, **variables: str) -> "subprocess.Popen[bytes]":
    """Start `slipway` on the terminal."""
    return terminal.start([sys.executable, "-m", "cli", *arguments], environment(store, **variables), ROOT)


def shows(terminal: Terminal, text: str, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Wait until the terminal was sent this text; colours between the words do not count."""
    until(lambda: text in without_codes(terminal.text), process)


def without_codes(sent: str) -> str:
    """What was sent, without the escape sequences."""
    return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])", "", sent)


def modes_on(sent: str) -> set[str]:
    """The private modes (DECSET) that are on after all that was sent."""
    on: set[str] = set()
    for mode, switch in re.findall(r"\x1b\[\?(\d+)([hl])", sent):
        (on.add if switch == "h" else on.discard)(mode)
    return on


def check_given_back(sent: str) -> None:
    """The first screen, the cursor shown, lines wrap; no mouse, no bracketed paste, no reports of size and focus."""
    assert modes_on(sent) == {"25", "7"}
    assert sent.count("\x1b[>") == sent.count("\x1b[<u"), "the keyboard's protocol"


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; who collects it may take its time."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


Shown = Callable[[str], None]
