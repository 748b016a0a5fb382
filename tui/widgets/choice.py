"""One of a few values, changed with the arrow keys or space."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from tui.widgets.paint import Painter


class Choice(Painter, can_focus=True):
    """Shows the value between arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Before", show=False),
        Binding("right,space,enter", "turn(1)", "Next", show=False),
    ]
    DEFAULT_CSS = "Choice { height: 1; }"

    def __init__(self, choices: tuple[str, ...], value: str, id: str | None = None) -> None:  # noqa: A002
        """`value` is one of `choices`."""
        super().__init__(id=id)
        self._choices, self.value = choices, value

    def action_turn(self, by: int) -> None:
        """The next value, or the one before."""
        at = self._choices.index(self.value) if self.value in self._choices else 0
        self.value = self._choices[(at + by) % len(self._choices)]
        self.refresh()

    def on_focus(self) -> None:
        """Shown as the field that has the keys."""
        self.refresh()

    def on_blur(self) -> None:
        """No longer."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The value; how many others there are."""
        tone = "cursor" if self.has_focus else "plain"
        more = f"  ({len(self._choices)}, left and right)" if self.has_focus and len(self._choices) > 1 else ""
        return self.strip([(f"< {self.value} >", tone), (more, "dim")] if y == 0 else [], self.size.width)
