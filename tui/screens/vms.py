"""The wizard's rows: one VM each, in the order in which they are made."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from engine.errors import SlipwayError
from tui.bindings import STAYS, staying
from tui.present import frame
from tui.present.text import wrapped
from tui.present.wizard import AFTER, BESIDE, Vm, next_vm
from tui.widgets.choice import Choice
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import Console

KEYS = [
    ("ctrl+s", "plan"),
    ("ctrl+n", "one more"),
    ("ctrl+x", "without this one"),
    ("enter", "next"),
    ("esc", "back"),
]


HINT = (
    "Component, order: left and right, or type. after: begun when the one above has ended; beside: together with it. "
    "Of an empty hostname or host the component's own is taken."
)
"""Below the rows while nothing is wrong."""


class Row(Horizontal):
    """One VM."""

    DEFAULT_CSS = """
    Row { height: 1; }
    Row Choice { width: 1fr; margin: 0 1 0 0; }
    Row Choice.order { width: 12; margin: 0; }
    Row Input { background: $panel; margin: 0 1 0 0; }
    Row Input:focus { background: $cursor; color: $cursor-text; }
    Row .hostname { width: 20; }
    Row .host { width: 16; }
    """

    def __init__(self, vm: Vm, components: tuple[str, ...]) -> None:
        """`components`: what there is to choose from."""
        super().__init__()
        self._vm, self._components = vm, components

    def compose(self) -> ComposeResult:
        """Component, hostname, host id or address, order."""
        vm = self._vm
        yield Choice(self._components, vm.component, id=None)
        yield Input(vm.hostname, classes="hostname", compact=True, select_on_focus=False)
        yield Input(vm.host, classes="host", compact=True, select_on_focus=False)
        order = Choice((AFTER, BESIDE), vm.order)
        order.add_class("order")
        yield order

    def on_mount(self) -> None:
        """No cursor blinks."""
        for one in self.query(Input):
            one.cursor_blink = False

    @property
    def vm(self) -> Vm:
        """What it says now."""
        component, order = self.query(Choice)
        hostname, host = self.query(Input)
        return Vm(component.value, hostname.value, host.value, order.value)


class VmsScreen(Screen[None]):
    """Rows are added and taken away; `submit` plans what they say, `left` is told them whenever the screen is left."""

    app: "Console"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", show=False),
        Binding("ctrl+s", "submit", "Plan", show=False, priority=True),
        Binding("ctrl+n", "add", "One more", show=False, priority=True),
        Binding("ctrl+x", "remove", "Without this one", show=False, priority=True),
        Binding("down", "move(1)", "Below", show=False),
        Binding("up", "move(-1)", "Above", show=False),
        *staying(),
    ]
    DEFAULT_CSS = """
    VmsScreen #head { margin: 0 1; }
    VmsScreen #rows { height: 1fr; padding: 0 1; }
    VmsScreen #wrong { height: auto; max-height: 8; }
    """

    def __init__(
        self,
        title: str,
        vms: Sequence[Vm],
        components: tuple[str, ...],
        submit: Callable[["VmsScreen", list[Vm]], None],
        left: Callable[[list[Vm]], None],
    ) -> None:
        """`vms`: what was filled in before."""
        super().__init__()
        self._title, self._vms, self._components = title, vms, components
        self._submit, self._left = submit, left
        self._busy = False

    def compose(self) -> ComposeResult:
        """Title, head, rows, what is wrong, keys."""
        yield FrameLine(id="place")
        yield FrameLine(id="head")
        with VerticalScroll(id="rows", can_focus=False):
            for vm in self._vms:
                yield Row(vm, self._components)
        yield Lines(id="wrong")
        yield FrameLine(id="keys")

    def on_mount(self) -> None:
        """The first row has the keys."""
        title = f" Deploy: the VMs of {frame.one_line(self._title)}"
        self.query_one("#place", FrameLine).show(((" Slipway ", "key"), (title, "title")))
        self._say("")
        self.query(Choice).first().focus()

    def on_resize(self) -> None:
        """The head stands above its columns."""
        component = max(10, self.size.width - 2 - 17 - 21 - 12)
        head = f"{'Component':<{component}}{'Hostname':<21}{'Host id or IP':<17}{'Order'}"
        self.query_one("#head", FrameLine).show(((head, "head"),))
        self.query_one("#keys", FrameLine).show(frame.keys(KEYS, self.size.width))

    @property
    def vms(self) -> list[Vm]:
        """What the rows say now."""
        return [row.vm for row in self.query(Row)]

    def on_input_submitted(self) -> None:
        """Enter goes on; in the last field of all it plans."""
        if self.focused is self._fields[-1]:
            self.action_submit()
        else:
            self.focus_next()

    def on_choice_taken(self) -> None:
        """As in a text."""
        self.on_input_submitted()

    def action_leave(self) -> None:
        """Back; what was typed is kept."""
        self._left(self.vms)
        self.dismiss()

    async def action_add(self) -> None:
        """One more below this one, with the next number."""
        row = self._row
        new = Row(next_vm(row.vm), self._components)
        await self.query_one("#rows").mount(new, after=row)
        new.query(Input).first().focus()

    async def action_remove(self) -> None:
        """Without this one; one stays."""
        rows = list(self.query(Row))
        if len(rows) == 1:
            self._say("One VM at least; esc goes back.")
            return
        at = rows.index(self._row)
        (rows[at + 1] if at + 1 < len(rows) else rows[at - 1]).query(Choice).first().focus()
        await rows[at].remove()

    def action_move(self, by: int) -> None:
        """The same field of another row."""
        rows = list(self.query(Row))
        at = rows.index(self._row) + by
        if 0 <= at < len(rows) and self.focused is not None:
            column = list(self._row.children).index(self.focused)
            rows[at].children[column].focus()

    def action_stay(self) -> None:
        """Say why another page does not come."""
        self._say(STAYS)

    def action_submit(self) -> None:
        """Plan it, once."""
        if not self._busy:
            self._busy = True
            self._say("planning ...", "busy")
            self._submit(self, self.vms)

    def again(self) -> None:
        """It was accepted, and stays: it may be sent again."""
        self._busy = False
        self._say("")

    def wrong(self, error: SlipwayError | str) -> None:
        """It was not: say why."""
        self._busy = False
        if self.is_attached:
            self._say(self.app.advice(str(error)), "bad")

    @property
    def _fields(self) -> list[Widget]:
        return [field for row in self.query(Row) for field in row.children]

    @property
    def _row(self) -> Row:
        """The row that has the keys."""
        rows = list(self.query(Row))
        return next((row for row in rows if self.focused in row.children), rows[-1])

    def _say(self, text: str, tone: str = "warn") -> None:
        text, tone = (text, tone) if text else (HINT, "dim")
        wrong = self.query_one("#wrong", Lines)
        lines = wrapped(text, max(40, self.size.width - 4))
        wrong.styles.height = max(1, min(8, len(lines)))
        wrong.show([((line, tone),) for line in lines])
