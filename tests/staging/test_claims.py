"""Claims: one holder, evidence, takeover of a dead one."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from engine.cancel import Cancel
from engine.errors import Cancelled, Conflict, NotFound
from engine.staging import claims, holder
from engine.staging.claims import Verdict
from engine.staging.holder import Holder, myself
from storage import audit
from storage import claims as rows
from storage.store import Store, next_token

NAME = "_ova_staging_lock_1_esxi-8.0u3g"


def row_of(store: Store, who: Holder) -> int:
    token = next_token(store)
    now = "2026-11-21T09:30:00Z"
    value = {**asdict(who), "since": now, "beat": now, "token": token, "for": "stage it"}
    assert rows.insert(store, NAME, json.dumps(value))
    return token


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


@pytest.mark.parametrize("value", ["1", "", "{}", "[]", '{"owner": 3}', "null"])
def test_a_row_of_others_is_foreign_and_stays(store: Store, value: str) -> None:
    assert rows.insert(store, NAME, value)
    assert claims.find(store, NAME).verdict is Verdict.FOREIGN
    assert claims.take(store, 1, "esxi-8.0u3g", "stage it") is None
    claims.clear(store, NAME)
    assert claims.standing(store) == []


def test_a_live_claim_is_cleared_only_by_force(store: Store) -> None:
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    with pytest.raises(Conflict, match="--force"):
        claims.clear(store, NAME)
    claims.clear(store, NAME, force=True)
    with pytest.raises(Conflict, match="lost"):
        claims.check(store, claim)


def test_clearing_what_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound):
        claims.clear(store, NAME)


def test_a_lost_claim_is_not_released_for_its_new_holder(store: Store) -> None:
    claim = claims.take(store, 1, "esxi-8.0u3g", "stage it")
    assert claim is not None
    with claims.held(store, claim):
        assert rows.swap(store, NAME, claim.value, "1")
    assert claims.find(store, NAME).verdict is Verdict.FOREIGN


def test_a_waiter_goes_on_when_the_claim_is_gone_and_stops_when_cancelled(store: Store) -> None:
    claims.wait_for_change(store, 1, "esxi-8.0u3g", Cancel())
    assert claims.take(store, 1, "esxi-8.0u3g", "stage it")
    cancel = Cancel()
    cancel.ask()
    with pytest.raises(Cancelled):
        claims.wait_for_change(store, 1, "esxi-8.0u3g", cancel)
