"""The one table of states, and that it knows every state that the engine has."""

from collections.abc import Iterable

import pytest

from engine.console import observer
from engine.staging import claims, templates
from tui import theme
from tui.present.states import FAILED, LOCKED, OFF, READY, RUNNING, SIGNS, STALE, UNKNOWN, sign
from tui.present.text import TONES

ALL = [(kind, state) for kind, states in SIGNS.items() for state in states]


@pytest.mark.parametrize(("kind", "state"), ALL)
def test_a_state_is_told_by_glyph_word_and_tone(kind: str, state: str) -> None:
    shown = sign(kind, state)
    assert shown.glyph in (READY, RUNNING, STALE, FAILED, LOCKED, OFF, UNKNOWN)
    assert shown.word
    assert str(shown).isascii()
    assert shown.tone in TONES


@pytest.mark.parametrize("kind", SIGNS)
def test_no_two_states_of_one_kind_look_alike(kind: str) -> None:
    shown = [str(one) for one in SIGNS[kind].values()]
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize(
    ("kind", "states"), [("endpoint", observer.State), ("template", templates.State), ("claim", claims.Verdict)]
)
def test_the_table_knows_every_state_of_the_engine(kind: str, states: Iterable[str]) -> None:
    assert set(states) <= set(SIGNS[kind])


def test_a_state_that_the_table_does_not_know_is_shown_as_it_is() -> None:
    assert str(sign("endpoint", "hibernating")) == "? hibernating"


@pytest.mark.parametrize("tone", TONES)
def test_every_tone_has_a_colour(tone: str) -> None:
    assert f".paint--{tone} " in theme.CSS
