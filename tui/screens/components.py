"""Page 9: the catalog of OVAs, where their files lie, what of it may be deployed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from engine.cancel import Cancel
from engine.errors import SlipwayError
from tui.actions import BY_ID, Action, Scope
from tui.bindings import bindings
from tui.present import components as present
from tui.present.text import Line
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.catalog.licences import Licence
    from engine.console.components import ComponentRow, Supplied
    from engine.console.desk import Desk
    from tui.screens.form import Form


class ComponentsPage(Page):
    """The list of components."""

    place = "components"
    title_text = "Components"
    view = present.VIEW
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.COMPONENTS)

    def __init__(self) -> None:
        super().__init__()
        self._reading: Reading | None = None

    def read(self, desk: "Desk") -> Sequence[Any]:
        """The catalog, with what was seen of the files and of the endpoints."""
        from engine.console import components

        return components.read(desk)

    def detail(self, row: Any, _now: datetime) -> list[Line]:
        """All that is known of it."""
        return present.detail(row, self.detail_width, self._next(row))

    def _next(self, row: "ComponentRow") -> str:
        """What is to be done about the state that it is in, with its key."""
        action = BY_ID.get(present.NEXT.get(row.state, ""))
        return f"{self.app.key_of(action)}: {action.help}" if action is not None else ""

    def empty(self) -> list[Line]:
        """The newcomer's way."""
        return present.EMPTY

    def why_not(self, action: Action) -> str:
        """Most need a component, and one file is read at a time."""
        if action.scope == Scope.COMPONENTS and action.id != "component.import" and not self.rows:
            return "there is no component yet; a imports them"
        return super().why_not(action) or self._why_not_of_it(action)

    def _why_not_of_it(self, action: Action) -> str:
        """Why it cannot be done with this component."""
        row: ComponentRow = self.row
        if action.id == "component.file":
            if self._reading is not None:
                return f"{self._reading.uid}'s OVA is being read; esc stops that"
            return row.why if row.state == "unsupported" else ""
        if action.id in ("component.licence", "component.check") and not row.ova_path:
            return f"it has no OVA here; {self.app.key_of(BY_ID['component.file'])} says where it lies"
        if action.id == "component.licence" and row.size_bytes is not None and not row.licensed:
            return "its OVA has no licence"
        return ""

    # Import

    def act_component_import(self) -> None:
        """Ask for a folder or a file."""
        from tui.screens.form import Field, Form

        fields = (Field("path", "file or folder", hint="~/zPodLibrary"),)
        self.app.push_screen(Form("Import components", fields, self._import))

    def _import(self, form: "Form", values: Mapping[str, str]) -> None:
        def verb(desk: "Desk") -> str:
            from engine.console import components

            return components.load(desk, values["path"])

        def done(told: str) -> None:
            form.done()
            self.say(told, "ok")

        self.app.feed.ask(verb, done, lambda error: form.wrong(error, "path"))

    # On and off

    def act_component_toggle(self) -> None:
        """All marked ones are as the first is not now."""
        rows: list[ComponentRow] = self.rows
        on = not rows[0].enabled
        uids = [row.uid for row in rows]
        named = uids[0] if len(uids) == 1 else f"{len(uids)} components"

        def verb(desk: "Desk") -> None:
            from engine.console import components

            components.switch(desk, uids, on)

        told = "enabled: it may be deployed" if on else "disabled: not deployed any more; staged templates stay"
        self.ask(verb, f"{'enabling' if on else 'disabling'} {named}", f"{named} {told}")

    # The licence

    def act_component_licence(self) -> None:
        """Show the texts; y accepts these very ones."""
        from tui.screens.review import Review

        uid = self.row.uid

        def read(desk: "Desk") -> "Licence":
            from engine.console import components

            return components.licence(desk, uid)

        def opened(licence: "Licence") -> None:
            def accept(desk: "Desk") -> str:
                from engine.console import components

                return components.accept(desk, licence)

            def answered(yes: bool | None) -> None:
                if yes:
                    self.ask(
                        accept,
                        f"accepting the licence of {uid}",
                        lambda who: f"the licence of {uid}: accepted as {who}",
                    )

            lines = present.licence(licence, min(present.LICENCE_WIDTH, self.app.size.width - 8))
            self.app.push_screen(Review(f"Licence of {uid}", lines, "accept" if licence.waits else "", "y"), answered)

        self.ask_first(read, f"reading the licence of {uid}", opened)

    # What is wrong with it

    def act_component_check(self) -> None:
        """Check the OVA before the operator's eyes."""
        from tui.screens.findings import FindingsScreen
        from tui.screens.look import PackageLook

        self.say("")
        self.app.push_screen(FindingsScreen(self, PackageLook(self, self.row.uid)))

    # The OVA's file

    def act_component_file(self) -> None:
        """Ask where it lies; then it is read through, which takes its time."""
        from tui.screens.form import Field, Form

        row: ComponentRow = self.row
        fields = (Field("path", "OVA", row.ova_path, hint=f"/srv/ova/{row.uid}.ova"),)

        def submit(form: Form, values: Mapping[str, str]) -> None:
            self._supply(form, row.uid, values["path"])

        def left(accepted: bool | None) -> None:
            if not accepted:
                self._stop_reading()

        self.app.push_screen(Form(f"The OVA of {row.uid}", fields, submit), left)

    def _supply(self, form: "Form", uid: str, path: str) -> None:
        """Once its bytes are being read the form goes, and the message line tells how far it is."""
        reading = self._reading = Reading(uid, lambda: self.app.later(form.done))

        def verb(desk: "Desk") -> str:
            from engine.console import components

            reading.total = components.file_size(path)
            return components.supply(desk, uid, path, reading.cancel, reading.read)

        def done(supplied: "Supplied") -> None:
            self._reading = None
            form.done()
            if supplied.licence_waits:
                key = self.app.key_of(BY_ID["component.licence"])
                self.say(f"{uid} is at {supplied.place}; its licence waits: {key} shows it, to be accepted", "warn")
            else:
                self.say(f"{uid} is at {supplied.place}", "ok")

        def refused(error: SlipwayError) -> None:
            self._reading = None
            if reading.cancel.asked:
                self.say(f"stopped reading the OVA of {uid}; nothing was changed", "warn")
            else:
                form.wrong(error, "path")

        self.app.feed.ask(verb, done, refused)

    def act_back(self) -> None:
        """While an OVA is read: stop that."""
        if self._reading is not None:
            self._stop_reading()
        else:
            super().act_back()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel.ask()

    def _tick(self) -> None:
        super()._tick()
        if self._reading is not None and self._reading.done and not self.app.last_error:  # a refusal stays in view
            self.say(*present.reading(self._reading, self.app.clock()))


class Reading:
    """An OVA that is being read, as a transfer: counted in the thread that reads, told in the screen's."""

    def __init__(self, uid: str, began: Callable[[], None]) -> None:
        """`began` is called with the first bytes: the file is a package."""
        self.uid = uid
        self.cancel = Cancel()
        self.total = self.done = 0
        self.since = self.byte_at = datetime.now(UTC)
        self._began = began

    def read(self, count: int) -> None:
        """So many bytes more."""
        if not self.done:
            self._began()
        self.done += count
        self.byte_at = datetime.now(UTC)

    @property
    def per_second(self) -> float:
        """Bytes, since it began."""
        took = (self.byte_at - self.since).total_seconds()
        return self.done / took if took > 0 else 0.0

    @property
    def ends_at(self) -> datetime | None:
        """When the last byte is due."""
        rate = self.per_second
        return self.byte_at + timedelta(seconds=(self.total - self.done) / rate) if rate else None
