"""Importing an OVA: the descriptor becomes a VM, the files travel through a lease."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from pyVmomi import vim

from engine.cancel import Cancel
from engine.errors import BadPackage, Gone, SlipwayError, UploadFailed, VSphereFault
from engine.ova.check import Examined, examine
from engine.ova.limits import Limits
from engine.ova.package import Package
from engine.sources.digests import digest_mismatch, file_digest, split_checksum
from engine.vsphere.inventory import Target, vsphere_name
from engine.vsphere.lease import Lease, open_lease
from engine.vsphere.policies import give_policy
from engine.vsphere.session import Session, message_of
from engine.vsphere.transient import passes, pauses
from engine.vsphere.upload import Upload
from engine.vsphere.vms import destroy
from storage.components import Component
from storage.pace import Pace

log = logging.getLogger(__name__)

# Files of one OVA sent at the same time: two in parallel made 475 MiB/s, in sequence 269 (vSphere sheet).
PARALLEL = 4
# Sendings of one file under one lease.
SENDINGS = 3


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import and as what. `networks`: the OVF's network name -> vSphere network; `checksum`: the component's
    own, or ""; `policy` is a storage policy's id, "" for none.
    """

    name: str
    package: Package
    annotation: str
    networks: Mapping[str, vim.Network]
    checksum: str = ""
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    disk_provisioning: str = "thin"
    deployment_option: str = ""
    ip_allocation_policy: str = ""
    ip_protocol: str = ""
    policy: str = ""


def importable_package(component: Component, limits: Limits) -> Package:
    """The component's package under its deployment option, if nothing is in the way of its import. Raises BadPackage,
    with all that is.
    """
    return examined(component, limits).importable()


def examined(component: Component, limits: Limits) -> Examined:
    """The component's package under its deployment option, and what there is to say of it."""
    return examine(Path(component.ova_path or ""), limits, str(component.spec.get("Deployment") or ""))


def upload_bytes(package: Package, cancel: Cancel | None = None) -> int:
    """How many bytes an import of the package sends: what its VM's devices take, as the host gets it. Raises BadPackage
    for a compressed file that cannot be expanded, and Cancelled.
    """
    files = package.descriptor.machine_files()
    return sum(package.content_size(file.href, cancel) for file in files if file.href in package.contents)


def import_vm(
    session: Session,
    target: Target,
    request: ImportRequest,
    folder: vim.Folder | None,
    pool: vim.ResourcePool,
    host: vim.HostSystem | None,
    cancel: Cancel,
    progress: Callable[[int], None],
) -> vim.VirtualMachine:
    """Create the VM and upload its files; it is whole when this returns, and gone when this raises.

    `folder` is None for an import into a vApp, which refuses one. `progress` gets the bytes of each block sent, and a
    negative count for those of a file that broke and is sent again: the sum at the end is the bytes of all files.
    Raises BadPackage (digest or descriptor), UploadFailed, Cancelled, and what Session.call raises. When the answer to
    ImportVApp itself is lost (EndpointUnreachable), the VM may come nevertheless: whoever tries again looks for it.
    """
    spec = _import_spec(session, target, request, pool, host)
    sendings = _sendings(request.package, spec.fileItem, cancel)
    plan: Any = spec.importSpec
    plan.configSpec.annotation = request.annotation
    if request.policy:
        give_policy(plan.configSpec, request.policy)
    cancel.check()
    begun = session.call("import", request.name, pool.ImportVApp, plan, folder, host)
    lease = open_lease(session, begun, request.name, cancel)
    try:
        _upload_files(lease, sendings, request, session.pace, cancel, progress)
    except BaseException as error:
        why = lease.ended() if isinstance(error, UploadFailed | Gone | VSphereFault) else None
        lease.abort()
        remove_half_made(session, lease.vm, request.name, why or error)
        if why is not None:
            raise why from error
        raise
    vm: vim.VirtualMachine = lease.vm
    return vm


def remove_half_made(session: Session, vm: vim.VirtualMachine, name: str, error: BaseException) -> None:
    """Destroy what an aborted lease may have left (stock vcsim leaves it, a vCenter removes it). The error says so if
    that cannot be.
    """
    try:
        destroy(session, vm, name)
    except SlipwayError as failure:
        log.warning("%s is left behind: %s", name, failure)
        if isinstance(error, SlipwayError):
            error.fix = f"{error.fix}; {name} may be left in vCenter, the next run removes it".lstrip("; ")


