"""Page 2: what is staged where, what is being staged and how fast, and what can be done about it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from tui.actions import Action, Scope
from tui.bindings import bindings
from tui.present import templates as present
from tui.present.text import Line, printable
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from engine.console.staging import Choices, Verified
    from engine.console.templates import TemplateRow
    from tui.screens.form import Form


class TemplatesPage(Page):
    """The list of templates."""

    place = "templates"
    title_text = "Templates"
    view = present.VIEW
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.TEMPLATES)

    def __init__(self) -> None:
        super().__init__()
        self._lacks = ""

    def read(self, desk: "Desk") -> Sequence[Any]:
        """Every template and staging; where there is none, what is missing."""
        from engine.console import templates

        rows = templates.read(desk)
        if not rows:
            self._lacks = str(templates.lacks(desk))
        return rows

    def detail(self, row: Any, now: datetime) -> list[Line]:
        """All that is known of it."""
        return present.detail(row, now, self.detail_width, self.app.advice)

    def empty(self) -> list[Line]:
        """Why there is none, and the one key that leads on."""
        return present.EMPTY[self._lacks]

    def copied(self, row: Any) -> str:
        """Why it failed, whole; else its path in vCenter, or its uid."""
        return (row.why if row.state == "failed" else row.path) or row.uid

    def why_not(self, action: Action) -> str:
        """Every row that is marked must allow it."""
        refusal = REFUSALS.get(action.id)
        if refusal is not None:
            if not self.rows:
                return "there is no template here; a stages one"
            for row in self.rows:
                if reason := refusal(row):
                    return reason if len(self.rows) == 1 else f"{printable(row.uid)} on {row.endpoint}: {reason}"
        return super().why_not(action)

    # Staging

    def act_template_stage(self) -> None:
        """Ask the catalog what can be staged, then the operator what and where."""
        self.ask_first(_choices, "looking what can be staged", self._offer)

    def _offer(self, choices: "Choices") -> None:
        from tui.screens.form import Field, Form

        if choices.lacks:
            self.say(present.lacking(str(choices.lacks)), "warn")
            return
        name = self.row.component if self.row is not None else ""
        uid = max((one for one in choices.components if name.startswith(one)), key=len, default="")
        where = self.row.endpoint if self.row is not None else ""
        options = {of: tuple(one.told for one in offered) for of, offered in choices.offers.items()}
        fields = (
            _one_of(Field, "component", choices.components, uid),
            Field("option", "option", of="component", offers=options),
            _one_of(Field, "endpoint", choices.endpoints, where),
        )

        def submit(form: Form, values: Mapping[str, str]) -> None:
            offered = choices.offers.get(values["component"], ())
            chosen = (one.template for one in offered if one.told == values.get("option"))
            self._stage_chosen(form, next(chosen, values["component"]), values["endpoint"])

        self.app.push_screen(Form("Stage a component", fields, submit))

    def _stage_chosen(self, form: "Form", template: str, endpoint: str) -> None:
        def done(_: None) -> None:
            form.done()
            self.say(f"staging {template} on {endpoint}", "ok")

        self.app.feed.ask(_doing("stage", [(endpoint, template)]), done, form.wrong)

    def act_template_restage(self) -> None:
        """Stage the component's present OVA; the old template goes when nothing stands on it."""
        named = present.named(self.rows)
        again = [(row.endpoint, row.component) for row in self.rows]
        self.ask(_doing("stage", again), f"checking the OVA of {named}", f"staging {named} again")

    # What is there

    def act_template_verify(self) -> None:
        """Compare with identity and OVA, and say what came of it."""
        self.say(f"comparing {present.named(self.rows)} with its OVA ...", "busy")
        self.app.feed.ask(_doing("verify", _chosen(self.rows)), self._verified, self.refused)

    def _verified(self, found: "Sequence[Verified]") -> None:
        text, tone = present.verified(found)
        if tone == "bad":
            self.app.last_error = text
        self.say(text, tone)

    def act_template_cancel(self) -> None:
        """Say who waits for it, ask for the name, then ask the worker to stop."""
        self._confirmed("cancel", "Stop staging", present.cancelling(self.rows), "stopping the staging of")

    def act_template_remove(self) -> None:
        """Say what depends on it, ask for the name, then destroy it."""
        self._confirmed("remove", "Remove", present.removal(self.rows), "removing")

    def _confirmed(self, verb: str, title: str, lines: list[Line], doing: str) -> None:
        from tui.screens.confirm import Confirm

        rows: list[TemplateRow] = self.rows
        named = present.named(rows)
        past = {"cancel": f"asked to stop the staging of {named}", "remove": f"removed {named}"}[verb]

        def answered(yes: bool | None) -> None:
            if yes:
                self.table.unmark()
                self.ask(_doing(verb, _chosen(rows)), f"{doing} {named}", past)

        self.app.push_screen(Confirm(f"{title} {named}", lines, present.word(verb, rows)), answered)


def _chosen(rows: "Sequence[TemplateRow]") -> list[tuple[str, str]]:
    return [(row.endpoint, row.uid) for row in rows]


def _choices(desk: "Desk") -> "Choices":
    from engine.console import staging

    return staging.choices(desk)


def _doing(verb: str, these: Sequence[tuple[str, str]]) -> Callable[["Desk"], Any]:
    """The engine's verb on (endpoint, uid) of each."""

    def do(desk: "Desk") -> Any:
        from engine.console import staging

        chosen = [staging.Chosen(endpoint, uid) for endpoint, uid in these]
        return getattr(staging, verb)(desk, chosen)

    return do


def _one_of(field: Any, name: str, choices: tuple[str, ...], wanted: str) -> Any:
    return field(name, name, wanted if wanted in choices else choices[0], choices=choices)


# Why not: of a row, "" when it can be done


def _no_verify(row: "TemplateRow") -> str:
    if row.as_of is not None:
        return f"{row.endpoint} does not answer; 1 shows why"
    return "" if row.size_bytes is not None else "it is not in vCenter yet"


def _no_restage(row: "TemplateRow") -> str:
    if row.active:
        return "it is being staged"
    if row.as_of is not None:
        return f"{row.endpoint} does not answer; 1 shows why"
    return present.NO_RESTAGE.get(row.state, "")


def _no_cancel(row: "TemplateRow") -> str:
    if row.state == "cancelling":
        return "it is being cancelled already"
    return "" if row.active else "nobody of this store is staging it"


def _no_remove(row: "TemplateRow") -> str:
    if row.active:
        return "it is being staged; C stops that"
    if row.as_of is not None:
        return f"{row.endpoint} does not answer; 1 shows why"
    if row.state == "foreign":
        return "it is not Slipway's; remove it in vCenter"
    return "" if row.size_bytes is not None else "nothing of it is in vCenter"


REFUSALS: dict[str, Callable[[Any], str]] = {
    "template.verify": _no_verify,
    "template.restage": _no_restage,
    "template.cancel": _no_cancel,
    "template.remove": _no_remove,
}
