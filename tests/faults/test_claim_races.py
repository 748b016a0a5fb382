"""Claims under fire: eight long-lived processes race for one, a killed holder's, and a holder that was stopped comes
back; on either database, with real processes.
"""

import multiprocessing
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier

import pytest
from sqlalchemy import text, update

from engine.cancel import Cancel
from engine.errors import Conflict, Unreachable
from engine.staging import claims
from engine.staging.claims import Verdict
from storage import audit, database, settings
from storage.claims import claim_name
from storage.models import settings as rows
from storage.store import Store, open_store
from tests.storage.conftest import Postgres

RACERS = 8
LONG = pytest.mark.long

# Seconds: a deadlock must end the test, nothing else depends on it.
DEADLINE = 120

SPAWN = multiprocessing.get_context("spawn")


def _race(where: str, racer: int, rounds: int, start: Barrier, told: Connection) -> None:
    """In each round: all take the claim at once, the others look at the winner's, the winner releases it.

    Sends the rounds' numbers and tokens that were won, and what else was seen.
    """
    won: list[tuple[int, int]] = []
    seen: Counter[str] = Counter()
    with open_store(where) as store:
        for number in range(rounds):
            uid = f"uid-{number}"
            start.wait(DEADLINE)
            claim = claims.take(store, 1, uid, f"racer {racer}")
            start.wait(DEADLINE)
            if claim is None:
                seen[claims.find(store, claim_name(1, uid)).verdict] += 1
                start.wait(DEADLINE)
            else:
                won.append((number, claim.token))
                with claims.held(store, claim):
                    start.wait(DEADLINE)
                    claims.check(store, claim)
            start.wait(DEADLINE)
    told.send((won, seen))


def race(where: str, rounds: int) -> tuple[dict[int, list[int]], Counter[str]]:
    """The tokens that won each round, and how often the others saw which verdict."""
    start = SPAWN.Barrier(RACERS)
    pipes = [SPAWN.Pipe(duplex=False) for _ in range(RACERS)]
    racers = [
        SPAWN.Process(target=_race, args=(where, number, rounds, start, told)) for number, (_, told) in enumerate(pipes)
    ]
    won: dict[int, list[int]] = {number: [] for number in range(rounds)}
    seen: Counter[str] = Counter()
    with running(*racers):
        for _, told in pipes:
            told.close()
        for answers, _ in pipes:
            tokens, verdicts = answers.recv()
            answers.close()
            seen += verdicts
            for number, token in tokens:
                won[number].append(token)
        for racer in racers:
            racer.join(DEADLINE)
        assert [racer.exitcode for racer in racers] == [0] * RACERS
    return won, seen


@contextmanager
def running(*processes: BaseProcess) -> Iterator[None]:
    """They run, and are ended with the block however it ends."""
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


@pytest.mark.parametrize("where", [pytest.param("sqlite", marks=LONG), "postgresql"], indirect=True)
@pytest.mark.parametrize("rounds", [pytest.param(10, id="10"), pytest.param(1000, id="1000", marks=LONG)])
def test_of_eight_processes_one_stages(store: Store, where: str, rounds: int) -> None:
    won, seen = race(where, rounds)
    assert {number: len(tokens) for number, tokens in won.items()} == dict.fromkeys(range(rounds), 1)
    assert seen == {Verdict.LIVE: rounds * (RACERS - 1)}
    assert len({token for tokens in won.values() for token in tokens}) == rounds
    assert claims.standing(store) == []
    assert audit.listing(store) == []


def _hold_many(where: str, count: int, told: Connection) -> None:
    with open_store(where) as store:
        taken = [claims.take(store, 1, f"uid-{number}", "the victim") for number in range(count)]
        told.send([claim.token if claim else None for claim in taken])
        signal.pause()


@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgresql", marks=LONG)], indirect=True)
@pytest.mark.parametrize("rounds", [pytest.param(10, id="10"), pytest.param(1000, id="1000", marks=LONG)])
def test_of_eight_processes_one_takes_over_from_a_killed_one(store: Store, where: str, rounds: int) -> None:
    """Each round's claim was held by a process that SIGKILL ended, a moment ago: nobody waits for the time to live."""
    settings.update(store, "claim_ttl_seconds", "86400")
    answers, told = SPAWN.Pipe(duplex=False)
    victim = SPAWN.Process(target=_hold_many, args=(where, rounds, told))
    with running(victim):
        told.close()
        before = answers.recv()
        answers.close()
        assert {one.verdict for one in claims.standing(store)} == {Verdict.LIVE}
        assert claims.take(store, 1, "uid-0", "too early") is None
    assert {one.verdict for one in claims.standing(store)} == {Verdict.PROCESS_GONE}
    won, seen = race(where, rounds)
    assert {number: len(tokens) for number, tokens in won.items()} == dict.fromkeys(range(rounds), 1)
    assert all(tokens[0] > before[number] for number, tokens in won.items())
    assert seen == {Verdict.LIVE: rounds * (RACERS - 1)}
    taken_over = [one.on for one in audit.listing(store, limit=9 * rounds) if one.action == "claim taken over"]
    assert Counter(taken_over) == {claim_name(1, f"uid-{number}"): 1 for number in range(rounds)}
    assert claims.standing(store) == []


UID = "esxi-8.0u3g"
NAME = claim_name(1, UID)