def _import_spec(
    session: Session, target: Target, request: ImportRequest, pool: vim.ResourcePool, host: vim.HostSystem | None
) -> vim.OvfManager.CreateImportSpecResult:
    parameters = vim.OvfManager.CreateImportSpecParams(
        entityName=vsphere_name(request.name),
        locale="",
        deploymentOption=request.deployment_option,
        hostSystem=host,
        diskProvisioning=request.disk_provisioning,
        networkMapping=[
            vim.OvfManager.NetworkMapping(name=name, network=network) for name, network in request.networks.items()
        ],
        msgBundle=[vim.KeyValue(key=key, value=text) for key, text in request.package.message_bundle().items()],
        propertyMapping=[vim.KeyValue(key=key, value=value) for key, value in request.properties.items()],
    )
    if request.ip_allocation_policy:
        parameters.ipAllocationPolicy = request.ip_allocation_policy
    if request.ip_protocol:
        parameters.ipProtocol = request.ip_protocol
    manager = session.content.ovfManager
    text = request.package.descriptor_text
    result: vim.OvfManager.CreateImportSpecResult = session.call(
        "read the descriptor of",
        request.package.name,
        manager.CreateImportSpec,
        text,
        pool,
        target.datastore,
        parameters,
    )
    for warning in result.warning or []:
        log.info("%s: vCenter warns: %s", request.package.name, message_of(warning))
    if result.error:
        why = "; ".join(message_of(fault) or type(fault).__name__ for fault in result.error)
        raise BadPackage("vCenter refuses", on=str(request.package.path), why=why, fix="see: slipway ova show FILE")
    return result


@dataclass(frozen=True, slots=True)
class _Sending:
    """A file of the package that vCenter wants, and how many bytes travel."""

    item: vim.OvfManager.FileItem
    href: str
    size: int


def _sendings(package: Package, items: Sequence[vim.OvfManager.FileItem], cancel: Cancel) -> list[_Sending]:
    """Known before the lease begins, which ends when nobody tells of progress: a compressed file is expanded for its
    size. Raises BadPackage for a file that the package lacks or that cannot be expanded.
    """
    sendings = []
    for item in items:
        href = str(item.path).removeprefix("./")
        if href not in package.contents:
            on, why = f"{package.path}: {href}", "the package lacks that file"
            raise BadPackage("cannot upload", on=on, why=why, fix="get the package again")
        sendings.append(_Sending(item, href, package.content_size(href, cancel)))
    asked = {sending.href for sending in sendings}
    for file in package.descriptor.machine_files():
        if file.href not in asked:
            log.warning("%s: vCenter does not ask for %s: the VM comes without it", package.path, file.href)
    return sendings


def _upload_files(
    lease: Lease,
    sendings: list[_Sending],
    request: ImportRequest,
    pace: Pace,
    cancel: Cancel,
    progress: Callable[[int], None],
) -> None:
    """Send every file and complete the lease, checking the manifest's digests on the bytes read and the component's
    checksum on the whole archive meanwhile.
    """
    total = sum(sending.size for sending in sendings) or 1
    sent = 0
    counting = threading.Lock()

    def count(block: int) -> None:
        nonlocal sent
        with counting:
            sent += block
        progress(block)

    # 100 is for the lease's end: vCenter takes it for "all files have arrived".
    with (
        lease.keep(lambda: min(99, sent * 100 // total)),
        ThreadPoolExecutor(PARALLEL + 1, thread_name_prefix="upload") as pool,
    ):
        stop = Cancel()
        uploads = [
            Upload(one.href, lease.destination(one.item), one.size, pace.upload_stall_seconds) for one in sendings
        ]
        work: list[Future[None]] = [pool.submit(_check_archive, request, stop)] if request.checksum else []
        work += [pool.submit(_deliver, lease, request.package, upload, pace, stop, count) for upload in uploads]
        try:
            _watch(work, lease, cancel)
            lease.complete(cancel)
        except BaseException:
            stop.ask()
            for future in work:
                future.cancel()
            for upload in uploads:
                upload.break_off()
            raise


def _watch(work: list[Future[None]], lease: Lease, cancel: Cancel) -> None:
    """Until all is done: the first failure, a cancel or a lost lease ends it."""
    pending = set(work)
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        cancel.check()
        if lease.lost:
            raise lease.lost


def _deliver(
    lease: Lease, package: Package, upload: Upload, pace: Pace, stop: Cancel, progress: Callable[[int], None]
) -> None:
    """Send one file; when that breaks, again from its beginning while the lease stands, SENDINGS times at most: after
    that a fresh lease, perhaps of another host, promises more.
    """
    more = islice(pauses(pace), SENDINGS - 1)
    sent = 0

    def count(block: int) -> None:
        nonlocal sent
        sent += block
        progress(block)

    while True:
        try:
            return _send(package, upload, stop, count)
        except UploadFailed as error:
            pause = next(more, None)
            if pause is None or not passes(error):
                raise
            log.warning("%s; sent again in %s s", error, pause)
        progress(-sent)
        sent = 0
        stop.pause(pause)
        over = lease.ended()
        if over is not None:
            raise over


def _send(package: Package, upload: Upload, stop: Cancel, progress: Callable[[int], None]) -> None:
    with package.open_content(upload.name, stop) as source:
        upload.send(source, progress)


def _check_archive(request: ImportRequest, stop: Cancel) -> None:
    algorithm, expected = split_checksum(request.checksum)
    found = file_digest(request.package.path, algorithm, stop)
    if found != expected:
        raise digest_mismatch(str(request.package.path), expected, found, algorithm)
