"""Identity: the last line of a VM's notes says which store made it, for what, from which component (DESIGN.md rule 6).

The text before it is the OVF's or the operator's and is kept.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

MARK = "slipway:"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who made a VM or template. `store` is the maker's 6 hex digits; `created` UTC, ISO 8601 with Z; `digest` the
    component's checksum.

    `template` is the MoRef value of what a clone came from; `importing` stands while the disks are on their way;
    `shape` is a template's hardware as staged: a difference later means that somebody edited it.
    """

    store: str
    component: str
    digest: str
    created: str
    deployment: int | None = None
    item: int | None = None
    address: str = ""
    template: str = ""
    importing: bool = False
    shape: Mapping[str, object] = field(default_factory=dict)


_ABSENT: dict[str, object] = {
    "deployment": None,
    "item": None,
    "address": "",
    "template": "",
    "importing": False,
    "shape": {},
}


def parse(notes: str) -> Identity | None:
    """The identity in a VM's notes, None when there is none or it is not whole."""
    lines = notes.rstrip().splitlines()
    if not lines or not lines[-1].startswith(MARK):
        return None
    try:
        values = json.loads(lines[-1][len(MARK) :])
        return Identity(**{name: value for name, value in values.items() if name in Identity.__dataclass_fields__})
    except (ValueError, TypeError, AttributeError):
        return None


def text_of(notes: str) -> str:
    """The notes without the identity line."""
    lines = notes.rstrip().splitlines()
    if lines and lines[-1].startswith(MARK):
        lines.pop()
    return "\n".join(lines).rstrip()


def notes_with(notes: str, identity: Identity) -> str:
    """The notes with this identity as their last line, instead of any older one."""
    values = {name: value for name, value in asdict(identity).items() if value != _ABSENT.get(name, ...)}
    line = MARK + json.dumps(values, separators=(",", ":"), sort_keys=True)
    text = text_of(notes)
    return f"{text}\n{line}" if text else line
