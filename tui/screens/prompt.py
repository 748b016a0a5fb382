"""One line of input at the foot of the screen: the filter, the jump."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input, Label


class Prompt(ModalScreen[str | None]):
    """Gives the text, None when it was left with escape. `typed` is told of every change."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Leave", show=False)]
    DEFAULT_CSS = """
    Prompt { align: left bottom; background: $background 0%; }
    Prompt Horizontal { height: 1; background: $panel; }
    Prompt Label { width: auto; color: $primary; text-style: bold; padding: 0 0 0 1; }
    Prompt Input { background: $panel; width: 1fr; }
    """

    def __init__(self, sign: str, text: str = "", typed: Callable[[str], None] | None = None) -> None:
        """`sign`: the character before the input."""
        super().__init__()
        self._sign, self._text, self._typed = sign, text, typed

    def compose(self) -> ComposeResult:
        """Sign and input."""
        with Horizontal():
            yield Label(self._sign)
            yield Input(self._text, select_on_focus=False, compact=True)

    def on_mount(self) -> None:
        """No cursor blinks: that would be bytes for nothing."""
        self.query_one(Input).cursor_blink = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell of it."""
        if self._typed is not None:
            self._typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Done."""
        self.dismiss(event.value)
