"""Settings as rows and as detail, what a change of one amounts to, and what the switch of staging means."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tui.present.states import sign
from tui.present.text import BESIDE, Cell, Line, fields, plain, printable, wrapped
from tui.widgets.table import Column, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.console.settings import SettingRow

COLUMNS = (
    Column("Key", 24, grow=5),
    Column("Value", 10, grow=1, sort=lambda row: "" if row.secret else _in_order(row.value)),
    Column("Source", 7),
    Column("Applies", 15),
    Column("Description", 24, grow=4, drop=1),
)

MASK = "********"
"""What is shown of a secret; how long it is is nobody's business either."""


def _in_order(value: str) -> str:
    """What a value is compared by: 9 comes before 30."""
    return value.zfill(20) if value.isdecimal() else value.casefold()


WHEN = {
    "next deployment": "to every deployment that is planned from now on; one under way keeps its plan",
    "next worker": "when a worker starts; the one that runs ends 10 s after its last job",
    "next login": "from the next login to a vCenter on; sessions that are open keep what they have",
    "next heartbeat": "with the next heartbeat of every holder",
    "at once": "at once, everywhere",
    "": "Slipway itself does not read it, but a profile may name it, and zPodFactory has it too",
}
"""When a setting begins to apply, in full."""


def cells(row: "SettingRow", _now: datetime) -> Line:
    """One line."""
    return (
        plain(row.name),
        _value(row),
        (source(row), "plain" if row.changed else "dim"),
        (row.applies or "-", "dim"),
        (printable(row.description), "dim"),
    )


def values(row: "SettingRow") -> "Mapping[str, Any]":
    """What an export writes of it: a secret one without its value."""
    return {
        "name": row.name,
        "value": None if row.secret else row.value,
        "default": row.default,
        "source": source(row),
        "applies": row.applies,
        "secret": row.secret,
        "problem": row.problem,
        "description": row.description,
    }


VIEW = View(COLUMNS, lambda row: row.name, cells, values)


def source(row: "SettingRow") -> str:
    """Where the value is from."""
    return "set" if row.changed else "default"


def detail(row: "SettingRow", width: int = BESIDE) -> list[Line]:
    """All that is known of it, in lines of `width` cells."""
    lines: list[Line] = [((printable(row.name), "title"),), ()]
    lines += fields(
        [
            ("value", _value(row)),
            ("default", "-" if row.default is None else row.default or "empty"),
            ("source", "set in this store" if row.changed else "default"),
            ("applies", WHEN.get(row.applies, row.applies)),
            ("what for", row.description),
        ],
        room=width - 14,
    )
    if row.problem:
        holds = "" if row.is_flag else f"; the default {row.default} holds"
        lines += [(), *[((line, "bad"),) for line in wrapped(f"! It cannot be used: {row.problem}{holds}.", width)]]
    if row.is_flag:
        lines += [(), *switch(row, width)]
    return lines


def difference(row: "SettingRow", value: str | None, description: str) -> list[Line]:
    """What a change amounts to, old and new; `value` None keeps the one that is there. [] when nothing changes."""
    lines: list[Line] = []
    if row.secret and value is not None:
        lines += _old_and_new("value", MASK if row.stored else "", f"{MASK} (what you have typed)")
    elif value is not None and value != row.value:
        lines += _old_and_new("value", row.value, value)
    if description != row.description:
        lines += _old_and_new("what for", row.description, description)
    if not lines:
        return []
    applies = wrapped(f"It applies {WHEN.get(row.applies, row.applies)}." if row.applies else WHEN[""] + ".", 70)
    return [((printable(row.name), "title"),), *lines, (), *[((line, "dim"),) for line in applies]]


def switch(row: "SettingRow", width: int = 70) -> list[Line]:
    """What switching staging to the other side changes, and when."""
    if row.on:
        told = (
            "Off: each VM of a deployment gets its OVA uploaded into it, as without Slipway.",
            "Staged templates stay where they are, and are cloned again once it is on. Stagings under way go on.",
        )
    else:
        told = (
            "On: each L1 component is uploaded to an endpoint once and kept there as a template. VMs are clones of it.",
            "Where staging fails, the OVA goes straight into the VM, and the deployment says so.",
        )
    when = (
        "It applies to deployments that are planned from now on, queued ones included. Those under way keep their plan."
    )
    return [((line, "plain"),) for text in (*told, when) for line in wrapped(text, width)]


def removal(row: "SettingRow") -> list[Line]:
    """What deleting a setting means."""
    if row.default is None:
        told = "It is gone then, and so is what it says. A profile that reads its password from it fails."
    elif row.is_flag:
        told = "Its default holds again: staging is off. Staged templates stay."
    else:
        told = f"Its default holds again: {row.default or 'empty'}. It applies {WHEN[row.applies]}."
    now = fields([("value", _value(row)), ("what for", row.description)], room=54)
    return [*now, (), *[((line, "plain"),) for line in wrapped(told, 70)]]


EMPTY: list[Line] = [
    (("No settings.", "title"),),
    (),
    (("  a", "key"), ("  add one", "plain")),
]


def _value(row: "SettingRow") -> Cell:
    if row.secret:
        return (MASK if row.stored else "-", "dim")
    if row.is_flag and not row.problem:
        state = sign("setting", "on" if row.on else "off")
        return str(state), state.tone
    if row.problem:
        return f"! {printable(row.value)}", "bad"
    return plain(row.value)


def _old_and_new(label: str, old: str, new: str) -> list[Line]:
    return [
        *fields([(label, (f"- {printable(old) or 'empty'}", "bad"))], room=54),
        *fields([("", (f"+ {printable(new) or 'empty'}", "ok"))], room=54),
    ]
