"""A check, live: what was found, finding by finding; of an endpoint the deep test too."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key

from tui.present import findings as present
from tui.present import frame
from tui.present.text import Line
from tui.screens.framed import Framed
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.screens.look import EndpointLook, Look
    from tui.screens.page import Page


class FindingsScreen(Framed):
    """What a look has found so far."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", show=False),
        Binding("r", "again", "Again", show=False),
        Binding("C", "cancel", "Cancel", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, page: "Page", look: "Look") -> None:
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

    def on_key(self, event: Key) -> None:
        """What a finding advises is done by the page's own key: that leads back first."""
        bound = self.active_bindings.get(event.key)
        action = self.app.action_for(event.key, self._page.place)
        if action is None or (bound is not None and bound.node is self):
            return
        event.stop()
        if self._look.doing:
            self._say(f"{action.label}: wait for the end of what goes on", "warn")
        else:
            self.dismiss()
            self._page.action_do(action.id)

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
        own = [("C", "cancel")] if self._look.doing else self.own_keys
        return [*own, ("y", "copy all"), ("esc", "back"), ("q", "quit")]

    @property
    def own_keys(self) -> list[tuple[str, str]]:
        """What can be done when the look has ended."""
        return [("r", "again")]

    def _say(self, text: str, tone: str) -> None:
        self._message = ((frame.one_line(text), tone),)
        self._show()

    def action_again(self) -> None:
        """Check once more."""
        if not self._look.doing:
            self._message = ()
            self._look.check()

    def action_cancel(self) -> None:
        """Stop what goes on."""
        self._look.cancel()

    def action_copy(self) -> None:
        """Copy every finding."""
        self.app.copy_to_clipboard(present.text(f"{self._page.place[:-1]} {self._look.name}", self._look.found))
        self._say(f"copied: {len(self._look.found)} findings", "plain")

    def action_leave(self) -> None:
        """Back; the look ends."""
        self._look.cancel()
        self.dismiss()


class EndpointFindings(FindingsScreen):
    """Those of an endpoint."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("d", "deep", "Deep test", show=False)]
    _look: "EndpointLook"

    @property
    def own_keys(self) -> list[tuple[str, str]]:
        """The deep test where there is a vCenter for it."""
        return super().own_keys if self._why_not_deep() else [("d", "deep test"), *super().own_keys]

    def _why_not_deep(self) -> str:
        if self.app.read_only:
            return "this console is read-only"
        if self._look.doing:
            return "wait for the end of what goes on"
        return "" if self._look.reached else "vCenter was not reached"

    def action_deep(self) -> None:
        """Stage, clone and remove something small."""
        why = self._why_not_deep()
        if why:
            self._say(f"deep test: {why}", "warn")
        else:
            self._message = ()
            self._look.deep()

    def action_leave(self) -> None:
        """Back. A check ends; a deep test goes on, since it has to remove what it made."""
        if self._look.is_deep:
            self._page.say(f"the deep test of {self._look.name} goes on; c shows it", "busy")
            self.dismiss()
        else:
            super().action_leave()
