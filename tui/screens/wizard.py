"""Deploying from the console: from where, what, which VMs, the plan. Esc is the step before; what was typed stays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from engine.errors import SlipwayError
from tui.present import frame
from tui.present import wizard as present
from tui.present.text import Line, printable
from tui.present.wizard import Vm
from tui.screens.form import Field, Form, Submit
from tui.screens.plan import PlanScreen
from tui.screens.vms import VmsScreen
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from engine.console.deploys import DeployRow, Needs
    from engine.console.desk import Desk
    from engine.console.plans import Choices, Preview
    from tui.app import Console
    from tui.screens.deploys import DeploysPage

AS_IN_FILE = "as in the file"
YES, NO = "yes", "no"


@dataclass
class Draft:
    """What was typed so far, by step; the passwords in it are in this process's memory and nowhere else."""

    choices: "Choices"
    file: Mapping[str, str] = field(default_factory=dict, repr=False)
    lab: Mapping[str, str] = field(default_factory=dict, repr=False)
    vms: list[Vm] = field(default_factory=list)


def begin(page: "DeploysPage") -> None:
    """Ask from where, when there is something to deploy and somewhere to deploy it."""

    def begun(choices: "Choices") -> None:
        page.app.push_screen(Source(page, Draft(choices)))

    page.ask_first(_choices, "reading what can be deployed", begun)


class Source(ModalScreen[None]):
    """The first question."""

    app: "Console"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Leave", show=False),
        Binding("f", "file", "File", show=False),
        Binding("n", "form", "Form", show=False),
        Binding("down,j,up,k", "other", "Other", show=False),
        Binding("enter", "take", "Take", show=False),
    ]
    DEFAULT_CSS = """
    Source { align: center middle; background: $background 60%; }
    Source #box { width: 62; height: 9; border: solid $secondary; background: $background; }
    """

    def __init__(self, page: "DeploysPage", draft: Draft) -> None:
        super().__init__()
        self._page, self._draft = page, draft
        self._at = 0

    def compose(self) -> ComposeResult:
        """The question and two answers."""
        with Vertical(id="box"):
            yield FrameLine(id="title")
            yield Lines(id="lines")
            yield FrameLine(id="keys")

    def on_mount(self) -> None:
        """The first answer is chosen."""
        self.query_one("#title", FrameLine).show(((" Deploy from", "title"),))
        keys = (("enter", "go on"), ("esc", "leave"))
        self.query_one("#keys", FrameLine).show(frame.named_keys(keys))
        self._show()

    def action_other(self) -> None:
        """There are two."""
        self._at = 1 - self._at
        self._show()

    def action_take(self) -> None:
        """The chosen one."""
        (self.action_file, self.action_form)[self._at]()

    def action_file(self) -> None:
        """A profile that is written already."""
        self._at = 0
        self._show()
        self.app.push_screen(_file_form(self._page, self._draft))

    def action_form(self) -> None:
        """One that is filled in here."""
        self._at = 1
        self._show()
        self.app.push_screen(_lab_form(self._page, self._draft))

    def _show(self) -> None:
        answers = (
            ("f", "a profile file", "YAML or JSON; name and place may be replaced"),
            ("n", "a form", "name, network, VMs filled in here"),
        )
        lines: list[Line] = [()]
        for number, (key, word, told) in enumerate(answers):
            chosen = number == self._at
            lines.append(
                ((" > " if chosen else "   ", "key"), (f"{key}  ", "key"), (word, "title" if chosen else "plain"))
            )
            lines.append(((f"      {told}", "dim"),))
        self.query_one(Lines).show(lines)


