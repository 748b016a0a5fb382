"""Leftovers in `components-staging`: what an earlier staging of this store left under a name of its own.

Every call here needs the uid's claim, and looks at the object again right before it is destroyed (DESIGN.md rule 2).
What vCenter will not destroy now is left for the next time: it must not keep anybody from staging.
"""

import logging

from engine.errors import SlipwayError
from engine.site import Site
from engine.staging import claims, identity, templates
from engine.staging.claims import Claim
from engine.staging.templates import IN_PROGRESS, RETIRED
from engine.vsphere import tasks, vms
from engine.vsphere.attributes import STAGED
from engine.vsphere.refs import FolderRef
from engine.vsphere.vms import Vm
from storage import audit
from storage.components import Component

log = logging.getLogger(__name__)


def settle(site: Site, component: Component, folder: FolderRef, key: int, claim: Claim) -> Vm | None:
    """The whole template that a staging has left, to be renamed and never uploaded again; half-made ones are removed.

    Another store's leftover is somebody's work and stays. `key` is the staging attribute's.
    """
    whole: Vm | None = None
    for vm in _named(site, folder, f"{component.uid}{IN_PROGRESS}{site.store.id}-"):
        made = identity.parse(vm.notes)
        marked = vm.template and vm.custom.get(key) == STAGED
        if whole is None and marked and made is not None and made.digest == component.checksum:
            whole = vm
        else:
            remove(site, vm, claim)
    return whole


def settle_retired(site: Site, uid: str, folder: FolderRef, claim: Claim) -> None:
    """Remove replaced templates that no VM's disks stand on any more."""
    for vm in _named(site, folder, f"{uid}{RETIRED}{site.store.id}-"):
        if vm.connected and not templates.linked_children(site, vms.details(site.session, vm.ref)):
            remove(site, vm, claim)


def _named(site: Site, folder: FolderRef, prefix: str) -> list[Vm]:
    return [vm for vm in vms.vms_in_folder(site.session, folder) if vm.name.startswith(prefix)]


def remove(site: Site, vm: Vm, claim: Claim) -> None:
    """Destroy it if it is still what it was when `vm` was read: that name, our identity, no task running on it."""
    try:
        claims.check(site.store, claim)
        now = vms.look(site.session, vm.ref)
        made = identity.parse(now.notes)
        if now.name != vm.name or made is None or made.store != site.store.id:
            log.warning("%s is not what it was: left alone", vm.name)
        elif tasks.still_running(site.session, vm.ref):
            log.warning("%s has a task running: left for later", vm.name)
        else:
            vms.destroy(site.session, vm.ref, vm.name)
            audit.record(site.store, "leftover removed", f"{site.endpoint.name}/{vm.name}")
    except SlipwayError as error:
        log.warning("left for later: %s", error)
