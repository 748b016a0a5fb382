"""Claims: one holder, evidence, takeover of a dead one."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from engine.cancel import Cancel
from engine.errors import Cancelled, Conflict, NotFound
from engine.staging import claims, holder
from engine.staging.claims import Verdict
from engine.staging.holder import Holder, myself
from storage import audit, settings
from storage import claims as rows
from storage.store import Store, next_token, open_store

NAME = "_ova_staging_lock_1_esxi-8.0u3g"


def row_of(store: Store, who: Holder, silent: float = 0.0) -> int:
    """The row of a holder that showed no life for so many seconds, as an older Slipway wrote it; its token."""
    token = next_token(store)
    with store.read() as tx:
        now = (store.now(tx) - timedelta(seconds=silent)).isoformat()
    value = {**asdict(who), "since": now, "beat": now, "token": token, "for": "stage it"}
    assert rows.insert(store, NAME, json.dumps(value))
    return token


def until(condition: Callable[[], bool]) -> None:
    """Wait for it; a minute is far more than it takes."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def beat_of(store: Store) -> datetime:
    beat = claims.find(store, NAME).beat
    assert beat is not None
    return beat


@pytest.fixture
def dead() -> Holder:
    """A process of this host that has ended."""
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return replace(myself(), pid=int(process.stdout), started=1)


def test_one_takes_it_and_the_next_does_not(store: Store) -> None:
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    assert claims.take(store, 1, "esxi-8.0u3g", "stage it") is None
    [standing] = claims.standing(store)
    assert (standing.name, standing.verdict, standing.holder) == (NAME, Verdict.LIVE, myself())
    with claims.held(store, claim):
        claims.check(store, claim)
    assert claims.standing(store) == []


def test_another_endpoint_or_component_is_another_claim(store: Store) -> None:
    taken = [claims.take(store, *which, "stage it") for which in ((1, "a-1"), (2, "a-1"), (1, "b-1"))]
    assert all(taken)


def test_a_dead_holders_claim_is_taken_over_with_a_higher_token(store: Store, dead: Holder) -> None:
    token = row_of(store, dead)
    assert claims.find(store, NAME).verdict is Verdict.PROCESS_GONE
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    assert claim.token > token
    assert claims.find(store, NAME).holder == myself()
    assert [entry.action for entry in audit.listing(store) if "taken over" in entry.action] == ["claim taken over"]


def test_a_claim_from_before_a_reboot_is_stale(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    row_of(store, replace(myself(), machine="this", boot_id="before"))
    monkeypatch.setattr(holder, "myself", lambda: replace(myself(), machine="this"))
    assert claims.find(store, NAME).verdict is Verdict.HOST_REBOOTED


def test_another_machine_of_the_same_name_has_not_rebooted(store: Store) -> None:
    row_of(store, replace(myself(), machine="another", boot_id="its own"))
    assert claims.find(store, NAME).verdict is Verdict.LIVE


def test_a_zombie_is_gone_and_a_process_of_somebody_else_is_not(store: Store) -> None:
    zombie = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)
    try:
        assert holder.is_gone(replace(myself(), pid=zombie, started=1))
    finally:
        os.waitpid(zombie, 0)
    assert not holder.is_gone(replace(myself(), pid=1, started=holder.process_start(1) or 0))


def test_a_holder_elsewhere_counts_as_live(store: Store) -> None:
    row_of(store, replace(myself(), host="elsewhere", machine="", boot_id="its own"))
    assert claims.find(store, NAME).verdict is Verdict.LIVE
    assert claims.take(store, 1, "esxi-8.0u3g", "stage it") is None


def test_another_process_with_the_same_pid_is_not_the_holder(store: Store) -> None:
    row_of(store, replace(myself(), started=myself().started - 1))
    assert claims.find(store, NAME).verdict is Verdict.PROCESS_GONE


GOOD = {**asdict(myself()), "since": "2026-11-21T09:30:00Z", "beat": "2026-11-21T09:30:00Z", "token": 1, "for": "x"}


@pytest.mark.parametrize(
    "value",
    [
        *("1", "", "{}", "[]", '{"owner": 3}', "null"),
        *(json.dumps({**GOOD, "pid": pid}) for pid in ("12", -1, 2**70, None)),
        *(json.dumps({**GOOD, "beat": beat}) for beat in ("2026-11-21T09:30:00", "soon", 5)),
        *(json.dumps({**GOOD, "token": token}) for token in (float("inf"), "x", None)),
    ],
    ids=range(16),  # the values hold this process's pid: tests that run side by side must have the same names
)
def test_a_row_of_others_is_foreign_and_stays(store: Store, value: str) -> None:
    assert rows.insert(store, NAME, value)
    found = claims.find(store, NAME)
    assert found.verdict is Verdict.FOREIGN
    assert claims.take(store, 1, "esxi-8.0u3g", "stage it") is None
    claims.clear(store, found)
    assert claims.standing(store) == []


