"""The terminal as Textual drives it, and what the console does with it beyond that."""

from typing import Any

from textual.drivers.linux_driver import LinuxDriver

from tui.terminal import is_simple
from tui.thrift import Thrift

QUESTIONS = ("\x1b[?2026$p", "\x1b[?2048$p", "\x1b[<u")
"""Whether it can hold updates and report its size; the keyboard as it was. Some old terminals print the last letter."""


class TerminalDriver(LinuxDriver):
    """Its mouse can be switched while the console runs: leaving and coming back then do what fits. It sends less."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """As Textual calls it."""
        super().__init__(*given, **named)
        self._thrift = Thrift()

    def write(self, data: str) -> None:
        """Send it, without what the terminal knows already, or would print."""
        if data in QUESTIONS and is_simple():
            return
        if sent := self._thrift.of(data):
            super().write(sent)

    def forget(self) -> None:
        """The terminal no longer shows what was sent last."""
        self._thrift.forget()

    def use_mouse(self, on: bool) -> None:
        """Take the mouse from the terminal, or give it back."""
        if on:
            self._mouse = True
            self._enable_mouse_support()
        else:
            self._disable_mouse_support()
            self._mouse = False
        self.flush()
