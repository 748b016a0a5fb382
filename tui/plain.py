"""Plain mode: how everything is, line by line, for screen readers and pipes; on a terminal then each change.

No escape codes, nothing is overwritten. Ctrl-C leaves; a hang-up or SIGTERM ends it as any program that only prints.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.errors import SlipwayError
from tui import glyphs, terminal
from tui.options import Options
from tui.present.states import sign
from tui.present.text import local, printable

if TYPE_CHECKING:
    from engine.console.desk import Desk

PATIENCE = 5.0
"""Seconds that the first lines wait for the endpoints to answer."""

POLL = 1.0

UNDER_WAY = ("queued", "staging", "cancelling")
"""States of a template that somebody is at."""

EVERY, SLOW_EVERY = 5.0, 20.0
"""Seconds between two lines of one job that say nothing new but how far it is."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of something. `percent`: how far its upload is; `notable`: said at the start too."""

    text: str
    percent: int | None = None
    notable: bool = True

    def __str__(self) -> str:
        return self.text if self.percent is None else f"{self.text} {self.percent}%"


class NobodyReads(Exception):
    """The pipe was closed, or the terminal has gone."""


def show(options: Options) -> int:
    """Print how everything is, and on a terminal what changes, until Ctrl-C; the exit code.

    Raises as `storage.store.open_store`.
    """
    from cli import defects
    from engine.console.desk import open_desk

    defects.explain()
    if not terminal.speaks_utf8():
        glyphs.send_ascii()
    try:
        with open_desk(options.store) as desk:
            told = _at_first(desk)
            _print(f"Slipway, {local(datetime.now().astimezone())}")
            for subject, one in told.items():
                if one.notable:
                    _print(f"{subject}: {one}")
            if sys.stdout.isatty():
                _print("Changes follow, one a line. Ctrl-C leaves; jobs go on.")
                with suppress(KeyboardInterrupt):
                    _follow(desk, told, SLOW_EVERY if options.slow else EVERY, options.read_only)
    except NobodyReads:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to say, at exit neither
        return 1
    return 0


def _at_first(desk: "Desk") -> dict[str, Told]:
    """How everything is, once every endpoint has answered or failed to."""
    from engine.console import endpoints

    deadline = time.monotonic() + PATIENCE
    while any(row.state == "connecting" for row in endpoints.read(desk)) and time.monotonic() < deadline:
        desk.changed(0.1)
    return dict(_everything(desk))


def _follow(desk: "Desk", told: dict[str, Told], every: float, read_only: bool = False) -> None:
    """Print what changes, for ever; how far an upload is only now and then."""
    said_at: dict[str, float] = {}
    while True:
        try:
            desk.changed(POLL)
            if not read_only:
                desk.keep_worker()
            now = dict(_everything(desk))
        except SlipwayError as error:
            now = told | {"store": Told(str(error), notable=False)}
            time.sleep(POLL)
        for subject in told.keys() - now.keys():
            _say(subject, "no more")
            del told[subject]
            said_at.pop(subject, None)
        for subject, one in now.items():
            before = told.get(subject)
            if one == before:
                continue
            news = before is None or (one.text, one.notable) != (before.text, before.notable)
            if news or time.monotonic() - said_at.get(subject, 0.0) >= every:
                _say(subject, one)
                told[subject], said_at[subject] = one, time.monotonic()


def _everything(desk: "Desk") -> Iterator[tuple[str, Told]]:
    """What is said of what, the most general first."""
    from engine.console import deploys, endpoints, locks, templates

    yield "store", Told("answers", notable=False)
    pulse = desk.pulse()
    yield "staging", Told("on" if pulse.staging else "off: every VM is uploaded by itself")
    yield "worker", Told({"none": "none runs", "running": "runs", "hung": "hung: slipway doctor"}[pulse.worker])
    found = endpoints.read(desk)
    if not found:
        yield "endpoints", Told("no endpoint yet; slipway endpoint add --help, or see it all first: slipway demo")
    for one in found:
        yield f"endpoint {one.name}", _endpoint(one)
    staged = templates.read(desk)
    counts = Counter(sign("template", row.state).word for row in staged if row.state not in UNDER_WAY)
    yield "templates", Told(", ".join(f"{count} {word}" for word, count in counts.most_common()) or "none")
    for row in staged:
        if row.state in UNDER_WAY:
            moving = _percent([row.transfer])
            step = "uploading" if moving is not None else row.step
            yield f"{row.uid} on {row.endpoint}", Told(", ".join(filter(None, (row.state, step))), moving)
    under_way = 0
    for row in deploys.read(desk):
        under_way += row.active
        yield f"deployment {row.id} {row.name}", _deployment(row)
    yield "deployments", Told(f"{under_way or 'none'} under way")
    for lock in locks.read(desk):
        if not lock.live:
            told = f"{lock.claim.verdict}; slipway lock list shows the evidence"
            yield f"claim of {lock.claim.uid} on {lock.endpoint or 'a removed endpoint'}", Told(told)


def _endpoint(row: Any) -> Told:
    state = sign("endpoint", row.state).word
    return Told(f"{state}: {row.error}" if row.error else state)


def _deployment(row: Any) -> Told:
    text = f"{sign('deployment', row.state).word}, {row.done}/{row.vms} VMs"
    if row.queued:
        return Told(f"{text}, waits for its turn")
    if not row.active:
        return Told(f"{text}: at {row.failed_at}: {row.error}" if row.error else text, notable=False)
    moving = _percent([one.transfer for one in (*row.detail.stagings, *row.detail.vms)])
    return Told(text if moving is None else f"{text}, uploading", moving)


def _percent(transfers: Iterable[Any]) -> int | None:
    """How far these uploads are together, None when there is none."""
    moving = [one for one in transfers if one is not None]
    return 100 * sum(one.done for one in moving) // max(1, sum(one.total for one in moving)) if moving else None


def _say(subject: str, what: object) -> None:
    _print(f"{time.strftime('%H:%M:%S')} {subject}: {what}")


def _print(line: str) -> None:
    try:
        sys.stdout.write(printable(line) + "\n")
        sys.stdout.flush()
    except OSError as error:
        raise NobodyReads from error