def test_a_live_claim_is_cleared_only_by_force(store: Store) -> None:
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    shown = claims.find(store, NAME)
    with pytest.raises(Conflict, match="--force"):
        claims.clear(store, shown)
    claims.clear(store, shown, force=True)
    with pytest.raises(Conflict, match="lost"):
        claims.check(store, claim)
    assert [entry.action for entry in audit.listing(store)] == ["claim cleared"]


def test_clearing_what_is_not_there(store: Store) -> None:
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    shown = claims.find(store, NAME)
    with claims.held(store, claim):
        pass
    with pytest.raises(NotFound):
        claims.clear(store, shown, force=True)
    with pytest.raises(NotFound):
        claims.find(store, NAME)


def test_a_claim_that_changed_hands_since_it_was_shown_is_not_cleared(store: Store, dead: Holder) -> None:
    row_of(store, dead)
    shown = claims.find(store, NAME)
    assert claims.take(store, 1, "esxi-8.0u3g", "stage it")
    with pytest.raises(Conflict, match="changed hands"):
        claims.clear(store, shown, force=True)
    assert claims.find(store, NAME).holder == myself()


def test_a_heartbeat_since_it_was_shown_does_not_change_hands(store: Store) -> None:
    row_of(store, myself(), silent=31)
    shown = claims.find(store, NAME)
    assert shown.stale
    value = json.dumps({**json.loads(shown.value), "beat": "2999-01-01T00:00:00Z"})
    assert rows.beat(store, NAME, shown.value, value)
    with pytest.raises(Conflict, match="is at work"):
        claims.clear(store, shown)
    claims.clear(store, shown, force=True)
    assert claims.standing(store) == []


@pytest.mark.parametrize(("silent", "told"), [(130, "2 min"), (7000, "116 min"), (7200, "2 h"), (3 * 86400, "3 days")])
def test_a_long_silence_is_told_in_units_that_people_read(store: Store, silent: int, told: str) -> None:
    row_of(store, replace(myself(), pid=2**22, started=1), silent)
    assert f"last heartbeat {told} ago" in claims.find(store, NAME).evidence


@pytest.mark.parametrize(("silent", "verdict"), [(28, Verdict.LIVE), (31, Verdict.NO_HEARTBEAT)])
def test_a_running_process_without_heartbeat_loses_its_claim(store: Store, silent: int, verdict: Verdict) -> None:
    """Also one that an older Slipway wrote, which never beat."""
    token = row_of(store, myself(), silent)
    found = claims.find(store, NAME)
    assert (found.verdict, found.deployment) == (verdict, None)
    assert f"is running, last heartbeat {silent} s ago" in found.evidence
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert (claim is not None) == found.stale
    assert claim is None or claim.token > token


