"""Text in terminal cells: escaping, fitting into a width, relative times.

A `Cell` is a text and the tone of the theme that it is painted with; a `Line` is cells side by side.
"""

from datetime import datetime
from typing import TypeAlias

from rich.cells import cell_len, set_cell_size

from cli.output import printable

Cell: TypeAlias = tuple[str, str]
Line: TypeAlias = tuple[Cell, ...]

TONES = ("plain", "dim", "ok", "busy", "warn", "bad", "key", "title")
"""What a theme gives a colour to."""


def plain(text: object) -> Cell:
    """A cell without colour; what comes from outside is escaped, None and "" are shown as `-`."""
    return (printable(str(text)) if text not in (None, "") else "-", "plain")


def harmless(text: str) -> str:
    """`text` as it may be sent to a terminal; the last gate, for what nobody has escaped before."""
    return text if text.isprintable() else printable(text)


def fit(text: str, width: int, align: str = "left") -> str:
    """`text` in exactly `width` terminal cells: wide characters count two, combining ones none."""
    text = harmless(text)
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "~" if width > 1 else set_cell_size(text, width)
    blank = " " * (width - length)
    return blank + text if align == "right" else text + blank


def ago(moment: datetime | None, now: datetime) -> str:
    """`now`, `20s`, `4m`, `2h`, `9d`; in steps of 10 s, so that an idle screen hardly sends anything."""
    if moment is None:
        return "-"
    return age((now - moment).total_seconds())


def age(seconds: float) -> str:
    """A duration in one unit: `now` below 10 s, then `20s`, `4m`, `2h`, `9d`."""
    if seconds < 10:
        return "now"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds // 10 * 10)}s"


def local(moment: datetime | None) -> str:
    """`2026-11-21 09:30:00 CET`: local time with its zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if moment else "-"


def wrapped(text: str, width: int) -> list[str]:
    """`text` broken at blanks into lines of at most `width` cells; a longer word is broken where it ends."""
    lines = [""]
    for word in printable(text).split():
        joined = f"{lines[-1]} {word}".strip()
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        lines.append("")
        rest = word
        while cell_len(rest) > width:
            # A wide character that has room for its half only is a blank there, and begins the next line.
            lines[-1] = set_cell_size(rest, width).rstrip() or rest[0]
            rest = rest[len(lines[-1]) :]
            lines.append("")
        lines[-1] = rest
    return [line for line in lines if line] or [""]


def broken(line: Line, width: int) -> list[Line]:
    """The line in lines of that width: its last cell goes on below itself."""
    if sum(cell_len(text) for text, _ in line) <= width:
        return [line]
    *before, (text, tone) = line
    blank = len(text) - len(text.lstrip())
    indent = sum(cell_len(one) for one, _ in before) + blank
    first, *rest = wrapped(text, max(10, width - indent))
    return [(*before, (" " * blank + first, tone)), *[((" " * indent, "plain"), (more, tone)) for more in rest]]


BESIDE = 56
"""Cells of a line of the detail where it stands beside the list, at 120 columns; nowhere are there less."""


def fields(pairs: list[tuple[str, object]], width: int = 14, room: int = 42) -> list[Line]:
    """Label and value, one below the other; a Cell as value keeps its colour. A long value goes on below itself, so
    that a path or a digest is whole also beside the list.
    """
    lines: list[Line] = []
    for label, value in pairs:
        text, tone = value if isinstance(value, tuple) else plain(value)
        first, *rest = wrapped(text, room)
        lines.append(((fit(label, width), "dim"), (first, tone)))
        lines += [((" " * width, "dim"), (more, tone)) for more in rest]
    return lines
