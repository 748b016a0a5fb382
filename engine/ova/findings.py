"""What is wrong or worth knowing about a package: one value for every reader, check and screen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.errors import BadPackage

_NUMBERED = 5  # problems that one error names
_LONGEST = 1_000  # characters of a finding's text: five long names

Told = Callable[[BadPackage], None]
"""Hears of a problem in spite of which reading can go on: raises it, or keeps it and returns."""


def refuse(problem: BadPackage) -> None:
    """Who does not want to know more: the first problem is raised."""
    raise problem


class Severity(StrEnum):
    """How much a finding matters; the worst first."""

    ERROR = "error"
    """The import cannot go well, or may not be done."""
    WARNING = "warning"
    """It works, with consequences."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`where` names line and element (`box.ovf line 12: Disk 'vmdisk1'`), `what` is a clause about it that begins small
    (`refers to the File 'x', which is missing`), `fix` what to do, "" when nothing is to be done.
    """

    severity: Severity
    where: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"

    @classmethod
    def error(cls, where: str, what: str, fix: str) -> "Finding":
        """For this the package is refused."""
        return cls(Severity.ERROR, short(where, _LONGEST), short(what, _LONGEST), fix)

    @classmethod
    def warning(cls, where: str, what: str, fix: str) -> "Finding":
        """This the operator should know before the import."""
        return cls(Severity.WARNING, short(where, _LONGEST), short(what, _LONGEST), fix)

    @classmethod
    def note(cls, where: str, what: str, fix: str = "") -> "Finding":
        """This is for who wants to know all."""
        return cls(Severity.NOTE, short(where, _LONGEST), short(what, _LONGEST), fix)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors, warnings, notes; those alike as they came."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda one: order.index(one.severity)))


def short(text: str, most: int = 80) -> str:
    """For a text that may be said in many findings, and one from a package, which may have megabytes."""
    return text if len(text) <= most else f"{text[:most]}..."


def numbered(clauses: Sequence[str]) -> str:
    """Clauses in one sentence, the first few of many."""
    first = "; ".join(f"({number}) {clause}" for number, clause in enumerate(clauses[:_NUMBERED], 1))
    more = len(clauses) - _NUMBERED
    return first + (f"; and {more} more" if more > 0 else "")


def place(file: str, line: int, element: str) -> str:
    """`where` for an element of a file; line 0 is one that is nowhere in it."""
    return f"{file} line {line}: {element}" if line else f"{file}: {element}"
