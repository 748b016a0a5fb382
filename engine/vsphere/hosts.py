"""ESXi hosts of a cluster: which of them can take a VM, and which has to be named to vCenter."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pyVmomi import vim

from engine.errors import VSphereFault
from engine.vsphere.datastores import Datastore, look_at, with_most_room
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

    def why_not(
        self, datastore: vim.Datastore, networks: Iterable[vim.Network] = (), base: Collection[vim.Datastore] = ()
    ) -> str:
        """Why a VM on that datastore and those networks cannot be placed here, "" when it can. On `base` lie the disks
        that a linked clone stands on.
        """
        if not self.connected:
            return "it is not connected"
        if self.maintenance:
            return "it is in maintenance mode"
        if datastore not in self.datastores:
            return "it does not see the datastore"
        if not self.datastores.issuperset(base):
            return "it does not see the template's datastore"
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


def placement_host(
    session: Session, target: Target, drs: bool, networks: Collection[vim.Network] = ()
) -> vim.HostSystem | None:
    """The host to name in ImportVApp and RelocateSpec: the endpoint's own, None with DRS, else a connected one that
    sees the datastore and the networks. Raises VSphereFault when there is none.
    """
    if target.host or drs:
        return target.host
    found = first_fit(hosts_of(session, target.compute), target.datastore, networks)
    if found is not None:
        return found.ref
    seen = "the datastore and the network" if networks else "the datastore"
    raise VSphereFault(
        "cannot place a VM in",
        on=str(read(session, target.compute, "name")["name"]),
        why=f"DRS is off and no connected host sees {seen}",
        fix="turn on DRS, or name one with: slipway endpoint update NAME --host-system ESXI",
    )


def first_fit(
    hosts: Iterable[Host],
    datastore: vim.Datastore,
    networks: Collection[vim.Network] = (),
    base: Collection[vim.Datastore] = (),
) -> Host | None:
    """The first host that can take a VM on that datastore and those networks, and sees `base`."""
    return next((host for host in hosts if not host.why_not(datastore, networks, base)), None)


def roomiest(session: Session, target: Target) -> vim.Datastore:
    """The target's datastore that takes the next VM. A single one is not asked, and where no member of a cluster is any
    good it is the first: vCenter says best what is wrong.
    """
    if len(target.datastores) == 1:
        return target.datastores[0]
    found = within_reach(hosts_of(session, target.compute), target, look_at(session, target.datastores))
    chosen = with_most_room(found, {})
    return chosen.ref if chosen else target.datastores[0]


def within_reach(hosts: Iterable[Host], target: Target, datastores: Iterable[Datastore]) -> list[Datastore]:
    """Those of the datastores that the target's own host can use, or any where it names none."""
    own = [host for host in hosts if target.host in (None, host.ref)]
    return [one for one in datastores if first_fit(own, one.ref)]
