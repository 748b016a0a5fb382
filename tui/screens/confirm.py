"""Before something is destroyed: what goes, what stays, and the name to be typed."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.present.text import Line, broken
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

WIDTH, MOST = 78, 14
"""The dialog's width, and its lines at most."""

BESIDE, BELOW = 5, 6
"""Cells beside the lines: border, padding, scrollbar; rows around them: border, title, question, input, error."""


class Confirm(ModalScreen[bool]):
    """True when the name was typed and entered, False when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Leave", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    Confirm { align: center middle; background: $background 60%; }
    Confirm Vertical { width: 78; max-width: 100%; height: auto; max-height: 100%; }
    Confirm Vertical { border: solid $error; background: $background; }
    Confirm Lines { height: auto; }
    Confirm Input.-textual-compact { padding: 0 1; background: $panel; }
    """

    def __init__(self, title: str, lines: Sequence[Line], name: str) -> None:
        """`name`: what has to be typed."""
        super().__init__()
        self._title, self._lines, self._name = title, lines, name

    def compose(self) -> ComposeResult:
        """What goes, the question, the input."""
        with Vertical():
            yield FrameLine(id="title")
            yield Lines(id="lines")
            yield FrameLine(id="question")
            yield Input(id="typed", compact=True)
            yield FrameLine(id="error")

    def on_mount(self) -> None:
        """The input has the keys."""
        self.query_one("#title", FrameLine).show(((f" {self._title}", "bad"),))
        asked = ((" Type ", "plain"), (self._name, "key"), (" and enter; esc leaves", "plain"))
        self.query_one("#question", FrameLine).show(asked)
        typed = self.query_one(Input)
        typed.cursor_blink = False
        typed.focus()

    def on_resize(self) -> None:
        """What goes is broken into other lines, and scrolls where there is no room: the question is always in view."""
        lines = self.query_one(Lines)
        shown = [part for line in self._lines for part in broken(line, min(WIDTH, self.size.width) - BESIDE)]
        lines.styles.height = max(1, min(MOST, len(shown), self.size.height - BELOW))
        lines.show(shown)

    def action_scroll(self, by: int) -> None:
        """Read on; the input keeps the keys."""
        self.query_one(Lines).scroll_relative(y=by, animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Only the very name will do."""
        if event.value.strip() == self._name:
            self.dismiss(True)
        else:
            self.query_one("#error", FrameLine).show(((f" That is not {self._name}; nothing was done.", "warn"),))
