"""Page 8: the worker's log and that of the commands, at their end or wherever one reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from tui.actions import BY_ID, Scope
from tui.bindings import bindings
from tui.present import logs as present
from tui.present.text import Line
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from engine.console.logs import Tail


class LogsPage(Page):
    """The lines of one log. A line is wide, so its detail is below the list."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.LOGS)
    DEFAULT_CSS = """
    LogsPage #body { layout: vertical; }
    LogsPage #detail { height: 10; border-left: none; border-top: solid $secondary; }
    """

    place = "logs"
    view = present.VIEW
    every = 0.5  # a file that grows does not tell the store

    def __init__(self) -> None:
        super().__init__()
        self.source = "worker"
        self.following = True
        self._tail: tuple[str, Tail] | None = None
        self._moved_in: Sequence[Any] = ()

    @property
    def title_text(self) -> str:  # type: ignore[override]
        """Which log, and whether it is followed."""
        return f"Logs > {self.source}{', following' if self.following else ''}"

    def read(self, desk: "Desk") -> Sequence[Any]:
        """The last lines of the log."""
        from engine.console import logs

        source = self.source
        if self._tail is None or self._tail[0] != source:
            self._tail = source, logs.tail_of(desk, source)
        return self._tail[1].read()

    def detail(self, row: Any, _now: datetime) -> list[Line]:
        """All of the line."""
        return present.detail(row, self.size.width - 4)

    def empty(self) -> list[Line]:
        """Nothing has been written yet."""
        return present.empty(self.source)

    def copied(self, row: Any) -> str:
        """The text of the line."""
        return row.text

    def on_table_moved(self) -> None:
        """New lines are followed; who moves the cursor away from the end reads, and is left alone.

        What every page does then comes after it: Textual calls the handlers of all classes.
        """
        table = self.table
        if self.following and table.rows and table.row is not table.rows[-1]:
            if table.rows is self._moved_in:
                self.following = False
            else:
                self.act_bottom()
        self._moved_in = table.rows

    def act_log_source(self) -> None:
        """The other log, at its end."""
        self.source = "commands" if self.source == "worker" else "worker"
        self.following = True
        self.table.unmark()
        self.app.feed.look(self)
        self.say(f"the log of {'the worker' if self.source == 'worker' else 'the commands and consoles'}")

    def act_log_follow(self) -> None:
        """Stay at the end from now on, or no longer."""
        self.following = not self.following
        if self.following:
            self.act_bottom()
        again = self.app.key_of(BY_ID["log.follow"])
        self.say("following" if self.following else f"not following; {again} follows again")
        self._show_frame()
