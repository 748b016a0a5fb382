"""The sweep: what crashes left is finished or removed; what somebody works on, or is not ours, stays."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest

from engine.cancel import Cancel
from engine.errors import Cancelled, EndpointUnreachable, Gone
from engine.site import Site
from engine.staging import claims, identity, templates
from engine.staging.holder import Holder, myself
from engine.staging.identity import Identity
from engine.staging.sweep import sweep
from engine.vsphere import vms
from engine.vsphere.ovf_import import ImportRequest, import_vm
from engine.vsphere.vapps import make_vapp
from engine.vsphere.vms import Vm
from storage import audit, components, deployments, jobs
from storage import claims as rows
from storage.claims import claim_name
from storage.jobs import State
from storage.store import next_token
from tests.staging.ground import Ground, Party


def done(party: Party) -> list[str]:
    """What a sweep did, all of which is in the audit."""
    swept = sweep(party.site, Cancel())
    assert {(one.action, one.on) for one in swept} <= {(one.action, one.on) for one in audit.listing(party.site.store)}
    return [one.action for one in swept]


@pytest.fixture
def dead() -> Holder:
    """A process of this host that has ended."""
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return replace(myself(), pid=int(process.stdout), started=1)


def stale_claim(party: Party, dead: Holder) -> None:
    """A claim as a killed process leaves it."""
    store = party.site.store
    with store.read() as tx:
        now = store.now(tx).isoformat().replace("+00:00", "Z")
    value = {**asdict(dead), "since": now, "beat": now, "token": next_token(store), "for": "stage it"}
    assert rows.insert(store, claim_name(party.site.endpoint.id, party.uid), json.dumps(value))


def machine(site: Site, party: Party, name: str, made: Identity | None, vapp: str = "") -> Vm:
    """A VM in the endpoint's folder or in a vApp, imported there."""
    package = party.staging.package
    request = ImportRequest(
        name=name,
        package=package,
        annotation=identity.notes_with("", made) if made else "by hand",
        networks={network.name: party.staging.network for network in package.descriptor.networks},
    )
    pool = make_vapp(site.session, site.target, vapp) if vapp else site.target.pool
    folder = None if vapp else site.target.folder
    ref = import_vm(site.session, site.target, request, folder, pool, site.host, Cancel(), lambda count: None)
    return vms.look(site.session, ref)


def is_there(site: Site, vm: Vm) -> bool:
    """Whether it still exists."""
    try:
        return vms.look(site.session, vm.ref).name != ""
    except Gone:
        return False


def test_nothing_to_do_writes_nothing(ground: Ground, party: Party) -> None:
    assert done(party) == []
    party.stage()
    before = len(audit.listing(party.site.store))
    assert done(party) == []
    assert len(audit.listing(party.site.store)) == before
    assert ground.names(party.site) == [party.uid]


def test_a_half_made_leftover_is_removed(ground: Ground, party: Party, dead: Holder) -> None:
    party.left_half()
    stale_claim(party, dead)
    assert done(party) == ["leftover removed"]
    assert ground.names(party.site) == []
    assert rows.listing(party.site.store) == []


def test_a_whole_one_is_committed(ground: Ground, party: Party) -> None:
    whole = party.left_whole()
    assert done(party) == ["template staged"]
    assert vms.look(party.site.session, whole.ref).name == party.uid
    assert templates.look(party.site, party.uid, party.staging.component).usable


def test_of_a_uid_that_left_the_catalog_everything_is_removed(ground: Ground, party: Party) -> None:
    party.left_whole()
    components.remove(party.site.store, party.uid)
    assert done(party) == ["leftover removed"]
    assert ground.names(party.site) == []


def test_a_whole_one_that_lost_is_removed(ground: Ground, party: Party) -> None:
    whole = party.left_whole()
    with ground.party(store="b") as other, claims.held(other.site.store, other.take()) as claim:
        winner = other.commit(other.mark(other.upload(claim), claim), claim)
    assert done(party) == ["leftover removed"]
    assert not is_there(party.site, whole)
    assert winner.usable
    assert ground.names(party.site) == [party.uid]


