"""Every key of the page that is on the screen."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.actions import ACTIONS, Scope
from tui.present import frame
from tui.present.states import SIGNS
from tui.present.text import Line, fit, wrapped
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import Console

KEYS, LABEL = 16, 17
"""Cells of an action's keys and of its label."""


class HelpScreen(Screen[None]):
    """Keys and signs; esc or ? leaves."""

    app: "Console"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "Back", show=False)]

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        yield FrameLine(id="place")
        yield Lines(id="lines")
        yield FrameLine(id="keys")

    def on_mount(self) -> None:
        """The lines have the keys: they scroll."""
        self.query_one("#place", FrameLine).show(((" Slipway ", "key"), (f" Help: {self._place}", "title")))
        self.query_one(Lines).focus()
        self.query_one("#keys", FrameLine).show(frame.keys([("esc", "back"), ("j k", "scroll")], self.size.width))

    def on_resize(self) -> None:
        """Broken into other lines."""
        self.query_one(Lines).show(self._lines())

    def _lines(self) -> list[Line]:
        room = max(20, self.size.width - KEYS - LABEL - 5)
        lines: list[Line] = []
        for title, scope in (
            (self._place, self._place),
            ("every table", Scope.TABLE),
            ("everywhere", Scope.EVERYWHERE),
        ):
            lines += [((title, "title"),)]
            for action in ACTIONS:
                if action.scope == scope:
                    keys = " ".join(self.app.keys_of(action))
                    told = wrapped(action.help + (" (asks for the name)" if action.danger else ""), room)
                    first = ((f"  {fit(keys, KEYS)}", "key"), (fit(action.label, LABEL), "plain"), (told[0], "dim"))
                    lines += [first, *(((" " * (2 + KEYS + LABEL), "dim"), (more, "dim")) for more in told[1:])]
            lines.append(())
        lines.append((("signs", "title"),))
        kinds = {"endpoints": "endpoint", "templates": "template", "deploys": "deployment", "locks": "claim"}
        for sign in SIGNS.get(kinds.get(self._place, "worker"), {}).values():
            lines.append(((f"  {sign}", sign.tone),))
        return lines
