"""Waiting for what another process does."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

# Seconds after which a test fails instead of hanging; on a machine with twenty at work a deployment took over 60.
PATIENCE = 240.0


def until(condition: Callable[[], object], process: "subprocess.Popen[Any] | None" = None) -> None:
    """Wait for the condition; fail when the process ended before it came true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
