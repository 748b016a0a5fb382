"""Making one VM: cloned from the staged template, or imported directly, planned or as the fallback (DESIGN.md rules 5
to 8).
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from engine.cancel import Cancel
from engine.deploy.ours import check_abandoned, is_half_made, is_ours, not_ours, vms_around
from engine.deploy.plan import PlannedItem, Way
from engine.deploy.verify import Wanted, make_right
from engine.errors import (
    Cancelled,
    Failed,
    Gone,
    NameTaken,
    NotPermitted,
    SlipwayError,
    StagingFault,
    Unreachable,
    VSphereFault,
)
from engine.progress import Watcher
from engine.site import Site
from engine.staging import identity, templates
from engine.staging.holder import myself
from engine.staging.identity import Identity
from engine.staging.stage import Staging, import_options, stage
from engine.staging.templates import Template
from engine.vsphere import tasks, vms
from engine.vsphere.attributes import set_status, status_key
from engine.vsphere.clone import CloneRequest, start_clone
from engine.vsphere.hardware import nic_backing
from engine.vsphere.ovf_import import ImportRequest, import_vm, upload_bytes
from engine.vsphere.refs import PoolRef, TaskRef, VAppRef, VmRef
from engine.vsphere.vms import Details, Vm

log = logging.getLogger(__name__)

# Seconds between two looks for a VM whose name is reserved by a clone that still runs.
RESERVED_POLL = 1.0
# And how long to look on when no clone of the template runs any more: the name is then somebody's whom we cannot see.
RESERVED_DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Made:
    """A VM that is as asked. `template` is the uid it was cloned from; `reason` says why it was not."""

    vm: VmRef
    way: Way
    template: str
    reason: str


class StagedOnce:
    """The staged templates of one deployment: items that need the same one wait for each other.

    When the elected item's staging fails, one waiter tries again; after a second failure nobody uploads any more.
    """

    def __init__(self, site: Site, watcher: Watcher, cancel: Cancel) -> None:
        self._site, self._watcher, self._cancel = site, watcher, cancel
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._failures: dict[str, list[SlipwayError]] = {}

    def get(self, staging: Staging) -> Template:
        """The template, looked at anew each time. Raises as `stage` does."""
        uid = staging.component.uid
        with self._guard:
            lock = self._locks.setdefault(uid, threading.Lock())
            failures = self._failures.setdefault(uid, [])
        with lock:
            self._cancel.check()
            if len(failures) >= 2:
                raise failures[-1]
            try:
                return stage(self._site, staging, self._watcher, self._cancel)
            except SlipwayError as error:
                failures.append(error)
                raise


@dataclass(frozen=True, slots=True)
class Maker:
    """What making a VM needs besides the plan: the place (vApp or pool), the deployment's templates, and where to
    note a task.
    """

    site: Site
    vapp: VAppRef | None
    staged: StagedOnce
    watcher: Watcher
    cancel: Cancel
    note_task: Callable[[PlannedItem, TaskRef], None]
    earlier_task: Callable[[PlannedItem], TaskRef | None]
    finished: Callable[[PlannedItem, Vm], bool]

    @property
    def pool(self) -> PoolRef:
        """Where a VM's resources come from: the vApp, else the endpoint's pool."""
        return self.vapp or self.site.target.pool


def make(maker: Maker, item: PlannedItem, mine: Identity) -> Made:
    """The VM of this item, as asked and verified. `mine` is the identity it gets."""
    _await_earlier(maker, item)
    there = _ours(maker, item)
    if there is not None and maker.finished(item, there):
        return Made(there.ref, Way.SKIPPED, "", "it was there already")
    if there is not None:
        _finish(maker, item, there, mine)
        return Made(there.ref, Way.SKIPPED, "", "it was begun earlier")
    if item.way is Way.DIRECT:
        return Made(_import(maker, item, mine), Way.DIRECT, "", item.why)
    try:
        return _clone(maker, item, mine)
    except StagingFault as error:
        if item.package is None:
            raise
        log.warning("%s: %s; importing directly", item.name, error)
        maker.watcher.began(item.name, "falling back", str(error))
        return Made(_import(maker, item, mine), Way.DIRECT, "", f"fallback: {error}")


def _await_earlier(maker: Maker, item: PlannedItem) -> None:
    """Wait for a clone that an interrupted deployment left running, whatever becomes of it."""
    task = maker.earlier_task(item)
    if task is None:
        return
    maker.watcher.began(item.name, "waiting", "for a clone started earlier")
    try:
        tasks.wait(maker.site.session, task, "finish the earlier clone of", item.name, maker.cancel)
    except (Cancelled, Unreachable):
        raise
    except SlipwayError as error:
        log.info("%s: %s", item.name, error)


def _ours(maker: Maker, item: PlannedItem) -> Vm | None:
    """The VM of that name if it is ours and whole; a half-imported one that nobody works on is removed.

    Raises NameTaken for somebody else's, Conflict while the import of ours is under way.
    """
    found = vms_around(maker.site, maker.vapp).get(item.name.casefold())
    if found is None:
        return None
    if not is_ours(maker.site, found, item.name, item.component):
        raise not_ours(found)
    if not is_half_made(found):
        return found
    check_abandoned(found)
    vms.destroy(maker.site.session, found.ref, found.name)
    return None


def _finish(maker: Maker, item: PlannedItem, there: Vm, mine: Identity) -> None:
    """Bring a VM that an interrupted deployment made to what is wanted now."""
    made = replace(identity.parse(there.notes) or mine, address=item.address)
    try:
        source = maker.site.session.managed(VmRef, made.template) if made.template else None
        template = vms.details(maker.site.session, source) if source is not None else None
    except Gone:
        template = None
    _verify(maker, item, there.ref, made, template)


def _clone(maker: Maker, item: PlannedItem, mine: Identity) -> Made:
    """Clone and verify. A template that vanished is resolved once more; only a failure before the VM is a
    StagingFault.
    """
    try:
        ref, made, template = _clone_of(maker, item, mine)
    except Gone:
        try:
            ref, made, template = _clone_of(maker, item, mine)
        except Gone as error:
            raise StagingFault("cannot clone", on=item.name, why=str(error)) from error
    found = identity.parse(vms.look(maker.site.session, ref).notes)
    _verify(
        maker, item, ref, found if found and found.item is not None and found.store == made.store else made, template
    )
    return Made(ref, Way.STAGED, item.component.uid, "")


def _template(maker: Maker, item: PlannedItem) -> Details:
    """The staged template to clone, staged now if need be."""
    if item.package is not None:
        maker.watcher.began(item.name, "waiting", f"for the template {item.component.uid}")
        options = import_options(item.component)
        template = maker.staged.get(Staging(item.component, item.package, item.network, options))
    else:
        template = templates.look(maker.site, item.component.uid, item.component)
    if template.ref is None or not template.usable:
        raise StagingFault("cannot clone", on=item.name, why=f"{template.path} is {template.state}: {template.why}")
    return vms.details(maker.site.session, template.ref)


def _clone_of(maker: Maker, item: PlannedItem, mine: Identity) -> tuple[VmRef, Identity, Details]:
    """Clone, or find the clone that an earlier attempt of ours reserved the name for; with identity and template."""
    template = _template(maker, item)
    made = replace(mine, template=template.vm.moid)
    request = CloneRequest(
        name=item.name,
        annotation=identity.notes_with(item.annotation or template.vm.notes, made),
        backings=_backings(maker, item, len(template.nics)),
        properties=item.properties,
        cpus=item.entry.vcpu,
        memory_mb=item.entry.vmem * 1024 if item.entry.vmem else None,
    )
    maker.watcher.began(item.name, "cloning", f"from {template.vm.name}")
    site = maker.site
    deadline = time.monotonic() + RESERVED_DEADLINE
    while True:
        try:
            task = start_clone(site.session, site.target, template, maker.pool, site.host, request)
            maker.note_task(item, task)
            return tasks.wait(site.session, task, "clone", item.name, maker.cancel), made, template
        except NameTaken:
            found = _ours(maker, item)
            if found is not None:
                return found.ref, made, template
            if tasks.still_running(site.session, template.vm.ref):
                deadline = time.monotonic() + RESERVED_DEADLINE
            if time.monotonic() > deadline:
                raise
            maker.watcher.began(item.name, "waiting", "the name is reserved by a clone that still runs")
            maker.cancel.pause(RESERVED_POLL)
        except (VSphereFault, NotPermitted) as error:
            raise StagingFault("cannot clone", on=item.name, why=str(error)) from error


def _backings(maker: Maker, item: PlannedItem, adapters: int) -> tuple[object, ...]:
    """One network backing per adapter that the VM is to have: the profile's mapping by the OVF's network name, else
    the portgroup.
    """
    session = maker.site.session
    default = nic_backing(session, item.network)
    mapped = {name: nic_backing(session, network) for name, network in item.networks.items()}
    names = [nic.connection for nic in item.package.descriptor.hardware.nics] if item.package else []
    wanted = max(adapters, item.entry.vnics or 0)
    return tuple(mapped.get(names[index], default) if index < len(names) else default for index in range(wanted))


def _import(maker: Maker, item: PlannedItem, mine: Identity) -> VmRef:
    """Import the OVA straight into the VM. The identity says `importing` until every byte has arrived."""
    package = item.package
    if package is None:
        raise Failed(
            "cannot import",
            on=item.name,
            why=f"{item.component.uid} has no OVA file",
            fix=f"slipway component set-file {item.component.uid} OVA",
        )
    maker.watcher.began(item.name, "importing", f"uploading {package.name}")
    maker.watcher.expects(item.name, upload_bytes(package))
    site = maker.site
    request = ImportRequest(
        name=item.name,
        package=package,
        annotation=identity.notes_with(
            item.annotation or package.descriptor.annotation, replace(mine, importing=asdict(myself()))
        ),
        networks={
            network.name: item.networks.get(network.name, item.network) for network in package.descriptor.networks
        },
        checksum=item.component.checksum,
        properties=item.properties,
        **import_options(item.component),
    )
    # A vApp refuses a folder in ImportVApp (vSphere sheet).
    folder = None if maker.vapp else site.target.folder
    ref = import_vm(
        site.session,
        site.target,
        request,
        folder,
        maker.pool,
        site.host,
        maker.cancel,
        lambda count: maker.watcher.sent(item.name, count),
    )
    _verify(maker, item, ref, mine, None)
    return ref


def _verify(maker: Maker, item: PlannedItem, ref: VmRef, mine: Identity, template: Details | None) -> None:
    maker.watcher.began(item.name, "verifying")
    session = maker.site.session
    machine = vms.details(session, ref)
    wanted = Wanted(
        name=item.name,
        identity=mine,
        properties=item.properties,
        declared=template.properties if template else machine.properties,
        backings=_backings(maker, item, len(machine.nics)),
        disks_gib=item.entry.vdisks,
        cpus=item.entry.vcpu,
        memory_mb=item.entry.vmem * 1024 if item.entry.vmem else None,
        not_uuid=template.vm.instance_uuid if template else "",
        not_macs=frozenset(nic.macAddress for nic in template.nics if nic.macAddress) if template else frozenset(),
    )
    make_right(session, ref, wanted, maker.cancel)
    # A clone may inherit its template's custom values ([VC]), and must not look staged.
    key = status_key(session) if machine.vm.custom else None
    if key is not None and machine.vm.custom.get(key):
        set_status(session, ref, item.name, key, "")
