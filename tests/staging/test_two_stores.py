"""Two who stage one uid into one folder: endpoint rows of one store, and stores that share nothing but vCenter."""

import threading
from collections.abc import Callable, Iterator

import pytest

from engine.cancel import Cancel
from engine.errors import Cancelled, Gone
from engine.progress import Nobody
from engine.staging import claims, leftovers, stage
from engine.staging.templates import State, Template
from engine.vsphere import vms
from storage import claims as rows
from tests.staging.ground import Ground, Party


@pytest.fixture
def other(ground: Ground, party: Party) -> Iterator[Party]:
    """Another store's endpoint on the same folder."""
    with ground.party(store="b") as one:
        assert one.site.store.id != party.site.store.id
        yield one


def together(*work: Callable[[], Template]) -> list[Template]:
    """What each returned, all begun at once; an error of one is raised."""
    results: list[Template] = []
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(work))

    def run(one: Callable[[], Template]) -> None:
        try:
            barrier.wait()
            results.append(one())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


class Waiting(Nobody):
    """Asks to stop, or does something else, as soon as it is told that somebody waits; keeps what was told."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.told: list[str] = []
        self._then = then

    def began(self, item: str, step: str, detail: str = "") -> None:
        if step == "waiting":
            self.told.append(detail)
            self._then()


def moids(results: list[Template]) -> set[object]:
    return {template.ref and template.ref._GetMoId() for template in results}


@pytest.mark.parametrize("round_", range(3))
def test_two_rows_of_one_store_take_turns(ground: Ground, party: Party, round_: int) -> None:
    """Both rows lead to one folder: their stagings have one claim, and one upload."""
    with ground.party(endpoint="vc02") as twin:
        assert twin.site.endpoint.id != party.site.endpoint.id
        results = together(party.stage, twin.stage)
    assert len(moids(results)) == 1
    assert ground.names(party.site) == [party.uid]
    assert len(ground.vcenter.admin.counters().leases) == 1
    assert rows.listing(party.site.store) == []


def test_what_another_row_works_on_under_its_own_claim_is_left_alone(ground: Ground, party: Party) -> None:
    """Whose claim has another name all the same: his endpoint did not lead here when he took it."""
    claim = claims.take(party.site.store, 4711, party.uid, "test")
    assert claim is not None
    half = party.upload(claim)
    assert party.stage().usable
    assert ground.names(party.site) == [party.uid, half.name]
    with claims.held(party.site.store, claim):
        template = party.commit(party.mark(half, claim), claim)
    assert template.usable
    assert ground.names(party.site) == [party.uid]


@pytest.mark.parametrize("round_", range(5))
def test_two_stores_at_once(ground: Ground, party: Party, other: Party, round_: int) -> None:
    results = together(party.stage, other.stage)
    assert len(moids(results)) == 1
    assert {template.state for template in results} == {State.STAGED}
    assert ground.names(party.site) == [party.uid]
    assert rows.listing(party.site.store) == rows.listing(other.site.store) == []


def test_both_uploaded_and_the_loser_uses_the_winners(ground: Ground, party: Party, other: Party) -> None:
    mine, theirs = party.take(), other.take()
    halves = party.upload(mine), other.upload(theirs)
    with claims.held(party.site.store, mine), claims.held(other.site.store, theirs):
        first = party.commit(party.mark(halves[0], mine), mine)
        second = other.commit(other.mark(halves[1], theirs), theirs)
    assert len(moids([first, second])) == 1
    assert ground.names(party.site) == [party.uid]


def test_another_stores_work_is_waited_for_without_a_claim(ground: Ground, party: Party, other: Party) -> None:
    half = other.left_half()
    cancel = Cancel()
    watcher = Waiting(cancel.ask)
    with pytest.raises(Cancelled):
        stage.elect(party.site, party.staging, watcher, cancel)
    assert rows.listing(party.site.store) == []
    [told] = watcher.told
    assert f"store {other.site.store.id}, at work since 20" in told
    assert vms.look(party.site.session, half.ref).name == half.name


def test_the_waiter_uses_what_the_other_store_makes(ground: Ground, party: Party, other: Party) -> None:
    claim = other.take()
    half = other.upload(claim)

    def finish() -> None:
        with claims.held(other.site.store, claim):
            other.commit(other.mark(half, claim), claim)

    found = stage.elect(party.site, party.staging, Waiting(finish), Cancel())
    assert isinstance(found, Template)
    assert found.ref is not None
    assert found.ref._GetMoId() == half.moid
    assert len(ground.vcenter.admin.counters().leases) == 1


def test_an_abandoned_one_is_removed(ground: Ground, party: Party, other: Party) -> None:
    half = other.left_half()
    party.setting("foreign_leftover_seconds", "0.5")
    watcher = Waiting(lambda: None)
    template = stage.stage(party.site, party.staging, watcher, Cancel())
    assert template.usable
    assert len(watcher.told) == 1
    assert ground.names(party.site) == [party.uid]
    with pytest.raises(Gone):
        vms.look(party.site.session, half.ref)


def test_one_that_changes_is_not_abandoned(party: Party, other: Party) -> None:
    party.setting("foreign_leftover_seconds", "0.001")
    claim = other.take()
    half = other.upload(claim)
    assert not leftovers.is_abandoned(party.site, half)
    assert leftovers.is_abandoned(party.site, half)
    with claims.held(other.site.store, claim):
        marked = other.mark(half, claim)
    assert not leftovers.is_abandoned(party.site, marked)


def test_one_with_a_running_task_is_not_abandoned(ground: Ground, party: Party, other: Party) -> None:
    party.setting("foreign_leftover_seconds", "0.001")
    half = other.left_half()
    leftovers.is_abandoned(party.site, half)
    ground.vcenter.admin.fault("PowerOnVM_Task", delay=60, in_task=True)
    party.site.session.call("power on", half.name, other.site.session.managed(type(half.ref), half.moid).PowerOnVM_Task)
    assert not leftovers.is_abandoned(party.site, half)


def test_our_own_begun_work_does_not_wait_for_theirs(ground: Ground, party: Party, other: Party) -> None:
    """Both crashed with something made: whoever comes back first goes on, and the rename decides."""
    theirs = other.left_half()
    with claims.held(party.site.store, party.take()) as claim:
        party.upload(claim)
    template = stage.stage(party.site, party.staging, Waiting(pytest.fail), Cancel())
    assert template.usable
    assert ground.names(party.site) == [party.uid, theirs.name]


def test_a_machine_that_only_bears_such_a_name_is_nobodys_work(ground: Ground, party: Party, other: Party) -> None:
    """Without the identity of the store that its name tells of it is neither waited for nor removed."""
    half = other.left_half()
    vms.reconfigure(other.site.session, half.ref, half.name, vms.Change(notes="made by hand"), Cancel())
    assert stage.stage(party.site, party.staging, Waiting(pytest.fail), Cancel()).usable
    assert ground.names(party.site) == [party.uid, half.name]
