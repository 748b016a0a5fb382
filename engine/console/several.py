"""The same for several things: each is tried, whatever becomes of another, and what failed is told at the end."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from engine.errors import Failed, SlipwayError

T = TypeVar("T")


def to_each(what: str, these: Collection[T], do: Callable[[T], Any]) -> None:
    """Do it to all of these. Raises as `tell`."""
    tell(what, len(these), failures(these, do))


def failures(these: Iterable[T], do: Callable[[T], Any]) -> list[SlipwayError]:
    """Do it to all of these; what was raised meanwhile."""
    found = []
    for one in these:
        try:
            do(one)
        except SlipwayError as error:
            found.append(error)
    return found


def tell(what: str, count: int, found: list[SlipwayError]) -> None:
    """Raise what was found: the error of a single thing as it is, Failed that tells all of those of several."""
    if count == 1 and found:
        raise found[0]
    if found:
        raise Failed(f"cannot {what} all of {count}:", why="; ".join(str(error) for error in found))
