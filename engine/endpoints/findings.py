"""What a look at an endpoint found: one thing, whether it is as it must be, and what to do when it is not."""

from dataclasses import dataclass
from enum import StrEnum

from engine.errors import SlipwayError


class State(StrEnum):
    """`warning`: works, but less well or with consequences. `missing`: a deployment would fail."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` is what was looked at, `fix` what to do; empty when all is well."""

    name: str
    state: State
    detail: str
    fix: str = ""


def fine(name: str, detail: str) -> Finding:
    """As it must be."""
    return Finding(name, State.OK, detail)


def warning(name: str, detail: str, fix: str) -> Finding:
    """Usable all the same."""
    return Finding(name, State.WARNING, detail, fix)


def missing(name: str, detail: str, fix: str) -> Finding:
    """Not usable."""
    return Finding(name, State.MISSING, detail, fix)


def failed(name: str, error: SlipwayError) -> Finding:
    """The look itself failed, or found nothing."""
    said = f"{error.what} {error.on}".strip()
    return missing(name, f"{said}: {error.why}" if error.why else said, error.fix)
