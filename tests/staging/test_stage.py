"""The steps of staging: each looks first, may run again, and writes nothing once its claim is lost."""

import threading
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.errors import Conflict, EndpointUnreachable, Gone, StagingFault, Unreachable, VSphereFault
from engine.progress import Nobody
from engine.staging import claims, leftovers, stage, templates
from engine.staging.claims import Claim
from engine.staging.templates import State, Template
from engine.vsphere import vms
from engine.vsphere.transient import passes
from engine.vsphere.vms import Change
from storage import audit
from storage import claims as rows
from tests.staging.ground import Ground, Party

# Methods that change nothing in vCenter's inventory.
READS = {
    *("RetrievePropertiesEx", "ContinueRetrievePropertiesEx", "CreateContainerView", "DestroyView", "Logout"),
    *("RetrieveServiceContent", "Login", "CreateImportSpec", "CurrentTime", "SessionIsActive"),
}


def writes(ground: Ground) -> dict[str, int]:
    """Calls that changed something, by method."""
    return {method: count for method, count in ground.vcenter.admin.counters().calls.items() if method not in READS}


class Steps(Nobody):
    """Remembers the steps it was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def began(self, item: str, step: str, detail: str = "") -> None:
        self.steps.append(step)


def test_the_steps_have_names_that_an_operator_understands(ground: Ground, party: Party) -> None:
    watcher = Steps()
    template = stage.stage(party.site, party.staging, watcher, Cancel())
    assert (template.state, ground.names(party.site)) == (State.STAGED, [party.uid])
    assert watcher.steps == [
        *("preparing", "checking", "uploading", "completing"),
        *("setting the attribute", "marking", "renaming", "tidying", "staged"),
    ]
    assert rows.listing(party.site.store) == []


def test_every_step_may_run_again_under_a_later_claim_in_another_session(ground: Ground) -> None:
    """As after a crash right behind each step: nothing is uploaded twice, one template comes out."""
    with ground.party() as party:
        found = stage.elect(party.site, party.staging, Nobody(), Cancel())
        assert isinstance(found, Claim)
        with claims.held(party.site.store, found) as claim:
            half = party.upload(claim)
    with ground.party() as party, claims.held(party.site.store, party.take()) as claim:
        party.mark(party.find(half.moid), claim)
    with ground.party() as party, claims.held(party.site.store, party.take()) as claim:
        whole = party.mark(party.find(half.moid), claim)
        assert whole.template
        assert party.upload(claim).moid == half.moid
        party.commit(whole, claim)
    with ground.party() as party, claims.held(party.site.store, party.take()) as claim:
        committed = party.commit(party.mark(party.find(half.moid), claim), claim)
        stage.tidy(party.site, party.staging, claim, Nobody())
        assert (committed.state, ground.names(party.site)) == (State.STAGED, [party.uid])
    assert [lease.state for lease in ground.vcenter.admin.counters().leases] == ["done"]


def test_what_is_there_is_found_without_a_claim(ground: Ground, party: Party) -> None:
    party.stage()
    ground.vcenter.admin.reset_counters()
    assert isinstance(stage.elect(party.site, party.staging, Nobody(), Cancel()), Template)
    assert writes(ground) == {}
    assert rows.listing(party.site.store) == []


def test_a_half_made_leftover_is_removed_and_a_whole_one_finished(ground: Ground, party: Party) -> None:
    half = party.left_half()
    with claims.held(party.site.store, party.take()) as claim:
        again = party.upload(claim)
        party.mark(again, claim)
    assert again.moid != half.moid
    with pytest.raises(Gone):
        vms.look(party.site.session, half.ref)
    ground.vcenter.admin.reset_counters()
    assert party.stage().state is State.STAGED
    assert ground.vcenter.admin.counters().bytes_received == 0
    assert ground.names(party.site) == [party.uid]


def test_who_lost_the_name_and_then_the_process_does_not_upload_again(ground: Ground, party: Party) -> None:
    """The runner goes back to `upload` because its VM is gone; the winner's template is there."""
    with claims.held(party.site.store, party.take()) as claim:
        whole = party.mark(party.upload(claim), claim)
        with ground.party(store="b") as other, claims.held(other.site.store, other.take()) as theirs:
            winner = other.commit(other.mark(other.upload(theirs), theirs), theirs)
        party.commit(whole, claim)
        with pytest.raises(Gone):
            party.find(whole.moid)
        ground.vcenter.admin.reset_counters()
        again = party.upload(claim)
        template = party.commit(party.mark(party.find(again.moid), claim), claim)
    assert (template.state, template.path) == (State.STAGED, winner.path)
    assert writes(ground) == {}


