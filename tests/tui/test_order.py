"""Filtering and sorting many rows a few at a time gives what doing it at once would."""

from hypothesis import given
from hypothesis import strategies as st

from tui.present.order import STEP, arranged, at_once

ROWS = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 20)), st.integers()), max_size=3000)


@given(ROWS, st.booleans())
def test_sorted_as_python_does_and_the_unknown_last(rows: list[tuple[int | None, int]], reverse: bool) -> None:
    known = [row for row in rows if row[0] is not None]
    unknown = [row for row in rows if row[0] is None]
    expected = sorted(known, key=lambda row: row[0] or 0, reverse=reverse) + unknown
    assert at_once(arranged(rows, None, lambda row: row[0], reverse)) == expected


def test_five_thousand_rows_are_merged_from_slices() -> None:
    rows = [(number * 7919) % 5003 for number in range(5003)]
    assert at_once(arranged(rows, lambda row: row % 2 == 0, lambda row: row, True)) == list(range(5002, -1, -2))


def test_it_pauses_every_few_rows() -> None:
    looked_at = 0

    def lets(row: int) -> bool:
        nonlocal looked_at
        looked_at += 1
        return True

    arranging = arranged(range(10_000), lets, lambda row: -row, False)
    longest, before = 0, 0
    for _ in arranging:
        longest, before = max(longest, looked_at - before), looked_at
    assert longest <= STEP


def test_nothing_to_do_gives_the_same_rows_back() -> None:
    rows = [3, 1, 2]
    assert at_once(arranged(rows, None, None, False)) is rows
