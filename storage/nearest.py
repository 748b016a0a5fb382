"""The nearest known name to a mistyped one, for error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(name: str, known: Iterable[str]) -> str:
    """`did you mean "x"?` for the known name nearest to `name`; empty when none is near."""
    near = get_close_matches(name, list(known), n=1)
    return f'did you mean "{near[0]}"?' if near else ""
