"""`endpoint test --deep`: stage, clone and remove an OVA of 1 MiB, the way a deployment does it.

What the endpoint's vCenter does differently from what Slipway assumes (docs/vcenter-assumptions.md) shows in the
findings. Nothing stays, neither after a failure nor when the operator stops it.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.cancel import Cancel
from engine.deploy.verify import Wanted, make_right, repair
from engine.endpoints.findings import Finding, failed, fine, missing, warning
from engine.endpoints.trial_ova import SECRET, TEXT, build_trial_ova
from engine.errors import Cancelled, NotFound, SlipwayError
from engine.ova.package import Package, open_package
from engine.progress import Nobody
from engine.site import Site, open_site
from engine.staging import claims, templates
from engine.staging.identity import Identity, notes_with
from engine.staging.stage import Staging, stage
from engine.staging.templates import FOLDER, IN_PROGRESS, Template
from engine.vsphere import tasks, vms
from engine.vsphere.adapters import Adapter, nic_backing
from engine.vsphere.clone import CloneRequest, declared_property, start_clone
from engine.vsphere.inventory import folders_in, networks_of
from engine.vsphere.refs import FolderRef, NetworkRef, TaskRef, VmRef
from engine.vsphere.snapshots import base_of
from engine.vsphere.vms import Details, Vm
from storage.components import Component, Kind
from storage.endpoints import Signatures
from storage.store import Store, next_token

log = logging.getLogger(__name__)

Report = Callable[[Finding], None]

# Characters that a careless server or client would change on the way.
_VALUES = {TEXT: "ä \"quoted\" \\ {{braces}} 'and' <more> & $more", SECRET: "trial only"}


@dataclass(frozen=True, slots=True)
class _Trial:
    """One run on one site. `uid` names everything that it makes: our store's id and a fresh token make it unique."""

    site: Site
    uid: str
    cancel: Cancel
    report: Report
    clone_tasks: list[TaskRef]

    @property
    def clone_name(self) -> str:
        return f"{self.uid}-clone"


def try_out(store: Store, name: str, cancel: Cancel, report: Report) -> None:
    """Run the trial and report each step; failures are findings. Raises Cancelled, when all is removed."""
    try:
        with open_site(store, name) as opened:
            # The trial OVA is made here and signed by nobody.
            site = replace(opened, endpoint=replace(opened.endpoint, signatures=Signatures.OFF))
            uid = f"slipway-test-{store.id}-{next_token(store)}"
            trial = _Trial(site, uid, cancel, report, [])
            folder_was_there = templates.staging_folder(site) is not None
            try:
                with TemporaryDirectory(prefix="slipway-") as scratch:
                    _stage_and_clone(trial, Path(scratch))
            finally:
                _clean_up(trial, folder_was_there)
    except Cancelled:
        raise
    except _Reported as reported:
        log.info("deep test of %s: %s", name, reported)
    except SlipwayError as error:
        report(failed("deep", error))


class _Reported(SlipwayError):
    """A step failed and its finding is out: the steps after it make no sense."""


@contextmanager
def _step(trial: _Trial, name: str) -> Iterator[list[str]]:
    """Times a step and reports it; what it notes becomes part of the finding."""
    started = time.monotonic()
    notes: list[str] = []
    trial.cancel.check()
    try:
        yield notes
    except Cancelled:
        raise
    except SlipwayError as error:
        trial.report(failed(f"deep: {name}", error))
        raise _Reported(f"cannot {name}", on=trial.uid, why=str(error)) from error
    trial.report(fine(f"deep: {name}", ", ".join([f"{time.monotonic() - started:.1f} s", *notes])))


