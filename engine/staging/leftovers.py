"""Leftovers in `components-staging`: what a staging has made and not committed, and the templates that it replaced.

Nothing is destroyed or renamed here without the uid's claim and a second look at the object (DESIGN.md rule 2). What
vCenter will not destroy now is left for the next time: it must not keep anybody from staging.
"""

import json
import logging
import re
from dataclasses import dataclass, replace

from engine.cancel import Cancel
from engine.errors import Gone, NameTaken, SlipwayError
from engine.site import Site
from engine.staging import claims, identity, templates
from engine.staging.claims import Claim
from engine.staging.identity import Identity
from engine.vsphere import tasks, vms
from engine.vsphere.attributes import STAGED, status_key
from engine.vsphere.refs import FolderRef, VmRef
from engine.vsphere.vms import Change, Vm
from storage import audit, deployments, sightings
from storage.components import Component
from storage.pace import pace_of

log = logging.getLogger(__name__)

_NAME = re.compile(r"(.+)\.(staging|retired)-([0-9a-f]{6})-(\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Leftover:
    """`<uid>.staging-<store>-<token>`, on its way to be the template, or `<uid>.retired-<store>-<token>`, replaced as
    one. Its identity agrees: that store made it to be that. `uid` is the template's name, `made` that identity.
    """

    vm: Vm
    uid: str
    made: Identity
    retired: bool
    store: str
    token: int


def listing(site: Site, folder: FolderRef, uid: str = "") -> list[Leftover]:
    """Every leftover in the folder, or those of one uid; the newest of a store first."""
    found = [one for vm in vms.vms_in_folder(site.session, folder) if (one := _leftover(vm)) and uid in ("", one.uid)]
    return sorted(found, key=lambda one: one.token, reverse=True)


def _leftover(vm: Vm) -> Leftover | None:
    named, made = _NAME.fullmatch(vm.name), identity.parse(vm.notes)
    if named is None or made is None or (made.template_name, made.store) != (named[1], named[3]):
        return None
    return Leftover(vm, named[1], made, named[2] == "retired", named[3], int(named[4]))


def find(site: Site, uid: str, ref: VmRef) -> Vm:
    """The VM that this store made to be the template of that uid, or that has its name already, whoever made it.
    Raises Gone when it is that no more.
    """
    vm = vms.look(site.session, ref)
    if vm.name != uid:
        ours(uid, site.store.id, vm)
    return vm


def ours(uid: str, store: str, vm: Vm) -> Identity:
    """The identity of a VM that this store made to be the template of that uid, under a temporary name. Raises Gone
    when it is that no more.
    """
    made, left = identity.parse(vm.notes), _leftover(vm)
    if made is None or left is None or left.retired or (left.uid, left.store) != (uid, store) or made.removing:
        raise Gone("cannot go on with", on=vm.name, why=f"it is not to be the template {uid} any more", fix="try again")
    return made


def settle(site: Site, uid: str, component: Component | None, folder: FolderRef, claim: Claim) -> Vm | None:
    """The template that a staging of ours has left whole, to be committed and never uploaded again; what else is left
    of ours, and what another store has abandoned, is removed.

    Without a component nothing is wanted. What another store works on stays.
    """
    key = status_key(site.session)
    at_work = _tokens_at_work(site, uid, claim)
    whole: Vm | None = None
    for one in listing(site, folder, uid):
        if one.retired or (one.store == site.store.id and one.token in at_work):
            continue
        if one.store != site.store.id:
            if is_abandoned(site, one.vm):
                remove(site, one.vm, claim)
        elif whole is None and _is_whole(one.vm, key, component):
            whole = one.vm
        else:
            remove(site, one.vm, claim)
    return whole


def _tokens_at_work(site: Site, uid: str, claim: Claim) -> set[int | None]:
    """Tokens of live claims on the same uid by another endpoint's name: it may lead to this folder, unknown to us."""
    return {row.token for row in claims.standing(site.store) if (row.uid, row.stale) == (uid, False)} - {claim.token}


def _is_whole(vm: Vm, key: int | None, component: Component | None) -> bool:
    made = identity.parse(vm.notes)
    marked = vm.template and key is not None and vm.custom.get(key) == STAGED
    wanted = component and made and (made.component, made.digest) == (component.uid, component.checksum)
    return bool(marked and wanted and made and not made.removing)


def at_work(site: Site, uid: str) -> Leftover | None:
    """What another store is making of that uid, to be waited for: until it is done, gone, or abandoned.

    None when something of ours is there too: then both have begun, and the rename decides.
    """
    folder = templates.staging_folder(site)
    there = [one for one in listing(site, folder, uid) if not one.retired] if folder else []
    if any(one.store == site.store.id for one in there):
        return None
    return next((one for one in there if not is_abandoned(site, one.vm)), None)


def is_abandoned(site: Site, vm: Vm) -> bool:
    """Whether nobody works on what another store left: no task runs on it, and by vCenter's clock it has not changed
    for as long as the settings say, as far as this store has seen.
    """
    now = vms.vcenter_time(site.session)
    looks = json.dumps([vm.name, vm.version, vm.committed, vm.template, sorted(vm.custom.items()), vm.notes])
    since = sightings.unchanged_since(site.store, site.endpoint.id, vm.moid, looks, now)
    if (now - since).total_seconds() < pace_of(site.store).foreign_leftover_seconds:
        return False
    try:
        return not tasks.still_running(site.session, vm.ref)
    except Gone:
        return False


def restore(site: Site, uid: str, component: Component | None, claim: Claim) -> bool:
    """Rename a replaced template back to its uid, when a re-staging ended between its two renames and what should have
    come instead is not there whole. True when one has its name again, or somebody has it.
    """
    folder = templates.staging_folder(site)
    there = [one for one in listing(site, folder, uid) if one.store == site.store.id] if folder else []
    key = status_key(site.session)
    retired = [one.vm for one in there if one.retired and one.vm.template]
    if not retired or any(not one.retired and _is_whole(one.vm, key, component) for one in there):
        return False
    back = next((vm for vm in retired if _is_whole(vm, key, component)), retired[0])
    try:
        claims.check(site.store, claim)
        if not _unchanged(back, vms.look(site.session, back.ref)):
            return False
        vms.rename(site.session, back.ref, back.name, uid)
    except (NameTaken, Gone):
        return True
    audit.record(site.store, "template restored", f"{site.endpoint.name}/{uid}", f"was {back.name}")
    return True


def settle_retired(site: Site, uid: str, claim: Claim) -> bool:
    """Remove replaced templates on which nothing stands any more, once a usable one has their name; whether any was."""
    folder = templates.staging_folder(site)
    retired = [one for one in listing(site, folder, uid) if one.retired] if folder else []
    if not retired or not templates.look(site, uid, None).usable or _is_being_cloned(site, retired[0].made.component):
        return False
    removed = [remove(site, one.vm, claim) for one in retired if _is_done_with(site, one)]
    return any(removed)


def _is_done_with(site: Site, one: Leftover) -> bool:
    if not one.vm.connected or (one.store != site.store.id and not is_abandoned(site, one.vm)):
        return False
    try:
        return not templates.linked_children(site, vms.details(site.session, one.vm.ref))
    except Gone:
        return False


def _is_being_cloned(site: Site, uid: str) -> bool:
    """Whether a deployment of this store has begun a clone of that component and does not know yet how it ended."""
    under_way = [row.id for row in deployments.listing(site.store) if row.ended is None]
    items = [item for number in under_way for item in deployments.items(site.store, number)]
    return any(item.component_uid == uid and item.task and not item.vm for item in items)


def remove(site: Site, vm: Vm, claim: Claim) -> bool:
    """Destroy it if it is still what it was when `vm` was read, and no task runs on it. False: left for later."""
    try:
        claims.check(site.store, claim)
        now = vms.look(site.session, vm.ref)
        if not _unchanged(vm, now):
            log.warning("%s is not what it was: left alone", vm.name)
            return False
        if tasks.still_running(site.session, vm.ref):
            log.warning("%s has a task running: left for later", vm.name)
            return False
        fence_off(site, now)
        claims.check(site.store, claim)
        vms.destroy(site.session, vm.ref, vm.name)
        audit.record(site.store, "leftover removed", f"{site.endpoint.name}/{vm.name}")
    except SlipwayError as error:
        log.warning("left for later: %s", error)
        return False
    return True


def fence_off(site: Site, vm: Vm) -> None:
    """Say on a half-made one that it is about to go, by compare-and-swap. A claim may be lost between its check and the
    call to vCenter that follows (a stopped process does not know): whoever goes on with this VM under the next claim
    writes its identity first (stage.mark), and of the two writes only one succeeds.

    A template is not fenced: it is whole, and nobody removes a whole one that another may want.
    """
    made = identity.parse(vm.notes)
    if made is None or made.removing or vm.template:
        return
    going = identity.notes_with(vm.notes, replace(made, removing=True))
    vms.reconfigure(site.session, vm.ref, vm.name, Change(notes=going, version=vm.version or None), Cancel())


def _unchanged(then: Vm, now: Vm) -> bool:
    """Whether it has the same name and maker."""
    was, made = identity.parse(then.notes), identity.parse(now.notes)
    return bool(was and made and then.name == now.name and (was.store, was.component) == (made.store, made.component))
