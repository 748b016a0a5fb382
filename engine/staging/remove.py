"""Removing a staged template: under its claim, read again just before, never while something stands on it (DESIGN.md
rule 2).
"""

from engine.errors import Conflict, NotFound
from engine.site import Site
from engine.staging import claims, templates
from engine.staging.templates import Template
from engine.vsphere import tasks, vms
from storage import audit


def remove(site: Site, uid: str) -> Template:
    """Destroy the template, a leftover included; returns what it was.

    Raises NotFound, or Conflict when it is claimed, busy, powered on, or has linked clones.
    """
    claim = claims.take(site.store, site.endpoint.id, uid, f"remove {uid} from {site.endpoint.name}")
    if claim is None:
        raise Conflict("cannot remove", on=uid, why="somebody holds its claim", fix="see: slipway lock list")
    with claims.held(site.store, claim):
        template = templates.look(site, uid, None)
        if template.ref is None:
            raise NotFound("no template", on=template.path, why=template.why, fix="see: slipway template list")
        machine = vms.details(site.session, template.ref)
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
        vms.destroy(site.session, template.ref, uid)
    audit.record(site.store, "template removed", f"{site.endpoint.name}/{uid}", template.state)
    return template
