"""Staging: an OVA becomes a template, once, whole or not at all (DESIGN.md rule 1).

Under the uid's claim the OVA is imported as `<uid>.staging-<store>-<token>`, given its identity, marked as template
and `staged`, and then renamed to `<uid>`: the rename is the commit, because vCenter refuses a duplicate name in a
folder.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from engine.cancel import Cancel
from engine.catalog.supply import obstacle
from engine.errors import BadInput, Conflict, Gone, NameTaken, NotPermitted, SlipwayError, StagingFault, VSphereFault
from engine.ova.package import Package
from engine.progress import Watcher
from engine.site import Site
from engine.staging import claims, identity, leftovers, templates
from engine.staging.claims import Claim
from engine.staging.identity import Identity
from engine.staging.templates import FOLDER, IN_PROGRESS, RETIRED, State, Template
from engine.vsphere import vms
from engine.vsphere.attributes import STAGED, make_status_key, set_status
from engine.vsphere.inventory import make_folder
from engine.vsphere.ovf_import import ImportRequest, import_vm, importable_package, upload_bytes
from engine.vsphere.refs import FolderRef, NetworkRef, moid
from engine.vsphere.vms import Change, Details, Vm
from storage import audit
from storage.components import Component, Kind

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Staging:
    """What to stage: the component, its package, and the network that the template's adapters are parked on."""

    component: Component
    package: Package
    network: NetworkRef
    options: dict[str, str] = field(default_factory=dict)


def stageable_package(component: Component) -> Package:
    """The component's package, if it may be staged. Raises Conflict (disabled), BadInput (not L1, no file)."""
    uid = component.uid
    if not component.enabled:
        raise Conflict("cannot stage", on=uid, why="the component is disabled", fix=f"slipway component enable {uid}")
    if component.kind is not Kind.L1:
        raise BadInput("cannot stage", on=uid, why=f"it is {component.kind}, only L1 components are staged")
    why_not = obstacle(component)
    if why_not:
        raise BadInput("cannot stage", on=uid, why=why_not)
    return importable_package(component)


def parked(site: Site, component: Component, package: Package) -> Staging:
    """How to stage for nobody in particular: adapters on the endpoint's own network. Raises BadInput without one."""
    endpoint = site.endpoint.name
    if site.target.network is None:
        fix = f"slipway endpoint update {endpoint} --network NAME"
        raise BadInput("cannot stage on", on=endpoint, why="it names no network", fix=fix)
    return Staging(component, package, site.target.network, import_options(component))


def import_options(component: Component) -> dict[str, str]:
    """The component's import settings, as ImportRequest names them (OvfManager.CreateImportSpecParams)."""
    options = {
        "disk_provisioning": component.spec.get("DiskProvisioning"),
        "deployment_option": component.spec.get("Deployment"),
        "ip_allocation_policy": component.spec.get("IPAllocationPolicy"),
        "ip_protocol": component.spec.get("IPProtocol"),
    }
    return {name: str(value) for name, value in options.items() if value}


def stage(site: Site, staging: Staging, watcher: Watcher, cancel: Cancel) -> Template:
    """The staged template of the component: found, waited for, or made.

    Raises StagingFault when staging itself cannot be done here (then a direct import may), Conflict when the claim
    was lost, and what a direct import would meet too: BadPackage, UploadFailed, NoSpace, LoginRefused,
    EndpointUnreachable, Cancelled.
    """
    uid = staging.component.uid
    while True:
        cancel.check()
        template = templates.look(site, uid, staging.component, staging.package)
        if template.usable:
            return template
        if template.state not in (State.ABSENT, State.STAGING, State.OUTDATED):
            raise StagingFault(
                "cannot stage",
                on=uid,
                why=f"{template.path} is {template.state}: {template.why}",
                fix="see: slipway template list",
            )
        claim = claims.take(site.store, site.endpoint.id, uid, f"stage {uid} on {site.endpoint.name}")
        if claim is None:
            watcher.began(uid, "waiting", claims.waiting_for(site.store, site.endpoint.id, uid))
            claims.wait_for_change(site.store, site.endpoint.id, uid, cancel)
            continue
        with claims.held(site.store, claim):
            return _stage_claimed(site, staging, claim, watcher, cancel)


