"""Painting cells: a tone of the theme becomes a style, cells side by side become a strip of the terminal."""

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.present.text import TONES, Cell, harmless


class Painter(Widget):
    """A widget that paints cells."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"paint--{tone}" for tone in (*TONES, "head", "cursor")}

    _styles: dict[str, Style] | None = None

    def style_of(self, tone: str) -> Style:
        """The style of a tone, of the table's head or of the cursor."""
        if self._styles is None:
            self._styles = {}
        if tone not in self._styles:
            self._styles[tone] = self.get_component_rich_style(f"paint--{tone}")
        return self._styles[tone]

    def notify_style_update(self) -> None:
        """Another theme: every style is asked for again."""
        self._styles = None
        super().notify_style_update()

    def strip(self, cells: Iterable[Cell], width: int, blank: str = "plain") -> Strip:
        """The cells in exactly `width` terminal cells, the rest in the style of `blank`."""
        segments = []
        before = blank
        for text, tone in cells:
            # Blanks take the tone before them where they look the same in it: another one is 40 bytes on the line.
            if not text.isspace() or "cursor" in (tone, before):
                before = tone
            segments.append(Segment(harmless(text), self.style_of(before)))
        rest = self.style_of(blank if "cursor" in (blank, before) else before)
        return Strip(segments).adjust_cell_length(width, rest).simplify()
