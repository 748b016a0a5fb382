"""The check of an endpoint, live: what was found, finding by finding, and the deep test."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from engine.errors import Cancelled, SlipwayError
from tui.present import findings as present
from tui.present import frame
from tui.present.text import Line
from tui.screens.framed import Framed
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from engine.cancel import Cancel
    from engine.console.desk import Desk
    from engine.endpoints.findings import Finding
    from tui.screens.page import Page

DEEP = "deep test: staging, cloning and removing an OVA of 1 MiB ..."


class Look:
    """One look at an endpoint. It goes on when its screen is left, and is found again."""

    def __init__(self, page: "Page", name: str) -> None:
        """`name`: the endpoint's."""
        self.name = name
        self.found: list[Finding] = []
        self.doing = ""
        """What goes on, "" when it has ended."""
        self.reached = False
        """Whether vCenter could be asked at all: without that a deep test makes no sense."""
        self.told: Callable[[], None] = lambda: None
        """Called when there is news."""
        self._page = page
        self._cancel: Cancel | None = None

    @property
    def is_deep(self) -> bool:
        """Whether the deep test goes on."""
        return self.doing.startswith(DEEP[:4])

    def check(self) -> None:
        """Look at all that a deployment needs."""
        self.found, self.reached = [], False

        def verb(desk: "Desk", cancel: "Cancel", report: "Callable[[Finding], None]") -> bool:
            from engine.console import endpoints

            return endpoints.check(desk, self.name, cancel, report)

        self._do(verb, "checking ...")

    def deep(self) -> None:
        """Try it out."""

        def verb(desk: "Desk", cancel: "Cancel", report: "Callable[[Finding], None]") -> bool:
            from engine.console import endpoints

            endpoints.try_out(desk, self.name, cancel, report)
            return True

        self._page.app.unfinished.add(f"the deep test of {self.name}")
        self._do(verb, DEEP)

    def cancel(self) -> None:
        """Stop it at its next safe point."""
        if self._cancel is not None and self.doing:
            self._cancel.ask()
            self.doing = "deep test: stopping, and removing what it made ..." if self.is_deep else "stopping ..."
            self.told()

    def _do(self, verb: "Callable[[Desk, Cancel, Callable[[Finding], None]], bool]", doing: str) -> None:
        from engine.cancel import Cancel

        cancel = self._cancel = Cancel()
        self.doing = doing
        app = self._page.app

        def found(finding: "Finding") -> None:
            self.found.append(finding)
            self.told()

        def ended(reached: bool) -> None:
            self.reached, self.doing = reached, ""
            app.unfinished.discard(f"the deep test of {self.name}")
            self.told()

        def refused(error: SlipwayError) -> None:
            if not isinstance(error, Cancelled):
                self._page.refused(error)
            ended(self.reached)

        app.feed.ask(lambda desk: verb(desk, cancel, lambda one: app.later(lambda: found(one))), ended, refused)
        self.told()


class FindingsScreen(Framed):
    """What a look has found so far."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", show=False),
        Binding("r", "again", "Again", show=False),
        Binding("d", "deep", "Deep test", show=False),
        Binding("C", "cancel", "Cancel", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, page: "Page", look: Look) -> None:
        super().__init__()
        self._page, self._look = page, look
        self._message: Line = ()
        self._was_doing = False

    def body(self) -> ComposeResult:
        """How many, findings."""
        yield FrameLine(id="view")
        yield Lines(follow=True, id="lines")

    def on_mount(self) -> None:
        """Begin, unless it goes on already."""
        self.set_interval(2.0 if self.app.slow else 1.0, self._show)
        self.query_one(Lines).focus()
        self._look.told = self._show
        if not self._look.doing:
            self._look.check()
        self._show()

    def on_unmount(self) -> None:
        """It may go on; nobody looks."""
        self._look.told = lambda: None

    def on_resize(self) -> None:
        """Broken into other lines."""
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        page, look, width = self._page, self._look, self.size.width
        self.show_place(page.place_line(f"{page.title_text} > {look.name} > check", width))
        self.query_one("#view", FrameLine).show(present.summary(look.found, look.doing))
        found = look.found if look.doing else present.problems_first(look.found)
        lines = self.query_one(Lines)
        lines.show(present.lines(found, width - 4, self.app.advice))
        if bool(look.doing) != self._was_doing:  # what comes is followed, and at the end the problems are in view
            self._was_doing = bool(look.doing)
            scroll = lines.scroll_end if look.doing else lines.scroll_home
            self.call_after_refresh(scroll, animate=False, immediate=True)
        self.show_message(self._message or page.message)
        self.show_keys(self._best())

    def _best(self) -> list[tuple[str, str]]:
        if self._look.doing:
            own = [("C", "cancel")]
        else:
            own = [("r", "again")] if self._why_not_deep() else [("d", "deep test"), ("r", "again")]
        return [*own, ("y", "copy all"), ("esc", "back"), ("q", "quit")]

    def _why_not_deep(self) -> str:
        if self.app.read_only:
            return "this console is read-only"
        if self._look.doing:
            return "wait for the end of what goes on"
        return "" if self._look.reached else "vCenter was not reached"

    def _say(self, text: str, tone: str) -> None:
        self._message = ((frame.one_line(text), tone),)
        self._show()

    def action_again(self) -> None:
        """Check once more."""
        if not self._look.doing:
            self._message = ()
            self._look.check()

    def action_deep(self) -> None:
        """Stage, clone and remove something small."""
        why = self._why_not_deep()
        if why:
            self._say(f"deep test: {why}", "warn")
        else:
            self._message = ()
            self._look.deep()

    def action_cancel(self) -> None:
        """Stop what goes on."""
        self._look.cancel()

    def action_copy(self) -> None:
        """Copy every finding."""
        self.app.copy_to_clipboard(present.text(self._look.name, self._look.found))
        self._say(f"copied: {len(self._look.found)} findings", "plain")

    def action_leave(self) -> None:
        """Back. A check ends; a deep test goes on, since it has to remove what it made."""
        if self._look.is_deep:
            self._page.say(f"the deep test of {self._look.name} goes on; c shows it", "busy")
        else:
            self._look.cancel()
        self.dismiss()
