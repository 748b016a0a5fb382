"""Staging: an OVA becomes a template, once, whole or not at all (DESIGN.md rule 1).

Under the uid's claim the OVA is imported as `<uid>.staging-<store>-<token>`, given its identity and the attribute
`staged`, marked as template, and then renamed to `<uid>`: the rename is the commit.

Five steps: `elect`, `upload`, `mark`, `commit`, `tidy`. Each looks first and then acts, so that any of them may be run
again from its start, by another process under a later claim. Before every write to vCenter the claim is checked.
`stage` takes them in turn.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from engine.cancel import Cancel
from engine.catalog.admission import admit
from engine.catalog.limits import limits_of
from engine.catalog.supply import obstacle
from engine.catalog.variants import component_of_template, template_name, variant_of
from engine.errors import BadInput, Conflict, Gone, NameTaken, NotPermitted, StagingFault, Unreachable, VSphereFault
from engine.fit import hardware_findings
from engine.ova.package import Package
from engine.progress import Watcher
from engine.site import Site
from engine.staging import claims, identity, leftovers, templates
from engine.staging.claims import Claim
from engine.staging.commit import commit as committed
from engine.staging.identity import Identity
from engine.staging.templates import FOLDER, IN_PROGRESS, State, Template
from engine.vsphere import vms
from engine.vsphere.attributes import STAGED, make_status_key, set_status
from engine.vsphere.inventory import make_folder
from engine.vsphere.ovf_import import ImportRequest, import_vm, importable_package, upload_bytes
from engine.vsphere.refs import FolderRef, NetworkRef
from engine.vsphere.snapshots import take_base
from engine.vsphere.vms import Change, Vm
from storage import components
from storage.components import Component, Kind
from storage.store import Store

log = logging.getLogger(__name__)

# Seconds between two looks at what another store is making: each costs vCenter four calls.
OTHERS_POLL = 1.0
# Seconds between two looks at the claim during an upload.
CLAIM_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Staging:
    """What to stage: the component, its package, and the network that the template's adapters are parked on.

    `linked`: linked clones are wanted of it, so it gets a snapshot. `deployment` is the one that began it, if any.
    """

    component: Component
    package: Package
    network: NetworkRef
    deployment: int | None = None
    linked: bool = False

    @property
    def name(self) -> str:
        """What the template is going to be called."""
        return template_name(self.component)


def component_to_stage(store: Store, name: str) -> Component:
    """The component of that uid as its own spec asks, else the one whose template has that name. Raises NotFound."""
    own = components.some(store, [name]).get(name)
    return own or component_of_template(store, name)


def stageable_package(store: Store, component: Component) -> Package:
    """The component's package, if it may be staged. Raises Conflict (disabled), BadInput (not L1, no file)."""
    uid = component.uid
    if not component.enabled:
        raise Conflict("cannot stage", on=uid, why="the component is disabled", fix=f"slipway component enable {uid}")
    if component.kind is not Kind.L1:
        raise BadInput("cannot stage", on=uid, why=f"it is {component.kind}, only L1 components are staged")
    why_not = obstacle(component)
    if why_not:
        raise BadInput("cannot stage", on=uid, why=why_not)
    return importable_package(component, limits_of(store))


def parked(site: Site, component: Component, package: Package) -> Staging:
    """How to stage for nobody in particular: adapters on the endpoint's own network. Raises BadInput without one."""
    endpoint = site.endpoint.name
    if site.target.network is None:
        fix = f"slipway endpoint update {endpoint} --network NAME"
        raise BadInput("cannot stage on", on=endpoint, why="it names no network", fix=fix)
    network, linked = site.target.network, site.endpoint.linked_clones
    return Staging(component, package, network, linked=linked)


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
    uid = staging.name
    try:
        return _attempt(site, staging, watcher, cancel)
    except Gone as error:
        log.warning("%s: %s; staged again", uid, error)
    try:
        return _attempt(site, staging, watcher, cancel)
    except Gone as error:
        raise StagingFault("cannot stage", on=uid, why=str(error)) from error


def _attempt(site: Site, staging: Staging, watcher: Watcher, cancel: Cancel) -> Template:
    found = elect(site, staging, watcher, cancel)
    if isinstance(found, Template):
        return found
    with claims.held(site.store, found) as claim:
        half = upload(site, staging, claim, watcher, cancel)
        try:
            whole = mark(site, staging, half, claim, watcher, cancel)
        except BaseException:
            leftovers.remove(site, half, claim)
            raise
        template = commit(site, staging, whole, claim, watcher)
        tidy(site, staging, claim, watcher)
    return template


