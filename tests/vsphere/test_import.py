"""Importing while uploads break, stall and are cancelled, and while vCenter's answers are lost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from engine.errors import BadPackage, Cancelled, EndpointUnreachable, NoSpace, SlipwayError, UploadFailed, VSphereFault
from engine.ova.package import open_package
from engine.vsphere.ovf_import import upload_bytes
from engine.vsphere.transient import passes
from engine.vsphere.vms import destroy
from tests.vsphere.ground import MIB, PACE, Ground, lost_answers, until

# What the host calls the larger disk of the machine vm1.
FIRST = "vm1.vmdk"


def files(ground: Ground) -> int:
    """The bytes of the OVA's files."""
    return upload_bytes(open_package(ground.ova))


def is_whole(ground: Ground, name: str = "vm1") -> bool:
    leases = ground.vcenter.admin.counters().leases
    return name in ground.vms() and [lease.state for lease in leases if lease.name == name] == ["done"]


@pytest.mark.parametrize("mode", ["drop", "stall"])
def test_a_disk_that_broke_is_sent_again_and_the_other_is_not(ground: Ground, mode: str) -> None:
    ground.vcenter.admin.nfc(mode, match=FIRST, after_bytes=5 * MIB, times=1)
    assert ground.bring()
    assert is_whole(ground)
    assert len(ground.vcenter.admin.counters().leases) == 1
    assert sum(ground.sent) == files(ground)
    assert min(ground.sent) < 0
    # What travelled: every file once, and the part before it broke once more.
    assert files(ground) + 5 * MIB <= ground.received < files(ground) + 12 * MIB
    assert ground.calls("ImportVApp") == 1
    [lease] = ground.vcenter.admin.counters().leases
    assert {file.complete for file in lease.files} == {1}


@pytest.mark.parametrize("status", [500, 503])
def test_a_host_that_answers_5xx_is_asked_again(ground: Ground, status: int) -> None:
    ground.vcenter.admin.nfc("status", status=status, times=2)
    assert ground.bring()
    assert is_whole(ground)
    assert sum(ground.sent) == files(ground)


@pytest.mark.parametrize("status", [403, 404])
def test_a_host_that_answers_4xx_is_not(ground: Ground, status: int) -> None:
    ground.vcenter.admin.nfc("status", match=FIRST, status=status)
    with pytest.raises(UploadFailed, match=str(status)) as failed:
        ground.bring()
    assert not passes(failed.value)
    assert ground.vms() == {}
    assert ground.received < 2 * files(ground)


def test_attempts_are_used_up(ground: Ground) -> None:
    ground.vcenter.admin.nfc("drop", match=FIRST, after_bytes=MIB)
    with pytest.raises(UploadFailed) as failed:
        ground.bring()
    assert passes(failed.value)  # from a fresh lease it may go well
    assert ground.vms() == {}
    assert sum(1 for count in ground.sent if count < 0) == PACE.retry_attempts - 1
    assert [lease.state for lease in ground.vcenter.admin.counters().leases] == ["error"]


def test_a_digest_that_differs_is_not_sent_again(ground: Ground) -> None:
    request = ground.request()
    manifest = request.package.manifest
    assert manifest
    wrong = {name: replace(digest, hex="0" * len(digest.hex)) for name, digest in manifest.digests.items()}
    package = replace(request.package, manifest=replace(manifest, digests=wrong))
    object.__setattr__(ground, "request", lambda name: replace(request, package=package))
    with pytest.raises(BadPackage, match="0000"):
        ground.bring()
    assert ground.received <= files(ground)
    assert min(ground.sent) > 0
    assert ground.vms() == {}


def test_no_file_is_sent_again_when_the_lease_is_over(ground: Ground) -> None:
    """The datastore is full: the host answers 500, which would pass, but vCenter has ended the lease."""
    ground.vcenter.admin.settings(datastore_capacity=MIB)
    with pytest.raises(NoSpace):
        ground.bring()
    assert ground.received < 2 * files(ground)
    assert ground.vms() == {}


def test_the_lease_lives_while_an_upload_stalls(ground: Ground) -> None:
    """The stall lasts longer than the lease would without the beat, which fails now and then."""
    ground.vcenter.admin.settings(lease_timeout=1)
    ground.vcenter.admin.nfc("stall", match=FIRST, after_bytes=MIB, times=1)
    for skip in (1, 4):
        ground.vcenter.admin.fault("HttpNfcLeaseProgress", "HostCommunication", skip=skip, times=1)
    ground.vcenter.admin.fault("HttpNfcLeaseProgress", "InvalidState", skip=2, times=1)
    ground.pace(upload_stall_seconds=3)
    assert ground.bring()
    assert is_whole(ground)
    assert ground.calls("HttpNfcLeaseProgress") > 5


def test_a_lease_that_nobody_tells_of_progress_is_lost(ground: Ground) -> None:
    ground.vcenter.admin.settings(lease_timeout=1.5)
    ground.vcenter.admin.fault("HttpNfcLeaseProgress", "HostCommunication")
    ground.vcenter.admin.nfc("stall", match=FIRST, after_bytes=MIB)
    ground.pace(upload_stall_seconds=60)
    with pytest.raises(VSphereFault) as failed:
        ground.bring()
    assert failed.value.fault == "Timedout"
    assert passes(failed.value)
    assert ground.vms() == {}


