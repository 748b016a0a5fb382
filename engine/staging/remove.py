"""Removing a staged template: under its claim, read again just before, never while something stands on it (DESIGN.md
rule 2).
"""

from engine.errors import Conflict, NotFound
from engine.site import Site
from engine.staging import claims, identity, leftovers, templates
from engine.staging.templates import State, Template, whole_name
from engine.vsphere import tasks, vms
from engine.vsphere.vms import Vm
from storage import audit


def remove(site: Site, uid: str) -> Template:
    """Destroy the template, a leftover included; returns what it was.

    Raises NotFound, or Conflict when it is claimed, busy, powered on, or has linked clones.
    """
    claimed = whole_name(uid)
    claim = claims.take(site.store, templates.claim_endpoint(site), claimed, f"remove {uid} from {site.endpoint.name}")
    if claim is None:
        raise Conflict("cannot remove", on=uid, why="somebody holds its claim", fix="see: slipway lock list")
    with claims.held(site.store, claim):
        template = templates.look(site, uid, None)
        if template.ref is None:
            raise NotFound("no template", on=template.path, why="it is not there", fix="see: slipway template list")
        machine = vms.details(site.session, template.ref)
        _check_ours(site, template, machine.vm)
        linked = templates.linked_children(site, machine)
        if linked:
            raise Conflict(
                "cannot remove",
                on=template.path,
                why=f"the disks of {', '.join(linked)} stand on it",
                fix="remove these VMs first",
            )
        if machine.vm.powered_on:
            raise Conflict(
                "cannot remove", on=template.path, why="it is powered on", fix="power it off in vCenter first"
            )
        if tasks.still_running(site.session, template.ref):
            raise Conflict(
                "cannot remove", on=template.path, why="a task is running on it", fix="try again when it is done"
            )
        claims.check(site.store, claim)
        if (now := vms.look(site.session, template.ref)).name != uid or now.notes != machine.vm.notes:
            raise Conflict("cannot remove", on=template.path, why="it changed meanwhile", fix="look again")
        leftovers.fence_off(site, now)
        claims.check(site.store, claim)
        vms.destroy(site.session, template.ref, uid)
    audit.record(site.store, "template removed", f"{site.endpoint.name}/{uid}", template.state)
    return template


def _check_ours(site: Site, template: Template, vm: Vm) -> None:
    """Raise Conflict for a VM that is no staged template, and for what another store is staging."""
    made = identity.parse(vm.notes)
    if template.uid != whole_name(template.uid):
        if made is None or made.store != site.store.id:
            raise Conflict("cannot remove", on=template.path, why="it is another Slipway's work", fix="remove it there")
    elif made is None and template.state is not State.UNVERIFIED:
        raise Conflict("cannot remove", on=template.path, why=template.why, fix="it is not ours: remove it in vCenter")
