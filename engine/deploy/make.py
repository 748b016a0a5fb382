"""Making one VM: cloned from the staged template, or imported directly (DESIGN.md rules 5 to 8).

Each verb looks first, then acts: it may be called again after a crash, in another process.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.cancel import Cancel
from engine.catalog.admission import admit
from engine.deploy.environment import ovf_environment
from engine.deploy.nics import PlannedNic
from engine.deploy.ours import check_abandoned, is_half_made, is_ours, not_ours, vms_around
from engine.deploy.plan import PlannedItem
from engine.deploy.verify import Wanted, keep_policy, make_right
from engine.errors import (
    Cancelled,
    EndpointUnreachable,
    Failed,
    Gone,
    NameTaken,
    NotPermitted,
    SlipwayError,
    StagingFault,
    VSphereFault,
)
from engine.fit import hardware_findings
from engine.progress import Watcher
from engine.site import Site
from engine.staging import identity
from engine.staging.holder import myself
from engine.staging.identity import Identity
from engine.staging.stage import import_options
from engine.vsphere import tasks, vms
from engine.vsphere.adapters import Adapter, nic_backing
from engine.vsphere.attributes import set_status, status_key
from engine.vsphere.clone import CloneRequest, start_clone
from engine.vsphere.ovf_import import ImportRequest, import_vm, upload_bytes
from engine.vsphere.refs import NetworkRef, PoolRef, SnapshotRef, TaskRef, VAppRef, VmRef
from engine.vsphere.vms import Details, Vm

log = logging.getLogger(__name__)

# Seconds between two looks for a VM whose name is reserved by a clone that still runs.
RESERVED_POLL = 1.0
# And how long to look on when no clone of the template runs any more: the name is then somebody's whom we cannot see.
RESERVED_DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Making:
    """One VM to make, and what that needs: the place (vApp, or None for the endpoint's pool), the identity it gets, the
    task that an earlier attempt left, and where to note a new one.
    """

    site: Site
    vapp: VAppRef | None
    item: PlannedItem
    mine: Identity
    watcher: Watcher
    cancel: Cancel
    earlier_task: TaskRef | None
    note_task: Callable[[TaskRef], None]

    @property
    def pool(self) -> PoolRef:
        """Where the VM's resources come from: the vApp, else the endpoint's pool."""
        return self.vapp or self.site.target.pool


def find(making: Making) -> Vm | None:
    """The VM if it is there, ours and whole. A clone that runs is waited for, a half-imported VM that nobody works on
    is removed.

    Raises NameTaken for somebody else's, Conflict while the import of ours is under way.
    """
    _await_earlier(making)
    return _ours(making)


def clone(making: Making, template: Details, base: SnapshotRef | None) -> VmRef:
    """The clone of the template, made now or found; a linked one on its snapshot `base`, None for a full one.

    Raises Gone when the template vanished, StagingFault when cloning itself cannot be done, else what a direct import
    would meet too.
    """
    _await_earlier(making)
    found = _ours(making)
    if found is not None:
        return found.ref
    item, site = making.item, making.site
    request = CloneRequest(
        name=item.name,
        annotation=identity.notes_with(
            item.annotation or template.vm.notes, replace(making.mine, template=template.vm.moid)
        ),
        adapters=_adapters(making, len(template.nics)),
        properties=item.properties,
        cpus=item.entry.vcpu,
        memory_mb=item.entry.vmem * 1024 if item.entry.vmem else None,
        ip_policy=_said(item, "IPAllocationPolicy"),
        ip_protocol=_said(item, "IPProtocol"),
        base=base,
        policy=item.policy,
    )
    making.watcher.began(item.name, "cloning", f"from {template.vm.name}")
    deadline = time.monotonic() + RESERVED_DEADLINE
    while True:
        making.cancel.check()
        try:
            task = start_clone(site.session, site.target, template, making.pool, site.host, request)
            making.note_task(task)
            cloned: VmRef = tasks.wait(site.session, task, "clone", item.name, making.cancel)
            return cloned
        except NameTaken:
            found = _ours(making)
            if found is not None:
                return found.ref
            if tasks.still_running(site.session, template.vm.ref):
                deadline = time.monotonic() + RESERVED_DEADLINE
            if time.monotonic() > deadline:
                raise
            making.watcher.began(item.name, "waiting", "the name is reserved by a clone that still runs")
            making.cancel.pause(RESERVED_POLL)
        except (VSphereFault, NotPermitted) as error:
            raise StagingFault("cannot clone", on=item.name, why=str(error)) from error


def import_directly(making: Making) -> VmRef:
    """Import the OVA straight into the VM. The identity says `importing` until the VM is verified."""
    try:
        return _found_or_imported(making)
    except NameTaken:
        # vCenter may carry out only now what a process had asked for that is dead: our own earlier attempt (rule 5).
        return _found_or_imported(making)


def _found_or_imported(making: Making) -> VmRef:
    found = _ours(making)
    if found is not None:
        return found.ref
    item, site = making.item, making.site
    package = item.package
    if package is None:
        raise Failed(
            "cannot import",
            on=item.name,
            why=f"{item.component.uid} has no OVA file",
            fix=f"slipway component set-file {item.component.uid} OVA",
        )
    fits = hardware_findings(site, package)
    admit(site.store, site.endpoint, item.component, package, item.name, making.watcher, fits)
    making.watcher.began(item.name, "importing", f"uploading {package.name}")
    making.watcher.expects(item.name, upload_bytes(package))
    request = ImportRequest(
        name=item.name,
        package=package,
        annotation=identity.notes_with(
            item.annotation or package.descriptor.annotation, replace(making.mine, importing=asdict(myself()))
        ),
        networks={
            network.name: item.networks.get(network.name, item.network) for network in package.descriptor.networks
        },
        checksum=item.component.checksum,
        properties=item.properties,
        policy=item.policy,
        **import_options(item.component),
    )
    # A vApp refuses a folder in ImportVApp (vSphere sheet).
    folder = None if making.vapp else site.target.folder
    return import_vm(
        site.session,
        site.target,
        request,
        folder,
        making.pool,
        site.host,
        making.cancel,
        lambda count: making.watcher.sent(item.name, count),
    )


def finish(making: Making, ref: VmRef, template: str) -> None:
    """Read the VM back, repair what differs. `template` is the MoRef value of what it was cloned from, "" for none.

    A VM that an earlier deployment began keeps that one's identity. Raises VSphereFault naming what vCenter did not
    keep, Gone when the VM was removed.
    """
    item, session = making.item, making.site.session
    making.watcher.began(item.name, "verifying")
    machine = vms.details(session, ref)
    found = identity.parse(machine.vm.notes)
    made = found if found and found.item is not None and found.store == making.mine.store else making.mine
    made = replace(made, address=item.address, importing={}, template=made.template or template)
    source = _template_of(making, made)
    wanted = Wanted(
        name=item.name,
        identity=made,
        properties=item.properties,
        declared=source.properties if source else machine.properties,
        adapters=_adapters(making, len(machine.nics)),
        disks_gib=item.entry.vdisks,
        cpus=item.entry.vcpu,
        memory_mb=item.entry.vmem * 1024 if item.entry.vmem else None,
        text=item.annotation or identity.text_of(source.vm.notes if source else _own_notes(item)),
        ip_policy=_said(item, "IPAllocationPolicy"),
        ip_protocol=_said(item, "IPProtocol"),
        environment=_environment(making, machine),
        not_uuid=source.vm.instance_uuid if source else "",
        not_macs=frozenset(nic.macAddress for nic in source.nics if nic.macAddress) if source else frozenset(),
    )
    make_right(session, ref, wanted, making.cancel)
    if item.policy:
        keep_policy(session, ref, item.name, item.policy, making.cancel)
    # A clone may inherit its template's custom values ([VC]), and must not look staged.
    key = status_key(session) if machine.vm.custom else None
    if key is not None and machine.vm.custom.get(key):
        set_status(session, ref, item.name, key, "")


def _said(item: PlannedItem, key: str) -> str:
    """What the component's spec says under that key, "" for nothing."""
    return str(item.component.spec.get(key) or "")


def _own_notes(item: PlannedItem) -> str:
    return item.package.descriptor.annotation if item.package else ""


def _environment(making: Making, machine: Details) -> str:
    """The OVF environment to inject, "" where the component does not ask for it, or its guest runs and has read it."""
    item, about = making.item, making.site.session.content.about
    if not item.component.spec.get("InjectOvfEnv") or machine.vm.powered_on:
        return ""
    return ovf_environment((about.name, about.version, about.vendor), machine.vm.moid, item.properties)


def _await_earlier(making: Making) -> None:
    """Wait for a clone that an earlier attempt left running, whatever becomes of it."""
    if making.earlier_task is None:
        return
    item = making.item
    making.watcher.began(item.name, "waiting", "for a clone started earlier")
    try:
        tasks.wait(making.site.session, making.earlier_task, "finish the earlier clone of", item.name, making.cancel)
    except (Cancelled, EndpointUnreachable):
        raise
    except SlipwayError as error:
        log.info("%s: %s", item.name, error)  # it is over, and no VM came of it: a new clone may go well


def _ours(making: Making) -> Vm | None:
    found = vms_around(making.site, making.vapp).get(making.item.name.casefold())
    if found is None:
        return None
    if not is_ours(making.site, found, making.item.name, making.item.component):
        raise not_ours(found)
    if not is_half_made(found):
        return found
    made = identity.parse(found.notes)
    if made is None or made.item != making.mine.item:  # else it is our own earlier attempt
        check_abandoned(found)
    vms.destroy(making.site.session, found.ref, found.name)
    return None


def _template_of(making: Making, made: Identity) -> Details | None:
    """The template that the VM was cloned from, None when it was imported or the template is gone."""
    if not made.template:
        return None
    try:
        return vms.details(making.site.session, making.site.session.managed(VmRef, made.template))
    except Gone:
        return None


def _adapters(making: Making, there: int) -> tuple[Adapter, ...]:
    """Each adapter that the VM is to have, of which so many are there: on the network that the entry gives it, else
    what the OVF's network name is mapped to, else the portgroup.
    """
    session, item = making.site.session, making.item
    names = [nic.connection for nic in item.package.descriptor.hardware.nics] if item.package else []
    backings: dict[NetworkRef, Any] = {}
    adapters = []
    for index in range(max(there, item.entry.vnics or 0, len(item.nics))):
        asked = item.nics[index] if index < len(item.nics) else PlannedNic()
        mapped = item.networks.get(names[index]) if index < len(names) else None
        network = asked.network or mapped or item.network
        if network not in backings:
            backings[network] = nic_backing(session, network)
        adapters.append(Adapter(backings[network], asked.kind, asked.mac))
    return tuple(adapters)
