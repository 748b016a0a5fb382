"""Taking back what a deployment made, and nothing else: its clones, imports, and its vApp when that is empty."""

import logging

from engine.cancel import Cancel
from engine.deploy.ours import vms_around
from engine.errors import Cancelled, SlipwayError
from engine.progress import Watcher
from engine.site import Site
from engine.staging import identity
from engine.vsphere import tasks, vms
from engine.vsphere.refs import TaskRef, VAppRef
from engine.vsphere.transient import passes
from engine.vsphere.vms import Vm
from storage.deployments import Item

log = logging.getLogger(__name__)


def remove_vm(site: Site, vapp: VAppRef | None, item: Item, watcher: Watcher, halt: Cancel) -> bool:
    """Power off and destroy the VM that this item made; False when there is none. What others made stays.

    A clone that still runs is cancelled or waited for. Raises what vCenter says when it cannot be removed.
    """
    if item.task and not item.vm and item.instance_uuid == site.session.instance_uuid:
        _end_task(site, item, watcher, halt)
    found = vms_around(site, vapp).get(item.name.casefold())
    if found is None or not _made_by(site, found, item):
        return False
    watcher.began(item.name, "removing")
    if found.powered_on:
        vms.power_off(site.session, found.ref, found.name, halt)
    now = vms.look(site.session, found.ref)
    if now.name == found.name and _made_by(site, now, item):
        vms.destroy(site.session, found.ref, found.name)
    return True


def _made_by(site: Site, vm: Vm, item: Item) -> bool:
    made = identity.parse(vm.notes)
    return made is not None and (made.store, made.item, vm.name) == (site.store.id, item.id, item.name)


def _end_task(site: Site, item: Item, watcher: Watcher, halt: Cancel) -> None:
    watcher.began(item.name, "waiting", "for its clone to stop")
    task = site.session.managed(TaskRef, item.task)
    try:
        tasks.cancel(site.session, task, item.name)
        tasks.wait(site.session, task, "finish the clone of", item.name, halt)
    except Cancelled:
        raise
    except SlipwayError as error:
        if passes(error):
            raise
        log.info("%s: %s", item.name, error)