def _stage_and_clone(trial: _Trial, scratch: Path) -> None:
    site = trial.site
    with _step(trial, "build") as notes:
        path = scratch / f"{trial.uid}.ova"
        checksum = build_trial_ova(path, trial.uid)
        package = open_package(path)
        notes.append(f"{package.size >> 10} KiB")
    component = _component(trial.uid, path, checksum)
    with _step(trial, "stage") as notes:
        network = site.target.network or _any_network(site)
        staging = Staging(component, package, network, linked=site.endpoint.linked_clones)
        template = stage(site, staging, Nobody(), trial.cancel)
        notes.append(template.path)
    with _step(trial, "look at the template") as notes:
        found = _template(trial, component, package, template)
        notes.append("marked and powered off")
    wanted = _wanted(trial, component, found, network)
    with _step(trial, "clone"):
        clone = _clone(trial, found, wanted)
    with _step(trial, "look at the clone"):
        _report_differences(trial, found, vms.details(site.session, clone), wanted)
    with _step(trial, "verify the clone") as notes:
        make_right(site.session, clone, wanted, trial.cancel)
        notes.append("size, properties, identity and network are as asked")
        secret = declared_property(vms.details(site.session, clone).properties, SECRET)
        if secret is not None and secret.value != _VALUES[SECRET]:
            notes.append("this vCenter does not tell a password's value")


def _component(uid: str, path: Path, checksum: str) -> Component:
    """What staging needs to know of the trial's OVA; it is never in the catalog."""
    return Component(
        uid=uid,
        name=uid,
        version="",
        type="",
        description="",
        url="",
        download_engine="",
        download_file=path.name,
        checksum=checksum,
        size_text="1 MiB",
        kind=Kind.L1,
        ova_path=str(path),
    )


def _any_network(site: Site) -> NetworkRef:
    """Some network of the datacenter: the trial's VM is never powered on."""
    networks = sorted(networks_of(site.session, site.target.datacenter), key=lambda row: str(row[1]["name"]))
    # An uplink portgroup takes no VM; vCenter gives it this name.
    usable = [network for network, values in networks if "uplink" not in str(values["name"]).lower()]
    if not usable:
        raise NotFound(
            "no network in", on=site.endpoint.datacenter, why="the account sees none", fix="make a portgroup"
        )
    return usable[0]


def _template(trial: _Trial, component: Component, package: Package, template: Template) -> Details:
    """The staged template as vCenter shows it now."""
    seen = templates.look(trial.site, trial.uid, component, package)
    if seen.ref is None or not seen.usable:
        raise NotFound("no usable template", on=template.path, why=f"it is {seen.state}: {seen.why}")
    return vms.details(trial.site.session, seen.ref)


def _wanted(trial: _Trial, component: Component, template: Details, network: NetworkRef) -> Wanted:
    site = trial.site
    with site.store.read() as tx:
        now = site.store.now(tx).isoformat(timespec="seconds").replace("+00:00", "Z")
    made = Identity(
        store=site.store.id, component=component.uid, digest=component.checksum, created=now, template=template.vm.moid
    )
    return Wanted(
        name=trial.clone_name,
        identity=made,
        properties=_VALUES,
        declared=template.properties,
        adapters=tuple(Adapter(nic_backing(site.session, network)) for _ in template.nics),
        disks_gib=(),
        cpus=2,
        memory_mb=128,
        not_uuid=template.vm.instance_uuid,
    )


def _clone(trial: _Trial, template: Details, wanted: Wanted) -> VmRef:
    site = trial.site
    request = CloneRequest(
        name=wanted.name,
        annotation=notes_with(template.vm.notes, wanted.identity),
        adapters=wanted.adapters,
        properties=wanted.properties,
        cpus=wanted.cpus,
        memory_mb=wanted.memory_mb,
        base=base_of(site.session, template.vm.ref) if site.endpoint.linked_clones else None,
    )
    task = start_clone(site.session, site.target, template, site.target.pool, site.host, request)
    trial.clone_tasks.append(task)
    clone: VmRef = tasks.wait(site.session, task, "clone the trial's template as", wanted.name, trial.cancel)
    return clone


