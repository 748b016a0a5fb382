"""Endpoints as rows and as detail."""

from datetime import datetime
from typing import TYPE_CHECKING

from cli.units import size
from tui.present.states import sign
from tui.present.text import Line, ago, fields, local, plain, wrapped
from tui.widgets.table import Column, View

if TYPE_CHECKING:
    from engine.console.endpoints import EndpointRow

COLUMNS = (
    Column("Name", 10, grow=3),
    Column("State", 13, grow=1),
    Column("Version", 7, drop=3, sort=lambda row: row.version or None),
    Column("Lat", 6, align="right", drop=2, sort=lambda row: row.latency),
    Column("Tmpl", 4, align="right", sort=lambda row: row.templates),
    Column("Jobs", 4, align="right", sort=lambda row: row.jobs),
    Column("Free", 8, align="right", sort=lambda row: row.free_bytes),
    Column("Seen", 8, grow=2, sort=lambda row: row.seen),
)


def cells(row: "EndpointRow", now: datetime) -> Line:
    """One line."""
    state = sign("endpoint", row.state)
    dim = "plain" if row.state == "ready" else "dim"
    return (
        plain(row.name),
        (str(state), state.tone),
        (row.version or "-", dim),
        (latency(row.latency), dim),
        ("-" if row.templates is None else str(row.templates), dim),
        (str(row.jobs) if row.jobs else "-", "busy" if row.jobs else "dim"),
        ("-" if row.free_bytes is None else size(row.free_bytes), dim),
        (_seen(row, now), "bad" if row.state in ("login refused", "certificate refused") else dim),
    )


VIEW = View(COLUMNS, lambda row: row.name, cells)


def latency(seconds: float | None) -> str:
    """`12ms`, in steps that do not flicker."""
    if seconds is None:
        return "-"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f}ms" if milliseconds < 20 else f"{round(milliseconds, -1):.0f}ms"


def _seen(row: "EndpointRow", now: datetime) -> str:
    if row.state in ("login refused", "certificate refused"):
        return "e edits"
    return "-" if row.seen is None else ago(row.seen, now)


def detail(row: "EndpointRow") -> list[Line]:
    """All that is known of it."""
    state = sign("endpoint", row.state)
    lines: list[Line] = [((row.name, "title"),), (), *fields([("state", (str(state), state.tone))])]
    if row.error:
        lines += [((line, "bad"),) for line in wrapped(row.error, 56)]
        lines += [((line, "plain"),) for line in wrapped(row.fix, 56)] if row.fix else []
        if row.next_try is not None:
            lines.append((("asked again ", "dim"), (local(row.next_try), "plain")))
        lines.append(())
    lines += fields(
        [
            ("host", row.server),
            ("version", row.version),
            ("latency", latency(row.latency)),
            ("seen", local(row.seen)),
            ("username", row.username),
            ("certificate", row.trust),
            ("datacenter", row.datacenter),
            ("resource pool", row.resource_pool),
            ("datastore", row.datastore),
            ("free", "-" if row.free_bytes is None else f"{size(row.free_bytes)} of {size(row.capacity_bytes or 0)}"),
            ("VM folder", row.vmfolder),
            ("network", row.network),
            ("templates", row.templates),
            ("jobs", row.jobs),
        ]
    )
    return lines


EMPTY: list[Line] = [
    (("No endpoint yet.", "title"),),
    (),
    (("An endpoint is a vCenter, and where on it VMs go. To a lab it is four steps:", "plain"),),
    (),
    (("  a", "key"), ("  add an endpoint", "plain")),
    (("  9", "key"), ("  import components: what can be deployed", "plain")),
    (("  2", "key"), ("  stage them: each OVA is uploaded once", "plain")),
    (("  3", "key"), ("  deploy a lab from them", "plain")),
    (),
    (("To see all of it first, without a vCenter: ", "dim"), ("slipway demo", "key")),
]
