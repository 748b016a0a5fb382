"""Page 5: the settings that everybody with this store shares, and the switch of staging."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from tui.actions import Action, Scope
from tui.bindings import bindings
from tui.messages import PageRead
from tui.present import settings as present
from tui.present.text import Line, printable
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from engine.console.settings import Problem, SettingRow
    from tui.screens.form import Form


class SettingsPage(Page):
    """The list of settings."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.SETTINGS)

    place = "settings"
    title_text = "Settings"
    view = present.VIEW

    def __init__(self) -> None:
        super().__init__()
        self._flag: SettingRow | None = None

    def read(self, desk: "Desk") -> Sequence[Any]:
        """Every setting, also those that have only their default."""
        from engine.console import settings

        return settings.read(desk)

    def detail(self, row: Any, _now: datetime) -> list[Line]:
        """All that is known of it."""
        return present.detail(row, self.detail_width)

    def empty(self) -> list[Line]:
        """Never seen: Slipway's own are always there."""
        return present.EMPTY

    def why_not(self, action: Action) -> str:
        """What is not set cannot be removed."""
        why = super().why_not(action)
        if why or action.scope != Scope.SETTINGS:
            return why
        if self._flag is None:
            return "the settings have not been read yet"
        if action.id in ("setting.edit", "setting.remove") and self.row is None:
            return "there is no setting here"
        if action.id == "setting.remove" and len(self.rows) > 1:
            return "one at a time; esc takes the marks away"
        if action.id == "setting.remove" and not self.rows[0].stored:
            return "it is not set, only its default holds"
        return ""

    def took(self, reading: PageRead) -> None:
        """Rows have come; one of them is the switch."""
        self._flag = next((row for row in reading.rows if row.is_flag), None)
        super().took(reading)

    def act_open(self) -> None:
        """The switch is switched, of everything else all is shown."""
        if self.row is not None and self.row.is_flag and not self.app.read_only:
            self.act_setting_flag()
        else:
            super().act_open()

    def act_setting_flag(self) -> None:
        """Say what switching changes and when, then switch."""
        from tui.screens.review import Review

        row = self._flag
        if row is None:
            return
        to = "off" if row.on else "on"

        def switch(desk: "Desk") -> str:
            from engine.console import settings

            return settings.change(desk, row, "false" if row.on else "true", row.description)

        def answered(yes: bool | None) -> None:
            if yes:
                self.ask(switch, f"switching staging {to}", f"staging is {to}, from the next deployment on")

        self.app.push_screen(Review(f"Switch staging {to}", present.switch(row), f"switch {to}"), answered)

    def act_setting_edit(self) -> None:
        """A form, then old and new, then the change."""
        if self.row is not None and self.row.is_flag:
            self.act_setting_flag()
        elif self.row is not None:
            self._edit(self.row)

    def act_setting_add(self) -> None:
        """Ask for the name, which tells whether the value is a secret; then as with any other."""
        from tui.screens.prompt import Prompt

        def named(name: str | None) -> None:
            def look(desk: "Desk") -> "SettingRow":
                from engine.console import settings

                return settings.new(desk, name or "")

            if name:
                self.ask_first(look, "looking at that key", self._edit)

        self.app.push_screen(Prompt("key of the new setting: "), named)

    def act_setting_remove(self) -> None:
        """Ask for the name, and delete what was shown, if it is still that."""
        from tui.screens.confirm import Confirm

        row: SettingRow = self.rows[0]

        def remove(desk: "Desk") -> str:
            from engine.console import settings

            return settings.remove(desk, row)

        def answered(yes: bool | None) -> None:
            if yes:
                self.ask(remove, f"removing {row.name}", lambda name: f"removed {name}")

        self.app.push_screen(Confirm("Remove the setting", present.removal(row), row.name), answered)

    def _edit(self, row: "SettingRow") -> None:
        from tui.screens.form import Field, Form

        kept = row.stored and (row.secret or not row.value.isprintable())
        told = row.description.isprintable()
        fields = [
            Field("value", "value", "" if kept else row.value, "as it is" if kept else "", secret=row.secret),
            Field("description", "what for", row.description if told else "", "needed" if told else "as it is"),
        ]

        def submit(form: Form, filled: Mapping[str, str]) -> None:
            """What a field cannot show stays as it is, unless something was typed there."""
            value, description = filled["value"], filled["description"]
            self._check(
                form, row, None if kept and not value else value, description or ("" if told else row.description)
            )

        self.app.push_screen(Form(f"Setting {printable(row.name)}", fields, submit))

    def _check(self, form: "Form", row: "SettingRow", value: str | None, description: str) -> None:
        """Have the engine look at what was filled in: to the field that is wrong, or on. `value` None: as it is."""

        def check(_desk: "Desk") -> "Problem | None":
            from engine.console import settings

            return settings.problem_with(row, value, description)

        def checked(problem: "Problem | None") -> None:
            if problem is not None:
                form.wrong(problem.error, problem.field)
            elif form.is_current:  # and not left meanwhile
                self._review(form, row, value, description)

        self.app.feed.ask(check, checked, form.wrong)

    def _review(self, form: "Form", row: "SettingRow", value: str | None, description: str) -> None:
        """Show old and new, then change it, if the setting is still what was shown."""
        from tui.screens.review import Review

        lines = present.difference(row, value, description)
        if not lines:
            form.wrong("Nothing has been changed.", "value")
            return

        def change(desk: "Desk") -> str:
            from engine.console import settings

            return settings.change(desk, row, value, description)

        def changed(name: str) -> None:
            form.done()
            self.say(f"{'changed' if row.stored else 'added'} {name}", "ok")

        def answered(yes: bool | None) -> None:
            if yes:
                self.app.feed.ask(change, changed, form.wrong)
            else:
                form.wrong("Not saved.", "value")

        self.app.push_screen(Review("Old and new", lines, "save"), answered)
