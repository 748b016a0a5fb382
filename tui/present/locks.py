"""Claims as rows and as detail: the evidence first, then what clearing one would mean."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tui.present.states import sign
from tui.present.text import BESIDE, Cell, Line, age, fields, local, plain, printable, wrapped
from tui.widgets.table import Column, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.console.locks import LockRow


def _holder(row: "LockRow") -> tuple[str, int] | None:
    holder = row.claim.holder
    return (holder.host, holder.pid) if holder else None


COLUMNS = (
    Column("Claim", 24, grow=5),
    Column("Holder", 13, grow=2, drop=1, sort=_holder),
    Column("Age", 4, align="right", sort=lambda row: row.claim.age),
    Column("Beat", 4, align="right", sort=lambda row: row.claim.silent),
    Column("State", 22),
)


def name(row: "LockRow") -> str:
    """`esxi-8.0u3g @ vc-01`."""
    return f"{row.claim.uid} @ {row.endpoint or f'endpoint {row.claim.endpoint_id} (gone)'}"


def cells(row: "LockRow", _now: datetime) -> Line:
    """One line."""
    claim = row.claim
    return (
        plain(name(row)),
        plain(f"{claim.holder.host} pid {claim.holder.pid}" if claim.holder else "unknown"),
        (_age(claim.age), "plain"),
        (_age(claim.silent), "warn" if claim.stale else "plain"),
        _state(row),
    )


def values(row: "LockRow") -> "Mapping[str, Any]":
    """What an export writes of it."""
    claim, holder = row.claim, row.claim.holder
    return {
        "name": claim.name,
        "uid": claim.uid,
        "endpoint": row.endpoint or None,
        "owner": holder.owner if holder else None,
        "host": holder.host if holder else None,
        "pid": holder.pid if holder else None,
        "token": claim.token,
        "since": claim.since,
        "beat": claim.beat,
        "for": claim.purpose,
        "deployment": claim.deployment,
        "verdict": claim.verdict,
        "evidence": claim.evidence,
        "waiting": row.waiting,
    }


VIEW = View(COLUMNS, lambda row: row.claim.name, cells, values)


def detail(row: "LockRow", width: int = BESIDE) -> list[Line]:
    """All that is known of it, in lines of `width` cells."""
    claim, holder, room = row.claim, row.claim.holder, width - 14
    lines: list[Line] = [((printable(name(row)), "title"),), ()]
    lines += fields([("state", _state(row)), ("evidence", claim.evidence)], room=room)
    if holder is not None:
        lines += fields(
            [
                ("holder", f"{holder.owner}@{holder.host} pid {holder.pid}"),
                ("last beat", f"{_ago(claim.silent)}, {local(claim.beat)}"),
                ("since", f"{_ago(claim.age)}, {local(claim.since)}"),
                ("for", claim.purpose),
                ("deployment", claim.deployment or "none, by hand"),
                ("token", claim.token),
                ("boot id", holder.boot_id),
                ("pid namespace", holder.pid_ns),
            ],
            room=room,
        )
    else:
        lines += fields([("value", claim.value), ("age", "unknown")], room=room)
    lines += fields([("claim", claim.name)], room=room)
    lines += [(), (("who waits", "dim"),)]
    lines += [(plain(f"  {one}"),) for one in row.waiting] or [(("  nobody", "plain"),)]
    lines += [(), (("what clearing means", "dim"),), *_wrapped(_meaning(row), "plain", width)]
    return lines


def question(row: "LockRow") -> "Sequence[Line]":
    """What is said before one claim is cleared."""
    claim = row.claim
    lines: list[Line] = [(plain(name(row)), ("  ", "plain"), _state(row))]
    lines += [((line, "plain"),) for line in wrapped(claim.evidence, 70)]
    if row.live:
        lines += [(), *_wrapped("It is refused: its holder is at work. Wait for it, or cancel its job.", "bad", 70)]
        by_force = "By force all the same: it learns so before its next write, stops, and contends for the claim anew."
        return [*lines, *_wrapped(by_force, "plain", 70)]
    return [*lines, (), *_wrapped(_meaning(row), "plain", 70)]


def questions(rows: "Sequence[LockRow]") -> "Sequence[Line]":
    """What is said before several are cleared."""
    return [(plain(name(row)), ("  ", "plain"), _state(row)) for row in rows]


EMPTY: list[Line] = [
    (("Nobody stages anything now.", "title"),),
    (),
    (("A claim is the right to upload one component to one endpoint: it is here", "plain"),),
    (("while that goes on, and after a crash until somebody takes it over.", "plain"),),
    (),
    (("  2", "key"), ("  templates: what is staged, and staging more", "plain")),
]


def _state(row: "LockRow") -> Cell:
    state = sign("claim", row.claim.verdict)
    return str(state), state.tone


def _meaning(row: "LockRow") -> str:
    waits = "who waits stages at once" if row.waiting else "the next who needs it stages"
    if row.live:
        return "It is refused while its holder is at work: it is given back when the staging ends."
    if row.foreign:
        return (
            f"It was not written by Slipway, so nobody knows whether its writer is still at work: look there first. "
            f"Cleared, {waits}. It is never taken over by itself."
        )
    return (
        f"The claim's row is deleted and {waits}. In vCenter nothing is touched: what the holder left half-made is "
        f"finished or removed by the next staging. It also goes by itself when somebody stages this component."
    )


def _wrapped(text: str, tone: str, width: int) -> list[Line]:
    return [((line, tone),) for line in wrapped(text, width)]


def _age(seconds: float | None) -> str:
    return "?" if seconds is None else age(seconds)


def _ago(seconds: float | None) -> str:
    told = _age(seconds)
    return told if told in ("now", "?") else f"{told} ago"
