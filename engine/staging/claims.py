"""Claims: who alone may stage a component on an endpoint.

A claim is a row of `settings` named `_ova_staging_lock_<endpoint_id>_<uid>`; its unique name makes INSERT the
election (zPodFactory's rule). Its value tells who holds it and when that process last showed that it is at work, by the
database's clock. A claim whose process is gone, or that shows no life any more, is stale: the next one takes it over
by one compare-and-swap. A row written by zPodFactory itself (value `1`) is foreign: shown, and cleared only by hand.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.cancel import Cancel
from engine.errors import ClaimLost, Conflict, NotFound, SlipwayError
from engine.staging.holder import Holder, holder_from, is_gone, is_here, myself, rebooted
from storage import audit, claims
from storage.changes import Watch
from storage.claims import ClaimRow, claim_name
from storage.pace import pace_of
from storage.store import Store, next_token

log = logging.getLogger(__name__)

# Seconds between two looks at a waiter's Cancel, and at somebody else's claim: one that goes stale changes nothing in
# the store.
CANCEL_POLL, LOOK = 0.25, 1.0
# A claim must not go stale because one heartbeat came late, however the two settings are set.
BEATS_PER_TTL = 3


class Verdict(StrEnum):
    """What is known of a claim's holder."""

    LIVE = "live"
    PROCESS_GONE = "stale: process gone"
    HOST_REBOOTED = "stale: host rebooted"
    NO_HEARTBEAT = "stale: no heartbeat"
    FOREIGN = "foreign"


STALE = (Verdict.PROCESS_GONE, Verdict.HOST_REBOOTED, Verdict.NO_HEARTBEAT)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to stage `uid` on endpoint `endpoint_id`. `token` grows with every holder and names what it makes."""

    name: str
    endpoint_id: int
    uid: str
    holder: Holder
    token: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim row as it stands. `age` and `silent` are seconds since it was taken and since its last heartbeat.

    `purpose` says what it is held for, `deployment` for which one. Of a foreign claim nothing is known but its value.
    """

    name: str
    endpoint_id: int
    uid: str
    value: str
    verdict: Verdict
    evidence: str
    holder: Holder | None = None
    token: int | None = None
    since: datetime | None = None
    beat: datetime | None = None
    age: float | None = None
    silent: float | None = None
    purpose: str = ""
    deployment: int | None = None

    @property
    def stale(self) -> bool:
        """Whether the holder is gone, or has not shown any life for longer than the claim's time to live."""
        return self.verdict in STALE

    def is_held_as(self, other: "Standing") -> bool:
        """Whether the same holder still has it; its heartbeats make no difference."""
        if self.holder is None or other.holder is None:
            return self.value == other.value
        return (self.holder, self.token) == (other.holder, other.token)


def take(store: Store, endpoint_id: int, uid: str, purpose: str, deployment: int | None = None) -> Claim | None:
    """Take the claim if it is free or stale; None when somebody live, unknown or foreign holds it.

    It lives for the setting `claim_ttl_seconds`, and on while it is `held`.
    """
    name = claim_name(endpoint_id, uid)
    found = _look(store, name)
    if found is not None and not found.stale:
        return None
    # Drawn after the look: greater than the token of the one it replaces.
    claim = Claim(name, endpoint_id, uid, myself(), next_token(store))
    now = _text(_now(store))
    told = {"since": now, "beat": now, "token": claim.token, "for": purpose, "deployment": deployment}
    value = json.dumps({**asdict(claim.holder), **told}, sort_keys=True)
    if found is None:
        return claim if claims.insert(store, name, value) else None
    if not claims.swap(store, name, found.value, value):
        return None
    log.warning("%s: claim taken over: %s", name, found.evidence)
    audit.record(store, "claim taken over", name, found.evidence)
    return claim


