"""Endpoints as rows and as detail."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from cli.units import size
from tui.present.states import sign
from tui.present.text import BESIDE, Line, ago, fields, local, plain
from tui.widgets.table import Column, View

if TYPE_CHECKING:
    from engine.console.endpoints import EndpointRow, Standing
    from engine.errors import CertificateRefused

COLUMNS = (
    Column("Name", 11, grow=1),
    Column("State", 13),
    Column("Version", 7, drop=3, sort=lambda row: row.version or None),
    Column("Lat", 5, align="right", drop=2, sort=lambda row: row.latency),
    Column("Templates", 9, align="right", drop=1, sort=lambda row: row.templates),
    Column("Jobs", 4, align="right", sort=lambda row: row.jobs),
    Column("Free", 8, align="right", sort=lambda row: row.free_bytes),
    Column("Seen", 7, sort=lambda row: row.seen),
)

REFUSED = ("login refused", "certificate refused")
"""States that somebody has to end: nothing is tried again by itself, or would be refused again."""

ADVICE = {
    "login refused": "e gives it the right password; nothing tries this one again, accounts lock",
    "certificate refused": 'e, and trust "an authority of this machine, else ask": it shows the certificate to compare',
}
"""What to do here; the engine tells the command line's way."""

COMPARE = (
    "Compare it with the fingerprint that the server itself shows. With your consent this certificate, and no other, is"
    " accepted from now on."
)

SIGNATURES = {
    "off": "off: not looked at",
    "warn": "warn: OVAs without a valid one are told",
    "require": "require: OVAs without a valid one are refused",
}
"""What is asked of an OVA's signature."""

NAMES = 14
"""Cells of a label in the detail."""


def cells(row: "EndpointRow", now: datetime) -> Line:
    """One line. What is old is grey."""
    state = sign("endpoint", row.state)
    tone = "plain" if row.state == "ready" else "dim"
    return (
        plain(row.name),
        (str(state), state.tone),
        (row.version or "-", tone),
        (latency(row.latency), tone),
        ("-" if row.templates is None else str(row.templates), tone),
        (str(row.jobs) if row.jobs else "-", "busy" if row.jobs else "dim"),
        ("-" if row.free_bytes is None else size(row.free_bytes), tone),
        ("e edits", "key") if row.state in REFUSED else ("-" if row.seen is None else ago(row.seen, now), tone),
    )


VIEW = View(COLUMNS, lambda row: row.name, cells)


def latency(seconds: float | None) -> str:
    """`12ms`, in steps that do not flicker; `2.5s`."""
    if seconds is None:
        return "-"
    milliseconds = seconds * 1000
    if milliseconds >= 1000:
        return f"{seconds:.1f}s"
    return f"{milliseconds:.0f}ms" if milliseconds < 20 else f"{milliseconds // 10 * 10:.0f}ms"


def fingerprint(pin: str) -> list[str]:
    """64 hex digits as people compare them: `5A:1F:..`, eight bytes a line."""
    pairs = [pin[at : at + 2].upper() for at in range(0, len(pin), 2)]
    return [":".join(pairs[at : at + 8]) for at in range(0, len(pairs), 8)]


def error(row: "EndpointRow") -> str:
    """What is wrong and what to do, in one line; "" when nothing is."""
    return "; ".join(part for part in (row.error, row.fix) if part)


