"""Before something is changed: what it amounts to, to be agreed to or left."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen

from tui.present import frame
from tui.present.text import Line
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

TALLEST = 16
"""Lines that are shown at once; the rest is scrolled to."""


class Review(ModalScreen[bool]):
    """True when it was agreed to, False when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Leave", show=False)]
    DEFAULT_CSS = """
    Review { align: center middle; background: $background 60%; }
    Review Vertical { width: 76; max-width: 100%; height: auto; max-height: 90%; }
    Review Vertical { border: solid $primary; background: $background; }
    """

    def __init__(self, title: str, lines: Sequence[Line], agree: str, key: str = "enter") -> None:
        """`agree`: what `key` does, in a word or two; "" when there is nothing to agree to."""
        super().__init__()
        self._title, self._lines, self._agree, self._key = title, lines, agree, key

    def compose(self) -> ComposeResult:
        """What changes, and the two keys."""
        with Vertical():
            yield FrameLine(id="title")
            yield Lines(id="lines")
            yield FrameLine(id="keys")

    def on_mount(self) -> None:
        """The lines have the keys, to be scrolled."""
        self.query_one("#title", FrameLine).show(((f" {self._title}", "title"),))
        lines = self.query_one(Lines)
        lines.styles.height = min(TALLEST, max(1, len(self._lines)))
        lines.show(self._lines)
        lines.focus()
        keys = [(self._key, self._agree)] if self._agree else []
        if len(self._lines) > TALLEST:
            keys = [("j k", "read on"), *keys]
        self.query_one("#keys", FrameLine).show(frame.named_keys([*keys, ("esc", "leave")]))

    def on_key(self, event: Key) -> None:
        """Only its own key agrees."""
        if self._agree and event.key == self._key:
            event.stop()
            self.dismiss(True)
