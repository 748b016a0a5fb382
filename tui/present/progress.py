"""Bytes under way as people read them: a bar, a percentage, the rate, and the time left only where it is known."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cli.units import duration, size
from tui.present.text import Cell

if TYPE_CHECKING:
    from engine.console.rates import Transfer

SILENT = 15.0
"""Seconds without a byte after which that is said, in place of a rate and a time that no longer hold."""

BAR = 8


def bar(done: int, total: int, width: int = BAR) -> str:
    """`[####----]`, in ASCII, so that it looks alike on every terminal; full only when all is done."""
    full = min(width, width * done // total) if total else 0
    return f"[{'#' * full}{'-' * (width - full)}]"


def percent(done: int, total: int) -> str:
    """`58%`; 100 only when all is done."""
    return f"{min(100, 100 * done // total) if total else 0:2}%"


def left(seconds: float) -> str:
    """`12s`, `1m12s`, `25m`, `2h05m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s" if minutes < 10 else f"{minutes}m"
    return f"{minutes // 60}h{minutes % 60:02}m"


def took(seconds: float) -> str:
    """`12 s`, `1:05`, `2:00:10`: in whole seconds."""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 60 else duration(whole)


def speed(per_second: float) -> str:
    """`4.2 MiB/s`, `41 MiB/s`."""
    number, unit = size(per_second).split(" ")
    return f"{number.partition('.')[0] if len(number) > 3 else number} {unit}/s"


def upload(transfers: Iterable["Transfer"], now: datetime, width: int = BAR) -> Cell:
    """One or several uploads as one: `[####----] 58% 41 MiB/s ETA 1m12s`, or that no byte comes."""
    moving = list(transfers)
    done, total = sum(one.done for one in moving), sum(one.total for one in moving)
    told, tone = pace(moving, now)
    return f"{bar(done, total, width)} {percent(done, total)} {told}".rstrip(), tone


def pace(transfers: Iterable["Transfer"], now: datetime) -> Cell:
    """How fast they are as one: `41 MiB/s ETA 1m12s`, or that no byte comes."""
    moving = list(transfers)
    silent = (now - max(one.byte_at for one in moving)).total_seconds()
    if silent >= SILENT:
        # In steps of 5 s: it changes often enough to be believed, and costs few bytes.
        return f"no byte for {left(silent // 5 * 5)}", "warn"
    rate = sum(one.per_second for one in moving if now - one.byte_at < timedelta(seconds=SILENT))
    told = [speed(rate)] if rate else []
    ends = [one.ends_at for one in moving if one.ends_at is not None]
    if len(moving) == 1 and ends:
        told.append(f"ETA {left((ends[0] - now).total_seconds())}")
    elif ends and rate:
        told.append(f"ETA {left(sum(one.total - one.done for one in moving) / rate)}")
    return " ".join(told), "busy"
