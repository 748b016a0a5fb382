"""Identity: the last line of a VM's notes says which store made it, for what, from which component (DESIGN.md rule 6).

The text before it is the OVF's or the operator's and is kept.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from engine.catalog.variants import Variant, named

MARK = "slipway:"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who made a VM or template. `store` is the maker's 6 hex digits; `created` UTC, ISO 8601 with Z; `digest` the
    component's checksum; `option` and `provisioning` the template's variant (engine.catalog.variants).

    `deployment` and `item` are ids of that store, None on a template. `template` is the MoRef value of what a clone
    came from. `importing` is the process that sends the disks, while they are on their way. `shape` is a template's
    hardware as staged: a difference later means that somebody edited it; `token` that of the claim under which that was
    written. `removing`: somebody is about to destroy it, nobody may take it up any more.
    """

    store: str
    component: str
    digest: str
    created: str
    deployment: int | None = None
    item: int | None = None
    address: str = ""
    template: str = ""
    importing: Mapping[str, object] = field(default_factory=dict)
    shape: Mapping[str, object] = field(default_factory=dict)
    token: int | None = None
    removing: bool = False
    option: str = ""
    provisioning: str = ""

    @property
    def template_name(self) -> str:
        """What a template that has it is called."""
        return named(self.component, Variant(self.option, self.provisioning))


_OPTIONAL: dict[str, object] = {
    "deployment": None,
    "item": None,
    "address": "",
    "template": "",
    "importing": {},
    "shape": {},
    "token": None,
    "removing": False,
    "option": "",
    "provisioning": "",
}
_TEXTS = ("store", "component", "digest", "created", "option", "provisioning", "address", "template")


def parse(notes: str) -> Identity | None:
    """The identity in a VM's notes, None when there is none or it is not whole. Notes may say anything."""
    lines = notes.rstrip().splitlines()
    if not lines or not lines[-1].startswith(MARK):
        return None
    try:
        values = json.loads(lines[-1][len(MARK) :])
        made = Identity(**{name: value for name, value in values.items() if name in Identity.__dataclass_fields__})
        datetime.fromisoformat(made.created)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    texts = all(isinstance(getattr(made, name), str) for name in _TEXTS)
    numbers = all(isinstance(one, int | None) for one in (made.deployment, made.item, made.token))
    mappings = isinstance(made.importing, dict) and isinstance(made.shape, dict)
    return made if texts and numbers and mappings and isinstance(made.removing, bool) else None


def text_of(notes: str) -> str:
    """The notes without the identity line."""
    lines = notes.rstrip().splitlines()
    if lines and lines[-1].startswith(MARK):
        lines.pop()
    return "\n".join(lines).rstrip()


def notes_with(notes: str, identity: Identity) -> str:
    """The notes with this identity as their last line, instead of any older one."""
    values = {name: value for name, value in asdict(identity).items() if value != _OPTIONAL.get(name, ...)}
    line = MARK + json.dumps(values, separators=(",", ":"), sort_keys=True)
    text = text_of(notes)
    return f"{text}\n{line}" if text else line