def _report_differences(trial: _Trial, template: Details, clone: Details, wanted: Wanted) -> None:
    """What this vCenter drops from a clone's spec: a deployment repairs it, but for a MAC address that two share."""
    _, differences = repair(clone, wanted)
    if differences:
        told = f"this vCenter's clone lacked {', '.join(differences)}"
        trial.report(warning("deep: clone spec", told, "nothing: every deployment repairs it with one reconfigure"))
    addresses = {nic.macAddress for nic in template.nics if nic.macAddress}
    shared = sorted(str(nic.macAddress) for nic in clone.nics if nic.macAddress in addresses)
    if shared:
        told = f"the clone has the template's MAC address {', '.join(shared)}"
        trial.report(missing("deep: MAC address", told, "report it: clones would disturb each other's network"))
    if clone.vm.custom:
        told = "this vCenter's clone inherited the template's custom attributes"
        trial.report(warning("deep: clone attributes", told, "nothing: every deployment clears the staging status"))


def _clean_up(trial: _Trial, folder_was_there: bool) -> None:
    """Remove clone, template and folder, each whatever became of the others, and say what is left."""
    for name, removal in (("remove the clone", _remove_clone), ("remove the template", _remove_template)):
        _attempt(trial, name, removal)
    if not folder_was_there:
        _attempt(trial, f"remove {FOLDER}", _remove_folder)
    _attempt(trial, "look for leftovers", _report_leftovers)


def _attempt(trial: _Trial, name: str, removal: Callable[[_Trial], str]) -> None:
    started = time.monotonic()
    try:
        outcome = removal(trial)
    except SlipwayError as error:
        trial.report(failed(f"deep: {name}", error))
    else:
        if outcome:
            trial.report(fine(f"deep: {name}", f"{time.monotonic() - started:.1f} s, {outcome}"))


def _remove_clone(trial: _Trial) -> str:
    """Destroy the clone; one still being made is waited for first, since its name hides it until then."""
    site = trial.site
    for task in trial.clone_tasks:
        try:
            tasks.wait(site.session, task, "finish the trial's clone", trial.clone_name, Cancel())
        except SlipwayError as error:
            log.info("the trial's clone: %s", error)
    found = _of_trial(trial, site.target.folder)
    for vm in found:
        vms.destroy(site.session, vm.ref, vm.name)
    return "gone" if found else ""


def _remove_template(trial: _Trial) -> str:
    """Destroy the template, or what a failed staging left of it, under the uid's claim (DESIGN.md rule 2)."""
    site = trial.site
    folder = templates.staging_folder(site)
    if folder is None:
        return ""
    claim = claims.take(site.store, templates.claim_endpoint(site), trial.uid, f"remove {trial.uid}")
    if claim is None:
        return ""  # what that holder leaves is among the leftovers
    with claims.held(site.store, claim):
        found = _of_trial(trial, folder)
        for vm in found:
            vms.destroy(site.session, vm.ref, vm.name)
    return "gone" if found else ""


def _of_trial(trial: _Trial, folder: FolderRef) -> list[Vm]:
    """What bears the trial's uid, which nobody else's name can: it holds our store's id and a fresh token."""
    ours = (trial.uid, trial.clone_name)
    found = vms.vms_in_folder(trial.site.session, folder)
    return [vm for vm in found if vm.name in ours or vm.name.startswith(trial.uid + IN_PROGRESS)]


def _remove_folder(trial: _Trial) -> str:
    """Destroy the folder that staging made, unless somebody else has begun to use it: destroying it takes all in it."""
    site = trial.site
    folder = templates.staging_folder(site)
    if folder is None:
        return ""
    guarded = templates.claim_endpoint(site)
    claimed = any(claim.endpoint_id == guarded for claim in claims.standing(site.store))
    if claimed or vms.vms_in_folder(site.session, folder) or folders_in(site.session, folder):
        return "kept: it is in use"
    task = site.session.call("remove the folder", FOLDER, folder.Destroy_Task)
    tasks.wait(site.session, task, "remove the folder", FOLDER, Cancel())
    return "gone"


def _report_leftovers(trial: _Trial) -> str:
    site = trial.site
    folders = [folder for folder in (site.target.folder, templates.staging_folder(site)) if folder is not None]
    left = [vm.name for folder in folders for vm in _of_trial(trial, folder)]
    if left:
        told = f"left in vCenter: {', '.join(left)}"
        trial.report(missing("deep: leftovers", told, f"remove them by hand in {site.folder_path}"))
    return "" if left else "none"
