"""Page 1: the vCenters, whether they answer, what they hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tui.actions import Action
from tui.present import endpoints as present
from tui.present.text import Line
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.console.desk import Desk


class EndpointsPage(Page):
    """The list of endpoints."""

    place = "endpoints"
    title_text = "Endpoints"
    view = present.VIEW

    def read(self, desk: "Desk") -> Sequence[Any]:
        """Every endpoint with what was last seen of it."""
        from engine.console import endpoints

        return endpoints.read(desk)

    def detail(self, row: Any, _now: datetime) -> list[Line]:
        """All that is known of it."""
        return present.detail(row)

    def empty(self) -> list[Line]:
        """The newcomer's way."""
        return present.EMPTY

    def copied(self, row: Any) -> str:
        """The whole error, or the name."""
        return row.error or row.name

    def why_not(self, action: Action) -> str:
        """Most need an endpoint."""
        if action.id in ("endpoint.edit", "endpoint.test", "endpoint.remove") and self.row is None:
            return "there is no endpoint yet; a adds one"
        return super().why_not(action)
