"""Page 4: claims of real processes, shown with their evidence; cleared when their holders are gone, and only then."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from engine.console import locks
from engine.console.desk import Desk
from engine.errors import Failed
from engine.progress import FOR_TEMPLATE
from engine.staging import claims
from engine.staging.claims import Standing, Verdict
from engine.staging.holder import Holder, myself
from storage import audit, deployments, endpoints, jobs, steps
from storage import claims as claim_rows
from storage.changes import Watch
from storage.endpoints import NewEndpoint
from storage.steps import NewStep
from storage.store import Store, next_token
from tests.tui.conftest import NOW
from tests.tui.driver import Driver, drive
from tui.present import locks as present
from tui.screens.confirm import Confirm
from tui.screens.detail import DetailScreen

UID = "esxi-8.0u3g"
NAME = f"_ova_staging_lock_1_{UID}"

HOLDER = """
import sys
from engine.staging import claims
from storage.store import open_store
with open_store(sys.argv[1]) as store:
    claim = claims.take(store, 1, sys.argv[2], f"stage {sys.argv[2]} on vc01")
    with claims.held(store, claim):
        print("held", flush=True)
        sys.stdin.read()
"""


@contextmanager
def holding(store: Store, uid: str = UID) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the claim until it is killed, or this ends."""
    command = [sys.executable, "-c", HOLDER, store.address, uid]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def claim_of(store: Store, who: Holder, uid: str = UID, silent: float = 0.0) -> None:
    """The claim of a holder that showed no life for so many seconds."""
    with store.read() as tx:
        then = (store.now(tx) - timedelta(seconds=silent)).isoformat()
    value = {**asdict(who), "since": then, "beat": then, "token": next_token(store), "for": f"stage {uid}"}
    assert claim_rows.insert(store, claim_rows.claim_name(1, uid), json.dumps(value))


GONE = replace(myself(), pid=2**22, started=1)


def foreign(store: Store, uid: str = UID) -> None:
    assert claim_rows.insert(store, claim_rows.claim_name(1, uid), "1")


@pytest.fixture
def vc01(store: Store) -> Store:
    """The store with an endpoint that does not answer."""
    place = {"datacenter": "DC0", "resource_pool": "pool", "datastore": "ds", "vmfolder": "labs"}
    endpoints.add(store, NewEndpoint(name="vc01", host="127.0.0.1", port=1, username="u", **place), "secret")
    return store


def cleared(store: Store) -> list[str]:
    return [entry.on for entry in audit.listing(store) if entry.action == "claim cleared"]


# lock.clear


def test_the_claim_of_a_killed_process_is_shown_stale_and_cleared(vc01: Store) -> None:
    async def scenario(driver: Driver) -> None:
        [row] = await driver.rows(lambda rows: len(rows) == 1, "the claim")
        assert row.claim.verdict is Verdict.LIVE
        process.kill()
        process.wait()
        [row] = await driver.rows(lambda rows: rows[0].claim.stale, "the claim is stale")
        assert row.claim.verdict is Verdict.PROCESS_GONE
        await driver.press("X")
        await driver.shown(Confirm)
        assert "is not running any more" in driver.lines("lines")
        await driver.enter(UID)
        await driver.said(f"cleared {UID}")
        await driver.until(lambda: driver.page.standing == "empty", "no claim is left")
        assert "Nobody stages anything now." in driver.lines("notice")

    with holding(vc01) as process:
        drive(vc01, "locks", scenario)
    assert claims.standing(vc01) == []
    assert cleared(vc01) == [NAME]


