"""Being asked to stop by a signal, whose handler runs between any two steps of the main thread."""

import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.errors import Cancelled


def asked_after(steps: int) -> bool:
    """Whether a wait had so many lines; it was asked to stop after them, and did."""
    cancel, seen = Cancel(), 0

    def handler(_frame: FrameType, event: str, _what: Any) -> Any:
        nonlocal seen
        seen += event == "line"
        if seen == steps and not cancel.asked:
            cancel.ask()
        return handler

    before = sys.gettrace()
    sys.settrace(handler)
    try:
        with suppress(Cancelled):
            cancel.pause(0.01)
    finally:
        sys.settrace(before)
    if cancel.asked:
        with pytest.raises(Cancelled):
            cancel.check()
    return cancel.asked


@pytest.mark.timeout(30)
def test_a_wait_can_be_asked_to_stop_at_any_line() -> None:
    steps = 1
    while asked_after(steps):
        steps += 1
    assert steps > 20
