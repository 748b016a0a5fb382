"""All that is known of one row, on a narrow terminal."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.events import Key
from textual.screen import Screen

from tui.actions import Scope
from tui.present import frame
from tui.widgets.line import FrameLine, MessageLine
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import Console
    from tui.screens.page import Page


class DetailScreen(Screen[None]):
    """Follows its row while it changes. The page's own actions work here too."""

    app: "Console"

    def __init__(self, page: "Page", key: str) -> None:
        """`key`: the row's, as the page's view tells it."""
        super().__init__()
        self._page, self._key = page, key

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        yield FrameLine(id="place")
        yield Lines(id="lines")
        yield MessageLine(id="message")
        yield FrameLine(id="keys")

    def on_mount(self) -> None:
        """Once a second it is drawn anew; only changed lines are painted."""
        self._page.looked_at = self._key
        self.set_interval(2.0 if self.app.slow else 1.0, self._tick)
        self._show()
        self.query_one(Lines).focus()

    def on_unmount(self) -> None:
        """The page's actions are for its own rows again."""
        self._page.looked_at = None

    def on_resize(self) -> None:
        """Broken into other lines."""
        self._show()

    def _tick(self) -> None:
        if not self.app.paused:
            self._show()

    def _show(self) -> None:
        page = self._page
        row = page.table.find(self._key)
        title = f"{page.title_text} > {self._key}"
        self.query_one("#place", FrameLine).show(
            frame.place(title, page.pulse, page.standing, self.app.paused, self.app.read_only, self.size.width)
        )
        lines = page.detail(row, self.app.clock()) if row is not None else [(("It is no longer there.", "warn"),)]
        self.query_one(Lines).show(lines)
        self.query_one("#message", FrameLine).show(page.message)
        keys = [("esc", "back"), *page.own_keys, ("y", "copy"), ("q", "quit")]
        self.query_one("#keys", FrameLine).show(frame.keys(keys, self.size.width))

    def on_key(self, event: Key) -> None:
        """Back is back; everything else the page does."""
        action = self.app.action_for(event.key, self._page.place, Scope.EVERYWHERE)
        if action is None:
            return
        event.stop()
        if action.id == "back":
            self.dismiss()
        else:
            self._page.action_do(action.id)
            self._show()
