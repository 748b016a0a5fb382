"""Lines of a log as rows and as detail."""

import time
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from tui.present.states import sign
from tui.present.text import Cell, Line, fields, harmless, wrapped
from tui.widgets.table import Column, View

if TYPE_CHECKING:
    from engine.console.logs import LogLine

COLUMNS = (
    Column("Time", 11, sort=lambda row: row.at),
    Column("Level", 7),
    Column("Of", 13, drop=1),
    Column("Item", 16, grow=1),
    Column("Text", 28, grow=6),
)


def cells(row: "LogLine", now: datetime) -> Line:
    """One line."""
    level, tone = _level(row)
    return (
        (_time(row.at, now), "dim"),
        (level, tone),
        (row.job or "-", "dim"),
        (harmless(row.item or row.module.rpartition(".")[2]) or "-", "plain" if row.item else "dim"),
        (harmless(row.text), "plain" if tone == "dim" else tone),
    )


VIEW = View(COLUMNS, lambda row: str(row.number), cells)


def detail(row: "LogLine", width: int) -> list[Line]:
    """All of the line, in a pane of that width."""
    lines: list[Line] = [((line, "plain"),) for line in wrapped(row.text, max(20, width))]
    if row.at is None:
        return lines
    when = f"{row.at.astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" {row.at.astimezone():%Z}"
    pairs: list[tuple[str, object]] = [
        ("time", when),
        ("level", _level(row)),
        ("of", " ".join(one for one in (row.job, row.item) if one)),
        ("by", f"{row.module}, process {row.pid}"),
    ]
    return [*lines, (), *fields(pairs, room=max(20, width - 14))]


def empty(source: str) -> list[Line]:
    """Why there is nothing yet."""
    if source == "worker":
        told = "No worker of this store has written anything on this machine yet."
        why = "One starts by itself with the first deployment or staging, and its steps are told here."
    else:
        told = "No command has written anything yet."
        why = "Errors with their causes, and what consoles meet, are told here."
    other = "the commands' log" if source == "worker" else "the worker's log"
    return [
        ((told, "title"),),
        (),
        *[((line, "plain"),) for line in wrapped(why, 70)],
        (),
        (("  l", "key"), (f"  {other}", "plain")),
    ]


def _level(row: "LogLine") -> Cell:
    if not row.level:
        return "-", "dim"
    return _sign(row.level)


@cache
def _sign(level: str) -> Cell:
    shown = sign("level", level)
    return str(shown), shown.tone


def _time(at: datetime | None, now: datetime) -> str:
    """`15:53:14` of today, `11-20 15:53` of another day; local time. A filter asks for it of 50,000 lines."""
    if at is None:
        return "-"
    here = time.localtime(at.timestamp())
    if here[:3] == _day(now):
        return f"{here.tm_hour:02}:{here.tm_min:02}:{here.tm_sec:02}"
    return f"{here.tm_mon:02}-{here.tm_mday:02} {here.tm_hour:02}:{here.tm_min:02}"


@lru_cache(maxsize=1)
def _day(now: datetime) -> tuple[int, ...]:
    return time.localtime(now.timestamp())[:3]