def test_another_name_clears_nothing(vc01: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("X")
        await driver.shown(Confirm)
        await driver.enter("zcore-13.5")
        assert isinstance(driver.console.screen, Confirm)
        await driver.press("escape")
        assert driver.console.screen is driver.page

    claim_of(vc01, GONE)
    drive(vc01, "locks", scenario)
    assert [claim.name for claim in claims.standing(vc01)] == [NAME]


def test_a_live_one_is_refused_and_cleared_by_force_only(vc01: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("X")
        await driver.shown(Confirm)
        assert "It is refused: its holder is at work." in driver.lines("lines")
        await driver.enter(UID)
        assert isinstance(driver.console.screen, Confirm)
        assert [claim.name for claim in claims.standing(vc01)] == [NAME]
        await driver.enter(f"force {UID}")
        await driver.said(f"cleared {UID}")

    with holding(vc01):
        drive(vc01, "locks", scenario)
        assert claims.standing(vc01) == []
    assert cleared(vc01) == [NAME]


def test_a_claim_that_changed_hands_meanwhile_is_not_cleared(vc01: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("X")
        await driver.shown(Confirm)
        assert claims.take(vc01, 1, UID, "stage it") is not None
        await driver.enter(UID)
        await driver.said("changed hands meanwhile")

    claim_of(vc01, GONE)
    drive(vc01, "locks", scenario)
    [claim] = claims.standing(vc01)
    assert claim.holder == myself()


def test_a_stale_one_whose_holder_comes_back_meanwhile_is_not_cleared(vc01: Store) -> None:
    """Stopped for longer than its claim lives, and going on just now."""

    async def scenario(driver: Driver) -> None:
        assert [row.claim.verdict for row in driver.page.table.rows] == [Verdict.NO_HEARTBEAT]
        await driver.press("X")
        await driver.shown(Confirm)
        held = claims.find(vc01, NAME)
        value = json.dumps(json.loads(held.value) | {"beat": _now(vc01)})
        assert claim_rows.beat(vc01, NAME, held.value, value)
        await driver.enter(UID)
        await driver.said("its holder is at work")

    claim_of(vc01, myself(), silent=3600)
    drive(vc01, "locks", scenario)
    assert [claim.name for claim in claims.standing(vc01)] == [NAME]


def _now(store: Store) -> str:
    with store.read() as tx:
        return store.now(tx).isoformat()


def test_one_that_is_gone_meanwhile_is_said(vc01: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("X")
        await driver.shown(Confirm)
        assert claim_rows.delete(vc01, NAME, "1")
        await driver.enter(UID)
        await driver.said("no claim named")

    foreign(vc01)
    drive(vc01, "locks", scenario)


def test_a_foreign_one_is_shown_without_age_and_cleared_by_hand(vc01: Store) -> None:
    async def scenario(driver: Driver) -> None:
        [row] = driver.page.table.rows
        assert [text for text, _ in present.cells(row, NOW)][1:] == ["unknown", "?", "?", "? foreign"]
        await driver.press("X")
        await driver.shown(Confirm)
        assert "not written by Slipway" in driver.lines("lines")
        await driver.enter(UID)
        await driver.said(f"cleared {UID}")

    foreign(vc01)
    drive(vc01, "locks", scenario)
    assert cleared(vc01) == [NAME]


def test_marked_ones_are_cleared_together_but_no_live_one_among_them(vc01: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("space", "space", "space", "X")
        await driver.said("a marked claim is live")
        await driver.press("escape", "g", "space", "space", "X")
        await driver.shown(Confirm)
        await driver.enter("clear 2")
        await driver.said("cleared")
        await driver.rows(lambda rows: len(rows) == 1, "the live one is left")

    claim_of(vc01, GONE, "a-1")
    foreign(vc01, "b-1")
    claim_of(vc01, myself(), "c-1")
    drive(vc01, "locks", scenario)
    assert [claim.uid for claim in claims.standing(vc01)] == ["c-1"]


def test_of_several_each_is_cleared_whatever_became_of_another(vc01: Store) -> None:
    claim_of(vc01, GONE, "a-1")
    foreign(vc01, "b-1")
    with Watch(vc01) as watch:
        desk = Desk(vc01, watch)
        shown = locks.read(desk)
        locks.clear(desk, shown[0])
        with pytest.raises(Failed, match="cannot clear all of 2"):
            locks.clear_all(desk, shown)
    assert claims.standing(vc01) == []


def test_nothing_is_cleared_read_only_or_where_nothing_is(vc01: Store) -> None:
    async def nothing(driver: Driver) -> None:
        await driver.press("X")
        await driver.said("nobody holds a claim")

    async def read_only(driver: Driver) -> None:
        await driver.press("X")
        await driver.said("read-only")

    drive(vc01, "locks", nothing, standing="empty")
    claim_of(vc01, GONE)
    drive(vc01, "locks", read_only, read_only=True)
    assert [claim.name for claim in claims.standing(vc01)] == [NAME]


# What is shown


def test_the_detail_tells_all_of_it_and_what_clearing_means(vc01: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("enter")
        await driver.shown(DetailScreen)
        told = driver.lines("lines")
        for words in ("~ stale: process gone", f"pid {GONE.pid}", GONE.boot_id, NAME, "who waits nobody", "clearing"):
            assert words in told

    claim_of(vc01, GONE)
    drive(vc01, "locks", scenario)


def test_who_waits_is_told_also_through_another_endpoint_of_the_same_folder(vc01: Store) -> None:
    place = {"datacenter": "DC0", "resource_pool": "pool", "datastore": "ds", "vmfolder": "/labs/"}
    other = endpoints.add(vc01, NewEndpoint(name="vc02", host="127.0.0.1", port=1, username="u", **place), "secret")
    staging = jobs.create_stage(vc01, other.id, UID)
    steps.write(vc01, staging.id, [NewStep(UID, "waiting", "pid 1 of root on vm is running")])
    lab = deployments.create(vc01, "lab", 1, "lab.yaml", [("a.lab", UID), ("b.lab", "zcore-13.5")], priority=1)
    [job] = [job for job in jobs.active(vc01) if job.deployment_id == lab.id]
    waits = [NewStep("a.lab", "waiting", FOR_TEMPLATE + UID), NewStep("b.lab", "waiting", FOR_TEMPLATE + "zcore-13.5")]
    steps.write(vc01, job.id, waits)
    claim_of(vc01, GONE)
    assert waiting(vc01) == (f"a.lab of deployment {lab.id}",)
    for name in ("vc01", "vc02"):
        endpoints.update(vc01, name, instance_uuid="the same vCenter")
    assert waiting(vc01) == (f"a.lab of deployment {lab.id}", f"staging of {UID}, job {staging.id}")


def waiting(store: Store) -> tuple[str, ...]:
    [row] = read(store)
    return tuple(sorted(row.waiting))


def read(store: Store) -> tuple[locks.LockRow, ...]:
    with Watch(store) as watch:
        return locks.read(Desk(store, watch))


STANDING = Standing(NAME, 7, "a\x1b[31m", "1", Verdict.FOREIGN, "not written by Slipway, age unknown")


def test_a_claim_on_an_endpoint_that_is_gone_and_control_characters_are_shown_escaped() -> None:
    row = locks.LockRow(STANDING, "", ())
    (name, _), *_ = present.cells(row, NOW)
    assert name == "a\\x1b[31m @ endpoint 7 (gone)"
    assert "\x1b" not in "".join(text for line in present.detail(row) for text, _ in line)


def test_an_export_has_values_and_nothing_of_the_machine() -> None:
    holder = replace(GONE, machine="0123456789ab")
    claim = replace(STANDING, holder=holder, token=3, since=NOW, beat=NOW, age=0.0, silent=0.0, verdict=Verdict.LIVE)
    values = present.values(locks.LockRow(claim, "vc01", ("a.lab of deployment 1",)))
    assert (values["pid"], values["since"], values["endpoint"]) == (GONE.pid, NOW, "vc01")
    assert "0123456789ab" not in str(values)


def test_who_should_be_looked_at_comes_first(vc01: Store) -> None:
    claim_of(vc01, myself(), "a-1")
    foreign(vc01, "b-1")
    claim_of(vc01, GONE, "c-1")
    assert [row.claim.uid for row in read(vc01)] == ["c-1", "b-1", "a-1"]
