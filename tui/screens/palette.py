"""Every action of the page by name; one that cannot be taken says why."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.actions import ACTIONS, Action, Scope
from tui.present.text import Line, fit
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import Console
    from tui.screens.page import Page

SHOWN = 14


class Palette(ModalScreen[str | None]):
    """Gives the chosen action's id, None when it was left."""

    app: "Console"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave", show=False),
        Binding("down", "move(1)", "Next", show=False, priority=True),
        Binding("up", "move(-1)", "Before", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Palette { align: center top; background: $background 60%; }
    Palette Vertical { width: 76; height: auto; border: solid $secondary; background: $background; margin: 1 0; }
    Palette Input { padding: 0 1; background: $panel; }
    Palette Lines { height: 14; }
    """

    def __init__(self, page: "Page") -> None:
        super().__init__()
        self._page = page
        scopes = (page.place, Scope.EVERYWHERE, Scope.TABLE)
        self._all = sorted((one for one in ACTIONS if one.scope in scopes), key=lambda one: scopes.index(one.scope))
        self._found: list[Action] = self._all
        self._at = 0

    def compose(self) -> ComposeResult:
        """Input and what it finds."""
        with Vertical():
            yield Input(placeholder="what to do", id="typed", compact=True)
            yield Lines(id="found")

    def on_mount(self) -> None:
        """Everything, before anything is typed."""
        self.query_one(Input).cursor_blink = False
        self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only what has every word."""
        words = event.value.lower().split()
        self._found = [one for one in self._all if all(word in f"{one.label} {one.help}".lower() for word in words)]
        self._at = 0
        self._show()

    def on_input_submitted(self) -> None:
        """Take it."""
        self.dismiss(self._found[self._at].id if self._found else None)

    def action_move(self, by: int) -> None:
        """Choose another."""
        self._at = max(0, min(self._at + by, len(self._found) - 1))
        self._show()

    def _show(self) -> None:
        top = max(0, self._at - SHOWN + 1)
        lines: list[Line] = [self._line(number) for number in range(top, min(len(self._found), top + SHOWN))]
        self.query_one(Lines).show(lines or [(("nothing of that name", "dim"),)])

    def _line(self, number: int) -> Line:
        action = self._found[number]
        why = self._page.why_not(action)
        mark = ">" if number == self._at else " "
        told = f"not now: {why}" if why else action.help
        key = fit(self.app.key_of(action), 8)
        chosen = "title" if number == self._at else "plain"
        return ((f"{mark} ", "key"), (key, "key"), (fit(action.label, 18), "dim" if why else chosen), (told, "dim"))
