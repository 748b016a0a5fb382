"""A screen that stands on a page, in the same frame: where one is, what it shows, the message, the best keys."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import Screen

from tui.present import frame
from tui.present.text import Line
from tui.widgets.line import FrameLine, MessageLine
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import Console


class Framed(Screen[None]):
    """The base of these screens; one that shows more than lines extends `body`."""

    app: "Console"

    def compose(self) -> ComposeResult:
        """Title, body, message, keys."""
        yield FrameLine(id="place")
        yield from self.body()
        yield MessageLine(id="message")
        yield FrameLine(id="keys")

    def body(self) -> ComposeResult:
        """What it shows."""
        yield Lines(id="lines")

    @property
    def is_current(self) -> bool:
        """Whether it is painted: behind a dialog it waits, as a page does."""
        return self.app.screen is self

    def show_place(self, place: Line) -> None:
        """Say in the first line where one is."""
        self.query_one("#place", FrameLine).show(place)

    def show_message(self, message: Line) -> None:
        """Say this on the message line."""
        self.query_one("#message", FrameLine).show(message)

    def show_keys(self, best: list[tuple[str, str]]) -> None:
        """Tell the best keys in the last line."""
        self.query_one("#keys", FrameLine).show(frame.keys(best, self.size.width))
