"""The frame's lines: what they say, and what they keep when there is little room."""

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.geometry import Size

from tests.tui.conftest import IDLE, NOW
from tui.present import frame
from tui.present.text import Line

BUSY = replace(IDLE, running=2, queued=1, stale_claims=1, down=1, endpoints=3, worker="running")


def text(line: Line) -> str:
    return "".join(one for one, _ in line)


def place(width: int, standing: str = "ready", paused: bool = False, read_only: bool = False) -> str:
    return text(frame.place("1 Endpoints", BUSY, standing, paused, read_only, width))


def test_the_first_line_says_where_one_is_and_how_everything_is() -> None:
    said = place(120)
    assert said.startswith(" Slipway  1 Endpoints ")
    for part in ("staging on", "o worker", "> 2 running 1 queued", "! 1/3 endpoints down", "~ 1 stale claim "):
        assert part in said


@pytest.mark.parametrize("width", range(60, 161))
def test_the_first_line_is_never_too_long(width: int) -> None:
    for paused in (False, True):
        assert cell_len(place(width, paused=paused).rstrip()) <= width


def test_a_narrow_line_keeps_what_went_wrong() -> None:
    said = place(60)
    assert "! 1/3 endpoints down" in said or "~ 1 stale claim" in said
    assert "staging on" not in said


def test_paused_read_only_and_loading_are_said() -> None:
    assert "[paused: p goes on]" in place(120, paused=True)
    assert "[read-only]" in place(120, read_only=True)
    assert "loading ..." in text(frame.place("1 Endpoints", None, "loading", False, False, 80))


def test_an_idle_store_says_so() -> None:
    said = [one for one, _ in frame.status(IDLE)]
    assert "o idle" in said
    assert not any("worker" in one for one in said), "no worker is nothing to worry about when there is nothing to do"
    assert ("- no worker", "warn") in frame.status(replace(IDLE, queued=1)), "but not when there is"


def test_the_switched_off_flag_and_a_hung_worker_stand_out() -> None:
    told = frame.status(replace(IDLE, staging=False, worker="hung"))
    assert ("- staging off", "warn") in told
    assert ("! worker hung", "bad") in told


def test_several_stale_claims() -> None:
    assert ("~ 2 stale claims", "warn") in frame.status(replace(IDLE, stale_claims=2))


KEYS = [("a", "add"), ("e", "edit"), ("c", "check"), ("/", "filter"), ("?", "help"), ("q", "quit")]


def test_every_best_key_where_there_is_room() -> None:
    assert text(frame.keys(KEYS, 80)) == " a add  e edit  c check  / filter  ? help  q quit "


@pytest.mark.parametrize("width", range(20, 81))
def test_help_and_quit_are_always_there(width: int) -> None:
    said = text(frame.keys(KEYS, width))
    assert said.endswith(" ? help  q quit ")
    assert cell_len(said) <= max(width, 17)


def test_an_error_of_several_lines_is_one_line() -> None:
    assert frame.one_line("no\n  answer\x1b[2J") == "no answer\\x1b[2J"


def test_what_cannot_be_read_says_why_and_what_happens_next() -> None:
    lines = [text(line) for line in frame.cannot_read("the store does not answer: the disk is full", 30)]
    assert lines[0] == "! The store cannot be read."
    assert "the store does not answer: the" in lines
    assert "tried again" in lines[-1]


def test_too_small_says_what_runs_and_how_to_leave() -> None:
    lines = [text(line) for line in frame.too_small(BUSY, Size(40, 10))]
    assert any("2 running" in line for line in lines)
    assert any(line.startswith("too small: 40x10, needs 60x16") for line in lines)
    assert lines[-1] == "q quit; jobs go on"
    assert [text(line) for line in frame.too_small(None, Size(40, 10))][-1] == "q quit; jobs go on"


class Seen:
    """What `frame.viewed` looks at of a table."""

    def __init__(self, count: int = 3, words: str = "", marked: int = 0, in_range: bool = False) -> None:
        from tui.present.filter import Filter

        self.count, self.total, self.filter, self.reverse = count, 3, Filter(words), False
        self.marked, self.in_range = frozenset(map(str, range(marked))), in_range


def viewed(table: Seen, order: str | None = None, error: str = "", old: bool = False) -> str:
    return text(frame.viewed(table, order, error, NOW if old else None, NOW))  # type: ignore[arg-type]


def test_the_second_line_says_what_is_shown() -> None:
    assert viewed(Seen()) == " 3"
    assert viewed(Seen(1, "state:stale\x1b")) == " 1 of 3  /state:stale\\x1b"
    assert viewed(Seen(), "Name") == " 3  by name"
    assert viewed(Seen(marked=2, in_range=True)) == " 3  * 2 marked  range: v ends it"


def test_the_second_line_says_that_it_is_old_and_why() -> None:
    assert viewed(Seen(), old=True) == " 3  ~ stale: as of a moment ago"
    assert viewed(Seen(), error="the disk\nis full", old=True).endswith(": the disk is full")
