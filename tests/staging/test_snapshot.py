"""The snapshot that linked clones stand on: taken once, before the template is one, and no part of what it is."""

import json
from dataclasses import replace

import pytest

from engine.cancel import Cancel
from engine.errors import StagingFault
from engine.progress import Nobody
from engine.staging import claims, stage, templates
from engine.staging.claims import Claim
from engine.staging.templates import State
from engine.vsphere import tasks, vms
from engine.vsphere.snapshots import BASE, base_of
from engine.vsphere.vms import Vm
from tests.e2e.lab import Lab, snapshots_of
from tests.jobs.conftest import until
from tests.staging.ground import Ground, Party


def marked(party: Party, vm: Vm, claim: Claim) -> Vm:
    """Marked, with the snapshot."""
    return stage.mark(party.site, replace(party.staging, linked=True), vm, claim, Nobody(), Cancel())


def snapshots(ground: Ground, vm: Vm) -> list[str]:
    """The names of the VM's snapshots, as govc reads them once all tasks have ended."""
    until(lambda: not ground.vcenter.admin.counters().running)
    text = Lab(ground.vcenter, ground.folder).govc("object.collect", "-json", f"VirtualMachine:{vm.moid}", "snapshot")
    return snapshots_of({one["name"]: one["val"] for one in json.loads(text)})


def test_it_is_taken_once_and_changes_nothing_of_the_template(ground: Ground, party: Party) -> None:
    half = party.left_half()
    before = templates.shape_of(vms.details(party.site.session, half.ref))
    with claims.held(party.site.store, party.take()) as claim:
        ground.vcenter.admin.fault("MarkAsTemplate", "NotSupported", times=1)
        with pytest.raises(StagingFault):
            marked(party, half, claim)
        whole = marked(party, half, claim)
        assert marked(party, whole, claim).moid == half.moid
        party.commit(whole, claim)
    assert ground.vcenter.admin.counters().calls["CreateSnapshot_Task"] == 1
    machine = vms.details(party.site.session, half.ref)
    assert base_of(party.site.session, half.ref) is not None
    assert templates.shape_of(machine) == before
    found = templates.look(party.site, party.uid, party.staging.component, party.staging.package)
    assert (found.state, found.why) == (State.STAGED, "")
    assert templates.linked_children(party.site, machine) == []


def test_a_lost_answer_takes_no_second_one(ground: Ground, party: Party) -> None:
    half = party.left_half()
    ground.vcenter.admin.fault("CreateSnapshot_Task", mode="drop", after=True, times=1)
    with claims.held(party.site.store, party.take()) as claim:
        marked(party, half, claim)
    assert ground.vcenter.admin.counters().calls["CreateSnapshot_Task"] == 1


def test_a_lost_answer_of_one_that_takes_time(ground: Ground, party: Party) -> None:
    half = party.left_half()
    ground.vcenter.admin.fault("CreateSnapshot_Task", in_task=True, delay=1, times=1)
    ground.vcenter.admin.fault("CreateSnapshot_Task", mode="drop", after=True, times=1)
    with claims.held(party.site.store, party.take()) as claim:
        marked(party, half, claim)
    assert snapshots(ground, half) == ["slipway-base"]


def test_one_that_a_dead_process_has_asked_for_is_waited_for(ground: Ground, party: Party) -> None:
    half = party.left_half()
    ground.vcenter.admin.fault("CreateSnapshot_Task", in_task=True, delay=1, times=1)
    half.ref.CreateSnapshot_Task(BASE, "", False, False)
    with claims.held(party.site.store, party.take()) as claim:
        marked(party, half, claim)
    assert snapshots(ground, half) == ["slipway-base"]


def test_a_second_one_of_a_dead_process_does_no_harm(ground: Ground, party: Party) -> None:
    """Its call came late: after the next one's snapshot, before the mark. Clones stand on the first."""
    half = party.left_half()
    ground.vcenter.admin.fault("MarkAsTemplate", "NotSupported", times=1)
    with claims.held(party.site.store, party.take()) as claim:
        with pytest.raises(StagingFault):
            marked(party, half, claim)
        first = base_of(party.site.session, half.ref)
        tasks.wait(party.site.session, half.ref.CreateSnapshot_Task(BASE, "", False, False), "", "", Cancel())
        party.commit(marked(party, half, claim), claim)
    assert snapshots(ground, half) == ["slipway-base", "slipway-base"]
    assert base_of(party.site.session, half.ref) == first
    found = templates.look(party.site, party.uid, party.staging.component, party.staging.package)
    assert (found.state, found.why) == (State.STAGED, "")


@pytest.mark.parametrize("in_task", [False, True], ids=["call", "task"])
def test_one_that_cannot_be_taken_is_a_fault_of_staging_and_leaves_nothing(
    ground: Ground, party: Party, in_task: bool
) -> None:
    """So the VM is imported directly."""
    ground.vcenter.admin.fault("CreateSnapshot_Task", "NoPermission", in_task=in_task)
    with pytest.raises(StagingFault):
        stage.stage(party.site, replace(party.staging, linked=True), Nobody(), Cancel())
    assert ground.names(party.site) == []


def test_nobody_wants_linked_clones(ground: Ground, party: Party) -> None:
    party.stage()
    assert "CreateSnapshot_Task" not in ground.vcenter.admin.counters().calls
