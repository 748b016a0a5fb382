"""Finding objects by name, always inside the endpoint's own datacenter.

"datastore1" may exist in two datacenters and a host folder may have the name of a VM folder: looking names up in the
whole inventory is zPodFactory's weakness 6.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from pyVmomi import vim

from engine.errors import BadInput, EndpointUnreachable, NameTaken, NotFound
from engine.vsphere.properties import below, read, read_many
from engine.vsphere.session import Session
from storage.endpoints import Endpoint

# Characters that vSphere writes as %25 %2f %5c in the names of inventory objects.
_ESCAPED = "%/\\"


@dataclass(frozen=True, slots=True)
class Target:
    """Where an endpoint's VMs go, as managed objects. `host` only when the endpoint names one.

    `datastores` are what the endpoint names: one, or the members of a datastore cluster. `datastore` is the one of them
    that takes the next VM: the first, until one is chosen (`hosts.roomiest`).
    """

    datacenter: vim.Datacenter
    compute: vim.ComputeResource
    pool: vim.ResourcePool
    datastores: tuple[vim.Datastore, ...]
    datastore: vim.Datastore
    folder: vim.Folder
    network: vim.Network | None
    host: vim.HostSystem | None


def target_of(session: Session, endpoint: Endpoint) -> Target:
    """Resolve the endpoint's names. Raises NotFound naming the object, what was looked for, and the nearest name."""
    datacenter = find_datacenter(session, endpoint.datacenter)
    inside = read(session, datacenter, "vmFolder", "hostFolder")
    compute, pool = find_pool(session, inside["hostFolder"], endpoint.resource_pool)
    datastores = find_datastores(session, datacenter, endpoint.datastore)
    return Target(
        datacenter=datacenter,
        compute=compute,
        pool=pool,
        datastores=datastores,
        datastore=datastores[0],
        folder=find_folder(session, inside["vmFolder"], endpoint.vmfolder),
        network=find_network(session, datacenter, endpoint.network) if endpoint.network else None,
        host=find_host(session, compute, endpoint.host_system) if endpoint.host_system else None,
    )


def find_datacenter(session: Session, name: str) -> vim.Datacenter:
    """The datacenter of that name, in whichever folder it is."""
    found: vim.Datacenter = only(below(session, session.content.rootFolder, vim.Datacenter, "name"), "datacenter", name)
    return found


def find_datastores(session: Session, datacenter: vim.Datacenter, name: str) -> tuple[vim.Datastore, ...]:
    """The datastore of that name in the datacenter, or the members of the datastore cluster of that name."""
    rows = read_many(session, read(session, datacenter, "datastore").get("datastore") or [], "name")
    if not any(shown_name(values["name"]) == name for _, values in rows):
        folder = read(session, datacenter, "datastoreFolder")["datastoreFolder"]
        rows += below(session, folder, vim.StoragePod, "name")
    found = only(rows, "datastore", name)
    if not isinstance(found, vim.StoragePod):
        return (found,)
    members = read(session, found, "childEntity").get("childEntity") or []
    if not members:
        raise NotFound("no datastore in the datastore cluster", on=name, fix="add one, or name another")
    return tuple(members)


def find_network(session: Session, datacenter: vim.Datacenter, name: str) -> vim.Network:
    """The network or portgroup of that name in the datacenter (standard, distributed or opaque)."""
    found: vim.Network = only(networks_of(session, datacenter), "portgroup", name)
    return found


def networks_of(session: Session, datacenter: vim.Datacenter) -> list[tuple[vim.Network, dict[str, Any]]]:
    """Every network of the datacenter with its `name`."""
    networks = read(session, datacenter, "network").get("network") or []
    by_kind: dict[type[Any], list[Any]] = {}
    for network in networks:
        by_kind.setdefault(type(network), []).append(network)
    return [row for alike in by_kind.values() for row in read_many(session, alike, "name")]


def find_host(session: Session, compute: vim.ComputeResource, name: str) -> vim.HostSystem:
    """The ESXi host of that name in the cluster."""
    hosts = read(session, compute, "host").get("host") or []
    found: vim.HostSystem = only(read_many(session, hosts, "name"), "ESXi host", name)
    return found


