"""The pace: how many jobs at once, how often and how long, from the settings that everybody with this store shares."""

from dataclasses import dataclass, fields

from sqlalchemy import select

from storage.models import settings
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Pace:
    """One field per setting of that name (migration 0002 says what each is for). Seconds, or counts."""

    claim_beat_seconds: float = 5
    claim_ttl_seconds: float = 30
    deployments_per_endpoint: int = 4
    deployments_at_once: int = 8
    stagings_per_endpoint: int = 2
    stagings_at_once: int = 4
    vms_per_endpoint: int = 8
    retry_attempts: int = 8
    retry_seconds: float = 2
    call_deadline_seconds: float = 60
    task_silence_seconds: float = 60
    upload_stall_seconds: float = 60
    foreign_leftover_seconds: float = 900


_KINDS = {field.name: type(field.default) for field in fields(Pace)}
_DECIMAL = tuple(name for name in _KINDS if name.endswith("_seconds"))


def pace_of(store: Store) -> Pace:
    """The pace as set now; what is not set, or cannot be read, has its default."""
    with store.read() as tx:
        rows = tx.execute(select(settings.c.name, settings.c.value).where(settings.c.name.in_(_KINDS))).all()
    return Pace(**{name: _number(name, value) for name, value in rows if not problem_with(name, value)})  # type: ignore[arg-type]


def problem_with(name: str, value: str) -> str:
    """Why the value is none for that setting, "" when it is, or when the name is none of these."""
    if name not in _KINDS:
        return ""
    try:
        number = _number(name, value)
    except ValueError:
        return "it is not a number" if name in _DECIMAL else "it is not a whole number"
    if name in _DECIMAL:
        return "" if 0 < number <= 86400 else "it must be more than 0 and at most 86400 seconds"
    return "" if 1 <= number <= 1000 else "it must be from 1 to 1000"


def _number(name: str, value: str) -> float:
    return float(value) if name in _DECIMAL else int(value)
