"""Taking back what a deployment made, and nothing else: its clones, imports, and its vApp when that is empty."""

import logging

from engine.cancel import Cancel
from engine.deploy.ours import vms_around
from engine.errors import Cancelled, NameTaken, SlipwayError
from engine.progress import Watcher
from engine.site import Site
from engine.staging import identity, templates
from engine.vsphere import tasks, vms
from engine.vsphere.refs import TaskRef, VAppRef
from engine.vsphere.transient import passes
from engine.vsphere.vms import Vm
from storage.deployments import Item

log = logging.getLogger(__name__)


# Seconds between two looks for a clone of which nobody has the task.
UNKNOWN_POLL = 1.0


def remove_vm(site: Site, vapp: VAppRef | None, item: Item, watcher: Watcher, halt: Cancel, template: str = "") -> bool:
    """Power off and destroy the VM that this item made; False when there is none. What others made stays.

    A clone that still runs is cancelled or waited for, also one that was only asked for, of the template of that name:
    the answer was lost, or its worker died before it had noted the task. Raises what vCenter says when it cannot be
    removed.
    """
    unknown = template != "" and not item.vm
    if item.task and not item.vm and item.instance_uuid == site.session.instance_uuid:
        unknown = _end_task(site, item, watcher, halt)
    if unknown:
        _await_unknown(site, vapp, item, template or item.component_uid, watcher, halt)
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


def _await_unknown(site: Site, vapp: VAppRef | None, item: Item, name: str, watcher: Watcher, halt: Cancel) -> None:
    """Until the VM is there, or no task runs on the template any more."""
    template = templates.look(site, name, None).ref
    if template is None or not tasks.still_running(site.session, template):
        return
    watcher.began(item.name, "waiting", "for its clone to stop")
    while item.name.casefold() not in vms_around(site, vapp) and tasks.still_running(site.session, template):
        halt.pause(UNKNOWN_POLL)


def _made_by(site: Site, vm: Vm, item: Item) -> bool:
    made = identity.parse(vm.notes)
    return made is not None and (made.store, made.item, vm.name) == (site.store.id, item.id, item.name)


def _end_task(site: Site, item: Item, watcher: Watcher, halt: Cancel) -> bool:
    """True when it ended because an earlier clone, whose task nobody has, had the name already."""
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
        return isinstance(error, NameTaken)
    return False
