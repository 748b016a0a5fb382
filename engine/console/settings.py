"""Settings as the console shows them: those in the store, and those that have only their default."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.console.desk import Desk
from engine.deploy.variables import ESXI_FQDN
from engine.errors import BadInput, Conflict, SlipwayError
from engine.ova.limits import DEFAULT
from storage import settings
from storage.limits import REMOTE_HOSTS
from storage.pace import Pace
from storage.roots import ROOTS
from storage.settings import FLAG, Setting


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting. `value`: what it is set to, "" of a secret one; `default`: None of a setting that Slipway itself
    does not read. `problem`: why the value cannot be used, its default holds then. `stored`: whether it is set at all.
    """

    name: str
    value: str
    default: str | None
    applies: str
    description: str
    secret: bool
    stored: bool
    problem: str

    @property
    def is_flag(self) -> bool:
        """Whether it is the switch of staging."""
        return self.name == FLAG

    @property
    def on(self) -> bool:
        """Of the switch: whether staging is on."""
        return self.value == "true"

    @property
    def changed(self) -> bool:
        """Whether it says something else than its default."""
        return self.stored and self.value != self.default


@dataclass(frozen=True, slots=True)
class _Known:
    """A setting that Slipway reads."""

    default: str
    applies: str
    description: str


_NEXT_PLAN, _NEXT_WORKER, _NEXT_LOGIN = "next deployment", "next worker", "next login"

_KNOWN: Mapping[str, _Known] = {
    FLAG: _Known("false", _NEXT_PLAN, "Stage each L1 OVA once per endpoint and clone it (on only for: true)"),
    ESXI_FQDN: _Known("", _NEXT_PLAN, "Any value: an ESXi host's name is its full one"),
    ROOTS: _Known("", "at once", "PEM file of authorities trusted to sign OVAs, beside those of the machine"),
    **{
        name: _Known(f"{getattr(Pace(), name):g}", applies, description)
        for name, applies, description in (
            ("claim_beat_seconds", "next heartbeat", "How often the holder of a claim shows that it is alive"),
            ("claim_ttl_seconds", "at once", "Without a sign of life for so long, a claim is stale"),
            ("deployments_per_endpoint", _NEXT_WORKER, "Deployments that run at the same time on one endpoint"),
            ("deployments_at_once", _NEXT_WORKER, "Deployments that run at the same time on all endpoints"),
            ("stagings_per_endpoint", _NEXT_WORKER, "Components staged at the same time on one endpoint"),
            ("stagings_at_once", _NEXT_WORKER, "Components staged at the same time on all endpoints"),
            ("vms_per_endpoint", _NEXT_WORKER, "VMs made at the same time on one endpoint"),
            ("retry_attempts", _NEXT_WORKER, "Attempts at a step that fails for a reason that passes"),
            ("retry_seconds", _NEXT_WORKER, "Wait before the second attempt; it doubles from there, up to a minute"),
            ("call_deadline_seconds", _NEXT_LOGIN, "How long vCenter may take to answer one call"),
            ("task_silence_seconds", _NEXT_LOGIN, "How long vCenter may be away while a task of it is waited for"),
            ("upload_stall_seconds", _NEXT_LOGIN, "How long a host may accept no byte of an upload"),
            ("foreign_leftover_seconds", "at once", "Unchanged for so long, another Slipway's leftover is removed"),
        )
    },
    **{
        name: _Known(str(getattr(DEFAULT, name)), "at once", description)
        for name, description in (
            ("ova_entries", "Entries that an OVA's archive may have"),
            ("ova_name_bytes", "Bytes that the name of a file in an OVA may have"),
            ("ova_descriptor_bytes", "Bytes that an OVF descriptor may have"),
            ("ova_xml_depth", "Elements inside each other that an OVF descriptor may have"),
            ("ova_gzip_ratio", "How many times its size a compressed file of a package may expand to"),
        )
    },
    REMOTE_HOSTS: _Known("", "at once", "Hosts that files which a descriptor names by URL are fetched from"),
}


def read(desk: Desk) -> tuple[SettingRow, ...]:
    """Every setting by name, the switch of staging first."""
    stored = {one.name: one for one in settings.listing(desk.store)}
    names = sorted(stored.keys() | _KNOWN.keys(), key=lambda name: (name != FLAG, name))
    return tuple(_row(name, stored.get(name)) for name in names)


def _row(name: str, stored: Setting | None) -> SettingRow:
    known = _KNOWN.get(name)
    default = known.default if known else None
    value = stored.value if stored else default or ""
    problem = settings.problem_with(name, value)
    if name == FLAG and value not in ("true", "false"):
        problem = 'only the literal value "true" turns it on'
    return SettingRow(
        name=name,
        value=value,
        default=default,
        applies=known.applies if known else "",
        description=(stored.description if stored else "") or (known.description if known else ""),
        secret=stored.secret if stored else settings.is_secret(name),
        stored=stored is not None,
        problem=problem,
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be used of what was filled in, and in which field: value or description."""

    field: str
    error: SlipwayError


def problem_with(shown: SettingRow, value: str | None, description: str) -> Problem | None:
    """What cannot be used, None when everything can; `value` None stays as it is."""
    try:
        settings.check(shown.name, shown.value if value is None else value)
    except BadInput as error:
        return Problem("value", error)
    if not shown.stored and not description.strip():
        why, fix = "the description is empty", "say what it is for"
        return Problem("description", BadInput("cannot add setting", on=shown.name, why=why, fix=fix))
    return None


def new(desk: Desk, name: str) -> SettingRow:
    """The setting that is to be added, empty yet. Raises Conflict when it is there, BadInput for an unusable name."""
    name = settings.usable(name)
    if any(one.name == name for one in settings.listing(desk.store)):
        raise Conflict("cannot add setting", on=name, why="the name is taken", fix="e changes it")
    return _row(name, None)


def change(desk: Desk, shown: SettingRow, value: str | None, description: str) -> str:
    """Set the value and the description, or add the setting; `value` None keeps the one that is there. Its name.

    Raises Conflict when it is not any more what was shown, NotFound, BadInput.
    """
    _check(desk, shown)
    if not shown.stored:
        return settings.create(desk.store, shown.name, value or "", description).name
    if value is None:
        value = settings.get(desk.store, shown.name).value
    return settings.update(desk.store, shown.name, value, description).name


def remove(desk: Desk, shown: SettingRow) -> str:
    """Delete the setting, its default holds again; its name. Raises as `change`."""
    _check(desk, shown)
    settings.delete(desk.store, shown.name)
    return shown.name


def _check(desk: Desk, shown: SettingRow) -> None:
    """Somebody may have changed the setting since it was shown."""
    now = {one.name: one for one in settings.listing(desk.store)}.get(shown.name)
    if _row(shown.name, now) != shown:
        raise Conflict("cannot change", on=shown.name, why="somebody changed it meanwhile", fix="look at it again")