def elect(site: Site, staging: Staging, watcher: Watcher, cancel: Cancel) -> Template | Claim:
    """The usable template, or the claim of who has to make it, to be released by the caller.

    Waits for the claim's holder, and for another store that is making the template: the latter without a claim, which
    would keep everybody else of this store from the uid for as long. Raises StagingFault when what is there can be
    neither used nor replaced, Cancelled.
    """
    uid = staging.name
    told = ""
    while True:
        cancel.check()
        template = _look(site, staging)
        if template.usable:
            return template
        other = leftovers.at_work(site, uid)
        if other is not None:
            made = identity.parse(other.vm.notes)
            news = f"for another Slipway, store {other.store}, at work since {made.created if made else 'long'}"
            if news != told:
                watcher.began(uid, "waiting", news)
                told = news
            cancel.pause(OTHERS_POLL)
            continue
        endpoint = templates.claim_endpoint(site)
        claim = claims.take(site.store, endpoint, uid, f"stage {uid} on {site.endpoint.name}", staging.deployment)
        if claim is not None:
            return _elected(site, staging, claim)
        watcher.began(uid, "waiting", claims.waiting_for(site.store, endpoint, uid))
        claims.wait_for_change(site.store, endpoint, uid, cancel)


def _look(site: Site, staging: Staging) -> Template:
    """The template if it may be used, or made. Raises StagingFault when it is in the way."""
    template = templates.look(site, staging.name, staging.component, staging.package)
    if template.usable or template.state in (State.ABSENT, State.STAGING, State.OUTDATED):
        return template
    why = f"{template.path} is {template.state}: {template.why}"
    raise StagingFault("cannot stage", on=template.uid, why=why, fix="see: slipway template list")


def _elected(site: Site, staging: Staging, claim: Claim) -> Template | Claim:
    """Look once more, now that nobody else may change it; a template that was replaced by nothing gets its name back.
    The claim is released unless it is the answer.
    """
    uid = staging.name
    keep = False
    try:
        template = _look(site, staging)
        with _staging_step("restore", uid):
            if template.ref is None and leftovers.restore(site, uid, staging.component, claim):
                template = _look(site, staging)
        keep = not template.usable
        return claim if keep else template
    finally:
        if not keep:
            with claims.held(site.store, claim):
                pass


def upload(site: Site, staging: Staging, claim: Claim, watcher: Watcher, cancel: Cancel) -> Vm:
    """The VM to be made a template, every byte in it: committed already, left whole by an earlier staging, or imported
    under a temporary name with the claim's token. What else is left of ours is removed; when this raises, nothing new
    stays.
    """
    uid = staging.name
    template = templates.look(site, uid, staging.component, staging.package)
    if template.usable and template.ref is not None:
        return vms.look(site.session, template.ref)
    watcher.began(uid, "preparing", templates.path_of(site, uid))
    try:
        with _staging_step("prepare the folder for", uid):
            claims.check(site.store, claim)
            folder = make_folder(site.session, site.target.folder, FOLDER)
            claims.check(site.store, claim)
            make_status_key(site.session)
            whole = leftovers.settle(site, uid, staging.component, folder, claim)
        return whole or _imported(site, staging, folder, claim, watcher, cancel)
    except Gone as error:
        raise StagingFault("cannot upload", on=uid, why=str(error)) from error


def _imported(site: Site, staging: Staging, folder: FolderRef, claim: Claim, watcher: Watcher, cancel: Cancel) -> Vm:
    component, package = staging.component, staging.package
    uid, size, variant = staging.name, upload_bytes(package, cancel), variant_of(component)
    made = Identity(
        store=site.store.id,
        component=component.uid,
        digest=component.checksum,
        created=_now(site),
        option=variant.option,
        provisioning=variant.provisioning,
    )
    request = ImportRequest(
        name=f"{uid}{IN_PROGRESS}{site.store.id}-{claim.token}",
        package=package,
        annotation=identity.notes_with(package.descriptor.annotation, made),
        networks={network.name: staging.network for network in package.descriptor.networks},
        checksum=component.checksum,
        **import_options(component),  # type: ignore[arg-type]
    )
    admit(site.store, site.endpoint, component, package, uid, watcher, hardware_findings(site, package))
    watcher.began(uid, "uploading", f"{package.name} to {site.endpoint.name}")
    watcher.expects(uid, size)
    place = site.with_most_room([staging.network])
    session, target = site.session, place.target
    while_held, sending = _WhileHeld(cancel, site.store, claim), _Sending(uid, size, watcher)
    ref = import_vm(session, target, request, folder, target.pool, place.host, while_held, sending.sent)
    return vms.look(session, ref)


