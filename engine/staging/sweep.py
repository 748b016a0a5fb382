"""The sweep: what crashes left on one endpoint is finished or removed, by the rules that staging itself follows.

Whatever somebody works on is left to him: a uid whose claim is held or whose staging is queued, a VM whose deployment
goes on. Everything done is in the audit. A lease that a dead process left cannot be found again, the API lists none: it
ends by its own timeout (300 s on a vCenter) and takes its half-made VM along.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.cancel import Cancel
from engine.catalog.variants import THIN, in_variant
from engine.deploy.ours import importer, is_half_made, maker_of
from engine.errors import Cancelled, CertificateRefused, LoginRefused, SlipwayError, Unreachable
from engine.progress import Nobody
from engine.site import Site
from engine.staging import claims, identity, leftovers, templates
from engine.staging.commit import commit
from engine.staging.leftovers import Leftover
from engine.vsphere import tasks, vms
from engine.vsphere.inventory import vapps_in
from engine.vsphere.properties import read_many
from engine.vsphere.refs import FolderRef, VmRef, moid
from engine.vsphere.vms import Vm
from storage import audit, components, deployments, jobs, sightings
from storage.components import Component
from storage.deployments import Item
from storage.jobs import Kind

log = logging.getLogger(__name__)

# What ends a sweep: nothing else on this endpoint would go better.
_ENDS = (Unreachable, LoginRefused, CertificateRefused, Cancelled)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Swept:
    """One thing that was done, as the audit has it."""

    action: str
    on: str


def sweep(site: Site, cancel: Cancel) -> list[Swept]:
    """Finish or remove what was left on the endpoint; what was done. A failing object costs only itself.

    Raises EndpointUnreachable, LoginRefused, CertificateRefused, Cancelled.
    """
    folder = templates.staging_folder(site)
    done: list[Swept] = []
    if folder is not None:
        there = vms.vms_in_folder(site.session, folder)
        uids = sorted({one.uid for one in leftovers.listing(site, folder)})
        done += _each(uids, lambda uid: _settle(site, folder, uid), cancel)
        done += _each(there, lambda vm: _remove_trial_template(site, vm), cancel)
    else:
        there = []
    machines = _machines(site)
    done += _each(machines, lambda vm: _remove_half_import(site, vm), cancel)
    done += _each(machines, lambda vm: _remove_trial_clone(site, vm), cancel)
    done += _each(_stale_claims(site), lambda row: _release(site, row), cancel)
    done += _each(_vanished(site), lambda item: _forget(site, item), cancel)
    sightings.forget(site.store, site.endpoint.id, frozenset(vm.moid for vm in [*there, *machines]))
    return done


def _each(objects: Iterable[T], act: Callable[[T], Iterable[Swept]], cancel: Cancel) -> Iterator[Swept]:
    """What was done with each, one after the other; whatever was done of one that failed counts too."""
    for one in objects:
        cancel.check()
        try:
            yield from act(one)
        except _ENDS:
            raise
        except SlipwayError as error:
            log.warning("left for the next sweep: %s", error)


def _settle(site: Site, folder: FolderRef, uid: str) -> Iterator[Swept]:
    """Commit what is whole and wanted, remove what is not, give a template its name back, drop replaced ones."""
    before = leftovers.listing(site, folder, uid)
    of_ours = any(one.store == site.store.id for one in before)
    if _is_queued(site, uid) or not (of_ours or any(leftovers.is_abandoned(site, one.vm) for one in before)):
        return
    claim = claims.take(site.store, templates.claim_endpoint(site), uid, f"sweep {uid} on {site.endpoint.name}")
    if claim is None:
        return
    with claims.held(site.store, claim):
        try:
            component = _wanted(site, before)
            whole = leftovers.settle(site, uid, component, folder, claim)
            if whole is not None and component is not None:
                commit(site, component, None, whole, claim, Nobody())
            elif templates.look(site, uid, component).ref is None:
                leftovers.restore(site, uid, component, claim)
            leftovers.settle_retired(site, uid, claim)
        finally:
            after = {vm.moid: vm.name for vm in vms.vms_in_folder(site.session, folder)}
    for one in before:
        name = after.get(one.vm.moid, "")
        if not name:
            yield Swept("leftover removed", f"{site.endpoint.name}/{one.vm.name}")
        elif name == uid and one.store == site.store.id:
            yield Swept("template restored" if one.retired else "template staged", f"{site.endpoint.name}/{uid}")


def _wanted(site: Site, left: Sequence[Leftover]) -> Component | None:
    """The catalog's component that these were made from, asking for their variant."""
    made = left[0].made
    found = components.some(site.store, [made.component]).get(made.component)
    return found and in_variant(found, made.option, made.provisioning or THIN)


