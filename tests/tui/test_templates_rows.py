"""What page 2 makes of the store and of what was seen last: a vCenter that stands still, a real store."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.console import templates
from engine.console.catalog import Catalog
from engine.console.desk import Desk
from engine.console.observer import Observed, Observer
from engine.console.observer import State as Seen
from engine.console.templates import Lacks, TemplateRow
from engine.staging.holder import myself
from engine.staging.templates import State, Template
from engine.vsphere.refs import VmRef
from storage import audit, claims, components, deployments, endpoints, jobs, steps
from storage.changes import Watch
from storage.components import Component, Kind
from storage.endpoints import Endpoint, NewEndpoint
from storage.steps import NewStep
from storage.store import Store, next_token

UID = "esxi-8.0u3g"


class StandingStill(Observer):
    """Sees what it was told to."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, Catalog(store))
        self.seen: dict[int, Observed] = {}

    def of(self, endpoint: Endpoint) -> Observed:
        return self.seen.get(endpoint.id, Observed())

    def shows(self, *found: Template, ago: float = 0.0, state: Seen = Seen.READY, endpoint: int = 1) -> None:
        """These templates, seen so many seconds ago."""
        when = datetime.now(UTC) - timedelta(seconds=ago)
        self.seen[endpoint] = Observed(state=state, templates=found, seen=when)


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    """The desk of a store with one endpoint, which is seen to be empty."""
    place = {"datacenter": "DC0", "resource_pool": "pool", "datastore": "ds", "vmfolder": "labs"}
    endpoints.add(store, NewEndpoint(name="vc01", host="127.0.0.1", port=1, username="u", **place), "secret")
    with Watch(store) as watch:
        made = Desk(store, watch)
        made.observer = StandingStill(store)
        made.observer.shows()
        yield made


def sees(desk: Desk) -> StandingStill:
    assert isinstance(desk.observer, StandingStill)
    return desk.observer


def template(uid: str = UID, state: State = State.STAGED, why: str = "", there: bool = True) -> Template:
    path = f"/DC0/vm/labs/components-staging/{uid}"
    ref = VmRef("vm-1") if there else None
    return Template(uid, state, path, why, ref, "sha256:ab", 1 << 30, datetime.now(UTC), 3)


def only(desk: Desk) -> TemplateRow:
    [row] = templates.read(desk)
    return row


def staging(store: Store, uid: str = UID) -> jobs.Job:
    job = jobs.create_stage(store, 1, uid)
    jobs.begin(store, job.id)
    return job


def claimed(store: Store, uid: str = UID, purpose: str = f"stage {UID} on vc01") -> None:
    with store.read() as tx:
        now = store.now(tx).isoformat()
    value = {**asdict(myself()), "since": now, "beat": now, "token": next_token(store), "for": purpose}
    assert claims.insert(store, claims.claim_name(1, uid), json.dumps(value))


def test_a_staged_one_is_what_was_seen(desk: Desk) -> None:
    sees(desk).shows(template())
    row = only(desk)
    assert (row.endpoint, row.uid, row.state, row.size_bytes, row.children) == ("vc01", UID, "staged", 1 << 30, 3)
    assert (row.as_of, row.active, row.transfer) == (None, False, None)


def test_what_waits_for_its_turn_is_queued_and_can_be_cancelled(desk: Desk) -> None:
    jobs.create_stage(desk.store, 1, UID)
    row = only(desk)
    assert (row.state, row.active, row.why) == ("queued", True, "waits for its turn")


def test_a_staging_under_way_is_one_row_with_its_bytes(desk: Desk) -> None:
    job = staging(desk.store)
    claimed(desk.store)
    steps.write(desk.store, job.id, [NewStep(UID, "uploading", "esxi.ova to vc01")], {})
    steps.write(desk.store, job.id, [], {UID: (25, 100)})
    half = f"{UID}.staging-{desk.store.id}-7"
    sees(desk).shows(template(half, State.STAGING, "being staged"), template(UID, State.STAGING, there=False))
    row = only(desk)
    assert (row.uid, row.state, row.step, row.active) == (UID, "staging", "uploading", True)
    assert row.transfer is not None
    assert (row.transfer.done, row.transfer.total, row.transfer.ends_at) == (25, 100, None)
    assert "stage esxi" in row.claim


def test_one_that_waits_says_for_what(desk: Desk) -> None:
    job = staging(desk.store)
    steps.write(desk.store, job.id, [NewStep(UID, "trying again", "in 8 s: vc01 does not answer")])
    row = only(desk)
    assert (row.state, row.why) == ("staging", "trying again in 8 s: vc01 does not answer")


def test_the_work_of_another_store_is_a_row_of_its_own(desk: Desk) -> None:
    staging(desk.store)
    other = f"{UID}.staging-abcdef-3"
    sees(desk).shows(template(other, State.STAGING, "the work of another Slipway, store abcdef"))
    rows = {row.uid: row for row in templates.read(desk)}
    assert rows.keys() == {UID, other}
    assert not rows[other].active


def test_one_that_is_being_cancelled_says_so(desk: Desk) -> None:
    jobs.ask_cancel(desk.store, staging(desk.store).id)
    assert only(desk).state == "cancelling"