def test_a_held_claim_and_a_queued_staging_protect_what_is_there(ground: Ground, party: Party) -> None:
    half = party.left_half()
    with claims.held(party.site.store, party.take()):
        assert done(party) == []
    job = jobs.create_stage(party.site.store, party.site.endpoint.id, party.uid)
    assert done(party) == []
    assert ground.names(party.site) == [half.name]
    jobs.end(party.site.store, job.id, State.FAILED)
    assert done(party) == ["leftover removed"]


def test_another_stores_work_stays_until_it_is_abandoned(ground: Ground, party: Party) -> None:
    with ground.party(store="b") as other:
        half = other.left_half()
        assert done(party) == []
        party.setting("foreign_leftover_seconds", "0.001")
        assert done(party) == ["leftover removed"]
        assert not is_there(other.site, half)


def test_between_the_renames_forward_and_back(ground: Ground, party: Party) -> None:
    party.stage()
    site = party.site
    old = templates.look(site, party.uid, None).ref
    assert old is not None
    vms.rename(site.session, old, party.uid, f"{party.uid}.retired-{site.store.id}-1")
    assert done(party) == ["template restored"]
    party.new_digest()
    party.left_whole()
    vms.rename(site.session, old, party.uid, f"{party.uid}.retired-{site.store.id}-1")
    assert sorted(done(party)) == ["leftover removed", "template staged"]
    assert ground.names(party.site) == [party.uid]
    assert templates.look(site, party.uid, party.staging.component).usable


def test_a_retired_one_that_a_deployment_clones_stays(ground: Ground, party: Party) -> None:
    site, store = party.site, party.site.store
    party.stage()
    old = templates.look(site, party.uid, None).ref
    row = deployments.create(store, "lab01", site.endpoint.id, "{}", [("a.example.com", party.uid)])
    [item] = deployments.items(store, row.id)
    deployments.update_item(store, item.id, task="task-1")
    party.new_digest()
    party.stage()
    retired = vms.look(site.session, old)
    assert ".retired-" in retired.name
    assert done(party) == []
    deployments.update_item(store, item.id, vm="vm-1")
    assert done(party) == ["leftover removed"]
    assert not is_there(site, retired)


def item_of(party: Party, name: str) -> deployments.Item:
    row = deployments.create(party.site.store, "lab01", party.site.endpoint.id, "{}", [(name, party.uid)])
    return deployments.items(party.site.store, row.id)[0]


def half_import(party: Party, item: deployments.Item, who: Holder) -> Identity:
    return Identity(
        store=party.site.store.id,
        component=party.uid,
        digest="",
        created="2026-11-21T09:30:00Z",
        deployment=item.deployment_id,
        item=item.id,
        importing=asdict(who),
    )


@pytest.mark.parametrize("vapp", ["", "lab01"])
def test_half_imports_go_when_process_and_deployment_are_over(party: Party, dead: Holder, vapp: str) -> None:
    site, store = party.site, party.site.store
    name = f"{vapp}a-{next_token(store)}.example.com"
    item = item_of(party, name)
    vm = machine(site, party, name, half_import(party, item, dead), vapp)
    with store.begin() as tx:
        job = jobs.queue_deploy(store, tx, site.endpoint.id, item.deployment_id)
    assert done(party) == []
    jobs.end(store, job, State.FAILED)
    assert done(party) == []
    with store.read() as tx:
        now = store.now(tx)
    deployments.update(store, item.deployment_id, state="failed", ended=now)
    assert done(party) == ["leftover removed"]
    assert not is_there(site, vm)


