"""The network adapters that a plan's entries ask for: their networks found, their MAC addresses free."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.catalog.nics import normal_mac
from engine.catalog.profiles import Entry
from engine.errors import Conflict
from engine.site import Site
from engine.staging import identity
from engine.vsphere.refs import NetworkRef
from engine.vsphere.vms import macs_of, notes_below


@dataclass(frozen=True, slots=True)
class PlannedNic:
    """What an entry asks of one adapter: None and "" where it asks for nothing."""

    network: NetworkRef | None = None
    kind: str = ""
    mac: str = ""


def macs_of_entry(entry: Entry) -> list[str]:
    """The addresses that the entry gives its adapters."""
    return [normal_mac(nic.mac) for nic in entry.nics if nic.mac]


def macs_in_use(site: Site) -> dict[str, str]:
    """MAC address -> VM's name, of the VMs in the endpoint's datacenter that this store has made.

    Others' are not looked at: to read every VM's devices takes 23 s where there are 5,000 (vSphere sheet).
    """
    ours = {}
    for ref, name, notes in notes_below(site.session, site.target.datacenter):
        made = identity.parse(notes)
        if made is not None and made.store == site.store.id and made.item is not None:
            ours[ref] = name
    return {mac: ours[ref] for ref, macs in macs_of(site.session, ours) for mac in macs}


def taken_macs(entry: Entry, name: str, in_use: dict[str, str]) -> Iterator[Conflict]:
    """A problem for each address of the entry's VM `name` that another VM has."""
    for mac in macs_of_entry(entry):
        if in_use.get(mac, name) != name:
            fix = "give another address, or remove that VM"
            yield Conflict("cannot use the MAC address", on=f"{name}: {mac}", why=f"{in_use[mac]} has it", fix=fix)
