"""The last step of the wizard: what is going to be done, and what is in its way. Enter does it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key

from engine.errors import SlipwayError
from tui.actions import BY_ID, LEAVING, Scope
from tui.bindings import STAYS, staying
from tui.present import frame
from tui.present import plan as present
from tui.present.text import Line
from tui.screens.framed import Framed
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from engine.console.plans import Preview


class PlanScreen(Framed):
    """`deployed` is told the id when it was asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", show=False),
        Binding("enter", "deploy", "Deploy", show=False, priority=True),
        Binding("y", "copy", "Copy", show=False),
        *staying(),
    ]

    def __init__(self, preview: "Preview", deployed: Callable[[int], None]) -> None:
        super().__init__()
        self._preview, self._deployed = preview, deployed
        self._title = f"Plan: {frame.one_line(preview.name)} on {frame.one_line(preview.endpoint)}"
        self._busy = False

    def on_mount(self) -> None:
        """Nothing of it changes."""
        self.show_place(((" Slipway ", "key"), (f" {self._title}", "title")))
        self.query_one(Lines).focus()

    def on_resize(self) -> None:
        """As wide as there is room."""
        self.query_one(Lines).show(present.plan(self._preview, max(40, self.size.width - 4), self.app.advice))
        best = [("j k", "scroll"), ("y", "copy"), ("esc", "back, to change it")]
        self.show_keys(best if self._preview.problems else [("enter", "deploy"), *best])

    def on_key(self, event: Key) -> None:
        """The key that quits is near: it leaves nothing that was filled in. Those that always leave do."""
        if event.key not in LEAVING and self.app.action_for(event.key, Scope.EVERYWHERE) is BY_ID["quit"]:
            event.stop()
            self.action_stay()

    def action_stay(self) -> None:
        """Say why neither another page comes nor the end."""
        self._say(((STAYS, "warn"),))

    def action_copy(self) -> None:
        """Copy all of it."""
        self.app.copy_to_clipboard(f"{self._title}\n{self.query_one(Lines).text}")
        self._say((("copied: the whole plan", "plain"),))

    def action_deploy(self) -> None:
        """Do it, once; not with a problem in the way."""
        count = len(self._preview.problems)
        if count:
            word = "problem" if count == 1 else "problems"
            self._say(((f"cannot be deployed: {count} {word} above; esc goes back to change it", "warn"),))
            return
        if not self._busy:
            self._busy = True
            self._say((("deploying ...", "busy"),))
            preview = self._preview
            self.app.feed.ask(lambda desk: _deploy(desk, preview), self._deployed, self._refused)

    def _refused(self, error: SlipwayError) -> None:
        self._busy = False
        self.app.last_error = str(error)
        self._say(((frame.one_line(self.app.advice(str(error))), "bad"),))

    def _say(self, line: Line) -> None:
        if self.is_attached:
            self.show_message(line)


def _deploy(desk: "Desk", preview: "Preview") -> int:
    from engine.console import plans

    return plans.deploy(desk, preview)