@contextmanager
def held(store: Store, claim: Claim) -> Iterator[Claim]:
    """Keep the claim alive by heartbeats, and release it at the end, if it is still ours."""
    released = threading.Event()
    heart = threading.Thread(target=_keep_alive, args=(store, claim, released), name=claim.name, daemon=True)
    heart.start()
    try:
        yield claim
    finally:
        released.set()
        heart.join()
        _release(store, claim)


def check(store: Store, claim: Claim) -> None:
    """Raise Conflict when the claim is not ours any more: its holder stops before its next write (DESIGN.md rule 4).

    It is a heartbeat too: who wakes from a long pause and finds the claim still its own has the whole time to live.
    """
    if not _beat(store, claim):
        why = "somebody cleared it or took it over"
        raise ClaimLost("the claim was lost:", on=claim.name, why=why, fix="try again")


def _keep_alive(store: Store, claim: Claim, released: threading.Event) -> None:
    pause = 0.0
    while not released.wait(pause):
        try:
            if not _beat(store, claim):
                log.warning("%s: the claim was lost", claim.name)
                return
            pace = pace_of(store)
            pause = min(pace.claim_beat_seconds, pace.claim_ttl_seconds / BEATS_PER_TTL)
        except SlipwayError as error:
            log.warning("%s: no heartbeat: %s", claim.name, error)
            pause = pause or LOOK


def _beat(store: Store, claim: Claim) -> bool:
    """Write that the holder is at work now; False when the claim is not ours any more."""
    while (row := _ours(store, claim)) is not None:
        value = json.dumps({**json.loads(row.value), "beat": _text(_now(store))}, sort_keys=True)
        if claims.beat(store, row.name, row.value, value):
            return True
    return False


def _release(store: Store, claim: Claim) -> None:
    """Delete the row if it is ours. A database that fails keeps it, and without heartbeats it goes stale."""
    try:
        while (row := _ours(store, claim)) is not None and not claims.delete(store, row.name, row.value):
            pass
    except SlipwayError as error:
        log.warning("%s: the claim was not released: %s", claim.name, error)


def _ours(store: Store, claim: Claim) -> ClaimRow | None:
    """The claim's row as it is now, if it is this claim's."""
    row = claims.read(store, claim.name)
    if row is None:
        return None
    try:
        values = _parsed(row.value)
    except ValueError:
        return None
    return row if (values.holder, values.token) == (claim.holder, claim.token) else None


def release_stale(store: Store, uid: str) -> None:
    """Take over the claims on the uid whose holders are gone, and let them go: nobody goes on where those stopped."""
    for row in standing(store):
        if row.uid == uid and row.stale:
            claim = take(store, row.endpoint_id, uid, f"release {uid}")
            if claim is not None:
                _release(store, claim)


def wait_for_change(store: Store, endpoint_id: int, uid: str, cancel: Cancel) -> None:
    """Return once the claim is free, stale or somebody else's. Raises Cancelled."""
    name = claim_name(endpoint_id, uid)
    with Watch(store) as watch:
        first = _look(store, name)
        now = first
        while now is not None and first is not None and now.is_held_as(first) and not now.stale:
            _pause(watch, cancel)
            now = _look(store, name)


def _pause(watch: Watch, cancel: Cancel) -> None:
    """Until something changes in the store, but no longer than LOOK."""
    for _ in range(round(LOOK / CANCEL_POLL)):
        cancel.check()
        if watch.wait(CANCEL_POLL):
            return


def waiting_for(store: Store, endpoint_id: int, uid: str) -> str:
    """Whom a waiter waits for, in words; a foreign claim says how it is cleared, nobody else will."""
    found = _look(store, claim_name(endpoint_id, uid))
    if found is None:
        return "its claim changes hands"
    if found.verdict is Verdict.FOREIGN:
        return f"a claim {found.evidence}; if nobody is at work: slipway lock clear {found.name}"
    return found.evidence


def standing(store: Store) -> list[Standing]:
    """Every claim, by name."""
    rows = claims.listing(store)
    now, ttl = _now(store), pace_of(store).claim_ttl_seconds
    return [_understood(row, now, ttl) for row in rows]