class _WhileHeld(Cancel):
    """Also stops when the claim is lost: what is uploaded after that is for nobody."""

    def __init__(self, cancel: Cancel, store: Store, claim: Claim) -> None:
        self._cancel, self._store, self._claim = cancel, store, claim
        self._looked = 0.0

    def ask(self) -> None:
        self._cancel.ask()

    @property
    def asked(self) -> bool:
        return self._cancel.asked

    def check(self) -> None:
        self._cancel.check()
        if time.monotonic() > self._looked + CLAIM_LOOK:
            try:
                claims.check(self._store, self._claim)
            except Unreachable as error:  # looked at again before the next write; gigabytes are not sent twice for it
                log.warning("%s", error)
            self._looked = time.monotonic()

    def pause(self, seconds: float) -> None:
        self._cancel.pause(seconds)
        self.check()


class _Sending:
    """Passes on the bytes sent; once all are, says that vCenter completes the import."""

    def __init__(self, uid: str, size: int, watcher: Watcher) -> None:
        self._uid, self._left, self._watcher = uid, size, watcher
        self._lock = threading.Lock()

    def sent(self, count: int) -> None:
        with self._lock:
            before, self._left = self._left, self._left - count
        self._watcher.sent(self._uid, count)
        if before > 0 >= self._left:
            with suppress(Unreachable):  # the store is away: only this news is lost
                self._watcher.began(self._uid, "completing")


def mark(site: Site, staging: Staging, vm: Vm, claim: Claim, watcher: Watcher, cancel: Cancel) -> Vm:
    """The uploaded VM made whole: its hardware in the identity, the snapshot, the attribute, template. What is done
    already stays.

    To be a template comes last: that one bit tells a whole one, and what is none yet can be fenced off by its version
    (leftovers.remove). Raises Gone when it is not ours any more: upload again.
    """
    uid = staging.name
    now = leftovers.find(site, uid, vm.ref)
    if now.name == uid:
        return now
    with _staging_step("mark as staged", uid):
        key = make_status_key(site.session)
        if not now.template:
            _give_identity(site, uid, now, claim, cancel)
        if staging.linked and not now.template:  # [VC] a template takes none
            watcher.began(uid, "taking the snapshot", now.name)
            claims.check(site.store, claim)
            take_base(site.session, now.ref, now.name, cancel)
        watcher.began(uid, "setting the attribute", now.name)
        if now.custom.get(key) != STAGED:
            claims.check(site.store, claim)
            set_status(site.session, now.ref, now.name, key, STAGED)
        if not now.template:
            watcher.began(uid, "marking", now.name)
            claims.check(site.store, claim)
            vms.mark_as_template(site.session, now.ref, now.name)
    return leftovers.find(site, uid, vm.ref)


def _give_identity(site: Site, uid: str, vm: Vm, claim: Claim, cancel: Cancel) -> None:
    """Write the identity by compare-and-swap: who saw the VM before that, half-made, cannot remove it any more."""
    for again in (True, True, False):
        machine = vms.details(site.session, vm.ref)
        made = leftovers.ours(uid, site.store.id, machine.vm)
        whole = replace(made, shape=templates.shape_of(machine), token=claim.token)
        notes = identity.notes_with(machine.vm.notes, whole)
        claims.check(site.store, claim)
        change = Change(notes=notes, version=machine.vm.version or None)
        try:
            vms.reconfigure(site.session, vm.ref, vm.name, change, cancel)
        except VSphereFault as error:
            if error.fault != "ConcurrentAccess" or not again:
                raise
        else:
            return


def commit(site: Site, staging: Staging, whole: Vm, claim: Claim, watcher: Watcher) -> Template:
    """The template, renamed to its uid; one renamed by an earlier attempt is fine. Who loses the name uses the
    winner's. Raises StagingFault, Gone when `whole` vanished.
    """
    return committed(site, staging.component, staging.package, whole, claim, watcher)


def tidy(site: Site, staging: Staging, claim: Claim, watcher: Watcher) -> None:
    """Remove the templates that this one has replaced, as far as nothing stands on them."""
    uid = staging.name
    watcher.began(uid, "tidying")
    leftovers.settle_retired(site, uid, claim)
    watcher.began(uid, "staged", templates.path_of(site, uid))


@contextmanager
def _staging_step(what: str, uid: str) -> Iterator[None]:
    """A fault in here is one of staging itself: the OVA may still be imported directly (DESIGN.md rule 7)."""
    try:
        yield
    except (VSphereFault, NotPermitted, NameTaken) as error:
        raise StagingFault(f"cannot {what}", on=uid, why=str(error)) from error


def _now(site: Site) -> str:
    with site.store.read() as tx:
        return site.store.now(tx).isoformat(timespec="seconds").replace("+00:00", "Z")