def test_a_vm_that_vanished_is_uploaded_again(ground: Ground, party: Party) -> None:
    with claims.held(party.site.store, party.take()) as claim:
        half = party.upload(claim)
        vms.destroy(party.site.session, half.ref, half.name)
        with pytest.raises(Gone):
            party.mark(half, claim)
    with claims.held(party.site.store, party.take()) as claim:
        whole = party.mark(party.upload(claim), claim)
        vms.destroy(party.site.session, whole.ref, whole.name)
        with pytest.raises(Gone):
            party.commit(whole, claim)
    assert party.stage().usable


def test_a_lost_claim_writes_nothing_more(ground: Ground, party: Party) -> None:
    store = party.site.store
    claim = party.take()
    half = party.upload(claim)
    rows.delete(store, claim.name, rows.listing(store)[0].value)
    ground.vcenter.admin.reset_counters()
    with pytest.raises(Conflict, match="lost"):
        party.upload(claim)
    with pytest.raises(Conflict, match="lost"):
        party.mark(half, claim)
    assert not leftovers.remove(party.site, half, claim)
    with claims.held(store, party.take()) as later:
        whole = party.mark(half, later)
        ground.vcenter.admin.reset_counters()
        with pytest.raises(Conflict, match="lost"):
            party.commit(whole, claim)
    assert writes(ground) == {}


def test_a_claim_lost_during_an_upload_ends_the_upload(ground: Ground, party: Party) -> None:
    ground.vcenter.admin.nfc(mode="stall", after_bytes=1024)
    store = party.site.store
    claim = party.take()

    class Thief(Nobody):
        def sent(self, item: str, count: int) -> None:
            for row in rows.listing(store):
                rows.delete(store, row.name, row.value)

    with pytest.raises(Conflict, match="lost"):
        stage.upload(party.site, party.staging, claim, Thief(), Cancel())
    assert ground.names(party.site) == []


def test_who_looked_at_a_half_made_one_before_it_was_taken_up_cannot_remove_it(party: Party) -> None:
    """The compare-and-swap below `leftovers.remove` and `stage.mark`."""
    half = party.left_half()
    seen = vms.look(party.site.session, half.ref)
    with claims.held(party.site.store, party.take()) as claim:
        party.mark(half, claim)
    with pytest.raises(VSphereFault) as refused:
        vms.reconfigure(party.site.session, seen.ref, seen.name, Change(notes="x", version=seen.version), Cancel())
    assert refused.value.fault == "ConcurrentAccess"


def test_what_is_being_removed_is_not_taken_up(ground: Ground, party: Party) -> None:
    half = party.left_half()
    ground.vcenter.admin.fault("Destroy_Task", "Timedout", times=1)
    with claims.held(party.site.store, party.take()) as claim:
        assert not leftovers.remove(party.site, half, claim)
        with pytest.raises(Gone, match="not to be the template"):
            party.mark(half, claim)
        assert leftovers.remove(party.site, half, claim)


@pytest.mark.parametrize("change", ["name", "notes"])
def test_what_somebody_changed_by_hand_meanwhile_is_left_alone(party: Party, change: str) -> None:
    """It is read again right before it would be destroyed."""
    half = party.left_half()
    if change == "name":
        vms.rename(party.site.session, half.ref, half.name, "keep me")
    else:
        vms.reconfigure(party.site.session, half.ref, half.name, Change(notes="keep me"), Cancel())
    with claims.held(party.site.store, party.take()) as claim:
        assert not leftovers.remove(party.site, half, claim)
    assert vms.look(party.site.session, half.ref).committed


@pytest.mark.parametrize(("fault", "temporary"), [("ConcurrentAccess", True), ("NotSupported", False)])
def test_a_fault_that_passes_can_be_told(ground: Ground, party: Party, fault: str, temporary: bool) -> None:
    """The runner tries the step again, and falls back to a direct import when that does not help."""
    ground.vcenter.admin.fault("MarkAsTemplate", fault, times=1)
    with claims.held(party.site.store, party.take()) as claim:
        half = party.upload(claim)
        with pytest.raises(StagingFault) as failed:
            party.mark(half, claim)
        assert passes(failed.value) is temporary
        assert party.mark(half, claim).template