def _stage_claimed(site: Site, staging: Staging, claim: Claim, watcher: Watcher, cancel: Cancel) -> Template:
    uid = staging.component.uid
    template = templates.look(site, uid, staging.component, staging.package)
    if template.usable:
        return template
    with _staging_step("prepare the folder for", uid):
        folder = make_folder(site.session, site.target.folder, FOLDER)
        key = make_status_key(site.session)
        whole = leftovers.settle(site, staging.component, folder, key, claim)
    if whole is None:
        whole = _import(site, staging, folder, key, claim, watcher, cancel)
    committed = _commit(site, staging, whole, claim)
    log.info("%s is staged on %s", uid, site.endpoint.name)
    leftovers.settle_retired(site, uid, folder, claim)
    watcher.began(uid, "staged", committed.path)
    audit.record(site.store, "template staged", f"{site.endpoint.name}/{uid}", f"from {staging.package.path}")
    return committed


@contextmanager
def _staging_step(what: str, uid: str) -> Iterator[None]:
    """A fault in here is one of staging itself: the OVA may still be imported directly (DESIGN.md rule 7)."""
    try:
        yield
    except (VSphereFault, NotPermitted, NameTaken, Gone) as error:
        raise StagingFault(f"cannot {what}", on=uid, why=str(error)) from error


def _import(
    site: Site, staging: Staging, folder: FolderRef, key: int, claim: Claim, watcher: Watcher, cancel: Cancel
) -> Vm:
    """Import under the temporary name and make it whole: identity, template, attribute. Nothing stays if it raises."""
    component, package = staging.component, staging.package
    name = f"{component.uid}{IN_PROGRESS}{site.store.id}-{claim.token}"
    made = Identity(store=site.store.id, component=component.uid, digest=component.checksum, created=_now(site))
    watcher.began(component.uid, "staging", f"uploading {package.name} to {site.endpoint.name}")
    watcher.expects(component.uid, upload_bytes(package))
    request = ImportRequest(
        name=name,
        package=package,
        annotation=identity.notes_with(package.descriptor.annotation, made),
        networks={network.name: staging.network for network in package.descriptor.networks},
        checksum=component.checksum,
        **staging.options,  # type: ignore[arg-type]
    )
    ref = import_vm(
        site.session,
        site.target,
        request,
        folder,
        site.target.pool,
        site.host,
        cancel,
        lambda count: watcher.sent(component.uid, count),
    )
    half = vms.look(site.session, ref)
    try:
        with _staging_step("mark as staged", component.uid):
            claims.check(site.store, claim)
            machine = vms.details(site.session, ref)
            _give_identity(site, machine, made, cancel)
            vms.mark_as_template(site.session, ref, name)
            set_status(site.session, ref, name, key, STAGED)
            return vms.look(site.session, ref)
    except BaseException:
        leftovers.remove(site, half, claim)
        raise


def _give_identity(site: Site, machine: Details, made: Identity, cancel: Cancel) -> None:
    """Write the identity again, now with the hardware as vCenter made it."""
    whole = replace(made, shape=templates.shape_of(machine))
    notes = Change(notes=identity.notes_with(machine.vm.notes, whole))
    vms.reconfigure(site.session, machine.vm.ref, machine.vm.name, notes, cancel)


def _commit(site: Site, staging: Staging, whole: Vm, claim: Claim) -> Template:
    """Rename to the uid. Who loses the name verifies the winner, uses it, and removes its own.

    When anything else fails, the whole template stays under its temporary name: the next holder only renames it.
    """
    uid = staging.component.uid
    try:
        with _staging_step("rename to", uid):
            claims.check(site.store, claim)
            _retire_outdated(site, staging, claim)
            vms.rename(site.session, whole.ref, whole.name, uid)
    except SlipwayError as error:
        winner = templates.look(site, uid, staging.component, staging.package)
        if not winner.usable or winner.ref is None:
            raise
        if moid(winner.ref) != whole.moid:
            log.info("%s: %s; the winner is used", uid, error)
            leftovers.remove(site, whole, claim)
        return winner
    template = templates.look(site, uid, staging.component, staging.package)
    if not template.usable:
        raise StagingFault("cannot use what was staged as", on=uid, why=f"it is {template.state}: {template.why}")
    return template


def _retire_outdated(site: Site, staging: Staging, claim: Claim) -> None:
    """Move an outdated template out of the way; it is removed when nothing stands on it any more."""
    uid = staging.component.uid
    old = templates.look(site, uid, staging.component, staging.package)
    if old.state is not State.OUTDATED or old.ref is None:
        return
    vms.rename(site.session, old.ref, uid, f"{uid}{RETIRED}{site.store.id}-{claim.token}")
    audit.record(site.store, "template retired", f"{site.endpoint.name}/{uid}", old.why)


def _now(site: Site) -> str:
    with site.store.read() as tx:
        return site.store.now(tx).isoformat(timespec="seconds").replace("+00:00", "Z")
