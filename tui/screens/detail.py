"""All that is known of one row, on a narrow terminal."""

from typing import TYPE_CHECKING

from textual.events import Key

from tui.actions import Scope
from tui.screens.framed import Framed
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.screens.page import Page


class DetailScreen(Framed):
    """Follows its row while it changes. The page's own actions work here too."""

    def __init__(self, page: "Page", key: str) -> None:
        """`key`: the row's, as the page's view tells it."""
        super().__init__()
        self._page, self._key = page, key

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
        self.show_place(page.place_line(f"{page.title_text} > {self._key}", self.size.width))
        lines = page.detail(row, self.app.clock()) if row is not None else [(("It is no longer there.", "warn"),)]
        self.query_one(Lines).show(lines)
        self.show_message(page.message)
        self.show_keys([("esc", "back"), *page.own_keys, ("y", "copy"), ("q", "quit")])

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