def test_a_failure_while_marking_leaves_nothing(ground: Ground, party: Party) -> None:
    ground.vcenter.admin.fault("MarkAsTemplate", "NotSupported", times=1)
    with pytest.raises(StagingFault):
        party.stage()
    assert ground.names(party.site) == []
    assert rows.listing(party.site.store) == []


def test_replaced_templates_go_when_nothing_stands_on_them(ground: Ground, party: Party) -> None:
    party.stage()
    party.new_digest()
    assert party.stage().state is State.STAGED
    assert ground.names(party.site) == [party.uid]
    actions = [entry.action for entry in audit.listing(party.site.store)]
    assert actions.index("leftover removed") < actions.index("template staged") < actions.index("template retired")


@pytest.fixture
def between_the_renames(ground: Ground, party: Party) -> Party:
    """A crash after the outdated template was renamed and before the new one was."""
    party.stage()
    party.new_digest()
    whole = party.left_whole()
    ground.vcenter.admin.fault("Rename_Task", "NotSupported", skip=1)
    with claims.held(party.site.store, party.take()) as claim, pytest.raises(StagingFault):
        party.commit(whole, claim)
    ground.vcenter.admin.clear_faults()
    names = ground.names(party.site)
    assert ([".retired-" in name for name in names], [".staging-" in name for name in names]) == (
        [True, False],
        [False, True],
    )
    ground.vcenter.admin.reset_counters()
    return party


def test_between_the_renames_the_next_holder_goes_forward(ground: Ground, between_the_renames: Party) -> None:
    party = between_the_renames
    assert party.stage().state is State.STAGED
    assert ground.names(party.site) == [party.uid]
    assert ground.vcenter.admin.counters().bytes_received == 0


def test_between_the_renames_the_next_holder_goes_back(ground: Ground, between_the_renames: Party) -> None:
    """The new one is lost and the catalog wants the old one again: it is used as it is."""
    party = between_the_renames
    party.new_digest()
    assert party.stage().state is State.STAGED
    assert ground.vcenter.admin.counters().bytes_received == 0
    assert "template restored" in [entry.action for entry in audit.listing(party.site.store)]


def test_between_the_renames_a_reader_waits_for_a_live_claim(between_the_renames: Party) -> None:
    party = between_the_renames
    site = party.site
    assert templates.look(site, party.uid, party.staging.component).state is State.ABSENT
    with claims.held(site.store, party.take()):
        assert templates.look(site, party.uid, party.staging.component).state is State.STAGING


def test_a_dead_vcenter_is_no_reason_to_import_directly(ground: Ground, party: Party) -> None:
    party.stage()
    ground.vcenter.admin.http503(times=1000)
    try:
        with pytest.raises(EndpointUnreachable):
            stage.elect(party.site, party.staging, Nobody(), Cancel())
    finally:
        ground.vcenter.admin.http503(times=0)


def test_waiters_get_what_the_holder_makes(party: Party) -> None:
    found: list[Template] = []
    threads = [threading.Thread(target=lambda: found.append(party.stage())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({template.ref for template in found}) == 1


class Away(Nobody):
    """The store is away from the first byte on."""

    def __init__(self) -> None:
        self.asked = 0

    def began(self, item: str, step: str, detail: str = "") -> None:
        if step == "completing":
            raise Unreachable("cannot use the store")

    def check(self, *_: object) -> None:
        self.asked += 1
        raise Unreachable("cannot use the store")


def test_an_upload_goes_on_while_the_store_is_away(
    ground: Ground, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gigabytes are not sent again for it; the claim is looked at before the next write."""
    away = Away()
    imported = stage.import_vm

    def import_vm(*arguments: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(claims, "check", away.check)
            return imported(*arguments)

    monkeypatch.setattr(stage, "import_vm", import_vm)
    with claims.held(party.site.store, party.take()) as claim:
        half = stage.upload(party.site, party.staging, claim, away, Cancel())
        assert party.mark(half, claim).template
    assert away.asked
    assert writes(ground)["ImportVApp"] == 1
