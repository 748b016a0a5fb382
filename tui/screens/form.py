"""A form: fields one below the other, below them what is wrong. It stays until the engine has accepted it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Label

from engine.errors import SlipwayError
from tui.present import frame
from tui.present.text import Line, wrapped
from tui.widgets.choice import Choice
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import Console

LABEL = 16
"""Cells of a field's label."""

MOST, MOST_WRONG, FRAME = 16, 6, 4
"""Rows: of fields and of what is wrong at most; of the frame, title and keys included."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. With `choices` it is one of those, else text; `secret` is not shown. `hint` is for an empty one.

    With `of`, the field whose value decides: it is one of the `offers` to that value, and there only where some are.
    """

    name: str
    label: str
    value: str = ""
    hint: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()
    of: str = ""
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Submit = Callable[["Form", Mapping[str, str]], None]
"""Takes what was filled in: calls `form.done()` at the end, or `form.wrong(...)`."""


class Form(ModalScreen[bool]):
    """True when it was accepted, False when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Leave", show=False),
        Binding("ctrl+s", "submit", "Save", show=False, priority=True),
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
    ]
    DEFAULT_CSS = """
    Form { align: center middle; background: $background 60%; }
    Form #box { width: 78; max-width: 100%; height: auto; max-height: 100%; }
    Form #box { border: solid $secondary; background: $background; }
    Form #fields { height: auto; }
    Form .field { height: 1; }
    Form Label { width: 17; color: $dim; padding: 0 0 0 1; }
    Form Input { background: $panel; width: 1fr; }
    Form Input:focus { background: $cursor; color: $cursor-text; }
    Form Choice { width: 1fr; }
    Form #wrong { height: auto; max-height: 6; }
    """

    app: "Console"
    SEND: ClassVar[str] = "save"
    LEAVE: ClassVar[str] = "leave"
    """What the keys are called."""

    def __init__(self, title: str, fields: Sequence[Field], submit: Submit) -> None:
        """`submit` is called with every field's text when the form is sent."""
        super().__init__()
        self._title, self._fields, self._submit = title, fields, submit
        self._busy = False

    def compose(self) -> ComposeResult:
        """Title, fields, what is wrong, keys."""
        with Vertical(id="box"):
            yield FrameLine(id="title")
            with VerticalScroll(id="fields", can_focus=False):
                for one in self._fields:
                    with Horizontal(classes="field", id=f"field-{one.name}"):
                        yield Label(one.label)
                        yield _widget(one)
            yield Lines(id="wrong")
            yield FrameLine(id="keys")

    def on_mount(self) -> None:
        """The first field has the keys."""
        self.query_one("#title", FrameLine).show(((f" {self._title}", "title"),))
        keys = (("enter", "next"), ("ctrl+s", self.SEND), ("esc", self.LEAVE))
        self.query_one("#keys", FrameLine).show(frame.named_keys(keys))
        self._say([])
        for one in self.query(Input):
            one.cursor_blink = False
        for one in self._fields:
            if one.of:
                self._offer(one)

    @property
    def values(self) -> dict[str, str]:
        """What the fields that are there hold now."""
        return {one.name: self._value(one.name) for one in self._fields if self._is_there(one)}

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another value offers other choices."""
        for one in self._fields:
            if one.of and one.of == event.choice.id:
                self._offer(one)

    def on_choice_taken(self) -> None:
        """As in a field with text."""
        self.on_input_submitted()

    def on_input_submitted(self) -> None:
        """Enter goes on, and in the last field it sends."""
        *_, last = self.values
        if self.focused is self.query_one(f"#{last}"):
            self.action_submit()
        else:
            self.app.action_focus_next()

    def action_submit(self) -> None:
        """Send it, once."""
        if not self._busy:
            self._busy = True
            self._say([(("working ...", "busy"),)])
            self._submit(self, self.values)

    def done(self) -> None:
        """It was accepted."""
        if self.is_current:  # and not left meanwhile
            self.dismiss(True)

    def wrong(self, error: SlipwayError | str, field: str = "") -> None:
        """It was not: say why, and go to the field that the error names; on the page when the form was left."""
        if not self.is_attached:
            if isinstance(error, SlipwayError) and self.app.page is not None:
                self.app.page.refused(error)
            return
        self._busy = False
        # What a field of this form sets right is not set right elsewhere.
        told = str(error) if field else self.app.advice(str(error))
        self._say([((line, "bad"),) for line in wrapped(told, max(20, min(72, self.size.width - 6)))])
        if field:
            self.query_one(f"#{field}").focus()

    def again(self) -> None:
        """It was accepted, and stays: it may be sent again."""
        self._busy = False
        self._say([])

    def _offer(self, one: Field) -> None:
        """Let it choose among what there is now."""
        offered = self._offered(one)
        if offered:
            self.query_one(f"#{one.name}", Choice).offer(offered)
        self.query_one(f"#field-{one.name}").display = bool(offered)

    def _offered(self, one: Field) -> tuple[str, ...]:
        return one.offers.get(self._value(one.of), ())

    def _is_there(self, one: Field) -> bool:
        return not one.of or bool(self._offered(one))

    def _value(self, name: str) -> str:
        widget = self.query_one(f"#{name}")
        return widget.value if isinstance(widget, Input | Choice) else ""

    def _say(self, lines: list[Line]) -> None:
        wrong = self.query_one("#wrong", Lines)
        wrong.display = bool(lines)
        wrong.styles.height = max(1, len(lines))
        wrong.show(lines)
        self._fit(len(lines))

    def on_resize(self) -> None:
        """More or fewer rows."""
        self._fit(len(self.query_one("#wrong", Lines).text.splitlines()))

    def _fit(self, wrong: int) -> None:
        """The fields scroll where there is no room: title, keys and what is wrong are always in view."""
        self.query_one("#fields").styles.max_height = max(
            2, min(MOST, self.size.height - FRAME - min(wrong, MOST_WRONG))
        )


def _widget(one: Field) -> Widget:
    if one.choices or one.of:
        return Choice(one.choices, one.value or next(iter(one.choices), ""), id=one.name)
    return Input(
        one.value,
        placeholder=one.hint,
        password=one.secret,
        id=one.name,
        select_on_focus=False,
        compact=True,
    )
