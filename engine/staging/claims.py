"""Claims: who alone may stage a component on an endpoint.

A claim is a row of `settings` named `_ova_staging_lock_<endpoint_id>_<uid>`; its unique name makes INSERT the
election (zPodFactory's rule). Its value tells who holds it and since when, so that a claim left by a crash is seen
and taken over. A row written by zPodFactory itself (value `1`) is foreign: shown, and cleared only by hand.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from engine.cancel import Cancel
from engine.errors import Conflict, NotFound
from engine.staging.holder import Holder, is_gone, is_here, myself, rebooted
from storage import audit, claims
from storage.claims import ClaimRow, claim_name
from storage.store import Store, next_token

# Seconds between two looks at somebody else's claim.
POLL = 0.5


class Verdict(StrEnum):
    """What is known of a claim's holder."""

    LIVE = "live"
    PROCESS_GONE = "stale: process gone"
    HOST_REBOOTED = "stale: host rebooted"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to stage `uid` on endpoint `endpoint_id`. `token` grows with every holder and names what it makes."""

    name: str
    endpoint_id: int
    uid: str
    holder: Holder
    token: int
    value: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim row as it stands. `holder`, `since` and `token` are None for a foreign one; `purpose` says what it is
    held for.
    """

    name: str
    endpoint_id: int
    uid: str
    holder: Holder | None
    token: int | None
    since: datetime | None
    purpose: str
    verdict: Verdict
    evidence: str
    value: str

    @property
    def stale(self) -> bool:
        """Whether the holder is provably gone."""
        return self.verdict in (Verdict.PROCESS_GONE, Verdict.HOST_REBOOTED)


def take(store: Store, endpoint_id: int, uid: str, purpose: str) -> Claim | None:
    """Take the claim if it is free or stale; None when somebody live, unknown or foreign holds it."""
    name = claim_name(endpoint_id, uid)
    token = next_token(store)
    with store.read() as tx:
        now = store.now(tx).isoformat().replace("+00:00", "Z")
    me = myself()
    value = json.dumps({**asdict(me), "since": now, "beat": now, "token": token, "for": purpose}, sort_keys=True)
    claim = Claim(name, endpoint_id, uid, me, token, value)
    if claims.insert(store, name, value):
        return claim
    row = claims.read(store, name)
    if row is None:
        return claim if claims.insert(store, name, value) else None
    standing = understood(row)
    if not standing.stale or not claims.swap(store, name, row.value, value):
        return None
    audit.record(store, "claim taken over", name, standing.evidence)
    return claim


@contextmanager
def held(store: Store, claim: Claim) -> Iterator[Claim]:
    """Release the claim at the end, if it is still ours."""
    try:
        yield claim
    finally:
        claims.delete(store, claim.name, claim.value)


def check(store: Store, claim: Claim) -> None:
    """Raise Conflict when somebody took the claim: its holder stops before its next write (DESIGN.md rule 4)."""
    row = claims.read(store, claim.name)
    if row is None or row.value != claim.value:
        raise Conflict("the claim was lost:", on=claim.name, why="somebody cleared it or took it over", fix="try again")


def wait_for_change(store: Store, endpoint_id: int, uid: str, cancel: Cancel) -> None:
    """Return once the claim is free, stale or somebody else's."""
    first = claims.read(store, claim_name(endpoint_id, uid))
    while True:
        row = claims.read(store, claim_name(endpoint_id, uid))
        if row is None or first is None or row.value != first.value or understood(row).stale:
            return
        cancel.pause(POLL)


def waiting_for(store: Store, endpoint_id: int, uid: str) -> str:
    """Whom a waiter waits for, in words; a foreign claim says how it is cleared, nobody else will."""
    row = claims.read(store, claim_name(endpoint_id, uid))
    if row is None:
        return "its claim changes hands"
    found = understood(row)
    if found.verdict is Verdict.FOREIGN:
        return f"a claim {found.evidence}; if nobody is at work: slipway lock clear {found.name}"
    return found.evidence


def standing(store: Store) -> list[Standing]:
    """Every claim, by name."""
    return [understood(row) for row in claims.listing(store)]


def find(store: Store, name: str) -> Standing:
    """One claim by its row's name. Raises NotFound."""
    row = claims.read(store, name)
    if row is None:
        raise NotFound("no claim named", on=name, fix="see: slipway lock list")
    return understood(row)


def clear(store: Store, name: str, force: bool = False) -> None:
    """Remove a claim by hand. A live one only with `force`; looked at again in the statement that removes it."""
    row = find(store, name)
    if row.verdict is Verdict.LIVE and not force:
        raise Conflict(
            "cannot clear", on=name, why=f"its holder is at work ({row.evidence})", fix="wait for it, or add --force"
        )
    if not claims.delete(store, name, row.value):
        raise Conflict("cannot clear", on=name, why="it changed hands meanwhile", fix="look again: slipway lock list")
    audit.record(store, "claim cleared", name, row.evidence)


def understood(row: ClaimRow) -> Standing:
    """What a claim's value says, and whether this host knows its holder to be gone."""
    try:
        values = json.loads(row.value)
        holder = Holder(**{key: values[key] for key in Holder.__dataclass_fields__})
        since = datetime.fromisoformat(values["since"])
        token, purpose = int(values["token"]), str(values["for"])
    except (ValueError, KeyError, TypeError):
        return Standing(
            row.name,
            row.endpoint_id,
            row.uid,
            None,
            None,
            None,
            "",
            Verdict.FOREIGN,
            "not written by Slipway, age unknown",
            row.value,
        )
    verdict, evidence = judged(holder)
    return Standing(row.name, row.endpoint_id, row.uid, holder, token, since, purpose, verdict, evidence, row.value)


def judged(holder: Holder) -> tuple[Verdict, str]:
    """The verdict on a holder, and the evidence for it in words. A holder of which nothing is known counts as live."""
    who = f"pid {holder.pid} of {holder.owner} on {holder.host}"
    if is_here(holder):
        if is_gone(holder):
            return Verdict.PROCESS_GONE, f"{who} is not running any more"
        return Verdict.LIVE, f"{who} is running"
    if rebooted(holder):
        return Verdict.HOST_REBOOTED, f"{holder.host} has started again since {who} ran"
    return Verdict.LIVE, f"{who} cannot be seen from here"
