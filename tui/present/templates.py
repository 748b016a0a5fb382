"""Templates as rows and as detail; what is asked before one is cancelled or removed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cli.units import size
from tui.present.progress import pace, percent, took, upload
from tui.present.states import STALE, sign
from tui.present.text import BESIDE, Cell, Line, ago, fields, fit, local, plain, printable, wrapped
from tui.widgets.table import Column, View

if TYPE_CHECKING:
    from engine.console.staging import Verified
    from engine.console.templates import TemplateRow


def key(row: "TemplateRow") -> str:
    """What a row is called: an endpoint has each name once."""
    return f"{row.endpoint}/{row.uid}"


def cells(row: "TemplateRow", now: datetime) -> Line:
    """One line."""
    dim = "dim" if row.as_of else "plain"
    return (
        (printable(row.uid), dim),
        state(row),
        ("-" if _bytes(row) is None else size(_bytes(row)), dim),
        (ago(row.staged_at, now), dim),
        (printable(row.endpoint), dim),
        note(row, now),
    )


def _bytes(row: "TemplateRow") -> int | None:
    """What it takes on the datastore; of one that is being uploaded, what is to be sent."""
    return row.transfer.total if row.transfer is not None else row.size_bytes


COLUMNS = (
    Column("Uid", 23, grow=6),  # vcfinstaller-9.1.0.0100 is zPodLibrary's longest
    Column("State", 14),
    Column("Size", 8, align="right", drop=3, sort=_bytes),
    Column("Age", 4, align="right", drop=2, sort=lambda row: row.staged_at),
    Column("Endpoint", 9),
    Column("Note", 17, grow=3, drop=1, sort=lambda row: row.children),
)

VIEW = View(COLUMNS, key, cells)


def state(row: "TemplateRow") -> Cell:
    """`o staged`, `> staging 62%`; of an endpoint that does not answer `~ stale staged`."""
    shown = sign("template", row.state)
    if row.as_of is not None:
        return f"{STALE} stale {shown.word}", "warn"
    if row.transfer is not None:
        return f"{shown} {percent(row.transfer.done, row.transfer.total).strip()}", shown.tone
    return str(shown), shown.tone


def note(row: "TemplateRow", now: datetime) -> Cell:
    """How it goes on, why it is as it is, or where all is well how much it is used."""
    if row.transfer is not None and row.state == "staging":
        told, tone = pace([row.transfer], now)
        return told or row.step, tone
    if row.as_of is not None:
        told = f"seen {ago(row.as_of, now)} ago" if ago(row.as_of, now) != "now" else "seen just now"
        return printable(f"{told}{', ' + row.why if row.why else ''}"), "warn"
    told = row.why or row.step
    if told:
        held_up = row.active and row.step in ("waiting", "trying again")
        return printable(told), "warn" if held_up else sign("template", row.state).tone
    return ("-" if row.children is None else _used(row.children), "dim")


def _used(children: int) -> str:
    return "unused" if not children else f"used by {children} VM{'s' if children > 1 else ''}"


def detail(row: "TemplateRow", now: datetime, width: int = BESIDE, advice: Callable[[str], str] = str) -> list[Line]:
    """All that is known of it, in lines of `width` cells; `advice` tells what an error says to do."""
    shown = sign("template", row.state)
    lines: list[Line] = [((printable(row.uid), "title"), (f" on {printable(row.endpoint)}", "plain")), ()]
    pairs: list[tuple[str, object]] = [("state", (str(shown), shown.tone))]
    if row.as_of is not None:
        pairs.append(("stale", ("as last seen; the endpoint does not answer (1)", "warn")))
        pairs.append(("seen", local(row.as_of)))
    if row.transfer is not None:
        pairs += [("upload", upload([row.transfer], now)), ("sent", _sent(row.transfer.done, row.transfer.total))]
    if row.why:
        pairs.append(("why", (printable(advice(row.why)), shown.tone)))
    pairs += [
        ("path", row.path),
        ("digest", row.digest),
        ("size", "" if row.size_bytes is None else size(row.size_bytes)),
        ("staged", local(row.staged_at) if row.staged_at else ""),
        ("use", "" if row.children is None else _used(row.children)),
    ]
    if row.claim:
        pairs.append(("claim", f"{row.claim} (4 shows it)"))
    if row.needed_by:
        pairs.append(("waiting", ", ".join(row.needed_by)))
    known = [(label, value) for label, value in pairs if value]
    return [*lines, *fields(known, room=width - 14), *_steps(row), *_history(row, width)]


def _sent(done: int, total: int) -> str:
    return f"{size(done)} of {size(total)}"


def _steps(row: "TemplateRow") -> list[Line]:
    if not row.steps:
        return []
    lines: list[Line] = [(), (("its last staging", "dim"),)]
    for number, step in enumerate(row.steps, 1):
        going = number == len(row.steps) and bool(row.step)
        lines.append(
            (
                (f"{step.began.astimezone():%H:%M:%S} ", "dim"),
                (fit(printable(step.step), 22), "busy" if going else "plain"),
                (fit(took(step.seconds), 9, "right") + "  ", "dim"),
                (printable(step.detail), "dim"),
            )
        )
    return lines


def _history(row: "TemplateRow", width: int) -> list[Line]:
    if not row.history:
        return []
    lines: list[Line] = [(), (("history", "dim"),)]
    for event in row.history:
        lines.append(((f"{event.at.astimezone():%Y-%m-%d %H:%M}  ", "dim"), plain(event.what)))
        lines += [((f"  {line}", "dim"),) for line in (wrapped(event.why, width - 2) if event.why else [])]
    return lines


# Before something is stopped or destroyed


def named(rows: Sequence["TemplateRow"]) -> str:
    """`esxi-8.0u3g on vc01`, or how many."""
    return f"{printable(rows[0].uid)} on {printable(rows[0].endpoint)}" if len(rows) == 1 else f"{len(rows)} templates"


def word(verb: str, rows: Sequence["TemplateRow"]) -> str:
    """What has to be typed: the uid, of several `remove 3`."""
    return printable(rows[0].uid) if len(rows) == 1 else f"{verb} {len(rows)}"


LISTED = 6
"""Templates that are named before several go."""


def removal(rows: Sequence["TemplateRow"]) -> list[Line]:
    """What goes, what depends on it, what stays."""
    lines = _listed(rows)
    children = sum(row.children or 0 for row in rows)
    if children:
        vms = "1 VM was" if children == 1 else f"{children} VMs were"
        stand = "linked clones stand on its disks: where there is one nothing is removed"
        lines += _told(f"{vms} cloned from {_it(rows)}. Full clones stay as they are; {stand}.", "warn")
    else:
        lines += _told(f"No VM of Slipway's was cloned from {_it(rows)}.", "plain")
    waiting = sorted({one for row in rows for one in row.needed_by})
    if waiting:
        needs = f"{', '.join(waiting)} still {'needs' if len(waiting) == 1 else 'need'} {_it(rows)}"
        lines += _told(f"{needs}: the OVA is uploaded again.", "bad")
    return [*lines, ((" The OVA's file stays: a stages it again.", "dim"),), ()]


def cancelling(rows: Sequence["TemplateRow"]) -> list[Line]:
    """What stops, what is removed, who waits in vain."""
    lines = _listed(rows)
    stays = any(row.size_bytes is not None for row in rows)
    old = " The template that was there before stays." if stays else ""
    lines += _told(f"What was uploaded of {_it(rows)} is removed from vCenter.{old}", "plain")
    waiting = sorted({one for row in rows for one in row.needed_by})
    if waiting:
        lines += _told(f"The VMs that wait for {_it(rows)} fail: {', '.join(waiting)}.", "bad")
    return [*lines, ()]


def _it(rows: Sequence["TemplateRow"]) -> str:
    return "it" if len(rows) == 1 else "them"


def _listed(rows: Sequence["TemplateRow"]) -> list[Line]:
    if len(rows) == 1:
        return [(), *_told(rows[0].path, "title"), ()] if rows[0].path else [()]
    lines: list[Line] = [((f" {printable(row.uid)} on {printable(row.endpoint)}", "title"),) for row in rows[:LISTED]]
    more = len(rows) - LISTED
    return [*lines, ((f" and {more} more", "title"),), ()] if more > 0 else [*lines, ()]


def _told(text: str, tone: str) -> list[Line]:
    return [((f" {line}", tone),) for line in wrapped(text, 70)]


# Where there is nothing yet

EMPTY: dict[str, list[Line]] = {
    "": [
        (("Nothing is staged yet.", "title"),),
        (),
        (("Staging uploads a component's OVA to an endpoint once and keeps it there", "plain"),),
        (("as a template, which every deployment clones.", "plain"),),
        (),
        (("  a", "key"), ("  stage a component", "plain")),
    ],
    "endpoint": [
        (("No endpoint yet.", "title"),),
        (),
        (("Templates are staged on an endpoint: a vCenter, and where on it VMs go.", "plain"),),
        (),
        (("  1", "key"), ("  endpoints; there a adds one", "plain")),
    ],
    "component": [
        (("Nothing is staged, and there is no component to stage.", "title"),),
        (),
        (("A component is an OVA, and what zPodLibrary's files say of it.", "plain"),),
        (),
        (("  9", "key"), ("  components; there a imports them", "plain")),
    ],
    "ova": [
        (("Nothing is staged, and no component has its OVA.", "title"),),
        (),
        (("Say where the OVA of a component lies on this machine; it is not copied.", "plain"),),
        (),
        (("  9", "key"), ("  components; there f asks for the file", "plain")),
    ],
    "answer": [
        (("vCenter is being asked ...", "title"),),
    ],
    "reachable": [
        (("No endpoint could be looked at, so nothing is known of templates.", "title"),),
        (),
        (("  1", "key"), ("  endpoints: why, and when they are asked again", "plain")),
    ],
}
"""By what is missing (`engine.console.templates.Lacks`): why there is nothing, and the one key that leads on."""


def lacking(what: str) -> str:
    """Why nothing can be staged, for the message line."""
    return {
        "endpoint": "there is no endpoint yet; 1, and there a adds one",
        "component": "there is no component yet; 9, and there a imports them",
    }.get(what, "no enabled L1 component has its OVA; 9, and there f says where it lies")


NO_RESTAGE = {
    "staged": "it is up to date",
    "unverified": "it was not made by Slipway: it is used, never replaced",
    "foreign": "something that is not Slipway's has its name; remove that in vCenter",
    "tampered": "somebody changed it; X removes it, then a stages it",
    "unreachable": "vCenter cannot reach it now",
    "staging": "it is being staged",
    "claimed": "somebody holds its claim; 4 shows who",
}
"""By state: why it is not staged again."""


def verified(found: "Sequence[Verified]") -> Cell:
    """What came of it, in one line: of several how many are well, and the first that is not."""
    bad = [one for one in found if not one.usable]
    if len(found) == 1:
        told = sign("template", found[0].state).word
        return f"{found[0].of}: {told}, {found[0].why or 'as its identity and its OVA say'}", "bad" if bad else "ok"
    if not bad:
        return f"{len(found)} templates are as their identities and their OVAs say", "ok"
    told = "; ".join(f"{one.of}: {one.state}, {one.why}" for one in bad)
    return f"{len(bad)} of {len(found)} are not usable: {told}", "bad"
