"""What `slipway endpoint test` looks at: everything that a deployment on the endpoint relies on. Changes nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from engine.endpoints import privileges
from engine.endpoints.findings import Finding, failed, fine, missing, warning
from engine.endpoints.hostname import joined
from engine.endpoints.hosts import Hosts, hosts_of, is_connected, ports, seen_by
from engine.errors import BadInput, CertificateRefused, LoginRefused, NotFound, SlipwayError
from engine.site import address_of, login_turn
from engine.staging.templates import FOLDER
from engine.vsphere.attributes import STAGING_STATUS, status_key
from engine.vsphere.datastores import look_at
from engine.vsphere.hosts import placement_host, roomiest
from engine.vsphere.inventory import (
    Target,
    child_folder,
    drs_enabled,
    find_datacenter,
    find_datastores,
    find_folder,
    find_host,
    find_network,
    find_pool,
    is_standalone,
    shown_name,
)
from engine.vsphere.properties import read
from engine.vsphere.session import Session, connect
from engine.vsphere.vms import vcenter_time, vms_in_folder
from storage.endpoints import Endpoint, NewEndpoint
from storage.pace import pace_of
from storage.store import Store

CONNECTION, CERTIFICATE, LOGIN = "connection", "certificate", "login"
REACHING = (CONNECTION, CERTIFICATE, LOGIN)
"""What must work before anything else can be looked at."""

# Seconds. Leftovers are judged by vCenter's clock, and a certificate by ours.
CLOCK_TOLERANCE = 60
# Bytes. The real library's larger appliances take more than this, thin.
LITTLE_SPACE = 10 << 30
# vSphere 7.0, whose types the session speaks (engine.vsphere.session.API_VERSION).
OLDEST = (7, 0)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Objects:
    """The endpoint's objects as far as they were found. `datastores`: the one, or the members of the cluster."""

    datacenter: Any = None
    compute: Any = None
    pool: Any = None
    datastores: tuple[Any, ...] = ()
    folder: Any = None
    network: Any = None
    host: Any = None

    def target(self, session: Session) -> Target | None:
        """Where VMs go, None while something it needs is missing."""
        if not (self.datacenter and self.compute and self.datastores and self.folder):
            return None
        target = Target(
            datacenter=self.datacenter,
            compute=self.compute,
            pool=self.pool,
            datastores=self.datastores,
            datastore=self.datastores[0],
            folder=self.folder,
            network=self.network,
            host=self.host,
        )
        return replace(target, datastore=roomiest(session, target))


def check(store: Store, endpoint: Endpoint) -> Iterator[Finding]:
    """Look at the endpoint, finding by finding as they come. Raises only when its password cannot be decrypted.

    Somebody asks for it by hand: a login that was refused before is tried again.
    """
    address = address_of(store, endpoint)
    try:
        session = connect(address, pace_of(store), lambda: login_turn(store, endpoint.id, by_hand=True))
    except CertificateRefused as error:
        yield failed(CERTIFICATE, error)
        return
    except LoginRefused as error:
        yield failed(LOGIN, error)
        return
    except SlipwayError as error:
        yield failed(CONNECTION, error)
        return
    with session:
        yield from _reached(session, endpoint)
        yield from _guarded("clock", lambda: [_clock(session)])
        objects, findings = find_objects(session, endpoint)
        yield from findings
        hosts, findings = hosts_of(session, objects.compute)
        yield from findings
        yield from _guarded("datastore", lambda: _datastores(session, objects, hosts))
        yield from _guarded("network", lambda: _network(objects, hosts, endpoint))
        yield from _guarded("host system", lambda: _host_system(objects, hosts, endpoint))
        yield from privileges.check(session, _asked_of(objects, endpoint))
        yield from _guarded("DRS", lambda: _drs(session, objects, endpoint))
        yield from _guarded(FOLDER, lambda: _staging_folder(session, objects))
        yield from ports(hosts)


