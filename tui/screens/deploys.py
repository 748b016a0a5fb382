"""Page 3: deployments, live; what is done about them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from tui.actions import Action, Scope
from tui.bindings import bindings
from tui.messages import PageRead
from tui.present import deploys as present
from tui.present.text import Line, printable
from tui.screens.page import LARGE, TALL, Page
from tui.widgets.lines import Lines
from tui.widgets.table import Table

if TYPE_CHECKING:
    from engine.console.deploys import DeployRow, Needs
    from engine.console.desk import Desk
    from tui.screens.deployment import DeploymentScreen

LOG_LINES = 100
"""Of the worker's log, in the third pane."""


class DeploysPage(Page):
    """The list of deployments; the detail below it, because both are wide."""

    place = "deploys"
    title_text = "Deploys"
    view = present.VIEW
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.DEPLOYS)
    DEFAULT_CSS = """
    DeploysPage #table { min-height: 6; }
    DeploysPage #detail { height: 2fr; border-left: none; border-top: solid $secondary; }
    DeploysPage #log { display: none; height: 1fr; border-top: solid $secondary; }
    DeploysPage.-large #log { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.watched: int | None = None
        """The deployment that is read in full; told to the feed's thread, which only looks."""
        self.opened: DeploymentScreen | None = None
        """The screen of one of them, when it is there."""

    def body(self) -> ComposeResult:
        """List, detail, log."""
        with Vertical(id="body"):
            yield Table(self.view, self.app.clock, id="table")
            yield Lines(id="detail")
            yield Lines(follow=True, id="log")

    def read(self, desk: "Desk") -> Sequence[Any]:
        """Every deployment; the one that is looked at in full."""
        from engine.console import deploys

        return deploys.read(desk, self.watched, LOG_LINES)

    def took(self, reading: PageRead) -> None:
        """Rows have come, for the screen of one of them too."""
        super().took(reading)
        if self.opened is not None:
            self.opened.draw()

    def on_resize(self) -> None:
        """From 160x48 on there is room for the log."""
        self.set_class(self.size.width >= LARGE and self.size.height >= TALL, "-large")
        self.call_after_refresh(self.watch_row)

    def on_table_moved(self) -> None:
        """Another one is looked at."""
        self.watch_row()

    def watch_row(self) -> None:
        """Have the deployment read in full that is looked at; none where only the list is seen."""
        row: DeployRow | None = self.row
        seen = row.id if row is not None and self.query_one("#detail").display else None
        before, self.watched = self.watched, self.opened.number if self.opened else seen
        if self.watched not in (None, before):
            self.app.feed.look(self)

    def detail(self, row: Any, now: datetime) -> list[Line]:
        """All that is known of it, as wide as there is room."""
        return present.detail(row, now, max(56, self.app.size.width - 4), self.app.advice)

    def _show_detail(self) -> None:
        super()._show_detail()
        log = self.query_one("#log", Lines)
        if log.display:
            log.show(present.log(self.row))

    def empty(self) -> list[Line]:
        """The newcomer's way."""
        return present.EMPTY

    def copied(self, row: Any) -> str:
        """The whole error, or the id."""
        return present.copied(row)

    def why_not(self, action: Action) -> str:
        """By the state of the rows."""
        return super().why_not(action) or present.why_not(action.id, self.rows)

    def act_open(self) -> None:
        """One deployment in a screen of its own."""
        from tui.screens.deployment import DeploymentScreen

        if self.row is not None:
            self.app.push_screen(DeploymentScreen(self, self.row))

    def act_deploy_log(self) -> None:
        """The worker's log of this one."""
        from tui.screens.deployment import DeploymentLog

        self.app.push_screen(DeploymentLog(self, self.row))

    def act_deploy_new(self) -> None:
        """The wizard."""
        from tui.screens.wizard import begin

        begin(self)

    def act_deploy_cancel(self) -> None:
        """Show what goes, ask for the name, and have it stopped."""
        rows: list[DeployRow] = self.rows
        ids = [row.id for row in rows]
        self._confirm(
            "Cancel", present.cancelled(rows), lambda desk: _cancel(desk, ids), "cancelling", "is being cancelled"
        )

    def act_deploy_remove(self) -> None:
        """Show what goes, ask for the name, and have it removed."""
        rows: list[DeployRow] = self.rows
        ids = [row.id for row in rows]
        self._confirm("Remove", present.removed(rows), lambda desk: _remove(desk, ids), "removing", "is being removed")

    def act_deploy_retry(self) -> None:
        """The rest of each, again."""
        self._again("retry")

    def act_deploy_resume(self) -> None:
        """Take them up again."""
        self._again("resume")

    def _confirm(self, title: str, lines: list[Line], verb: Callable[["Desk"], None], doing: str, becomes: str) -> None:
        from tui.screens.confirm import Confirm

        rows: list[DeployRow] = self.rows
        named = printable(present.several(rows))

        def answered(yes: bool | None) -> None:
            if yes:
                self.table.unmark()
                self.ask(verb, f"{doing} {named}", f"{named} {becomes if len(rows) == 1 else 'asked for'}")

        self.app.push_screen(Confirm(f"{title} {named}", lines, named), answered)

    def _again(self, verb: str) -> None:
        """Begin these again together; for those that need something more it is asked for, one after the other."""
        from tui.screens.wizard import ask_again

        rows: list[DeployRow] = self.rows

        def needed(needs: "Sequence[Needs]") -> None:
            ready = [row for row, one in zip(rows, needs, strict=True) if one.nothing]
            if ready:
                named, ids = present.several(ready), [row.id for row in ready]
                queued = f"{named}: {verb} is queued"
                self.ask(lambda desk: _begin_again(desk, ids, verb), f"{verb}: {named}", queued)
            for row, one in zip(rows, needs, strict=True):
                if not one.nothing:
                    ask_again(self, row, verb, one)

        doing = f"{verb}: looking what {printable(present.several(rows))} needs"
        self.ask_first(lambda desk: _needs(desk, [row.id for row in rows]), doing, needed)


def _cancel(desk: "Desk", ids: list[int]) -> None:
    from engine.console import deploys

    deploys.cancel(desk, ids)


def _remove(desk: "Desk", ids: list[int]) -> None:
    from engine.console import deploys

    deploys.remove(desk, ids)


def _needs(desk: "Desk", ids: list[int]) -> "list[Needs]":
    from engine.console import deploys

    return [deploys.needs(desk, number) for number in ids]


def _begin_again(desk: "Desk", ids: list[int], verb: str) -> None:
    from engine.console import deploys

    deploys.again_all(desk, ids, verb)