def test_what_has_just_been_staged_does_not_vanish_until_it_is_seen(desk: Desk) -> None:
    sees(desk).shows(ago=5)
    jobs.end(desk.store, staging(desk.store).id, jobs.State.SUCCEEDED)
    row = only(desk)
    assert (row.state, row.why) == ("staging", "done; vCenter is being looked at")
    sees(desk).shows(template())
    assert only(desk).state == "staged"
    sees(desk).shows()
    assert templates.read(desk) == ()  # seen since: somebody removed it


def test_the_old_one_is_not_shown_as_outdated_when_it_was_replaced_since(desk: Desk) -> None:
    sees(desk).shows(template(state=State.OUTDATED, why="checksum changed"), ago=5)
    jobs.end(desk.store, staging(desk.store).id, jobs.State.SUCCEEDED)
    assert only(desk).state == "staging"


def test_a_staging_that_failed_says_why(desk: Desk) -> None:
    job = staging(desk.store)
    jobs.note(desk.store, job.id, "cannot upload esxi.ova: no space")
    jobs.end(desk.store, job.id, jobs.State.FAILED)
    row = only(desk)
    assert (row.state, row.why, row.active) == ("failed", "cannot upload esxi.ova: no space", False)
    assert [(event.what, event.why) for event in row.history] == [("failed", "cannot upload esxi.ova: no space")]


def test_a_failure_of_long_ago_is_not_shown_any_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.end(desk.store, staging(desk.store).id, jobs.State.FAILED)
    monkeypatch.setattr(templates, "SHOWN_FAILED", timedelta(0))
    assert templates.read(desk) == ()


def test_an_outdated_one_whose_staging_failed_tells_that_first(desk: Desk) -> None:
    job = staging(desk.store)
    jobs.note(desk.store, job.id, "no space")
    jobs.end(desk.store, job.id, jobs.State.FAILED)
    sees(desk).shows(template(state=State.OUTDATED, why="checksum changed"))
    row = only(desk)
    assert (row.state, row.why) == ("failed", "no space; the outdated one is still there")
    assert row.size_bytes is not None


def test_a_cancelled_one_leaves_no_row(desk: Desk) -> None:
    jobs.end(desk.store, staging(desk.store).id, jobs.State.CANCELLED)
    assert templates.read(desk) == ()


def test_a_claim_without_a_job_is_shown_and_goes_with_its_release(desk: Desk) -> None:
    claimed(desk.store, purpose=f"remove {UID} from vc01")
    row = only(desk)
    assert (row.state, row.why, row.active) == ("claimed", f"remove {UID} from vc01", False)
    [claim] = claims.listing(desk.store)
    claims.delete(desk.store, claim.name, claim.value)
    sees(desk).shows(template(UID, State.STAGING, there=False))
    assert templates.read(desk) == ()


def test_rows_of_an_endpoint_that_does_not_answer_stay(desk: Desk) -> None:
    sees(desk).shows(template(), ago=240, state=Seen.STALE)
    row = only(desk)
    assert row.state == "staged"
    assert row.as_of == sees(desk).seen[1].seen


def test_deployments_that_still_need_it_are_named(desk: Desk) -> None:
    made = deployments.create(
        desk.store, "lab01", 1, "{}", [("a.lab01", UID), ("b.lab01", "zcore-1.0")], priority=jobs.PRIORITY
    )
    sees(desk).shows(template())
    assert only(desk).needed_by == (f"lab01 (deployment {made.id})",)
    for item in deployments.items(desk.store, made.id):
        deployments.update_item(desk.store, item.id, state="succeeded")
    assert only(desk).needed_by == ()


def test_the_history_tells_who_removed_it(desk: Desk) -> None:
    audit.record(desk.store, "template removed", f"vc01/{UID}", "outdated")
    sees(desk).shows(template())
    [event] = only(desk).history
    assert event.what.startswith("removed by ")
    assert event.why == "outdated"


def test_what_is_missing_is_told_in_the_order_in_which_it_is_needed(desk: Desk) -> None:
    component = Component(UID, "esxi", "8.0u3g", "esxi", "", "", "https", "esxi.ova", "", "", Kind.L1)
    assert templates.lacks(desk) is Lacks.COMPONENT
    components.put(desk.store, component)
    assert templates.lacks(desk) is Lacks.OVA
    components.update(desk.store, UID, ova_path="/srv/esxi.ova")
    assert templates.lacks(desk) is Lacks.NOTHING
    sees(desk).seen.clear()
    assert templates.lacks(desk) is Lacks.ANSWER
    sees(desk).seen[1] = replace(Observed(), state=Seen.UNREACHABLE)
    assert templates.lacks(desk) is Lacks.REACHABLE
    endpoints.remove(desk.store, "vc01")
    assert templates.lacks(desk) is Lacks.ENDPOINT


def test_an_inventory_of_thousands_is_read_in_one_go(desk: Desk) -> None:
    sees(desk).shows(*(template(f"esxi-{number}") for number in range(5000)))
    assert len(templates.read(desk)) == 5000
