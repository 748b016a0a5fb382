"""Changes: a watch wakes for what others commit, on either database, and for nothing else."""

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import text

from storage import claims, endpoints, jobs, steps
from storage.changes import Watch, notify
from storage.errors import SlipwayError
from storage.models import settings
from storage.steps import NewStep
from storage.store import Store, open_store
from tests.storage.conftest import Postgres

NAME = claims.claim_name(1, "esxi-8.0u3g")
OTHER = claims.claim_name(1, "other-1")

# Seconds: how long a change may take to be seen (it takes a tenth), and how long nothing is waited for.
LONG, SHORT = 60, 0.3


@pytest.fixture
def job(store: Store) -> jobs.Job:
    """A queued job."""
    new = endpoints.NewEndpoint(
        name="vc01",
        host="vc01.example.com",
        username="u",
        datacenter="DC0",
        resource_pool="P",
        datastore="D",
        vmfolder="labs",
    )
    endpoint = endpoints.add(store, new, "hunter2")
    assert claims.insert(store, NAME, "1")
    return jobs.create_stage(store, endpoint.id, "esxi-8.0u3g")


CHANGES: dict[str, Callable[[Store, jobs.Job], object]] = {
    "a claim is taken": lambda store, _: claims.insert(store, OTHER, "1"),
    "a claim changes hands": lambda store, _: claims.swap(store, NAME, "1", "2"),
    "a claim is released": lambda store, _: claims.delete(store, NAME, "1"),
    "a job is queued": lambda store, job: jobs.create_stage(store, job.endpoint_id, "other-1"),
    "a job begins": lambda store, job: jobs.begin(store, job.id),
    "a job is to be cancelled": lambda store, job: jobs.ask_cancel(store, job.id),
    "a job ends": lambda store, job: jobs.end(store, job.id, jobs.State.SUCCEEDED),
    "a step begins": lambda store, job: steps.write(store, job.id, [NewStep("esxi", "cloning")]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_wakes_once(store: Store, job: jobs.Job, change: Callable[[Store, jobs.Job], object]) -> None:
    with Watch(store) as watch:
        assert not watch.wait(SHORT)
        change(store, job)
        assert watch.wait(LONG)
        assert not watch.wait(SHORT)


def test_who_waits_is_woken_by_another_store_object(store: Store) -> None:
    woken = []

    def wait() -> None:
        with open_store(store.address) as other, Watch(other) as watch:
            ready.set()
            woken.append(watch.wait(LONG))

    ready = threading.Event()
    waiter = threading.Thread(target=wait)
    waiter.start()
    assert ready.wait(LONG)
    claims.insert(store, NAME, "1")
    waiter.join()
    assert woken == [True]


def test_what_was_rolled_back_wakes_nobody(store: Store) -> None:
    def fail() -> None:
        with store.begin() as tx:
            tx.execute(settings.delete())
            notify(tx)
            raise ZeroDivisionError

    with Watch(store) as watch:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert not watch.wait(SHORT)


def test_reading_wakes_nobody(store: Store) -> None:
    with Watch(store) as watch, open_store(store.address) as other:
        assert claims.read(other, NAME) is None
        assert not watch.wait(SHORT)


def test_a_watch_leaves_no_connection_behind(store: Store) -> None:
    for _ in range(3):
        with Watch(store) as watch:
            watch.wait(0)
    assert store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.fixture
def served(postgres: Postgres) -> Iterator[Store]:
    """A new store on PostgreSQL."""
    with open_store(postgres.new_database()) as opened:
        yield opened


def test_a_heartbeat_wakes_no_listener(served: Store) -> None:
    claims.insert(served, NAME, "1")
    with Watch(served) as watch:
        assert claims.beat(served, NAME, "1", "2")
        assert not watch.wait(SHORT)


def test_a_pooled_connection_does_not_listen(served: Store) -> None:
    with Watch(served):
        pass
    with served.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM pg_listening_channels()")).scalar_one() == 0


def cut_connections(postgres: Postgres, store: Store, allow: bool) -> None:
    """End every connection to the store's database, and let new ones in or not."""
    name = store.engine.url.database
    with psycopg.connect(host=str(postgres.folder), user="tester", dbname="postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allow}".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_a_broken_connection_is_made_again(postgres: Postgres, served: Store) -> None:
    with Watch(served) as watch:
        cut_connections(postgres, served, allow=True)
        assert watch.wait(LONG)
        claims.insert(served, NAME, "1")
        assert watch.wait(LONG)
        assert not watch.wait(SHORT)


def test_a_server_that_lets_nobody_in_is_tried_again(postgres: Postgres, served: Store) -> None:
    with Watch(served) as watch:
        cut_connections(postgres, served, allow=False)
        assert not watch.wait(SHORT)
        assert not watch.wait(SHORT)
        with pytest.raises(SlipwayError):
            Watch(served)
        cut_connections(postgres, served, allow=True)
        assert watch.wait(LONG)
        claims.insert(served, NAME, "1")
        assert watch.wait(LONG)