def _hold(where: str, answer: Connection) -> None:
    """Take and hold the claim; when told to go on, say whether it is still ours, and leave."""
    with open_store(where) as store:
        claim = claims.take(store, 1, UID, "hold it")
        assert claim is not None
        with claims.held(store, claim):
            answer.send(claim.token)
            answer.recv()
            try:
                claims.check(store, claim)
                answer.send("ours")
            except Conflict as error:
                answer.send(str(error))
        answer.send("left")


@contextmanager
def holder(where: str) -> Iterator[tuple[int, Connection, int]]:
    """A process that holds the claim: its pid, the pipe to it, and the claim's token."""
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=_hold, args=(where, there))
    with running(process), here:
        there.close()
        token = here.recv()
        assert process.pid is not None
        yield process.pid, here, token


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def verdict(store: Store) -> Verdict:
    return claims.find(store, NAME).verdict


def stop(store: Store, pid: int) -> None:
    """SIGSTOP, but not in the middle of a transaction: on SQLite nobody could write then, and that is another test."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        database = store.engine.url.database
        if store.engine.dialect.name != "sqlite" or _is_writable(str(database)):
            return
        os.kill(pid, signal.SIGCONT)


def _is_writable(database: str) -> bool:
    connection = sqlite3.connect(database, timeout=0.2, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def hasten(store: Store) -> None:
    settings.update(store, "claim_ttl_seconds", "1")
    settings.update(store, "claim_beat_seconds", "0.2")


def test_a_stopped_holder_comes_back_and_finds_its_claim_lost(store: Store, where: str) -> None:
    hasten(store)
    with holder(where) as (pid, pipe, token):
        assert claims.take(store, 1, UID, "too early") is None
        stop(store, pid)
        claims.wait_for_change(store, 1, UID, Cancel())
        found = claims.find(store, NAME)
        assert (found.verdict, found.token) == (Verdict.NO_HEARTBEAT, token)
        assert f"pid {pid}" in found.evidence
        claim = claims.take(store, 1, UID, "take over")
        assert claim is not None
        assert claim.token > token
        with claims.held(store, claim):
            os.kill(pid, signal.SIGCONT)
            pipe.send("go on")
            assert "the claim was lost" in pipe.recv()
            assert pipe.recv() == "left"
            claims.check(store, claim)
            now = claims.find(store, NAME)
            assert (now.token, now.verdict) == (claim.token, Verdict.LIVE)
    assert claims.standing(store) == []
    assert [one.action for one in audit.listing(store)].count("claim taken over") == 1


@pytest.mark.parametrize("where", ["postgresql"], indirect=True)
def test_one_that_stopped_in_a_transaction_blocks_nobody(
    store: Store, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found when SIGSTOP came between a heartbeat and its commit: who took over waited for the row for ever."""
    settings.create(store, "some", "1", "a row")
    monkeypatch.setattr(database, "IDLE_TRANSACTION_SECONDS", 1)
    with open_store(where) as stopped, pytest.raises(Unreachable), stopped.begin() as tx:  # noqa: PT012
        tx.execute(update(rows).where(rows.c.name == "some").values(value="2"))
        settings.update(store, "some", "3")
        tx.execute(update(rows).where(rows.c.name == "some").values(value="4"))
    assert settings.value(store, "some") == "3"


def test_a_stopped_holder_whom_nobody_replaced_goes_on(store: Store, where: str) -> None:
    """Its row was its own all the time: one heartbeat and it is live again, for the others too."""
    hasten(store)
    with holder(where) as (pid, pipe, _):
        stop(store, pid)
        until(lambda: verdict(store) is Verdict.NO_HEARTBEAT)
        os.kill(pid, signal.SIGCONT)
        pipe.send("go on")
        assert pipe.recv() == "ours"
        assert pipe.recv() == "left"
    assert claims.standing(store) == []


def test_who_waits_gets_the_claim_of_a_killed_holder(store: Store, where: str) -> None:
    settings.update(store, "claim_ttl_seconds", "86400")
    with holder(where) as (pid, _, token):
        os.kill(pid, signal.SIGKILL)
        claims.wait_for_change(store, 1, UID, Cancel())
        assert verdict(store) is Verdict.PROCESS_GONE
        claim = claims.take(store, 1, UID, "take over")
        assert claim is not None
        assert claim.token > token


def test_who_waits_is_told_of_the_release(store: Store, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LOOK", 600.0)  # only a change in the store makes it look
    with holder(where) as (_, pipe, _):
        pipe.send("go on")
        claims.wait_for_change(store, 1, UID, Cancel())
        assert claims.standing(store) == []
        assert [pipe.recv(), pipe.recv()] == ["ours", "left"]


def test_the_databases_clock_counts_not_the_hosts(postgres: Postgres) -> None:
    """A server whose clock is an hour ahead of everybody's."""
    where = postgres.new_database()
    later = "SELECT pg_catalog.clock_timestamp() + interval '1 hour'"
    with open_store(where) as store, store.begin() as tx:
        tx.execute(text("CREATE SCHEMA ahead"))
        tx.execute(text(f"CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $${later}$$"))
        tx.execute(text(f"ALTER DATABASE {store.engine.url.database} SET search_path = ahead, pg_catalog, public"))
    with open_store(where) as store:
        hasten(store)
        with holder(where):
            first = claims.find(store, NAME).beat
            assert first is not None
            with store.read() as tx:
                host = tx.execute(text("SELECT pg_catalog.clock_timestamp()")).scalar_one()
            assert first > host + timedelta(minutes=50)
            until(lambda: (claims.find(store, NAME).beat or first) > first)
            assert verdict(store) is Verdict.LIVE
