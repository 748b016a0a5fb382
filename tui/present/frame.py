"""The frame's lines: where one is, how everything is, what is filtered, the message, the best keys."""

import shlex
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tui.present.states import sign
from tui.present.text import Cell, Line, ago, fit, printable, wrapped

if TYPE_CHECKING:
    from textual.geometry import Size

    from engine.console.desk import Pulse
    from tui.widgets.table import Table


def place(title: str, pulse: "Pulse | None", standing: str, paused: bool, read_only: bool, width: int) -> Line:
    """Row 1: place left, live status right."""
    left: list[Cell] = [(" Slipway ", "key"), (f" {printable(title)}", "title")]
    if paused:
        left.append(("  [paused: p goes on]", "warn"))
    if read_only:
        left.append(("  [read-only]", "dim"))
    if standing == "loading":
        left.append(("  loading ...", "dim"))
    right = status(pulse) if pulse is not None else []
    room = width - sum(cell_len(text) for text, _ in left) - 1
    while right and sum(cell_len(text) + 2 for text, _ in right) > room:
        right.pop(0)
    gap = room - sum(cell_len(text) + 2 for text, _ in right)
    spaced = [part for cell in right for part in (cell, ("  ", "plain"))]
    return (*left, (" " * max(0, gap + 1), "plain"), *spaced)


def status(pulse: "Pulse") -> list[Cell]:
    """How everything is; the most important comes last, so that a narrow line keeps it."""
    worker = sign("worker", pulse.worker)
    told: list[Cell] = [("staging on", "ok") if pulse.staging else ("- staging off", "warn")]
    jobs = pulse.running + pulse.queued
    if pulse.worker != "none" or jobs:
        told.append((str(worker), worker.tone if pulse.worker != "none" else "warn"))
    told.append(
        (f"> {pulse.running} running" + (f" {pulse.queued} queued" if pulse.queued else ""), "busy")
        if jobs
        else ("o idle", "dim")
    )
    if pulse.down:
        told.append((f"! {pulse.down}/{pulse.endpoints} endpoints down", "bad"))
    if pulse.stale_claims:
        told.append((f"~ {pulse.stale_claims} stale claim{'s' if pulse.stale_claims > 1 else ''}", "warn"))
    return told


def viewed(table: "Table", order: str | None, error: str, since: datetime | None, now: datetime) -> Line:
    """Row 2: how many rows, filter, order, marks; and that they are old."""
    shown = f" {table.count}" if table.count == table.total else f" {table.count} of {table.total}"
    parts: list[Cell] = [(shown, "dim")]
    if table.filter:
        parts.append((f"  /{printable(table.filter.text)}", "key"))
    if order:
        parts.append((f"  by {order.lower()}{' down' if table.reverse else ''}", "dim"))
    if table.marked:
        parts.append((f"  * {len(table.marked)} marked", "key"))
    if table.in_range:
        parts.append(("  range: v ends it", "key"))
    if since is not None:
        age = ago(since, now)
        old = "a moment ago" if age == "now" else f"{age} ago"
        parts.append((f"  ~ stale: as of {old}{': ' + one_line(error) if error else ''}", "warn"))
    return tuple(parts)


def keys(best: list[tuple[str, str]], width: int) -> Line:
    """The last row: the best keys that there is room for; help and quit always."""
    while len(best) > 2 and sum(len(key) + len(label) + 3 for key, label in best) > width:
        best = [*best[:-3], *best[-2:]]
    return named_keys(best)


def named_keys(pairs: Sequence[tuple[str, str]]) -> Line:
    """Keys with what they do, side by side."""
    return tuple(part for key, label in pairs for part in ((f" {key}", "key"), (f" {label} ", "dim")))


def one_line(text: str) -> str:
    """Any text in one line, control characters escaped."""
    return printable(" ".join(text.split()))


def cannot_read(error: str, width: int) -> list[Line]:
    """The body when nothing could be read yet."""
    lines = [((line, "bad"),) for line in wrapped(error, width)]
    return [
        (("! The store cannot be read.", "bad"),),
        (),
        *lines,
        (),
        (("It is tried again every 2 s. y copies this.", "dim"),),
    ]


def nothing_fits(words: str, total: int) -> list[Line]:
    """The body when the filter lets no row through."""
    return [
        (
            ("Nothing fits the filter ", "plain"),
            (printable(words), "key"),
            (f"; there {'is' if total == 1 else 'are'} {total} without it.", "plain"),
        ),
        (),
        (("esc", "key"), (" shows them again", "dim")),
    ]


def too_small(pulse: "Pulse | None", size: "Size") -> list[Line]:
    """The body below 60x16."""
    width = max(1, size.width - 2)
    doing: list[Cell] = [(fit(printable(f"> {one}"), width), "busy") for one in pulse.doing] if pulse else []
    running = status(pulse) if pulse else []
    return [
        *[(cell,) for cell in (*doing, *reversed(running))],
        ((fit(f"too small: {size.width}x{size.height}, needs 60x16", width), "warn"),),
        (("q", "key"), (" quit; jobs go on", "dim")),
    ]


def goodbye(jobs: int, unfinished: Collection[str], store: str | None) -> str | None:
    """The last words of a console of that store (None: the configured one), None when there is nothing to say."""
    told = [f"stopping {one}, and removing what it made ..." for one in sorted(unfinished)]
    if jobs:
        goes = "1 job goes" if jobs == 1 else f"{jobs} jobs go"
        slipway = f"slipway --store {shlex.quote(store)}" if store else "slipway"
        told.append(f"{goes} on without this console. Look again: {slipway}, or {slipway} deployment list")
    return "\n".join(told) or None