def _guarded(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """One dead thing must not hide the rest."""
    try:
        return look()
    except SlipwayError as error:
        return [failed(name, error)]


def _reached(session: Session, endpoint: Endpoint) -> Iterator[Finding]:
    about = session.content.about
    yield fine(CONNECTION, f"{joined(endpoint.host, endpoint.port)} answers")
    if endpoint.insecure:
        fix = f"slipway endpoint update {endpoint.name} --pin SHA256"
        yield warning(CERTIFICATE, "not verified: anybody on the way can read the password", fix)
    elif endpoint.pin:
        yield fine(CERTIFICATE, f"pinned: {endpoint.pin}")
    else:
        yield fine(
            CERTIFICATE,
            "signed by the endpoint's own authority" if endpoint.ca else "signed by an authority of this machine",
        )
    yield fine(LOGIN, f"as {endpoint.username}")
    version = tuple(int(part) for part in str(about.apiVersion).split(".")[:2] if part.isdigit())
    if version < OLDEST:
        yield warning(
            "version", f"{about.fullName}, API {about.apiVersion}", "Slipway speaks vSphere 7.0: upgrade vCenter"
        )
    else:
        yield fine("version", f"{about.fullName}, API {about.apiVersion}")
    if endpoint.instance_uuid and endpoint.instance_uuid != session.instance_uuid:
        why = "it is another vCenter than before: what was known of its VMs is void"
        yield warning(
            "identity", f"{session.instance_uuid}, was {endpoint.instance_uuid}; {why}", "nothing, if you replaced it"
        )


def _clock(session: Session) -> Finding:
    before = time.time()
    theirs = vcenter_time(session).timestamp()
    difference = theirs - (before + time.time()) / 2
    told = f"vCenter's clock is {abs(difference):.1f} s {'ahead of' if difference > 0 else 'behind'} this machine's"
    if abs(difference) > CLOCK_TOLERANCE:
        return warning("clock", told, "let both follow a time server (NTP)")
    return fine("clock", told)


def find_objects(session: Session, endpoint: NewEndpoint) -> tuple[Objects, list[Finding]]:
    """The objects that the endpoint names, and a finding for each."""
    findings: list[Finding] = []

    def found(name: str, shown: str, find: Callable[[], T]) -> T | None:
        try:
            there = find()
        except SlipwayError as error:
            wrong_name = isinstance(error, NotFound | BadInput)
            option = "--" + {"VM folder": "vmfolder"}.get(name, name.replace(" ", "-"))
            corrected = f"correct it with: slipway endpoint update {endpoint.name} {option} NAME"
            fix = "; ".join(part for part in (error.fix.rstrip("."), corrected) if part) if wrong_name else error.fix
            findings.append(replace(failed(name, error), fix=fix))
            return None
        findings.append(fine(name, shown))
        return there

    datacenter = found("datacenter", endpoint.datacenter, lambda: find_datacenter(session, endpoint.datacenter))
    if datacenter is None:
        findings.append(
            warning("objects", "not looked for: they are in the datacenter", "correct the datacenter first")
        )
        return Objects(), findings
    try:
        inside = read(session, datacenter, "vmFolder", "hostFolder")
    except SlipwayError as error:
        return Objects(datacenter), [*findings, failed("objects", error)]
    compute, pool = found(
        "resource pool",
        endpoint.resource_pool,
        lambda: find_pool(session, inside["hostFolder"], endpoint.resource_pool),
    ) or (None, None)
    name_of_store = endpoint.datastore
    stores = found("datastore", name_of_store, lambda: find_datastores(session, datacenter, name_of_store)) or ()
    shown = endpoint.vmfolder or "the datacenter's own"
    folder = found("VM folder", shown, lambda: find_folder(session, inside["vmFolder"], endpoint.vmfolder))
    network = host = None
    if endpoint.network:
        name = endpoint.network
        network = found("network", name, lambda: find_network(session, datacenter, name))
    if endpoint.host_system and compute is not None:
        system = endpoint.host_system
        host = found("host system", system, lambda: find_host(session, compute, system))
    return Objects(datacenter, compute, pool, stores, folder, network, host), findings


def _datastores(session: Session, objects: Objects, hosts: Hosts) -> list[Finding]:
    """Each datastore's room, and who sees it; of a datastore cluster one good member is enough."""
    known = look_at(session, objects.datastores)
    several = len(known) > 1
    some_good = any(not one.why_not for one in known)
    found = []
    for one in known:
        name, of = "datastore space", f"{one.name}: " if several else ""
        free = f"{of}{one.free / (1 << 30):.1f} GiB free of {one.capacity / (1 << 30):.1f}"
        if one.why_not:
            state = warning if some_good else missing
            found.append(state(name, f"{of}{one.why_not}", "look at it, its storage and its hosts in vCenter"))
        elif one.free < LITTLE_SPACE:
            found.append(warning(name, free, "free space, or name another datastore"))
        else:
            found.append(fine(name, free))
        found += seen_by(f"datastore hosts {one.name}" if several else "datastore hosts", one.ref, "datastore", hosts)
    return found


def _network(objects: Objects, hosts: Hosts, endpoint: Endpoint) -> list[Finding]:
    if not endpoint.network:
        fix = f"name it there, or: slipway endpoint update {endpoint.name} --network PORTGROUP"
        return [warning("network", "none given: each profile must name its portgroup", fix)]
    if objects.network is None:
        return []
    return seen_by("network hosts", objects.network, "network", hosts)


def _host_system(objects: Objects, hosts: Hosts, endpoint: Endpoint) -> list[Finding]:
    if objects.host is None:
        return []
    name = "host system state"
    values = next((values for ref, values in hosts if ref == objects.host), {})
    if not is_connected(values):
        return [
            missing(
                name, f"it is {values.get('runtime.connectionState')}", "connect it in vCenter, or name another host"
            )
        ]
    if values.get("runtime.inMaintenanceMode"):
        return [missing(name, "it is in maintenance mode", "end the maintenance, or name another host")]
    if objects.datastores and not set(objects.datastores) & set(values.get("datastore") or []):
        return [
            missing(
                name, f"it does not see the datastore {endpoint.datastore}", "name another host or another datastore"
            )
        ]
    return []


def _asked_of(objects: Objects, endpoint: Endpoint) -> dict[str, tuple[list[Any], str]]:
    candidates = {
        "VM folder": ([objects.folder], endpoint.vmfolder or "vm"),
        "resource pool": ([objects.pool], endpoint.resource_pool),
        "datastore": (list(objects.datastores), endpoint.datastore),
        "network": ([objects.network], endpoint.network or ""),
    }
    return {kind: (refs, name) for kind, (refs, name) in candidates.items() if refs not in ([], [None])}


def _drs(session: Session, objects: Objects, endpoint: Endpoint) -> list[Finding]:
    if objects.compute is None:
        return []
    if is_standalone(objects.compute):
        name = read(session, objects.compute, "name")["name"]
        return [fine("DRS", f"not needed: every VM goes to the host {shown_name(name)}; profiles may use vapp:")]
    drs = drs_enabled(session, objects.compute)
    target = objects.target(session)
    host = placement_host(session, target, drs) if target else None
    placed = f"VMs are placed on {shown_name(read(session, host, 'name')['name'])}" if host else "DRS places the VMs"
    if drs:
        return [fine("DRS", f"on: {placed}; profiles may use vapp:")]
    chosen = "the endpoint names it" if endpoint.host_system else "the first connected host that sees the datastore"
    told = (
        f"off: vCenter refuses vApps, so profiles with vapp: fail; {placed} ({chosen})"
        if host
        else "off: vCenter refuses vApps"
    )
    return [warning("DRS", told, "turn on DRS for the cluster, or leave vapp: out of the profiles")]


def _staging_folder(session: Session, objects: Objects) -> list[Finding]:
    if objects.folder is None:
        return []
    attribute = "there" if status_key(session) is not None else "made by the first staging"
    told = f"attribute {STAGING_STATUS}: {attribute}"
    folder = child_folder(session, objects.folder, FOLDER)
    if folder is None:
        return [fine(FOLDER, f"not there yet, made by the first staging; {told}")]
    return [fine(FOLDER, f"there, with {len(vms_in_folder(session, folder))} VMs and templates; {told}")]
