"""The session's care: the end of a session, refusals, a vCenter that is silent or away."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from pyVmomi import vim

from engine.cancel import Cancel
from engine.errors import Cancelled, Conflict, EndpointUnreachable, LoginRefused, SlipwayError
from engine.simulator.launcher import Simulator
from engine.vsphere import tasks, vms
from engine.vsphere.adapters import Adapter
from engine.vsphere.clone import CloneRequest, start_clone
from engine.vsphere.ovf_import import import_vm
from engine.vsphere.properties import below, read
from engine.vsphere.session import Session, _one_refusal, connect
from engine.vsphere.transient import passes
from tests.vsphere.ground import PACE, Ground, address, until


def test_threads_whose_session_ended_make_one_login(ground: Ground) -> None:
    before = ground.calls("Login")
    barrier = threading.Barrier(16)

    def look(_: int) -> object:
        barrier.wait()
        return read(ground.session, ground.target.folder, "name")["name"]

    with ThreadPoolExecutor(16) as pool:
        for round_ in range(1, 11):
            ground.vcenter.admin.expire_sessions()
            assert set(pool.map(look, range(16))) == {"zpods"}
            assert ground.calls("Login") == before + round_


def test_threads_whose_login_is_refused_make_one_attempt(ground: Ground) -> None:
    ground.session._turn = _one_refusal(address(ground.vcenter, "changed meanwhile"))
    ground.vcenter.admin.expire_sessions()
    before = ground.calls("Login")

    def look(_: int) -> SlipwayError:
        with pytest.raises(LoginRefused) as refused:
            read(ground.session, ground.target.folder, "name")
        return refused.value

    with ThreadPoolExecutor(16) as pool:
        refusals = list(pool.map(look, range(16)))
    assert len(set(map(id, refusals))) == 16  # an error of one's own: its text may be added to
    for _ in range(3):
        look(0)
    with pytest.raises(LoginRefused):
        vms.vms_in_folder(ground.session, ground.target.folder)
    assert ground.calls("Login") == before + 1


def test_a_login_that_does_not_arrive_is_shared_but_not_final(ground: Ground) -> None:
    ground.vcenter.admin.expire_sessions()
    ground.vcenter.admin.fault("Login", mode="drop", times=1)
    with pytest.raises(EndpointUnreachable):
        vms.vcenter_time(ground.session)
    vms.vcenter_time(ground.session)
    assert ground.session.logins == 3


def test_another_vcenter_at_the_same_address_is_not_worked_on(ground: Ground) -> None:
    """Its MoRefs mean other objects (DESIGN.md rule 6)."""
    before = ground.calls("Login")
    ground.session.content.about.instanceUuid = "what it was before"
    ground.vcenter.admin.expire_sessions()
    with pytest.raises(Conflict, match="another vCenter"):
        ground.vms()
    assert ground.calls("Login") == before


def test_everything_survives_the_end_of_a_session(ground: Ground) -> None:
    admin = ground.vcenter.admin
    vm = ground.bring()
    admin.expire_sessions()
    assert set(ground.vms()) == {"vm1"}
    for method in ("CreateContainerView", "RetrievePropertiesEx", "DestroyView"):
        admin.fault(method, "NotAuthenticated", times=1)
        assert [values["name"] for _, values in below(ground.session, ground.target.folder, type(vm), "name")] == [
            "vm1"
        ]
        admin.clear_faults()
    admin.expire_sessions()
    vms.rename(ground.session, vm, "vm1", "vm2")
    admin.expire_sessions()
    vms.power_on(ground.session, vm, "vm2", Cancel())
    admin.expire_sessions()
    assert vms.look(ground.session, vm).powered_on


def test_a_list_whose_session_ends_meanwhile_is_made_anew(ground: Ground) -> None:
    """The view goes with its session; reading it would say that it was removed."""
    vm = ground.bring()
    session = ground.session
    stub = session._stub
    invoke = stub.InvokeMethod
    made: list[str] = []

    def expiring(mo: object, info: Any, args: object, outer: object = None) -> object:
        answer = invoke(mo, info, args, outer)
        if info.wsdlName == "CreateContainerView":
            made.append(info.wsdlName)
            if len(made) == 1:
                ground.vcenter.admin.expire_sessions()
        return answer

    stub.InvokeMethod = expiring
    assert [ref for ref, _ in below(session, ground.target.folder, type(vm), "name")] == [vm]
    assert len(made) == 2


def test_a_task_is_waited_for_through_expiry_503_and_lost_answers(ground: Ground) -> None:
    admin = ground.vcenter.admin
    vm = ground.bring()
    admin.settings(clone_delay=2)
    task = clone(ground, vm)
    asked: list[int] = []

    def trouble(_: int) -> None:
        asked.append(1)
        match len(asked):
            case 1:
                admin.expire_sessions()
            case 2:
                admin.http503(3)
            case 3:
                admin.fault("RetrievePropertiesEx", "HostCommunication", times=3)

    made = tasks.wait(ground.session, task, "clone", "clone1", Cancel(), trouble)
    assert vms.look(ground.session, made).name == "clone1"
    assert len(asked) > 3


def test_the_wait_ends_when_vcenter_is_silent_too_long(vcenter: Simulator, ground: Ground) -> None:
    vm = ground.bring()
    vcenter.admin.settings(clone_delay=60)
    task = clone(ground, vm)
    ground.pace(task_silence_seconds=0.5)
    vcenter.admin.http503(1_000_000)
    with pytest.raises(EndpointUnreachable) as away:
        tasks.wait(ground.session, task, "clone", "clone1", Cancel())
    assert passes(away.value)
    vcenter.admin.http503(0)


def test_a_broken_off_session_ends_blocked_calls_at_once(ground: Ground) -> None:
    ground.vcenter.admin.fault("RetrievePropertiesEx", delay=600)
    before = ground.calls("RetrievePropertiesEx")
    with ThreadPoolExecutor(2) as pool:
        blocked = [pool.submit(read, ground.session, ground.target.folder, "name") for _ in range(2)]
        until(lambda: ground.calls("RetrievePropertiesEx") == before + 2)
        started = time.monotonic()
        ground.session.break_off()
        for future in blocked:
            assert isinstance(future.exception(30), EndpointUnreachable)
    assert time.monotonic() - started < 5
    with pytest.raises(EndpointUnreachable):
        vms.vcenter_time(ground.session)
    assert ground.calls("RetrievePropertiesEx") == before + 2
    assert ground.calls("CurrentTime") == 0


def test_a_cancelled_wait_on_a_silent_vcenter_ends_at_once(ground: Ground) -> None:
    vm = ground.bring()
    ground.vcenter.admin.settings(clone_delay=600)
    task = clone(ground, vm)
    ground.vcenter.admin.fault("RetrievePropertiesEx", delay=600)
    before = ground.calls("RetrievePropertiesEx")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(tasks.wait, ground.session, task, "clone", "clone1", ground.cancel)
        until(lambda: ground.calls("RetrievePropertiesEx") > before)
        ground.cancel.ask()
        ground.session.break_off()
        assert isinstance(waiting.exception(30), Cancelled)


def test_a_session_that_was_broken_off_while_it_connects(vcenter: Simulator) -> None:
    """A server that accepts and never shakes hands blocks no longer than until `break_off`."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        there = replace(address(vcenter), port=silent.getsockname()[1])
        session = Session(there, PACE, lambda: nullcontext(there))
        with ThreadPoolExecutor(1) as pool:
            connecting = pool.submit(vms.vcenter_time, session)
            peer, _ = silent.accept()
            session.break_off()
            started = time.monotonic()
            assert isinstance(connecting.exception(30), EndpointUnreachable)
        assert time.monotonic() - started < 5
        peer.close()


def test_the_deadline_is_the_paces(vcenter: Simulator) -> None:
    with connect(address(vcenter), replace(PACE, call_deadline_seconds=0.5)) as session:
        vcenter.admin.fault("CurrentTime", delay=600, times=1)
        with pytest.raises(EndpointUnreachable, match="no answer within the deadline"):
            vms.vcenter_time(session)


def clone(ground: Ground, vm: vim.VirtualMachine) -> vim.Task:
    vms.mark_as_template(ground.session, vm, "vm1")
    template = vms.details(ground.session, vm)
    adapters = tuple(Adapter(nic.backing) for nic in template.nics)
    request = CloneRequest("clone1", "", adapters, {})
    return start_clone(ground.session, ground.target, template, ground.target.pool, None, request)


def test_every_character_of_a_value_arrives(ground: Ground) -> None:
    notes = "CR LF\r\nCR\rLF\ntab\t& <ß 𝄞> ]]>"
    request = replace(ground.request(), annotation=notes)
    target = ground.target
    vm = import_vm(ground.session, target, request, target.folder, target.pool, None, ground.cancel, ground.sent.append)
    assert read(ground.session, vm, "config.annotation")["config.annotation"] == notes
