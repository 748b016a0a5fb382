"""Page 1: the vCenters, whether they answer, what they hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from tui.actions import Action, Scope
from tui.bindings import bindings
from tui.present import endpoints as present
from tui.present.text import Line
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from engine.console.endpoints import Standing
    from tui.screens.look import EndpointLook


class EndpointsPage(Page):
    """The list of endpoints."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ENDPOINTS)

    place = "endpoints"
    title_text = "Endpoints"
    view = present.VIEW

    def __init__(self) -> None:
        super().__init__()
        self._looks: dict[str, EndpointLook] = {}

    def read(self, desk: "Desk") -> Sequence[Any]:
        """Every endpoint with what was last seen of it."""
        from engine.console import endpoints

        return endpoints.read(desk)

    def detail(self, row: Any, _now: datetime) -> list[Line]:
        """All that is known of it."""
        return present.detail(row, self.detail_width, self.app.advice)

    def empty(self) -> list[Line]:
        """The newcomer's way."""
        return present.EMPTY

    def copied(self, row: Any) -> str:
        """The whole error, or the name."""
        return present.error(row) or row.name

    def why_not(self, action: Action) -> str:
        """Most need an endpoint."""
        if action.id in ("endpoint.edit", "endpoint.test", "endpoint.remove") and self.row is None:
            return "there is no endpoint; a adds one"
        return super().why_not(action)

    def act_endpoint_add(self) -> None:
        """Ask for a new one."""
        from tui.screens import endpoint_form

        endpoint_form.add(self)

    def act_endpoint_edit(self) -> None:
        """Ask what is to be changed."""
        from tui.screens import endpoint_form

        if self.row is not None:
            endpoint_form.edit(self, self.row)

    def act_endpoint_test(self) -> None:
        """Check it before the operator's eyes; a look that goes on is shown again."""
        from tui.screens.findings import EndpointFindings
        from tui.screens.look import EndpointLook

        if self.row is None:
            return
        name = self.row.name
        look = self._looks.get(name)
        if look is None or not look.doing:
            look = self._looks[name] = EndpointLook(self, name)
        self.app.push_screen(EndpointFindings(self, look))

    def act_endpoint_remove(self) -> None:
        """Say what stands on it, and ask for its name."""
        if self.row is None:
            return
        name, marked = self.row.name, len(self.table.marked)

        def standing_on(desk: "Desk") -> "Standing":
            from engine.console import endpoints

            return endpoints.standing_on(desk, name)

        def known(standing: "Standing") -> None:
            in_the_way = present.in_the_way(name, standing)
            if in_the_way:
                self.say(in_the_way, "warn")
            else:
                self._confirm_removal(name, standing, marked)

        self.ask_first(standing_on, f"looking what stands on {name}", known)

    def _confirm_removal(self, name: str, standing: "Standing", marked: int) -> None:
        from tui.screens.confirm import Confirm

        def remove(desk: "Desk") -> None:
            from engine.console import endpoints

            endpoints.remove(desk, name)

        def answered(yes: bool | None) -> None:
            if yes:
                self.ask(remove, f"removing {name}", lambda _: f"removed {name}")

        lines = present.removal(name, standing, marked)
        self.app.push_screen(Confirm(f"Remove the endpoint {name}", lines, name), answered)
