"""The operator's own habits: `[console]` of config.toml and the variables SLIPWAY_CONSOLE_..., checked word by word.

A flag is stronger than a variable, a variable stronger than config.toml. What is not known is an error that names
where it stands and the nearest: a key that is silently dead would be noticed when it is needed.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import permutations
from string import ascii_lowercase
from typing import Any

from engine.errors import BadInput
from tui.actions import ACTIONS, BY_ID, LEAVING, Action, Scope, shown_key
from tui.options import Options
from tui.terminal import NAMES

KNOWN = ("theme", "mouse", "read_only", "slow", "keys")
"""Keys of the table; each but `keys` has its variable `SLIPWAY_CONSOLE_<KEY>`."""

SWITCH = {True: True, False: False, "on": True, "off": False, "true": True, "false": False}

ON_EVERY_PAGE = (Scope.EVERYWHERE, Scope.TABLE)

SPECIAL = (
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete"),
    *("enter", "escape", "tab", "space", "backspace"),
    *(f"f{number}" for number in range(1, 13)),
)
"""Keys with a name of their own; all others are one character."""


def configured(given: Options, table: Mapping[str, Any], file: str) -> Options:
    """The command line's options completed by the environment and by `table`, the `[console]` of `file`.

    Raises BadInput for what is unknown or cannot be used.
    """
    for name in table:
        if name not in KNOWN:
            raise BadInput("unknown key", on=f'"{name}" of [console] in {file}', fix=_nearest(name, KNOWN))

    def said(name: str) -> tuple[Any, str]:
        variable = f"SLIPWAY_CONSOLE_{name.upper()}"
        if os.environ.get(variable):
            return os.environ[variable], variable
        return table.get(name), f'"{name}" of [console] in {file}'

    return replace(
        given,
        theme=given.theme or _one_of(NAMES, *said("theme")),
        mouse=given.mouse if given.mouse is not None else _one_of(SWITCH, *said("mouse")),
        read_only=given.read_only or bool(_one_of(SWITCH, *said("read_only"))),
        slow=given.slow or bool(_one_of(SWITCH, *said("slow"))),
        keys=_keys(table.get("keys", {}), f"[console.keys] in {file}"),
    )


def _one_of(known: Mapping[Any, Any], value: Any, where: str) -> Any:
    """The value that the word stands for; of themes the word itself; None when nothing was said."""
    if value is None:
        return None
    if not isinstance(value, str | bool) or value not in known:
        words = [word for word in known if isinstance(word, str)]
        raise BadInput("unusable value", on=f"{value!r} of {where}", fix=f"set it to {', '.join(words)}")
    return value if known is NAMES else known[value]


def _keys(table: Any, where: str) -> dict[str, str]:
    """The keys of each action that has others than ours, as Textual names them."""
    if not isinstance(table, dict):
        raise BadInput("unusable value", on=where, why="it is a table", fix='write: "endpoint.add" = "n"')
    chosen: dict[str, str] = {}
    for action, keys in _flat(table):
        if action not in BY_ID:
            raise BadInput("unknown action", on=f'"{action}" of {where}', fix=_nearest(action, BY_ID))
        if not isinstance(keys, str) or not keys.strip():
            raise BadInput("unusable keys", on=f'of "{action}" in {where}', fix='write them so: "x" or "x,ctrl+x"')
        chosen[action] = ",".join(_key(one.strip(), action, where) for one in keys.split(","))
    _refuse_conflicts(chosen, where)
    return chosen


def _flat(table: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """TOML reads `endpoint.add = "n"` without quotes as a table `endpoint`; both ways mean the same."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{rest}", keys) for rest, keys in _flat(value))
        else:
            yield name, value


def _key(written: str, action: str, where: str) -> str:
    """A key as Textual names it: `?` is question_mark, `ctrl+p` stays."""
    *modifiers, name = written.split("+") if len(written) > 1 else (written,)
    known = name.lower() in SPECIAL or (len(name) == 1 and name.isprintable()) or name in _named()
    if not known or any(one not in ("ctrl", "shift", "alt") for one in modifiers):
        near = get_close_matches(
            written.lower(), [*SPECIAL, *_named(), *(f"ctrl+{one}" for one in ascii_lowercase)], n=1
        )
        fix = f'did you mean "{near[0]}"?' if near else f"write one character, ctrl+x, or one of {', '.join(SPECIAL)}"
        raise BadInput("unknown key name", on=f'"{written}" of "{action}" in {where}', fix=fix)
    if len(name) == 1 and not name.isalnum():
        name = _name_of(name)
    elif name.lower() in SPECIAL:
        name = name.lower()
    return "+".join([*modifiers, name])


def _named() -> set[str]:
    """Textual's names of punctuation: slash, question_mark, ..."""
    return {_name_of(chr(code)) for code in range(0x21, 0x7F) if not chr(code).isalnum()}


def _name_of(character: str) -> str:
    from textual.keys import KEY_NAME_REPLACEMENTS

    name = unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def _refuse_conflicts(chosen: Mapping[str, str], where: str) -> None:
    """Of two actions that are there at the same time each needs a key of its own."""
    keys = {action: action.keys_with(chosen) for action in ACTIONS}
    keys[BY_ID["quit"]] += LEAVING
    for action, other in permutations(ACTIONS, 2):
        twice = [key for key in keys[action] if key in keys[other]]
        if twice and action.id in chosen and _meet(action, other):
            on = f'"{shown_key(twice[0])}" of "{action.id}" in {where}'
            why = f'it is the key of "{other.id}" too'
            raise BadInput("key given twice", on=on, why=why, fix=f'give "{other.id}" another key there as well')


def _meet(one: Action, other: Action) -> bool:
    """Whether both can be taken on the same page."""
    return one.scope == other.scope or one.scope in ON_EVERY_PAGE or other.scope in ON_EVERY_PAGE


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(name, known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"
