"""Templates of one component in several variants, side by side: each by its own name, claim and identity."""

from dataclasses import replace

import pytest

from engine.cancel import Cancel
from engine.catalog.variants import in_variant, template_name
from engine.errors import NotFound, StagingFault
from engine.progress import Nobody
from engine.staging import claims, identity, leftovers, remove, stage, templates
from engine.staging.stage import Staging
from engine.staging.sweep import sweep
from engine.staging.templates import State
from engine.vsphere import vms
from storage import components
from storage.components import Component
from tests.staging.ground import Ground, Party


def thick(party: Party) -> Staging:
    """The same component on thick disks."""
    return replace(party.staging, component=in_variant(party.staging.component, None, "thick"))


def half(party: Party, staging: Staging) -> None:
    """A crash before the rename."""
    claim = claims.take(party.site.store, templates.claim_endpoint(party.site), staging.name, "test")
    assert claim is not None
    with claims.held(party.site.store, claim):
        vm = stage.upload(party.site, staging, claim, Nobody(), Cancel())
        stage.mark(party.site, staging, vm, claim, Nobody(), Cancel())


def test_variants_are_staged_side_by_side(ground: Ground, party: Party) -> None:
    plain = party.stage()
    made = stage.stage(party.site, thick(party), Nobody(), Cancel())
    assert (plain.uid, made.uid) == (party.uid, f"{party.uid}+thick")
    assert ground.names(party.site) == [plain.uid, made.uid]
    assert made.ref is not None
    said = identity.parse(vms.look(party.site.session, made.ref).notes)
    assert said is not None
    assert (said.component, said.option, said.provisioning) == (party.uid, "", "thick")
    shown = templates.listing(party.site, components.listing(party.site.store))
    assert [(one.uid, one.state) for one in shown] == [(plain.uid, State.STAGED), (made.uid, State.STAGED)]
    assert templates.verify(party.site, made.uid).state is State.STAGED
    again = stage.stage(party.site, thick(party), Nobody(), Cancel())
    assert again.path == made.path
    remove.remove(party.site, made.uid)
    assert ground.names(party.site) == [plain.uid]


def test_a_claim_on_one_holds_up_no_other(party: Party) -> None:
    with claims.held(party.site.store, party.take()):
        assert stage.stage(party.site, thick(party), Nobody(), Cancel()).state is State.STAGED


def test_what_was_left_of_a_variant_is_finished_by_the_sweep(ground: Ground, party: Party) -> None:
    party.stage()
    half(party, thick(party))
    assert [one.action for one in sweep(party.site, Cancel())] == ["template staged"]
    assert ground.names(party.site) == [party.uid, f"{party.uid}+thick"]


def test_a_new_digest_makes_every_variant_outdated_and_each_is_staged_anew(ground: Ground, party: Party) -> None:
    party.stage()
    stage.stage(party.site, thick(party), Nobody(), Cancel())
    party.new_digest()
    known = components.listing(party.site.store)
    assert [one.state for one in templates.listing(party.site, known)] == [State.OUTDATED] * 2
    made = stage.stage(party.site, thick(party), Nobody(), Cancel())
    assert (made.uid, made.state) == (f"{party.uid}+thick", State.STAGED)
    assert [one.state for one in templates.listing(party.site, known)] == [State.OUTDATED, State.STAGED]
    assert ground.names(party.site) == [party.uid, f"{party.uid}+thick"]


@pytest.mark.parametrize("first", ["component", "variant"])
def test_a_component_with_a_plus_is_never_taken_for_a_variant(ground: Ground, party: Party, first: str) -> None:
    """Its version may be `1.0+thick`: whose template it is says the identity, not the name that both want."""
    store = party.site.store
    twin = replace(party.staging.component, uid=f"{party.uid}+thick", version="1.0+thick")
    components.put(store, twin)
    wanted: dict[str, Component] = {"component": twin, "variant": in_variant(party.staging.component, None, "thick")}
    assert {template_name(one) for one in wanted.values()} == {twin.uid}
    winner, loser = (wanted.pop(first), *wanted.values())
    assert stage.stage(party.site, replace(party.staging, component=winner), Nobody(), Cancel()).uid == twin.uid
    refused = templates.look(party.site, twin.uid, loser)
    assert (refused.state, refused.why.split(",")[0]) == (State.FOREIGN, f"it is of the component {winner.uid}")
    with pytest.raises(StagingFault, match="foreign"):
        stage.stage(party.site, replace(party.staging, component=loser), Nobody(), Cancel())
    [shown] = templates.listing(party.site, components.listing(store))
    assert (shown.uid, shown.state) == (twin.uid, State.STAGED)


def test_a_leftover_that_says_another_variant_is_none(ground: Ground, party: Party) -> None:
    half(party, thick(party))
    [left] = leftovers.listing(party.site, templates.staging_folder(party.site) or pytest.fail("no folder"))
    assert (left.uid, left.made.component) == (f"{party.uid}+thick", party.uid)
    said = replace(left.made, provisioning="flat")
    vms.reconfigure(
        party.site.session, left.vm.ref, left.vm.name, vms.Change(notes=identity.notes_with("", said)), Cancel()
    )
    folder = templates.staging_folder(party.site)
    assert folder is not None
    assert leftovers.listing(party.site, folder) == []


def test_what_is_staged_may_be_named_by_component_or_template(party: Party) -> None:
    store, name = party.site.store, f"{party.uid}+thick"
    assert stage.component_to_stage(store, party.uid) == party.staging.component
    assert template_name(stage.component_to_stage(store, name)) == name
    with pytest.raises(NotFound, match="it is not staged"):
        templates.find(party.site, name)
    for unknown in (f"{party.uid}+fat", "nobody-1.0"):
        with pytest.raises(NotFound, match="no component"):
            stage.component_to_stage(store, unknown)
        with pytest.raises(NotFound, match="no component"):
            templates.find(party.site, unknown)