def _is_queued(site: Site, uid: str) -> bool:
    """Whether a job is going to stage it, or does: one that a dead worker had goes on where that stopped."""
    return any(job.kind is Kind.STAGE and job.component_uid == uid for job in jobs.active(site.store))


def _remove_trial_template(site: Site, vm: Vm) -> Iterator[Swept]:
    """What a killed `endpoint test --deep` has staged."""
    if not _is_trial(site, vm, "") or not leftovers.is_abandoned(site, vm):
        return
    claim = claims.take(site.store, templates.claim_endpoint(site), vm.name, f"sweep {vm.name}")
    if claim is None:
        return
    with claims.held(site.store, claim):
        if not templates.linked_children(site, vms.details(site.session, vm.ref)) and leftovers.remove(site, vm, claim):
            yield Swept("leftover removed", f"{site.endpoint.name}/{vm.name}")


def _remove_trial_clone(site: Site, vm: Vm) -> Iterator[Swept]:
    if _is_trial(site, vm, "-clone") and leftovers.is_abandoned(site, vm):
        yield from _destroy(site, vm)


def _is_trial(site: Site, vm: Vm, suffix: str) -> bool:
    """Whether it is of one of this store's trials, by name and identity."""
    made = identity.parse(vm.notes)
    uid = vm.name.removesuffix(suffix)
    named = re.fullmatch(rf"slipway-test-{site.store.id}-\d+", uid) and vm.name == uid + suffix
    return bool(named and made and (made.store, made.component, made.item) == (site.store.id, uid, None))


def _machines(site: Site) -> list[Vm]:
    """The VMs in the endpoint's folder and in the vApps of its pool, once each (stock vcsim shows the latter twice)."""
    found = vms.vms_in_folder(site.session, site.target.folder)
    for vapp, _ in vapps_in(site.session, site.target.pool):
        found += vms.vms_in_vapp(site.session, vapp)
    return list({vm.moid: vm for vm in found}.values())


def _remove_half_import(site: Site, vm: Vm) -> Iterator[Swept]:
    """A VM whose import was broken off, when its deployment is over: one that goes on removes it itself."""
    if not is_half_made(vm) or importer(vm):
        return
    item = maker_of(site, vm)
    if item is not None and not _goes_on(site, item):
        yield from _destroy(site, vm)


def _goes_on(site: Site, item: Item) -> bool:
    if any(job.active for job in jobs.of_deployment(site.store, item.deployment_id)):
        return True
    return deployments.get(site.store, item.deployment_id).ended is None


def _destroy(site: Site, vm: Vm) -> Iterator[Swept]:
    """Destroy a VM of ours outside the staging folder, if it is still what it was and no task runs on it."""
    now = vms.look(site.session, vm.ref)
    if (now.name, now.notes, now.powered_on) != (vm.name, vm.notes, False) or tasks.still_running(site.session, vm.ref):
        return
    vms.destroy(site.session, vm.ref, vm.name)
    yield _audited(site, "leftover removed", f"{site.endpoint.name}/{vm.name}", "nobody was at work on it")


def _stale_claims(site: Site) -> list[claims.Standing]:
    ids = (site.endpoint.id, templates.claim_endpoint(site))
    return [row for row in claims.standing(site.store) if row.stale and row.endpoint_id in ids]


def _release(site: Site, stale: claims.Standing) -> Iterator[Swept]:
    """Take a dead holder's claim over, and let it go."""
    if _is_queued(site, stale.uid):
        return
    claim = claims.take(site.store, stale.endpoint_id, stale.uid, f"sweep {stale.uid} on {site.endpoint.name}")
    if claim is not None:
        with claims.held(site.store, claim):
            yield _audited(site, "claim released", claim.name, stale.evidence)


def _vanished(site: Site) -> list[Item]:
    """Items of ended deployments whose VM is not in this vCenter any more."""
    items = deployments.finished_vms(site.store, site.endpoint.id, site.session.instance_uuid)
    refs = [site.session.managed(VmRef, item.vm) for item in items]
    there = {moid(ref) for ref, _ in read_many(site.session, refs, "name")}
    return [item for item in items if item.vm not in there]


def _forget(site: Site, item: Item) -> Iterator[Swept]:
    reason = "; ".join(part for part in (item.reason, "the VM is gone from vCenter") if part)
    deployments.update_item(site.store, item.id, vm="", task="", reason=reason)
    yield _audited(site, "vanished VM noted", f"{site.endpoint.name}/{item.name}", f"was {item.vm}")


def _audited(site: Site, action: str, on: str, detail: str) -> Swept:
    audit.record(site.store, action, on, detail)
    return Swept(action, on)
