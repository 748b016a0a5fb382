"""What commands write: tables and lines for people, JSON for scripts, and the question before something is destroyed.

Text from outside is shown with control characters escaped; there is no colour.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from storage.errors import BadInput, Cancelled, SlipwayError


def printable(text: str) -> str:
    """`text` with every character escaped that would move the cursor, change colours or reorder the line."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def say(line: str) -> None:
    """One line on stdout."""
    print(printable(line))


def warn(line: str) -> None:
    """One line on stderr."""
    print(printable(line), file=sys.stderr)


def tell(error: SlipwayError, as_json: bool = False) -> None:
    """The error as one line on stderr, or as its JSON document."""
    line = json.dumps({"error": error.as_dict()}) if as_json else f"slipway: {printable(str(error))}"
    with suppress(OSError):  # a terminal that has gone away
        print(line, file=sys.stderr)


def print_json(document: Any) -> None:
    """The one JSON document of `--json`: times are UTC with Z, dataclasses objects, paths and enums text."""
    print(json.dumps(document, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def utc(moment: datetime) -> str:
    """`2026-11-21T09:30:00Z`, as stored and `--json` times are written."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their widest cell; None and "" are shown as `-`."""
    cells = [list(headers)]
    cells += [["-" if cell in (None, "") else printable(str(cell)) for cell in row] for row in rows]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(headers))]
    for row in cells:
        print("  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else not unicodedata.combining(one) for one in text)


def print_finding(state: str, where: str, what: str, fix: str) -> None:
    """What a look found, at once; what to do stands below it."""
    print(f"{state:<8} {printable(where)}: {printable(what)}", flush=True)
    if fix:
        print(f"{'':<8} -> {printable(fix)}", flush=True)


def examples(first: str, second: str) -> str:
    """The end of every help: two commands to copy."""
    return f"\b\nExamples:\n  {first}\n  {second}"


def confirm_by_name(kind: str, name: str, yes: bool) -> None:
    """Ask for `name` to be typed before it is destroyed; `yes` answers for scripts.

    Raises BadInput without a terminal, Cancelled when something else was typed; nothing was changed then.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        why = "there is no terminal to ask on"
        raise BadInput(f"not confirmed: {kind}", on=name, why=why, fix="add --yes; nothing was changed")
    print(f"Type the name of the {kind} to go on ({printable(name)}): ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().rstrip("\n") != name:
        raise Cancelled(f"not confirmed: {kind}", on=name, why="another name was typed", fix="nothing was changed")
