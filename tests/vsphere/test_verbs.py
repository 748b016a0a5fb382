"""Verbs whose answer was lost, or that an earlier attempt of ours has carried out: asked again they do no harm."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.errors import EndpointUnreachable, NameTaken, NotPermitted, SlipwayError, VSphereFault
from engine.vsphere import tasks, vms
from engine.vsphere.attributes import STAGED, make_status_key, set_status
from engine.vsphere.hardware import disk_changes
from engine.vsphere.inventory import make_folder
from engine.vsphere.transient import passes
from engine.vsphere.vapps import make_vapp
from engine.vsphere.vms import Change
from tests.vsphere.ground import Ground, lost_answers

Verb = Callable[[Ground, Any], object]

# SOAP method, the verb, and how to see that it was carried out.
VERBS: dict[str, tuple[str, Verb, Callable[[Ground, Any], bool]]] = {
    "rename": (
        "Rename_Task",
        lambda ground, vm: vms.rename(ground.session, vm, "vm1", "vm2"),
        lambda ground, vm: set(ground.vms()) == {"vm2"},
    ),
    "mark": (
        "MarkAsTemplate",
        lambda ground, vm: vms.mark_as_template(ground.session, vm, "vm1"),
        lambda ground, vm: vms.look(ground.session, vm).template,
    ),
    "power on": (
        "PowerOnVM_Task",
        lambda ground, vm: vms.power_on(ground.session, vm, "vm1", Cancel()),
        lambda ground, vm: vms.look(ground.session, vm).powered_on,
    ),
    "destroy": (
        "Destroy_Task",
        lambda ground, vm: vms.destroy(ground.session, vm, "vm1"),
        lambda ground, vm: ground.vms() == {},
    ),
    "folder": (
        "CreateFolder",
        lambda ground, vm: make_folder(ground.session, ground.target.folder, "components-staging"),
        lambda ground, vm: ground.calls("CreateFolder") > 0,
    ),
    "vApp": (
        "CreateVApp",
        lambda ground, vm: make_vapp(ground.session, ground.target, "lab01"),
        lambda ground, vm: ground.calls("CreateVApp") > 0,
    ),
    "attribute definition": (
        "AddCustomFieldDef",
        lambda ground, vm: make_status_key(ground.session),
        lambda ground, vm: ground.calls("AddCustomFieldDef") > 0,
    ),
    "attribute": (
        "SetField",
        lambda ground, vm: set_status(ground.session, vm, "vm1", make_status_key(ground.session), STAGED),
        lambda ground, vm: STAGED in vms.look(ground.session, vm).custom.values(),
    ),
}


def again(verb: Verb, ground: Ground, vm: Any) -> None:
    """As the runner does: what failed for a reason that passes is run once more."""
    try:
        verb(ground, vm)
    except SlipwayError as error:
        if not passes(error):
            raise
        verb(ground, vm)


@pytest.mark.parametrize("name", VERBS)
def test_a_lost_answer(ground: Ground, name: str) -> None:
    method, verb, done = VERBS[name]
    vm = ground.bring()
    with lost_answers(ground.session, method) as lost:
        again(verb, ground, vm)
    assert lost
    assert done(ground, vm)


@pytest.mark.parametrize("name", VERBS)
def test_a_call_that_never_arrived(ground: Ground, name: str) -> None:
    method, verb, done = VERBS[name]
    vm = ground.bring()
    with lost_answers(ground.session, method, before=True) as lost:
        again(verb, ground, vm)
    assert lost
    assert done(ground, vm)


@pytest.mark.parametrize("name", VERBS)
def test_what_is_done_already(ground: Ground, name: str) -> None:
    _, verb, done = VERBS[name]
    vm = ground.bring()
    verb(ground, vm)
    verb(ground, vm)
    assert done(ground, vm)


@pytest.mark.parametrize("name", ["rename", "mark", "power on", "destroy"])
def test_a_fault_is_a_failure_when_it_is_not_done(ground: Ground, name: str) -> None:
    method, verb, done = VERBS[name]
    vm = ground.bring()
    ground.vcenter.admin.fault(method, "GenericVmConfigFault", times=1)
    with pytest.raises(VSphereFault, match="GenericVmConfigFault"):
        verb(ground, vm)
    assert not done(ground, vm)


def test_a_missing_privilege_is_told_though_it_is_done(ground: Ground) -> None:
    vm = ground.bring()
    vms.mark_as_template(ground.session, vm, "vm1")
    ground.vcenter.admin.fault("MarkAsTemplate", "NoPermission", detail={"privilegeId": "VirtualMachine.X"})
    with pytest.raises(NotPermitted):
        vms.mark_as_template(ground.session, vm, "vm1")


def test_a_name_that_somebody_else_has_is_taken(ground: Ground) -> None:
    ground.bring("vm2")
    vm = ground.bring("vm1")
    with pytest.raises(NameTaken):
        vms.rename(ground.session, vm, "vm1", "vm2")
    assert set(ground.vms()) == {"vm1", "vm2"}


def test_a_reconfigure_whose_answer_was_lost_is_over_when_it_says_so(ground: Ground) -> None:
    """Whoever reads the VM then sees the disk that was added, and adds no other."""
    vm = ground.bring()

    def grow() -> None:
        changes = disk_changes(vms.details(ground.session, vm), (1, 2), "vm1")
        if changes:
            vms.reconfigure(ground.session, vm, "vm1", Change(devices=changes), Cancel())

    with lost_answers(ground.session, "ReconfigVM_Task"):
        with pytest.raises(EndpointUnreachable):
            grow()
        assert not tasks.still_running(ground.session, vm)
        grow()
    assert len(vms.details(ground.session, vm).disks) == 3
    assert ground.calls("ReconfigVM_Task") == 1
