"""Where each VM of a plan goes: its datastore, and its ESXi host where vCenter does not choose."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from engine.catalog.profiles import Entry
from engine.errors import BadInput, NoSpace, SlipwayError
from engine.site import Site
from engine.vsphere.datastores import Datastore, look_at, with_most_room
from engine.vsphere.hosts import Host, first_fit, hosts_of, within_reach
from engine.vsphere.inventory import find_datastores, find_host
from engine.vsphere.refs import DatastoreRef, HostRef, NetworkRef

# Hosts that one error names at most.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A VM's datastore, and the host to name to vCenter: None where DRS chooses."""

    datastore: DatastoreRef
    datastore_name: str
    host: HostRef | None
    host_name: str = ""


class Placer:
    """Chooses the places of one plan's VMs, and counts what it has put on each datastore.

    `kept` is VM name -> the datastore that an earlier plan of the same deployment chose: it is taken again, so that a
    job that goes on in another process puts its VMs where it had begun to.
    """

    def __init__(self, site: Site, kept: Mapping[str, str]) -> None:
        self._site = site
        self._kept = kept
        self._named: dict[str, list[Datastore]] = {}
        self._taken: dict[DatastoreRef, int] = {}
        self._known_hosts: list[Host] | None = None

    def place(
        self, entry: Entry, name: str, networks: Collection[NetworkRef], base: Collection[DatastoreRef] = ()
    ) -> Place:
        """The place of an entry's VM, whose host sees `base` too: what a linked clone stands on.

        Raises NotFound, BadInput when it cannot go where it should.
        """
        host = self._named_host(entry)
        stores = self._stores(entry.datastore or self._site.endpoint.datastore)
        seen = [one for one in stores if self._is_seen(one, host, networks, base, alone=len(stores) == 1)]
        kept = [one for one in seen if one.name == self._kept.get(name) and not one.why_not]
        chosen = with_most_room(kept or seen, self._taken)
        if chosen is None:
            raise self._no_datastore(name, stores, host)
        if host is None and (base or not self._site.drs):
            fitting = first_fit(self._hosts, chosen.ref, networks, base)
            if fitting is None:
                raise self._no_host(name, chosen, networks, base)
            host = None if self._site.drs else fitting
        elif host is not None and (wrong := host.why_not(chosen.ref, networks, base)):
            fix = "name another host, datastore or network"
            raise BadInput("cannot place", on=f"{name} on the host {host.name}", why=wrong, fix=fix)
        return Place(chosen.ref, chosen.name, host.ref if host else None, host.name if host else "")

    def _is_seen(
        self,
        store: Datastore,
        host: Host | None,
        networks: Collection[NetworkRef],
        base: Collection[DatastoreRef],
        alone: bool,
    ) -> bool:
        """Whether the host sees the datastore; where none is named, whether any can take the VM there. One that is
        alone is not asked that: vCenter says best what is wrong then.
        """
        if host is not None:
            return store.ref in host.datastores
        return alone or first_fit(self._hosts, store.ref, networks, base) is not None

    def take(self, place: Place, size: int) -> None:
        """Count so many bytes for a VM."""
        self._taken[place.datastore] = self._taken.get(place.datastore, 0) + size

    def take_template(self, name: str, size: int) -> DatastoreRef:
        """Count so many bytes for a template that is staged on the way, and where it is going to lie. Raises BadInput
        when it can lie nowhere.
        """
        stores = self._stores(self._site.endpoint.datastore)
        seen = within_reach(self._hosts, self._site.target, stores) if len(stores) > 1 else stores
        chosen = with_most_room(seen, self._taken)
        if chosen is None:
            raise self._no_datastore(f"the template {name}", stores, None)
        self._taken[chosen.ref] = self._taken.get(chosen.ref, 0) + size
        return chosen.ref

    @property
    def needed(self) -> int:
        """Bytes that everything takes."""
        return sum(self._taken.values())

    @property
    def free(self) -> int:
        """Bytes that are free on the endpoint's datastores and those that entries name."""
        return sum(one.free for one in self._known())

    def shortages(self, profile: str) -> Iterator[NoSpace]:
        """A problem for each datastore that cannot hold what was put on it."""
        for one in self._known():
            needed = self._taken.get(one.ref, 0)
            if needed > one.free:
                why = f"{needed >> 20} MiB are needed on {one.name}, {one.free >> 20} are free"
                yield NoSpace("cannot fit", on=profile, why=why)

    def _known(self) -> list[Datastore]:
        self._stores(self._site.endpoint.datastore)
        return list({one.ref: one for stores in self._named.values() for one in stores}.values())

    def _stores(self, name: str) -> list[Datastore]:
        """The datastore of that name, or the members of the cluster, as they are now."""
        if name not in self._named:
            site = self._site
            own = name == site.endpoint.datastore
            refs = site.target.datastores if own else find_datastores(site.session, site.target.datacenter, name)
            self._named[name] = look_at(site.session, refs)
        return self._named[name]

    def _named_host(self, entry: Entry) -> Host | None:
        """The host that the entry names, else the endpoint's; None when neither does."""
        target = self._site.target
        ref = find_host(self._site.session, target.compute, entry.host) if entry.host else target.host
        return next((host for host in self._hosts if host.ref == ref), None) if ref else None

    @property
    def _hosts(self) -> list[Host]:
        if self._known_hosts is None:
            self._known_hosts = hosts_of(self._site.session, self._site.target.compute)
        return self._known_hosts

    def _no_datastore(self, name: str, stores: list[Datastore], host: Host | None) -> SlipwayError:
        blind = f"the host {host.name} does not see it" if host else "no connected host sees it and the networks"
        reasons = [f"{one.name}: {one.why_not or blind}" for one in stores]
        fix = "name another with `datastore`, or look at it in vCenter"
        return BadInput("no datastore for", on=name, why="; ".join(reasons) or "it was removed", fix=fix)

    def _no_host(
        self, name: str, store: Datastore, networks: Collection[NetworkRef], base: Collection[DatastoreRef]
    ) -> SlipwayError:
        reasons = [f"{host.name}: {host.why_not(store.ref, networks, base)}" for host in self._hosts]
        fix = "name another datastore or network, or look at the hosts in vCenter"
        why = "; ".join(reasons[:_NAMED]) + (f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else "")
        return BadInput("no host for", on=f"{name} on {store.name}", why=why, fix=fix)
