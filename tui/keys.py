"""docs/keys.md: every key and every sign of the console, made from the registry of actions and the table of states."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tui.actions import ACTIONS, Action, Scope, shown_key
from tui.present.states import SIGNS

DOCUMENT = Path(__file__).parents[1] / "docs" / "keys.md"

TITLES = {Scope.EVERYWHERE: "Everywhere", Scope.TABLE: "In every table"}

HEAD = """\
# Keys and signs of the console

Made by `make docs` from the one registry of actions (`tui/actions.py`) and the one table of states
(`tui/present/states.py`); a test says when it is out of date. `?` shows the same for the page on the screen, `ctrl+p`
finds an action by its name.

**Name** is what `[console.keys]` in `config.toml` calls the action. `writes`: refused in a console that is read-only.
`asks`: nothing happens before the name of what goes has been typed. 6 and 7 are kept for pages to come.
"""

SIGNS_HEAD = """\
## Signs

Glyph, word and colour say the same, so that none of them is needed alone.
"""


def page() -> str:
    """The document."""
    parts = [HEAD]
    for scope in Scope:
        actions = [action for action in ACTIONS if action.scope == scope]
        parts += [
            f"## {TITLES.get(scope, scope.capitalize())}\n",
            _table(("Keys", "Action", "", "Name"), map(_row, actions)),
        ]
    signs = [(kind, f"`{sign}`", state) for kind, states in SIGNS.items() for state, sign in states.items()]
    return "\n".join([*parts, SIGNS_HEAD, _table(("Of", "Shown", "State"), signs)])


def _row(action: Action) -> Sequence[str]:
    keys = ", ".join(f"`{shown_key(key)}`" for key in action.keys)
    kind = "; asks" if action.danger else "; writes" if action.writes else ""
    return keys, action.label, action.help + kind, f"`{action.id}`"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(page())
