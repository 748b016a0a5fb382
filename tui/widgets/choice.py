"""One of a few values, changed with the arrow keys or space, or found by typing how it begins."""

from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message
from textual.strip import Strip

from tui.present.text import printable
from tui.widgets.paint import Painter


class Choice(Painter, can_focus=True):
    """Shows the value between arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Before", show=False),
        Binding("right,space", "turn(1)", "Next", show=False),
        Binding("enter", "take", "Take", show=False),
    ]
    DEFAULT_CSS = "Choice { height: 1; }"

    class Taken(Message):
        """Enter: this value it is."""

    class Changed(Message):
        """It has another value: somebody chose it."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, choices: tuple[str, ...], value: str, id: str | None = None) -> None:  # noqa: A002
        """`value` is one of `choices`."""
        super().__init__(id=id)
        self._choices, self.value = choices, value
        self._typed = ""

    def offer(self, choices: tuple[str, ...]) -> None:
        """From now on it is one of these; the first, unless it was one of them already."""
        self._choices = choices
        if self.value not in choices:
            self.value = choices[0]
        self._typed = ""
        self.refresh()

    def action_turn(self, by: int) -> None:
        """The next value, or the one before."""
        at = self._choices.index(self.value) if self.value in self._choices else 0
        self._typed = ""
        self._choose(self._choices[(at + by) % len(self._choices)])

    def action_take(self) -> None:
        """Go on with it."""
        self.post_message(self.Taken())

    def on_key(self, event: Key) -> None:
        """Letters find the first value that begins with them, or else holds them; what finds nothing begins anew."""
        if event.character is None or not event.character.isprintable() or event.character == " ":
            return
        event.stop()
        for typed in (self._typed + event.character.lower(), event.character.lower()):
            begins = [one for one in self._choices if one.lower().startswith(typed)]
            found = begins or [one for one in self._choices if typed in one.lower()]
            if found:
                self._typed = typed
                self._choose(found[0])
                return

    def _choose(self, value: str) -> None:
        self.value = value
        self.refresh()
        self.post_message(self.Changed(self))

    def on_focus(self) -> None:
        """Shown as the field that has the keys."""
        self.refresh()

    def on_blur(self) -> None:
        """No longer."""
        self._typed = ""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The value; how many others there are."""
        tone = "cursor" if self.has_focus else "plain"
        value = f"< {printable(self.value)} >"
        several = f"  one of {len(self._choices)}" if self.has_focus and len(self._choices) > 1 else ""
        hints = [f"{several}: left, right, or type", several] if several else []
        more = next((hint for hint in hints if cell_len(value + hint) <= self.size.width), "")
        return self.strip([(value, tone), (more, "dim")] if y == 0 else [], self.size.width)
