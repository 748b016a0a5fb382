"""The commit: a template that is whole under its temporary name gets its own name, the uid and its variant.

vCenter refuses a duplicate name in a folder, so of several only one succeeds (DESIGN.md rule 1).
"""

import logging

from engine.catalog.variants import template_name
from engine.errors import Gone, NameTaken, NotPermitted, SlipwayError, StagingFault, VSphereFault
from engine.ova.package import Package
from engine.progress import Watcher
from engine.site import Site
from engine.staging import claims, leftovers, templates
from engine.staging.claims import Claim
from engine.staging.templates import RETIRED, State, Template
from engine.vsphere import vms
from engine.vsphere.refs import moid
from engine.vsphere.vms import Vm
from storage import audit
from storage.components import Component

log = logging.getLogger(__name__)


def commit(
    site: Site, component: Component, package: Package | None, whole: Vm, claim: Claim, watcher: Watcher
) -> Template:
    """Rename to the template's own name; renamed by an earlier attempt is fine. Who loses the name verifies the winner,
    uses it, and removes its own. When anything else fails, the whole template stays under its temporary name: the next
    holder only renames it.

    Raises StagingFault, Gone when `whole` vanished, Conflict when the claim was lost.
    """
    uid = template_name(component)
    there = templates.look(site, uid, component, package)
    if there.usable:
        return _used(site, there, whole, claim)
    watcher.began(uid, "renaming", f"{whole.name} to {uid}")
    try:
        if there.state is State.OUTDATED:
            _retire(site, there, claim)
        claims.check(site.store, claim)
        vms.rename(site.session, whole.ref, whole.name, uid)
    except SlipwayError as error:
        winner = templates.look(site, uid, component, package)
        if winner.usable:
            log.info("%s: %s; what is there is used", uid, error)
            return _used(site, winner, whole, claim)
        if isinstance(error, VSphereFault | NotPermitted | NameTaken):
            raise StagingFault("cannot rename to", on=uid, why=str(error)) from error
        raise
    template = templates.look(site, uid, component, package)
    if not template.usable:
        raise StagingFault("cannot use what was staged as", on=uid, why=f"it is {template.state}: {template.why}")
    log.info("%s is staged on %s", uid, site.endpoint.name)
    audit.record(site.store, "template staged", f"{site.endpoint.name}/{uid}", f"from {component.ova_path}")
    return template


def _used(site: Site, winner: Template, whole: Vm, claim: Claim) -> Template:
    """The template that has the name, ours by an earlier attempt or somebody else's; ours that lost is removed."""
    if winner.ref is None or moid(winner.ref) != whole.moid:
        leftovers.remove(site, whole, claim)
    return winner


def _retire(site: Site, old: Template, claim: Claim) -> None:
    """Move an outdated template out of the way, read again just before; it is removed when nothing stands on it."""
    assert old.ref is not None  # noqa: S101 - only what is there is outdated
    claims.check(site.store, claim)
    if vms.look(site.session, old.ref).name != old.uid:
        raise Gone("cannot retire", on=old.uid, why="it was renamed meanwhile", fix="try again")
    vms.rename(site.session, old.ref, old.uid, f"{old.uid}{RETIRED}{site.store.id}-{claim.token}")
    audit.record(site.store, "template retired", f"{site.endpoint.name}/{old.uid}", old.why)
