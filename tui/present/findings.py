"""What a look at an endpoint or a package found, as lines."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.present.states import sign
from tui.present.text import Cell, Line, fit, wrapped

if TYPE_CHECKING:
    from engine.console.packages import PackageFinding
    from engine.endpoints.findings import Finding as EndpointFinding

    Finding = EndpointFinding | PackageFinding

WORST_FIRST = ("missing", "error", "warning", "ok", "note")
"""States of findings of both kinds."""

INDENT = 11
"""Cells of the sign and its word."""


def lines(found: Sequence["Finding"], width: int, advice: Callable[[str], str] = str) -> list[Line]:
    """One finding below the other, what to do below it, as `advice` tells that."""
    return [line for finding in found for line in _lines(finding, max(20, width - INDENT), advice)]


def problems_first(found: Sequence["Finding"]) -> list["Finding"]:
    """What is missing or wrong, then what is not as it should be, then the rest: what to do is in view."""
    return sorted(found, key=lambda finding: WORST_FIRST.index(finding.state))


def _lines(finding: "Finding", room: int, advice: Callable[[str], str]) -> list[Line]:
    state = sign("finding", finding.state)
    first, *rest = wrapped(f"{finding.name}: {finding.detail}", room)
    blank: Cell = (" " * INDENT, "plain")
    told: list[Line] = [((fit(str(state), INDENT), state.tone), (first, "plain"))]
    told += [(blank, (line, "plain")) for line in rest]
    told += [(blank, (line, "key")) for line in wrapped(f"-> {advice(finding.fix)}", room)] if finding.fix else []
    return told


def summary(found: Sequence["Finding"], doing: str) -> Line:
    """How many of each, and what is being done."""
    parts: list[Cell] = [(" ", "plain")]
    for word in ("ok", "note", "warning", "error", "missing"):
        count = sum(finding.state == word for finding in found)
        if count:
            parts += [(f"{count} {word}", sign("finding", word).tone), ("  ", "plain")]
    return (*parts, (doing, "busy"))


def text(name: str, found: Sequence["Finding"]) -> str:
    """All of it to copy; `name` says of what."""
    told = [
        f"{finding.state:<8} {finding.name}: {finding.detail}" + (f"; {finding.fix}" if finding.fix else "")
        for finding in found
    ]
    return "\n".join([name, *told])
