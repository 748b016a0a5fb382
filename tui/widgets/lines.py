"""Lines of text that scroll: details, help, logs. Only the visible ones are painted."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.present.text import Line
from tui.widgets.paint import Painter


class Lines(Painter, ScrollView, can_focus=True):
    """Any number of lines, each of any number of cells; what changed is repainted line by line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
        Binding("ctrl+d", "page_down", show=False),
        Binding("ctrl+u", "page_up", show=False),
    ]
    DEFAULT_CSS = """
    Lines { height: 1fr; width: 1fr; padding: 0 1; }
    Lines { overflow: hidden auto; scrollbar-size: 1 1; scrollbar-gutter: stable; }
    """

    def __init__(self, follow: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """`follow`: stay at the end when lines are added there, as long as the end is in view."""
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._follow = follow
        self._at_end = True

    @property
    def text(self) -> str:
        """Every line without colours."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines."""
        before, self._lines = self._lines, lines
        if self.size.height:  # before it is laid out it is at its end
            self._at_end = self.scroll_offset.y >= self.max_scroll_y
        # As wide as the pane, whatever the lines are: another size would lay out and paint the whole screen anew.
        self.virtual_size = Size(self.size.width, len(lines))
        self._stay()
        top = self.scroll_offset.y
        for y in range(self.size.height):
            old = before[top + y] if top + y < len(before) else None
            new = lines[top + y] if top + y < len(lines) else None
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self) -> None:
        """The end is elsewhere."""
        self._stay()

    def _stay(self) -> None:
        if self._follow and self._at_end and self.size.height:
            # By force: it does not know yet that it has become long enough to scroll.
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True, force=True)

    def render_line(self, y: int) -> Strip:
        """The y-th visible line."""
        index = y + self.scroll_offset.y
        return self.strip(self._lines[index] if index < len(self._lines) else (), self.size.width)
