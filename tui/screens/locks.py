"""Page 4: the claims, and clearing those whose holders are gone."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from tui.actions import Action, Scope
from tui.bindings import bindings
from tui.present import locks as present
from tui.present.text import Line, printable
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from engine.console.locks import LockRow


class LocksPage(Page):
    """The list of claims."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.LOCKS)

    place = "locks"
    title_text = "Locks"
    view = present.VIEW
    every = 1.0  # a process that dies does not tell the store

    def read(self, desk: "Desk") -> Sequence[Any]:
        """Every claim with the evidence that its holder is there."""
        from engine.console import locks

        return locks.read(desk)

    def detail(self, row: Any, _now: datetime) -> list[Line]:
        """All that is known of it."""
        return present.detail(row, self.detail_width)

    def empty(self) -> list[Line]:
        """Nobody is at work."""
        return present.EMPTY

    def why_not(self, action: Action) -> str:
        """There must be a claim; of several marked ones none may be live."""
        if action.id == "lock.clear":
            if not self.rows:
                return "nobody holds a claim"
            if len(self.rows) > 1 and any(row.live for row in self.rows):
                return "a marked claim is live; live ones are cleared one by one"
        return super().why_not(action)

    def act_lock_clear(self) -> None:
        """Show what is known, ask for the name, and clear what was shown, if it is still that."""
        from tui.screens.confirm import Confirm

        rows: list[LockRow] = self.rows
        uid = printable(rows[0].claim.uid)
        if len(rows) > 1:
            dialog = Confirm(f"Clear {len(rows)} claims", present.questions(rows), f"clear {len(rows)}")
        elif rows[0].live:
            dialog = Confirm("A live claim", present.question(rows[0]), f"force {uid}")
        else:
            dialog = Confirm("Clear the claim", present.question(rows[0]), uid)

        def answered(yes: bool | None) -> None:
            if yes:
                self.ask(
                    lambda desk: _clear(desk, rows),
                    "clearing",
                    lambda uids: f"cleared {', '.join(uids)}; who needs it stages",
                )

        self.app.push_screen(dialog, answered)


def _clear(desk: "Desk", rows: "list[LockRow]") -> list[str]:
    """Clear each as it was shown; a live one stands here alone, and was confirmed by force."""
    from engine.console import locks

    return locks.clear_all(desk, rows)
