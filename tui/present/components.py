"""Components as rows and as detail."""

from datetime import datetime
from typing import TYPE_CHECKING

from cli.units import size
from tui.present.progress import upload
from tui.present.states import sign
from tui.present.text import BESIDE, Cell, Line, fields, fit, local, plain, printable, wrapped
from tui.widgets.table import Column, View

if TYPE_CHECKING:
    from engine.catalog.licences import Licence
    from engine.console.components import ComponentRow
    from tui.screens.components import Reading

COLUMNS = (
    Column("Uid", 18, grow=2),
    Column("Kind", 4),
    Column("State", 13, grow=1),
    Column("Size", 8, align="right", drop=2, sort=lambda row: row.size_bytes),
    Column("Sum", 3, drop=3),
    Column("Staged", 9, grow=1, sort=lambda row: len(row.staged)),
    Column("OVA", 15, grow=3, drop=1),
)


def cells(row: "ComponentRow", _now: datetime) -> Line:
    """One line."""
    shown = sign("component", row.state)
    tone = "plain" if row.state == "enabled" else "dim"
    return (
        (printable(row.uid), tone),
        (printable(KINDS.get(row.kind, row.kind)), tone),
        (str(shown), shown.tone),
        (bytes_of(row), tone),
        ("yes" if row.checksum else "no", tone if row.checksum else "warn"),
        (staged(row), "ok" if row.staged else "dim"),
        _file(row),
    )


KINDS = {"unsupported": "hand"}
"""What the column has no room for: an OVA that nothing fetches, supplied by hand."""


def _file(row: "ComponentRow") -> Cell:
    """The file's name first: that is what tells it from others where there is little room."""
    name = row.ova_path.rpartition("/")[2]
    return printable(name) or "-", "bad" if row.state == "OVA gone" else "dim"


def bytes_of(row: "ComponentRow") -> str:
    """The file's size, or what the component's description says of it."""
    return size(row.size_bytes) if row.size_bytes is not None else printable(row.size_text) or "-"


def staged(row: "ComponentRow") -> str:
    """`vc01`, or `2: vc01 vc02`."""
    count = f"{len(row.staged)}: " if len(row.staged) > 1 else ""
    return printable(count + " ".join(row.staged)) or "-"


VIEW = View(COLUMNS, lambda row: row.uid, cells)


NEXT = {
    "licence waits": "component.licence",
    "OVA broken": "component.check",
    "no OVA": "component.file",
    "OVA gone": "component.file",
    "disabled": "component.toggle",
}
"""By state: the action that leads out of it."""


def detail(row: "ComponentRow", width: int = BESIDE, to_do: str = "") -> list[Line]:
    """All that is known of it, in lines of `width` cells; `to_do`: what to do about its state."""
    shown = sign("component", row.state)
    lines: list[Line] = [((printable(row.uid), "title"),)]
    lines += [((line, "plain"),) for line in wrapped(row.description, width)] if row.description else []
    lines.append(())
    pairs: list[tuple[str, object]] = [("state", (str(shown), shown.tone))]
    if row.why:
        pairs.append(("why", (printable(row.why), shown.tone)))
    pairs += [
        ("do", (to_do, "key") if to_do else ""),
        ("kind", f"{row.kind}{_meaning(row.kind)}"),
        ("type", row.type),
        ("OVA", row.ova_path),
        ("size", bytes_of(row)),
        ("checksum", row.checksum or ("none: nothing proves what the file is", "warn")),
        ("licence", row.licence),
        ("staged on", ", ".join(row.staged)),
        ("fetched by", row.download_engine),
        ("file", row.download_file),
        ("from", row.url),
    ]
    lines += fields([(label, value) for label, value in pairs if value], room=width - 14)
    lines += _pairs("deployment options, each a template of its own", row.variants)
    lines += _pairs("import options", row.options)
    lines += _pairs("properties it sets", row.properties)
    lines += _pairs("networks", row.networks)
    return lines


def _meaning(kind: str) -> str:
    meanings = {"L1": ", staged once and cloned", "L2": ", nested: imported into each VM", "ISO": ", no appliance"}
    return meanings.get(kind, ", its OVA is supplied by hand")


def _pairs(title: str, pairs: tuple[tuple[str, str], ...]) -> list[Line]:
    if not pairs:
        return []
    width = min(26, max(len(name) for name, _ in pairs)) + 2
    return [
        (),
        ((title, "dim"),),
        *[((f"  {fit(printable(name), width)}", "dim"), plain(value)) for name, value in pairs],
    ]


def reading(one: "Reading", now: datetime) -> Cell:
    """How far the reading of an OVA is."""
    told, tone = upload([one], now)
    return f"reading the OVA of {one.uid}: {told}; esc stops it", tone


LICENCE_WIDTH = 70
"""Cells of a line of a licence."""


def licence(one: "Licence", width: int) -> list[Line]:
    """The texts to be read, and who has accepted them."""
    lines: list[Line] = []
    for text in one.texts:
        for paragraph in text.splitlines():
            lines += [((line, "plain"),) for line in wrapped(paragraph, width)]
        lines.append(())
    if not one.waits and one.component.eula_at is not None:
        accepted = f"Accepted by {one.component.eula_by}, {local(one.component.eula_at)}."
        lines.append(((accepted, "ok"),))
    return lines


EMPTY: list[Line] = [
    (("No component yet.", "title"),),
    (),
    (("A component is an OVA, and what has to be known of it: zPodLibrary describes", "plain"),),
    (("them in JSON files; the OVAs themselves you have on this machine.", "plain"),),
    (),
    (("  a", "key"), ("  import component files, or a folder of them", "plain")),
    (("  f", "key"), ("  then say where the OVA of each lies", "plain")),
    (("  2", "key"), ("  then stage them", "plain")),
]
