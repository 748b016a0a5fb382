"""Which rows of a table are shown, and in which order: worked out a few rows at a time, so that no key has to wait."""

from collections.abc import Callable, Generator, Sequence
from heapq import merge
from operator import itemgetter
from typing import Any

STEP = 64
"""Rows between two pauses; a slice is sorted at once and merged afterwards."""

SLICE = 1024

Arranging = Generator[None, None, Sequence[Any]]
"""Pauses often; returns the rows."""


def arranged(
    rows: Sequence[Any], lets: Callable[[Any], bool] | None, key: Callable[[Any], Any] | None, reverse: bool
) -> Arranging:
    """The rows that `lets` lets through by `key`, as they come where these are None.

    Equal ones stay as they come; those whose key is None, not known, are last in either direction.
    """
    if lets is not None:
        rows = yield from _kept(rows, lets)
    if key is not None:
        rows = yield from _sorted(rows, key, reverse)
    return rows


def _kept(rows: Sequence[Any], lets: Callable[[Any], bool]) -> Arranging:
    kept = []
    for number, row in enumerate(rows):
        if number % STEP == 0:
            yield
        if lets(row):
            kept.append(row)
    return kept


def _sorted(rows: Sequence[Any], key: Callable[[Any], Any], reverse: bool) -> Arranging:
    known: list[tuple[Any, Any]] = []
    unknown = []
    for number, row in enumerate(rows):
        if number % STEP == 0:
            yield
        value = key(row)
        if value is None:
            unknown.append(row)
        else:
            known.append((value, row))
    runs = []
    for start in range(0, len(known), SLICE):
        runs.append(sorted(known[start : start + SLICE], key=itemgetter(0), reverse=reverse))
        yield
    ordered = []
    for number, (_, row) in enumerate(merge(*runs, key=itemgetter(0), reverse=reverse)):
        if number % STEP == 0:
            yield
        ordered.append(row)
    return ordered + unknown


def at_once(arranging: Arranging) -> Sequence[Any]:
    """The rows, without a pause."""
    while True:
        try:
            next(arranging)
        except StopIteration as done:
            found: Sequence[Any] = done.value
            return found