def find(store: Store, name: str) -> Standing:
    """One claim by its row's name. Raises NotFound."""
    found = _look(store, name)
    if found is None:
        raise NotFound("no claim named", on=name, fix="see: slipway lock list")
    return found


def clear(store: Store, shown: Standing, force: bool = False) -> None:
    """Remove the claim by hand, as it was shown to whoever decided; a live one only with `force`.

    Raises Conflict when it is live, was released or has another holder meanwhile; NotFound when it is gone.
    """
    while True:
        found = find(store, shown.name)
        if not found.is_held_as(shown):
            why, fix = "it changed hands meanwhile", "look again who has it"
            raise Conflict("cannot clear", on=found.name, why=why, fix=fix)
        if found.verdict is Verdict.LIVE and not force:
            why = f"its holder is at work ({found.evidence})"
            raise Conflict("cannot clear", on=found.name, why=why, fix="wait for it, or add --force")
        if claims.delete(store, found.name, found.value):
            audit.record(store, "claim cleared", found.name, found.evidence)
            return


def judged(holder: Holder) -> tuple[Verdict, str]:
    """The verdict on a process, and the evidence for it in words. One of which nothing is known counts as live."""
    who = f"pid {holder.pid} of {holder.owner} on {holder.host}"
    if is_here(holder):
        if is_gone(holder):
            return Verdict.PROCESS_GONE, f"{who} is not running any more"
        return Verdict.LIVE, f"{who} is running"
    if rebooted(holder):
        return Verdict.HOST_REBOOTED, f"{holder.host} has started again since {who} ran"
    return Verdict.LIVE, f"{who} cannot be seen from here"


@dataclass(frozen=True, slots=True)
class _Values:
    """What a claim's value says."""

    holder: Holder
    token: int
    since: datetime
    beat: datetime
    purpose: str
    deployment: int | None


def _parsed(value: str) -> _Values:
    """Raises ValueError for a value that is not Slipway's."""
    try:
        said: dict[str, Any] = json.loads(value)
        since, beat = datetime.fromisoformat(said["since"]), datetime.fromisoformat(said["beat"])
        if since.tzinfo is None or beat.tzinfo is None:
            raise ValueError("a time without time zone")
        deployment = said.get("deployment")
        return _Values(
            holder=holder_from(said),
            token=int(said["token"]),
            since=since,
            beat=beat,
            purpose=str(said["for"]),
            deployment=None if deployment is None else int(deployment),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError("not Slipway's") from error


def _look(store: Store, name: str) -> Standing | None:
    row = claims.read(store, name)
    return None if row is None else _understood(row, _now(store), pace_of(store).claim_ttl_seconds)


def _understood(row: ClaimRow, now: datetime, ttl: float) -> Standing:
    """What the value says, and whether its holder is gone or silent. `ttl` in seconds."""
    try:
        said = _parsed(row.value)
    except ValueError:
        evidence = "not written by Slipway, age unknown"
        return Standing(row.name, row.endpoint_id, row.uid, row.value, Verdict.FOREIGN, evidence)
    silent = max(0.0, (now - said.beat).total_seconds())
    verdict, evidence = judged(said.holder)
    if verdict is Verdict.LIVE and silent > ttl:
        verdict = Verdict.NO_HEARTBEAT
    return Standing(
        name=row.name,
        endpoint_id=row.endpoint_id,
        uid=row.uid,
        value=row.value,
        verdict=verdict,
        evidence=f"{evidence}, last heartbeat {_long(silent)} ago",
        holder=said.holder,
        token=said.token,
        since=said.since,
        beat=said.beat,
        age=max(0.0, (now - said.since).total_seconds()),
        silent=silent,
        purpose=said.purpose,
        deployment=said.deployment,
    )


def _long(seconds: float) -> str:
    """`4 s`, `12 min`, `3 h`, `9 days`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _now(store: Store) -> datetime:
    with store.read() as tx:
        return store.now(tx)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
