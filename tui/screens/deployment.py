"""One deployment in a screen of its own, live; and the worker's log of it."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from engine.errors import SlipwayError
from tui.present import deploys as present
from tui.present import frame
from tui.present.text import Line
from tui.screens.detail import DetailScreen
from tui.screens.framed import Framed
from tui.screens.page import LARGE, TALL
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from engine.console.deploys import DeployRow
    from engine.console.desk import Desk
    from tui.screens.deploys import DeploysPage

LOG_LINES = 5000
"""Of the worker's log, in a screen of its own."""


class DeploymentScreen(DetailScreen):
    """VMs, what they wait for, steps; from 160x48 on the log below. The page's own actions work here too.

    Its handlers of events come before those of the detail screen, which Textual calls by itself.
    """

    DEFAULT_CSS = """
    DeploymentScreen #lines { height: 2fr; }
    DeploymentScreen #log { height: 1fr; display: none; border-top: solid $secondary; }
    DeploymentScreen.-large #log { display: block; }
    """

    def __init__(self, page: "DeploysPage", row: "DeployRow") -> None:
        """`row`: the one that the page's cursor is on."""
        super().__init__(page, page.view.key(row))
        self.number = row.id
        self._deploys = page

    def body(self) -> ComposeResult:
        """What is known of it, its log."""
        yield Lines(id="lines")
        yield Lines(follow=True, id="log")

    def on_mount(self) -> None:
        """From now on this one is read in full."""
        self._deploys.opened = self
        self._deploys.watch_row()

    def on_unmount(self) -> None:
        """No longer."""
        self._deploys.opened = None
        self._deploys.watch_row()

    def on_resize(self) -> None:
        """With the log or without."""
        self.set_class(self.size.width >= LARGE and self.size.height >= TALL, "-large")

    def draw(self) -> None:
        """What has come is shown at once."""
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        super()._show()
        page = self._deploys
        row = page.table.find(self._key)
        log = self.query_one("#log", Lines)
        if log.display:
            log.show(present.log(row))


class DeploymentLog(Framed):
    """The worker's log of one deployment; stays at the end while the end is in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,L", "dismiss", "Back", show=False),
        Binding("q,ctrl+c", "leave", "Quit", show=False),
    ]

    def __init__(self, page: "DeploysPage", row: "DeployRow") -> None:
        """`row`: whose log."""
        super().__init__()
        self._page, self._row = page, row
        self._asking = False

    def body(self) -> ComposeResult:
        """Its lines."""
        yield Lines(follow=True, id="lines")

    def on_mount(self) -> None:
        """Read now, and then every second."""
        title = f"{self._page.title_text} > {self._row.id} {self._row.name} > log"
        self.show_place(self._page.place_line(title, self.size.width))
        self.show_keys([("esc", "back"), ("j k", "scroll"), ("g G", "first, last: stays there"), ("q", "quit")])
        self.query_one(Lines).show([(("reading ...", "dim"),)])
        self.query_one(Lines).focus()
        self.set_interval(2.0 if self.app.slow else 1.0, self._read)
        self._read()

    def action_leave(self) -> None:
        """Leave the console."""
        self.app.action_do("quit")

    def _read(self) -> None:
        if self._asking or self.app.paused:
            return
        self._asking = True
        number = self._row.id
        self.app.feed.ask(lambda desk: _log(desk, number), self._took, self._refused)

    def _took(self, lines: tuple[str, ...]) -> None:
        self._asking = False
        if self.is_attached:
            width = self.size.width - 4
            shown: list[Line] = [shown for line in lines for shown in present.log_lines(line, width)]
            self.query_one(Lines).show(shown or [(("Nothing in the worker's log yet.", "dim"),)])

    def _refused(self, error: SlipwayError) -> None:
        self._asking = False
        if self.is_attached:
            self.show_message(((frame.one_line(str(error)), "bad"),))


def _log(desk: "Desk", number: int) -> tuple[str, ...]:
    from engine.console import worker_log

    return worker_log.of_deployment(desk, number, LOG_LINES)
