"""Claim rows: insert elects one, swap and delete compare; eight processes race for one claim on either database."""

import multiprocessing
from multiprocessing.synchronize import Barrier

import pytest

from storage import claims, settings
from storage.errors import BadInput
from storage.store import Store, next_token, open_store

RACERS = 8
ROUNDS = 5

NAME = claims.claim_name(7, "esxi-8.0u3g")


def test_the_name_is_zpodfactorys() -> None:
    assert NAME == "_ova_staging_lock_7_esxi-8.0u3g"


def test_insert_takes_a_free_claim_only(store: Store) -> None:
    assert claims.read(store, NAME) is None
    assert claims.insert(store, NAME, "mine")
    assert not claims.insert(store, NAME, "yours")
    assert claims.read(store, NAME) == claims.ClaimRow(NAME, 7, "esxi-8.0u3g", "mine")


def test_swap_and_delete_compare_the_value(store: Store) -> None:
    claims.insert(store, NAME, "mine")
    assert not claims.swap(store, NAME, "yours", "stolen")
    assert not claims.delete(store, NAME, "yours")
    assert claims.swap(store, NAME, "mine", "renewed")
    assert not claims.delete(store, NAME, "mine")
    assert claims.delete(store, NAME, "renewed")
    assert not claims.delete(store, NAME, "renewed")
    assert not claims.swap(store, NAME, "renewed", "again")


@pytest.mark.parametrize("uid", ["a_b", "3_x", "a%b", "ä", "x" * 200, "two\nlines"])
def test_listing_reads_every_uid_back(store: Store, uid: str) -> None:
    claims.insert(store, claims.claim_name(12, uid), "1")
    assert [(row.endpoint_id, row.uid) for row in claims.listing(store)] == [(12, uid)]


def test_claims_are_no_settings(store: Store) -> None:
    claims.insert(store, NAME, "1")
    assert NAME not in [one.name for one in settings.listing(store)]
    assert [row.name for row in claims.listing(store)] == [NAME]


def test_a_row_of_zpodfactory_itself_is_listed(store: Store) -> None:
    claims.insert(store, NAME, "1")
    [found] = [one for one in settings.listing(store, internal=True) if one.name == NAME]
    assert (found.value, found.description) == ("1", "ova staging in-progress lock")


def test_a_name_that_is_no_claims_is_refused(store: Store) -> None:
    for name in ("esxi", "_ova_staging_lock_x_y", "_ova_staging_lock_1_"):
        with pytest.raises(BadInput):
            claims.insert(store, name, "1")


def _race(where: str, start: Barrier, won: "multiprocessing.Queue[tuple[int, int, int]]", racer: int) -> None:
    """Open the (perhaps new) store, then race once per round: for the free claim, and for taking it over."""
    start.wait()
    with open_store(where) as store:
        for number in range(ROUNDS):
            name = claims.claim_name(1, f"uid-{number}")
            start.wait()
            taken = claims.insert(store, name, f"racer {racer}")
            start.wait()
            standing = claims.read(store, name)
            start.wait()
            swapped = standing is not None and claims.swap(store, name, standing.value, f"later {racer}")
            start.wait()
            deleted = claims.delete(store, name, f"later {racer}")
            assert deleted == swapped
            won.put((number, int(taken), int(swapped)))
        won.put((-1, next_token(store), 0))


@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_of_eight_processes_one_wins(where: str) -> None:
    """They also open the fresh store at once: one makes it, all get in, all with one identity and distinct tokens."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(RACERS, timeout=120)
    won: multiprocessing.Queue[tuple[int, int, int]] = context.Queue()
    racers = [context.Process(target=_race, args=(where, start, won, number)) for number in range(RACERS)]
    for racer in racers:
        racer.start()
    told = [won.get(timeout=120) for _ in range(RACERS * (ROUNDS + 1))]
    for racer in racers:
        racer.join()
    assert [racer.exitcode for racer in racers] == [0] * RACERS
    for number in range(ROUNDS):
        assert sum(taken for round_, taken, _ in told if round_ == number) == 1
        assert sum(swapped for round_, _, swapped in told if round_ == number) == 1
    assert sorted(token for round_, token, _ in told if round_ == -1) == list(range(1, RACERS + 1))
    with open_store(where) as store:
        assert claims.listing(store) == []
        assert len([one for one in settings.listing(store, internal=True) if one.name == "_slipway_store"]) == 1
