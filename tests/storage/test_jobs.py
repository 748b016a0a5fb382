"""Jobs and their steps: one active job per piece of work, progress in order."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from storage import deployments, endpoints, jobs, steps
from storage.endpoints import NewEndpoint
from storage.errors import NotFound
from storage.jobs import State
from storage.steps import NewStep
from storage.store import Store


@pytest.fixture
def endpoint(store: Store) -> int:
    new = NewEndpoint(
        name="vc01",
        host="vc01.example.com",
        username="u",
        datacenter="DC0",
        resource_pool="P",
        datastore="D",
        vmfolder="labs",
    )
    return endpoints.add(store, new, "hunter2").id


def test_one_active_staging_of_a_component_on_an_endpoint(store: Store, endpoint: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: jobs.create_stage(store, endpoint, "esxi-8.0"), range(8)))
    assert len({job.id for job in made}) == 1
    other = jobs.create_stage(store, endpoint, "zcore-1")
    assert other.id != made[0].id
    jobs.end(store, made[0].id, State.FAILED)
    again = jobs.create_stage(store, endpoint, "esxi-8.0")
    assert again.id not in (made[0].id, other.id)
    assert [job.id for job in jobs.stagings(store, endpoint, "esxi-8.0")] == [again.id, made[0].id]


def test_a_staging_that_is_being_cancelled_is_not_joined(store: Store, endpoint: int) -> None:
    first = jobs.create_stage(store, endpoint, "esxi-8.0")
    assert jobs.ask_cancel(store, first.id)
    assert jobs.create_stage(store, endpoint, "esxi-8.0").id != first.id


def test_an_end_is_final(store: Store, endpoint: int) -> None:
    job = jobs.create_stage(store, endpoint, "esxi-8.0")
    jobs.end(store, job.id, State.CANCELLED)
    jobs.end(store, job.id, State.SUCCEEDED)
    assert jobs.get(store, job.id).state is State.CANCELLED
    assert jobs.get(store, job.id).ended is not None
    assert not jobs.ask_cancel(store, job.id)
    assert jobs.active(store) == []
    with pytest.raises(NotFound, match="no job 99"):
        jobs.get(store, 99)


def test_steps_in_order_with_bytes_on_the_newest_of_an_item(store: Store, endpoint: int) -> None:
    run = deployments.create(store, "lab01", endpoint, "{}", [("a", "x-1")], priority=jobs.PRIORITY)
    [job] = jobs.of_deployment(store, run.id)
    assert jobs.create_remove(store, endpoint, run.id).id == job.id
    steps.write(store, job.id, [NewStep("a", "importing"), NewStep("b", "cloning", "from x")], {"a": (5, 10)})
    steps.write(store, job.id, [NewStep("a", "verifying")])
    told = [(one.item, one.step, one.detail, one.done, one.total) for one in steps.listing(store, [job.id])]
    assert told == [("a", "importing", "", 5, 10), ("b", "cloning", "from x", 0, 0), ("a", "verifying", "", 0, 0)]
    last = steps.listing(store, [job.id])[-1]
    assert steps.listing(store, [job.id], after=last.id) == []
    assert steps.bytes_sent(store, run.id) == 5
