"""The lines of the frame: repainted only when what they say has changed."""

from textual.events import Resize
from textual.strip import Strip

from tui.present.text import Line, broken, fit
from tui.widgets.paint import Painter


class FrameLine(Painter):
    """A line of cells. A Label would lay the whole screen out anew at every change (3,498 B instead of 94 B)."""

    DEFAULT_CSS = "FrameLine { height: 1; width: 1fr; }"

    _cells: Line = ()

    def show(self, cells: Line) -> None:
        """Say this from now on."""
        if cells != self._cells:
            self._cells = cells
            self.refresh()

    @property
    def text(self) -> str:
        """What it says, without colours."""
        return "".join(text for text, _ in self._cells)

    def render_line(self, y: int) -> Strip:
        """The line; below it nothing."""
        return self.strip(self._cells if y == 0 else (), self.size.width)


class MessageLine(FrameLine):
    """The line for messages. One that is too long takes more rows, a third of the screen at most: a refusal whose
    reason is cut away helps nobody.
    """

    _rows: tuple[Line, ...] = ()

    def show(self, cells: Line) -> None:
        """Say this from now on, in as many rows as it needs."""
        if cells != self._cells:
            super().show(cells)
            self._fit()

    def on_resize(self, _event: Resize) -> None:
        """Broken into other rows."""
        self._fit()

    def render_line(self, y: int) -> Strip:
        """One of its rows."""
        return self.strip(self._rows[y] if y < len(self._rows) else (), self.size.width)

    def _fit(self) -> None:
        width = self.size.width
        if not width:  # not laid out yet
            return
        rows = broken(self._cells, width) if self._cells else []
        most = max(1, self.app.size.height // 3)
        if len(rows) > most:
            text, tone = rows[most - 1][-1]
            rows = [*rows[: most - 1], ((fit(f"{text} {rows[most][-1][0]}", width), tone),)]
        self._rows = tuple(rows)
        self.styles.height = max(1, len(rows))
        self.refresh()