def find_pool(session: Session, host_folder: vim.Folder, name: str) -> tuple[vim.ComputeResource, vim.ResourcePool]:
    """The resource pool `name` and its compute resource.

    `name` may be a cluster's (its root pool `Resources` is meant: zPodFactory's rule), a pool's, or `cluster/pool/..`.
    """
    clusters = below(session, host_folder, vim.ComputeResource, "name", "resourcePool")
    head, *rest = name.strip("/").split("/")
    for cluster, values in clusters:
        if shown_name(values["name"]) == head:
            pool = values["resourcePool"]
            for part in rest:
                if part != "Resources":
                    pool = only(_pools_in(session, pool), "resource pool", part)
            return cluster, pool
    pools = [
        row
        for row in below(session, host_folder, vim.ResourcePool, "name", "owner")
        if type(row[0]) is vim.ResourcePool
    ]
    if rest:
        raise _missing("cluster", head, [shown_name(values["name"]) for _, values in clusters])
    alike = [(pool, values) for pool, values in pools if shown_name(values["name"]) == name]
    if not alike:
        names = [shown_name(values["name"]) for _, values in [*pools, *clusters]]
        raise _missing("resource pool or cluster", name, names)
    pool = only(alike, "resource pool", name)
    return next(values["owner"] for found, values in alike if found == pool), pool


def _pools_in(session: Session, pool: vim.ResourcePool) -> list[tuple[Any, dict[str, Any]]]:
    children = read(session, pool, "resourcePool").get("resourcePool") or []
    return read_many(session, [child for child in children if type(child) is vim.ResourcePool], "name")


def vapps_in(session: Session, pool: vim.ResourcePool) -> list[tuple[vim.VirtualApp, dict[str, Any]]]:
    """The vApps directly in the pool, with `name` and `vm`."""
    children = read(session, pool, "resourcePool").get("resourcePool") or []
    return read_many(session, [child for child in children if isinstance(child, vim.VirtualApp)], "name", "vm")


def find_folder(session: Session, root: vim.Folder, path: str) -> vim.Folder:
    """The VM folder at `path` (`a/b`) below the datacenter's VM folder; an empty path is that folder."""
    folder = root
    for part in path.strip("/").split("/"):
        if part:
            folder = only(folders_in(session, folder), "VM folder", part)
    return folder


def folders_in(session: Session, folder: vim.Folder) -> list[tuple[vim.Folder, dict[str, Any]]]:
    """The folders directly in `folder`, with their `name`."""
    return below(session, folder, vim.Folder, "name", recursive=False)


def child_folder(session: Session, parent: vim.Folder, name: str) -> vim.Folder | None:
    """The folder `name` directly in `parent`, or None."""
    return next((folder for folder, values in folders_in(session, parent) if shown_name(values["name"]) == name), None)


def make_folder(session: Session, parent: vim.Folder, name: str) -> vim.Folder:
    """The folder `name` in `parent`, made if missing; two makers race in peace (zPodFactory's weakness 9)."""
    found = child_folder(session, parent, name)
    if found:
        return found
    try:
        return session.call("make the folder", name, parent.CreateFolder, vsphere_name(name))
    except (NameTaken, EndpointUnreachable):
        found = child_folder(session, parent, name)
        if not found:
            raise
        return found


def is_standalone(compute: vim.ComputeResource) -> bool:
    """Whether the compute resource is one host on its own, not a cluster."""
    return not isinstance(compute, vim.ClusterComputeResource)


def drs_enabled(session: Session, compute: vim.ComputeResource) -> bool:
    """Whether vCenter places VMs by itself and allows vApps: a cluster with DRS, or a host on its own."""
    if is_standalone(compute):
        return True
    return bool(read(session, compute, "configurationEx")["configurationEx"].drsConfig.enabled)


def vsphere_name(name: str) -> str:
    """`name` as vSphere stores it: `%`, `/` and `\\` escaped."""
    return "".join(quote(char, safe="").lower() if char in _ESCAPED else char for char in name)


def shown_name(name: str) -> str:
    """A stored name as people write it."""
    return unquote(name)


def only(rows: Iterable[tuple[Any, dict[str, Any]]], kind: str, name: str) -> Any:
    """The one object of that name. Raises NotFound with the nearest name, BadInput when there are several."""
    rows = list(rows)
    alike = [obj for obj, values in rows if shown_name(values["name"]) == name]
    if len(alike) > 1:
        raise BadInput(f"more than one {kind} is named", on=name, fix="rename one, or give a path")
    if not alike:
        raise _missing(kind, name, [shown_name(values["name"]) for _, values in rows])
    return alike[0]


def _missing(kind: str, name: str, names: list[str]) -> NotFound:
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return NotFound(f"no {kind} named", on=name, fix=f"did you mean {near[0]}?")
    there = ", ".join(sorted(names)[:8])
    return NotFound(
        f"no {kind} named", on=name, why=f"there is {there}" if there else "there is none", fix="check the name"
    )