def test_a_heartbeat_at_the_last_moment_keeps_the_claim(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder beats between the look of one who would take it over and his compare-and-swap."""
    row_of(store, myself(), silent=31)
    shown = claims.find(store, NAME)
    swap = rows.swap

    def late(*arguments: str) -> bool:
        assert rows.beat(store, NAME, shown.value, json.dumps({**json.loads(shown.value), "beat": GOOD["beat"]}))
        return swap(store, *arguments[1:])

    monkeypatch.setattr(rows, "swap", late)
    assert claims.take(store, 1, "esxi-8.0u3g", "stage it") is None
    assert audit.listing(store) == []


def test_a_held_claim_beats(store: Store) -> None:
    settings.update(store, "claim_beat_seconds", "0.05")
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it", deployment=7)
    assert claim is not None
    with claims.held(store, claim):
        first = claims.find(store, NAME)
        until(lambda: beat_of(store) > (first.beat or datetime.now(UTC)))
        later = claims.find(store, NAME)
        assert later.is_held_as(first)
        assert (later.since, later.deployment, later.purpose) == (first.since, 7, "stage it")
        claims.check(store, claim)
    assert claims.standing(store) == []
    assert NAME not in [thread.name for thread in threading.enumerate()]


def test_a_time_to_live_shorter_than_the_beat_is_kept_up_with(store: Store) -> None:
    settings.update(store, "claim_ttl_seconds", "0.3")
    settings.update(store, "claim_beat_seconds", "86400")
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    with claims.held(store, claim):
        first = beat_of(store)
        until(lambda: beat_of(store) > first + timedelta(seconds=0.3))


def test_a_store_that_fails_for_a_while_is_beaten_again(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    settings.update(store, "claim_beat_seconds", "0.05")
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    with claims.held(store, claim):
        with store.begin() as tx:
            tx.execute(text("ALTER TABLE settings RENAME TO away"))
        until(lambda: "no heartbeat" in caplog.text)
        with store.begin() as tx:
            tx.execute(text("ALTER TABLE away RENAME TO settings"))
        back = beat_of(store)
        until(lambda: beat_of(store) > back)


def test_a_store_that_fails_at_the_end_hides_no_error(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None

    def fail() -> None:
        with store.begin() as tx:
            tx.execute(text("ALTER TABLE settings RENAME TO away"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), claims.held(store, claim):
        fail()
    assert "was not released" in caplog.text


def test_a_check_is_a_heartbeat(store: Store) -> None:
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    row = claims.find(store, NAME)
    old = json.dumps({**json.loads(row.value), "beat": GOOD["beat"]})
    assert rows.beat(store, NAME, row.value, old)
    assert claims.find(store, NAME).stale
    claims.check(store, claim)
    assert claims.find(store, NAME).verdict is Verdict.LIVE


def test_a_lost_claim_is_neither_beaten_nor_released(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    settings.update(store, "claim_beat_seconds", "0.05")
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    with claims.held(store, claim):
        until(lambda: rows.swap(store, NAME, claims.find(store, NAME).value, "1"))
        with pytest.raises(Conflict, match="lost"):
            claims.check(store, claim)
        until(lambda: "the claim was lost" in caplog.text)
    assert claims.find(store, NAME).value == "1"


def test_the_token_alone_does_not_make_a_claim_ours(store: Store) -> None:
    """A store that was restored from its backup gives tokens out again."""
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    value = claims.find(store, NAME).value
    assert rows.swap(store, NAME, value, json.dumps({**json.loads(value), "pid": 1}))
    with pytest.raises(Conflict, match="lost"):
        claims.check(store, claim)


def test_beats_never_keep_a_claim_from_being_released(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat by another thread's check comes between the look and the delete."""
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    delete, calls = rows.delete, []

    def raced(of: Store, name: str, value: str) -> bool:
        calls.append(name)
        if len(calls) == 1:
            claims.check(of, claim)
        return delete(of, name, value)

    monkeypatch.setattr(rows, "delete", raced)
    with claims.held(store, claim):
        pass
    assert (claims.standing(store), len(calls)) == ([], 2)


def test_a_waiter_goes_on_when_the_claim_is_gone_and_stops_when_cancelled(store: Store) -> None:
    claims.wait_for_change(store, 1, "esxi-8.0u3g", Cancel())
    assert claims.take(store, 1, "esxi-8.0u3g", "stage it")
    cancel = Cancel()
    cancel.ask()
    with pytest.raises(Cancelled):
        claims.wait_for_change(store, 1, "esxi-8.0u3g", cancel)


class Waiter(threading.Thread):
    """Waits for the claim in a thread of its own, with a connection of its own."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self.cancel = Cancel()
        self.ended = ""
        self._address = store.address
        self.start()

    def run(self) -> None:
        with open_store(self._address) as store:
            try:
                claims.wait_for_change(store, 1, "esxi-8.0u3g", self.cancel)
                self.ended = "changed"
            except Cancelled:
                self.ended = "cancelled"


def test_heartbeats_end_no_wait_and_the_release_does(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LOOK", 600.0)  # only a change in the store makes the waiter look
    settings.update(store, "claim_beat_seconds", "0.02")
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    with ExitStack() as holding:
        holding.enter_context(claims.held(store, claim))
        waiter = Waiter(store)
        first = beat_of(store)
        until(lambda: beat_of(store) > first + timedelta(seconds=1.5))
        assert waiter.ended == ""
        holding.close()
        waiter.join(60)
    assert waiter.ended == "changed"


def test_a_waiter_notices_a_claim_that_goes_stale_by_itself(store: Store) -> None:
    """Nothing is written in the store: time passes, or the process ends."""
    settings.update(store, "claim_ttl_seconds", "1")
    row_of(store, myself())
    waiter = Waiter(store)
    waiter.join(60)
    assert waiter.ended == "changed"
    assert claims.find(store, NAME).verdict is Verdict.NO_HEARTBEAT


def test_a_waiter_notices_that_the_process_ended(store: Store) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        row_of(store, replace(myself(), pid=process.pid, started=holder.process_start(process.pid) or 0))
        waiter = Waiter(store)
        try:
            until(lambda: claims.find(store, NAME).verdict is Verdict.LIVE)
        finally:
            process.kill()
        waiter.join(60)
    assert waiter.ended == "changed"
    assert claims.find(store, NAME).verdict is Verdict.PROCESS_GONE


def test_a_waiter_is_cancelled(store: Store) -> None:
    row_of(store, myself())
    waiter = Waiter(store)
    waiter.cancel.ask()
    waiter.join(60)
    assert waiter.ended == "cancelled"