class Step(Form):
    """A form that keeps what was typed when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", show=False)]
    SEND, LEAVE = "go on", "back"

    def __init__(self, title: str, fields: Sequence[Field], submit: Submit, left: Callable[[dict[str, str]], None]):
        """`left` is told the values."""
        super().__init__(title, fields, submit)
        self._left = left

    def action_leave(self) -> None:
        """The step before."""
        self._left(self.values)
        self.dismiss(False)


def _file_form(page: "DeploysPage", draft: Draft) -> Step:
    was = draft.file

    def filled(form: Form, given: Mapping[str, str]) -> None:
        if not given["file"].strip():
            form.wrong("Which file? A path on this machine, such as ~/lab01.yaml.", "file")
            return
        given = {**given, "endpoint": "" if given["endpoint"] == AS_IN_FILE else given["endpoint"]}
        _plan(page, form, lambda desk: _plan_file(desk, given))

    def left(values: dict[str, str]) -> None:
        draft.file = values

    fields = (
        Field("file", "profile file", was.get("file", ""), "a path on this machine: ~/lab01.yaml"),
        Field("name", "name", was.get("name", ""), AS_IN_FILE),
        Field("endpoint", "endpoint", was.get("endpoint", AS_IN_FILE), choices=(AS_IN_FILE, *draft.choices.endpoints)),
        Field("domain", "domain", was.get("domain", ""), AS_IN_FILE),
        Field("vapp", "vApp", was.get("vapp", ""), AS_IN_FILE),
        Field("portgroup", "portgroup", was.get("portgroup", ""), AS_IN_FILE),
        Field("password", "password", was.get("password", ""), "from where the file says it is", secret=True),
        Field("power", "power on", was.get("power", YES), choices=(YES, NO)),
    )
    return Step("Deploy a profile file; next comes the plan", fields, filled, left)


def _lab_form(page: "DeploysPage", draft: Draft) -> Step:
    was = draft.lab

    def filled(form: Form, given: Mapping[str, str]) -> None:
        for name, label in (("name", "name"), ("domain", "domain"), ("subnet", "subnet")):
            if not given[name].strip():
                form.wrong(f"A {label} is needed.", name)
                return
        form.again()
        _vms(page, draft, given)

    def left(values: dict[str, str]) -> None:
        draft.lab = values

    fields = (
        Field("name", "name", was.get("name", ""), "such as lab01"),
        Field("endpoint", "endpoint", was.get("endpoint", ""), choices=draft.choices.endpoints),
        Field("domain", "domain", was.get("domain", ""), "such as lab01.example.com"),
        Field("vapp", "vApp", was.get("vapp", ""), "none"),
        Field("portgroup", "portgroup", was.get("portgroup", ""), "the endpoint's network"),
        Field("subnet", "subnet", was.get("subnet", ""), "such as 10.96.42.0/24"),
        Field("gateway", "gateway", was.get("gateway", ""), "none"),
        Field("dns", "DNS", was.get("dns", ""), "the first VM"),
        Field("ntp", "NTP", was.get("ntp", ""), "none"),
        Field("password", "password", was.get("password", ""), "of the VMs; kept encrypted while they are made", True),
        Field("power", "power on", was.get("power", YES), choices=(YES, NO)),
    )
    return Step("Deploy; next come the VMs, then the plan", fields, filled, left)


def _vms(page: "DeploysPage", draft: Draft, lab: Mapping[str, str]) -> None:
    """The second step of the form."""

    def filled(screen: VmsScreen, vms: list[Vm]) -> None:
        _plan(page, screen, lambda desk: _plan_form(desk, present.document(lab, vms, draft.choices.variants), lab))

    def left(vms: list[Vm]) -> None:
        draft.vms = vms

    rows = draft.vms or [Vm(draft.choices.components[0])]
    page.app.push_screen(VmsScreen(lab["name"].strip(), rows, draft.choices.components, filled, left))


def _plan(page: "DeploysPage", step: Form | VmsScreen, verb: Callable[["Desk"], "Preview"]) -> None:
    """Have it planned, and show that; unless the step was left meanwhile."""

    def deployed(number: int) -> None:
        if step in page.app.screen_stack:  # who is elsewhere by now stays there
            page.app.go(page.place)
            page.table.await_row(str(number))
        page.say(f"deployment {number} is queued; the worker makes it, also when this console is closed", "ok")

    def planned(preview: "Preview") -> None:
        if step.is_current:
            step.again()
            page.app.push_screen(PlanScreen(preview, deployed))

    def refused(error: SlipwayError) -> None:
        page.app.last_error = str(error)
        if step.is_current:
            step.wrong(error)

    page.app.feed.ask(verb, planned, refused)


def ask_again(page: "DeploysPage", row: "DeployRow", verb: str, needs: "Needs") -> None:
    """Ask for what a deployment needs to be begun again: its profile's file, its password."""

    def filled(form: Form, given: Mapping[str, str]) -> None:
        file, password = given.get("file", "").strip(), given.get("password", "")
        missing = next((name for name, value in given.items() if not value.strip()), "")
        if missing:
            form.wrong("Both are needed." if len(given) > 1 else "It is needed.", missing)
            return

        def begun(_job: object) -> None:
            form.done()
            page.say(f"{row.name}: {verb} is queued", "ok")

        page.app.feed.ask(lambda desk: _again(desk, row.id, verb, file, password), begun, form.wrong)

    fields = []
    if needs.file:
        fields.append(Field("file", "profile file", hint="its property values were deleted when it ended"))
    if needs.password_from:
        fields.append(Field("password", "password", hint=f"{needs.password_from} is not there", secret=True))
    title = f"{verb.capitalize()} {printable(row.name)} (id {row.id})"
    page.app.push_screen(Form(title, fields, filled))


def _choices(desk: "Desk") -> "Choices":
    from engine.console import plans

    return plans.choices(desk)


def _plan_file(desk: "Desk", given: Mapping[str, str]) -> "Preview":
    from engine.console import plans

    wanted = plans.Wanted(
        file=given["file"].strip(),
        overrides=present.overrides(given),
        password=given["password"],
        power_on=given["power"] == YES,
    )
    return plans.plan(desk, wanted)


def _plan_form(desk: "Desk", document: Mapping[str, object], lab: Mapping[str, str]) -> "Preview":
    from engine.console import plans

    wanted = plans.Wanted(document=document, password=lab["password"], power_on=lab["power"] == YES)
    return plans.plan(desk, wanted)


def _again(desk: "Desk", number: int, verb: str, file: str, password: str) -> object:
    from engine.console import deploys

    return deploys.again(desk, number, verb, file, password)