def detail(row: "EndpointRow", width: int = BESIDE, advice: Callable[[str], str] = str) -> list[Line]:
    """All that is known of it, in lines of `width` cells; first what is wrong, and what to do as `advice` tells it."""
    room = width - NAMES
    state = sign("endpoint", row.state)
    lines: list[Line] = [((row.name, "title"),), (), *fields([("state", (str(state), state.tone))], NAMES, room)]
    if row.error:
        lines += fields(
            [("why", (row.error, "bad")), ("what to do", ADVICE.get(row.state, advice(row.fix)))], NAMES, room
        )
        again = "when its password has changed" if row.state == "login refused" else local(row.next_try)
        lines += fields([("asked again", again)], NAMES, room)
    free = "-" if row.free_bytes is None else f"{size(row.free_bytes)} of {size(row.capacity_bytes or 0)}"
    lines += fields(
        [
            ("seen", local(row.seen)),
            ("latency", latency(row.latency)),
            ("version", row.version),
            ("templates", row.templates),
            ("jobs", row.jobs or "none"),
            ("free", free),
        ],
        NAMES,
        room,
    )
    lines += [
        (),
        *fields(
            [
                ("host", row.server),
                ("username", row.username),
                ("datacenter", row.datacenter),
                ("resource pool", row.resource_pool),
                ("datastore", row.datastore),
                ("VM folder", row.vmfolder or "the datacenter's own"),
                ("host system", row.host_system or "any"),
                ("network", row.network or "none: each profile names its own"),
                ("signatures", SIGNATURES.get(row.signatures, row.signatures)),
                ("clones", f"{row.clones}, unless a profile says otherwise"),
                ("certificate", row.trust),
            ],
            NAMES,
            room,
        ),
        *[((" " * NAMES, "dim"), (line, "plain")) for line in fingerprint(row.pin)],
        *fields([("vCenter", row.instance_uuid), ("added", f"{local(row.created)}, id {row.id}")], NAMES, room),
    ]
    return lines


def certificate(refused: "CertificateRefused") -> list[Line]:
    """What is consented to: whose certificate, and why it is asked for."""
    return [
        (("  server       ", "dim"), plain(refused.on)),
        (("  not trusted  ", "dim"), plain(refused.why)),
        (),
        (("  SHA-256      ", "dim"), (fingerprint(refused.fingerprint)[0], "title")),
        *[(("               ", "dim"), (line, "title")) for line in fingerprint(refused.fingerprint)[1:]],
        (),
        ((f"  {COMPARE}", "plain"),),
        (),
    ]


ANYBODY: list[Line] = [
    (("  No certificate is checked then: anybody on the way can read the password and change what is sent.", "warn"),),
    (('  To pin it is as easy: esc, and "an authority of this machine, else ask".', "plain"),),
    (),
]


def in_the_way(name: str, standing: "Standing") -> str:
    """Why the endpoint cannot be removed now, "" when it can."""
    if standing.jobs:
        return f"remove {name}: {_count(standing.jobs, 'job')} queued or under way there; 3 shows them"
    if standing.claims:
        return f"remove {name}: {_count(standing.claims, 'claim')} on it; 4 shows them"
    return ""


def removal(name: str, standing: "Standing", marked: int) -> list[Line]:
    """What goes with it, what stays."""
    runs = _count(standing.deployments, "deployment")
    lines: list[Line] = [
        (("  goes   ", "bad"), plain(f"{name}: its address, password and trust")),
        (
            ("         ", "plain"),
            plain(f"the records of {runs}" if standing.deployments else "no deployment's records"),
        ),
        (("  stays  ", "ok"), plain("everything in vCenter: VMs, templates, folders")),
    ]
    if standing.vms:
        told = f"{_count(standing.vms, 'VM')} that it made: Slipway can no longer remove them"
        lines.append((("         ", "plain"), (told, "warn")))
    if marked:
        told = f"  {marked} marked: only {name}, under the cursor, is removed."
        lines += [(), ((told, "warn"),)]
    return [*lines, ()]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


EMPTY: list[Line] = [
    (("No endpoint yet.", "title"),),
    (),
    (("An endpoint is a vCenter, and where on it VMs go. To a lab it is five steps:", "plain"),),
    (),
    (("  a", "key"), ("  add an endpoint", "plain")),
    (("  9", "key"), ("  import components: what can be deployed", "plain")),
    (("  2", "key"), ("  stage them: each OVA is uploaded once", "plain")),
    (("  5", "key"), ("  switch staging on, or deployments import every VM", "plain")),
    (("  3", "key"), ("  deploy a lab", "plain")),
    (),
    (("To see all of it first, without a vCenter: ", "dim"), ("slipway demo", "key")),
]
