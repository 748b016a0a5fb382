"""Text in terminal cells."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.present.text import age, ago, fields, fit, local, plain, wrapped

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "now"),
        (0, "now"),
        (9.9, "now"),
        (10, "10s"),
        (29, "20s"),
        (59.9, "50s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (86399, "23h"),
        (86400, "1d"),
        (9 * 86400, "9d"),
    ],
)
def test_ages_have_one_unit_and_do_not_flicker(seconds: float, said: str) -> None:
    assert age(seconds) == said
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said


def test_a_moment_that_never_was() -> None:
    assert ago(None, NOW) == "-"
    assert local(None) == "-"


def test_moments_are_told_in_the_local_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST")
        time.tzset()
        assert local(NOW) == "2026-11-21 10:30:00 CET"
    time.tzset()


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("vc01", 6, "vc01  "),
        ("vc01", 4, "vc01"),
        ("vc-01.lab", 6, "vc-01~"),
        ("東京", 4, "東京"),
        ("東京", 3, "東~"),
        ("東京都", 4, "東 ~"),  # half of a wide character cannot be shown
        ("Zu\u0308rich", 8, "Zu\u0308rich  "),  # a combining character takes no cell
        ("ab", 1, "a"),
        ("ab", 0, ""),
    ],
)
def test_fitting_counts_cells(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


def test_numbers_are_fitted_from_the_right() -> None:
    assert fit("12", 5, "right") == "   12"


TEXT = st.text(
    alphabet=st.one_of(st.sampled_from("ab -東京e\u0301\u200d"), st.characters(exclude_categories=["Cs", "Cc"]))
)


@given(TEXT, st.integers(0, 40))
def test_what_is_fitted_has_that_width(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


@given(TEXT, st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split()) or not text.isprintable()


def test_text_is_broken_at_blanks() -> None:
    assert wrapped("the datastore is full", 12) == ["the", "datastore is", "full"]


def test_a_long_word_is_broken_where_the_line_ends() -> None:
    assert wrapped("see abcdefghij now", 4) == ["see", "abcd", "efgh", "ij", "now"]


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_no_wide_character_is_lost_where_a_line_ends(width: int) -> None:
    lines = wrapped("x東京東京東京", width)
    assert "".join(lines) == "x東京東京東京"
    assert width == 1 or all(cell_len(line) <= width for line in lines)


def test_control_characters_are_shown_and_not_sent() -> None:
    assert "\x1b" not in plain("\x1b[2Jvc01")[0]
    assert "\x1b" not in "".join(wrapped("a\x1b]52;c;eA==\x07b", 10))


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_is_a_dash(nothing: str | None) -> None:
    assert plain(nothing) == ("-", "plain")
    assert plain(0) == ("0", "plain")


def test_fields_keep_a_cells_tone() -> None:
    assert fields([("state", ("o ready", "ok")), ("jobs", 2)], width=8) == [
        (("state   ", "dim"), ("o ready", "ok")),
        (("jobs    ", "dim"), ("2", "plain")),
    ]