def test_what_is_not_a_half_import_of_ours_stays(party: Party, dead: Holder) -> None:
    site, store = party.site, party.site.store
    with store.read() as tx:
        now = store.now(tx)
    item = item_of(party, "a.example.com")
    deployments.update(store, item.deployment_id, state="failed", ended=now)
    half = half_import(party, item, dead)
    kept: Sequence[Vm] = [
        machine(site, party, "a.example.com", replace(half, importing=asdict(myself()))),
        machine(site, party, "finished.example.com", replace(half, importing={})),
        machine(site, party, "clone-by-hand.example.com", half),
        machine(site, party, "other-store.example.com", replace(half, store="abcdef")),
        machine(site, party, "by-hand.example.com", None),
    ]
    assert done(party) == []
    assert all(is_there(site, vm) for vm in kept)


def test_trials_of_a_killed_deep_test_go(ground: Ground, party: Party) -> None:
    site, store = party.site, party.site.store
    uid = f"slipway-test-{store.id}-7"
    component = replace(party.staging.component, uid=uid)
    components.put(store, component)
    with ground.party() as trial:
        trial.uid = uid
        trial.stage()
        made = Identity(store.id, uid, "", "2026-11-21T09:30:00Z", template="vm-1")
        clone = machine(site, party, f"{uid}-clone", made)
        stranger = machine(site, party, f"{uid}0-clone", replace(made, store="abcdef"))
    components.remove(store, uid)
    assert done(party) == []
    party.setting("foreign_leftover_seconds", "0.001")
    assert done(party) == ["leftover removed", "leftover removed"]
    assert ground.names(site) == []
    assert (is_there(site, clone), is_there(site, stranger)) == (False, True)


def test_a_stale_claim_without_leftovers_is_released(party: Party, dead: Holder) -> None:
    stale_claim(party, dead)
    assert done(party) == ["claim released"]
    assert rows.listing(party.site.store) == []
    assert rows.insert(party.site.store, claim_name(party.site.endpoint.id, party.uid), "1")
    assert done(party) == []


def test_rows_of_vanished_vms(party: Party) -> None:
    site, store = party.site, party.site.store
    with store.read() as tx:
        now = store.now(tx)
    alive = machine(site, party, "alive.example.com", None)
    moids = {"alive": alive.moid, "gone": "vm-4711", "elsewhere": "vm-4712", "running": "vm-4713"}
    items = {name: item_of(party, f"{name}.example.com") for name in moids}
    for name, item in items.items():
        uuid = "another" if name == "elsewhere" else site.session.instance_uuid
        deployments.update_item(store, item.id, vm=moids[name], task="task-1", instance_uuid=uuid, state="succeeded")
        if name != "running":
            deployments.update(store, item.deployment_id, state="succeeded", ended=now)
    assert done(party) == ["vanished VM noted"]
    after = {name: deployments.find_item(store, item.id) for name, item in items.items()}
    assert {name: item and item.vm for name, item in after.items()} == {**moids, "gone": ""}
    assert after["gone"] is not None
    assert "gone from vCenter" in after["gone"].reason
    assert done(party) == []


def test_a_failing_object_costs_only_itself(ground: Ground, party: Party) -> None:
    first = party.left_half()
    with ground.party() as second:
        second.uid = "core-1.0"
        components.put(party.site.store, replace(party.staging.component, uid="core-1.0"))
        second.left_half()
    ground.vcenter.admin.fault("Destroy_Task", "GenericVmConfigFault", object=first.name)
    assert done(party) == ["leftover removed"]
    assert ground.names(party.site) == [first.name]
    ground.vcenter.admin.clear_faults()
    assert done(party) == ["leftover removed"]


def test_a_dead_vcenter_and_a_cancel_end_it(ground: Ground, party: Party) -> None:
    party.left_half()
    cancel = Cancel()
    cancel.ask()
    with pytest.raises(Cancelled):
        sweep(party.site, cancel)
    ground.vcenter.admin.http503(times=1000)
    try:
        with pytest.raises(EndpointUnreachable):
            sweep(party.site, Cancel())
    finally:
        ground.vcenter.admin.http503(times=0)
