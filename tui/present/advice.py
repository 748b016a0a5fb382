"""What an error advises, with the key that does it here: the engine knows the command line only."""

import re
from collections.abc import Callable

from tui.actions import ACTIONS, BY_ID, Action

COMMANDS = {action.command: action for action in ACTIONS if action.command}
"""The registry's, by what does the same on the command line."""

COMMAND = re.compile(rf"slipway ({'|'.join(COMMANDS)})(?![\w-])")


def with_keys(text: str, place: str, key_of: Callable[[Action], str]) -> str:
    """`text`, at its end the keys of the commands that it names: `(here: 9, then f)`; on the page `place` itself
    `(here: f)`.
    """
    named = dict.fromkeys(COMMANDS[command] for command in COMMAND.findall(text))
    keys = [
        key_of(action)
        if action.id.startswith("go.") or action.scope == place
        else f"{key_of(BY_ID[f'go.{action.scope}'])}, then {key_of(action)}"
        for action in named
    ]
    return f"{text} (here: {'; '.join(keys)})" if keys else text
