"""Advice that names a command is told with the key that does the same here."""

import asyncio

import pytest

from cli.app import load
from engine.errors import Refused
from tests.tui.conftest import FixedFeed, fixed, until
from tests.tui.rows import ENDPOINTS
from tui.actions import Action
from tui.present.advice import COMMANDS, with_keys


def first(action: Action) -> str:
    return action.keys[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x: no OVA; slipway component set-file esxi-8.0u3g OVA", " (here: 9, then f)"),
        ("x: busy; see: slipway lock list", " (here: 4)"),
        ("slipway endpoint update vc01 --network NAME", " (here: e)"),
        ("slipway endpoint test vc01, or slipway lock list, or slipway lock list", " (here: c; 4)"),
        ("slipway endpoint updates, slipway store backup, see the log", ""),
        ("", ""),
    ],
)
def test_the_keys_come_last(text: str, told: str) -> None:
    assert with_keys(text, "endpoints", first) == text + told


def test_a_refusal_names_the_operators_own_key_and_is_copied_as_it_is() -> None:
    async def scenario() -> None:
        console = fixed(FixedFeed({"endpoints": ENDPOINTS}), keys={"component.toggle": "D", "go.components": "f9"})
        async with console.run_test(size=(80, 24)) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "ready", "the page")
            assert console.page is not None
            refusal = Refused("cannot deploy", on="esxi-8.0u3g", fix="slipway component enable esxi-8.0u3g")
            console.page.refused(refusal)
            assert "".join(text for text, _ in console.page.message) == f"{refusal} (here: f9, then D)"
            await pilot.press("y")
            assert console.clipboard == str(refusal)

    asyncio.run(scenario())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_there(command: str) -> None:
    group, verb = command.split()
    assert verb in load(group).commands