def test_a_lease_goes_with_its_session(ground: Ground) -> None:
    """A lease belongs to its session: the caller starts with a fresh one."""
    ground.vcenter.admin.settings(lease_timeout=3)
    ground.vcenter.admin.nfc("stall", match=FIRST, after_bytes=MIB, times=1)
    ground.pace(upload_stall_seconds=60)
    before = ground.calls("Login")
    with ThreadPoolExecutor(1) as pool:
        bringing = pool.submit(ground.bring)
        until(lambda: ground.received > 2 * MIB)
        ground.vcenter.admin.expire_sessions()
        failure = bringing.exception(60)
    assert isinstance(failure, SlipwayError)
    assert passes(failure)
    assert ground.calls("Login") == before + 1
    until(lambda: ground.vms() == {})
    assert ground.bring()


@pytest.mark.parametrize("stalled", [True, False])
def test_a_cancel_ends_the_upload_within_a_second(ground: Ground, stalled: bool) -> None:
    mode = "stall" if stalled else "slow"
    ground.vcenter.admin.nfc(mode, after_bytes=MIB, bytes_per_second=MIB)  # type: ignore[arg-type]
    ground.pace(upload_stall_seconds=600)
    failure, took = cancelled(ground, lambda: ground.received > MIB)
    assert isinstance(failure, Cancelled)
    assert took < 1
    assert ground.vms() == {}
    assert [lease.state for lease in ground.vcenter.admin.counters().leases] == ["error"]
    received = ground.received
    time.sleep(0.3)
    assert ground.received == received


def test_a_cancel_ends_the_pause_before_another_attempt(ground: Ground) -> None:
    ground.vcenter.admin.nfc("status", status=503)
    ground.pace(retry_seconds=60)
    failure, took = cancelled(ground, lambda: ground.calls("HttpNfcLeaseProgress") > 0)
    assert isinstance(failure, Cancelled)
    assert took < 1
    assert ground.vms() == {}


def cancelled(ground: Ground, when: Callable[[], bool]) -> tuple[BaseException | None, float]:
    """How an import ended that was cancelled, and how many seconds later."""
    with ThreadPoolExecutor(1) as pool:
        bringing = pool.submit(ground.bring)
        until(when)
        started = time.monotonic()
        ground.cancel.ask()
        failure = bringing.exception(60)
    return failure, time.monotonic() - started


def test_an_import_whose_answer_was_lost(ground: Ground) -> None:
    """Its VM comes some time later; who tries again finds it by name and identity, and removes it."""
    ground.vcenter.admin.fault("ImportVApp", mode="drop", after=True, times=1)
    with pytest.raises(EndpointUnreachable):
        ground.bring()
    until(lambda: "vm1" in ground.vms())
    destroy(ground.session, ground.vms()["vm1"].ref, "vm1")
    assert ground.bring()
    assert ground.received == files(ground)


def test_an_answer_to_complete_that_is_lost(ground: Ground) -> None:
    with lost_answers(ground.session, "HttpNfcLeaseComplete") as lost:
        assert ground.bring()
    assert lost
    assert is_whole(ground)


def test_a_complete_that_never_arrived_is_said_again(ground: Ground) -> None:
    with lost_answers(ground.session, "HttpNfcLeaseComplete", times=2, before=True) as lost:
        assert ground.bring()
    assert len(lost) == 2
    assert is_whole(ground)
    assert ground.received == files(ground)


def test_a_complete_that_fails_for_a_reason_that_passes(ground: Ground) -> None:
    ground.vcenter.admin.fault("HttpNfcLeaseComplete", "ConcurrentAccess", times=2)
    assert ground.bring()
    assert is_whole(ground)
    assert ground.received == files(ground)


@pytest.mark.parametrize("fault", ["ConcurrentAccess", "GenericVmConfigFault"])
def test_a_complete_that_keeps_failing_leaves_nothing(ground: Ground, fault: str) -> None:
    ground.vcenter.admin.fault("HttpNfcLeaseComplete", fault)
    with pytest.raises(VSphereFault, match=fault):
        ground.bring()
    assert ground.vms() == {}
    assert ground.calls("HttpNfcLeaseComplete") == (PACE.retry_attempts if fault == "ConcurrentAccess" else 1)


def test_the_session_lives_while_an_upload_stalls(ground: Ground) -> None:
    """Every beat is a call on the session: vCenter sees it alive for as long as the upload takes."""
    ground.vcenter.admin.settings(lease_timeout=1, session_idle=1)
    ground.vcenter.admin.nfc("stall", match=FIRST, after_bytes=MIB, times=1)
    ground.pace(upload_stall_seconds=4)
    assert ground.bring()
    assert is_whole(ground)
    assert ground.calls("Login") == 1
    assert ground.session.logins == 1


def test_an_idle_session_ends_and_is_renewed(ground: Ground) -> None:
    """What the test before relies on."""
    ground.vcenter.admin.settings(session_idle=0.2)
    until(lambda: ground.vcenter.admin.counters().live_sessions == 0)
    assert ground.vms() == {}
    assert ground.calls("Login") == 2
