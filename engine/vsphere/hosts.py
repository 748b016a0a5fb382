"""ESXi hosts of a cluster: which of them can take a VM, and which has to be named to vCenter."""

from collections.abc import Iterable
from dataclasses import dataclass

from pyVmomi import vim

from engine.errors import VSphereFault
from engine.vsphere.inventory import Target, shown_name
from engine.vsphere.properties import read, read_many
from engine.vsphere.session import Session


@dataclass(frozen=True, slots=True)
class Host:
    """A host as it is now, with the datastores and networks that it sees."""

    ref: vim.HostSystem
    name: str
    connected: bool
    maintenance: bool
    datastores: frozenset[vim.Datastore]
    networks: frozenset[vim.Network]

    def why_not(self, datastore: vim.Datastore, networks: Iterable[vim.Network] = ()) -> str:
        """Why a VM on that datastore and those networks cannot be placed here, "" when it can."""
        if not self.connected:
            return "it is not connected"
        if self.maintenance:
            return "it is in maintenance mode"
        if datastore not in self.datastores:
            return "it does not see the datastore"
        return "" if self.networks.issuperset(networks) else "it does not see the network"


def hosts_of(session: Session, compute: vim.ComputeResource) -> list[Host]:
    """The hosts of a cluster, or the one of a standalone host, by name."""
    rows = read_many(
        session,
        read(session, compute, "host").get("host") or [],
        "name",
        "runtime.connectionState",
        "runtime.inMaintenanceMode",
        "datastore",
        "network",
    )
    hosts = [
        Host(
            ref=ref,
            name=shown_name(values["name"]),
            connected=values.get("runtime.connectionState") == vim.HostSystem.ConnectionState.connected,
            maintenance=bool(values.get("runtime.inMaintenanceMode")),
            datastores=frozenset(values.get("datastore") or []),
            networks=frozenset(values.get("network") or []),
        )
        for ref, values in rows
    ]
    return sorted(hosts, key=lambda host: host.name)


def placement_host(session: Session, target: Target, drs: bool) -> vim.HostSystem | None:
    """The host to name in ImportVApp and RelocateSpec: the endpoint's own, None with DRS, else a connected one that
    sees the datastore.
    """
    if target.host or drs:
        return target.host
    found = first_fit(hosts_of(session, target.compute), target.datastore)
    if found is not None:
        return found.ref
    raise no_host(session, target)


def first_fit(hosts: Iterable[Host], datastore: vim.Datastore, networks: Iterable[vim.Network] = ()) -> Host | None:
    """The first host that can take a VM on that datastore and those networks."""
    networks = list(networks)
    return next((host for host in hosts if not host.why_not(datastore, networks)), None)


def no_host(session: Session, target: Target) -> VSphereFault:
    """The fault of a cluster without DRS where no host can be named."""
    return VSphereFault(
        "cannot place a VM in",
        on=str(read(session, target.compute, "name")["name"]),
        why="DRS is off and no connected host sees the datastore",
        fix="turn on DRS, or name one with: slipway endpoint update NAME --host-system ESXI",
    )
