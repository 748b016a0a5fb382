"""Device changes of network adapters: networks, types, MAC addresses. Pure but for reading a portgroup's switch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from engine.vsphere.properties import read
from engine.vsphere.session import Session

_Device = vim.vm.device
_EDIT = _Device.VirtualDeviceSpec.Operation.edit
_ADD = _Device.VirtualDeviceSpec.Operation.add
_REMOVE = _Device.VirtualDeviceSpec.Operation.remove
_TYPES: dict[str, type[Any]] = {
    "vmxnet3": _Device.VirtualVmxnet3,
    "vmxnet2": _Device.VirtualVmxnet2,
    "e1000": _Device.VirtualE1000,
    "e1000e": _Device.VirtualE1000e,
    "pcnet32": _Device.VirtualPCNet32,
}


@dataclass(frozen=True, slots=True)
class Adapter:
    """What a network adapter must be: its network's `backing`, its type's name, its MAC address in lower case.

    `kind` "" keeps the type, of an added one the first one's. `mac` "" is any that nobody else has.
    """

    backing: Any
    kind: str = ""
    mac: str = ""


def nic_backing(session: Session, network: vim.Network) -> Any:
    """What connects an adapter to a standard, distributed or opaque network."""
    card = _Device.VirtualEthernetCard
    if isinstance(network, vim.dvs.DistributedVirtualPortgroup):
        values = read(session, network, "key", "config.distributedVirtualSwitch")
        switch = read(session, values["config.distributedVirtualSwitch"], "uuid")["uuid"]
        return card.DistributedVirtualPortBackingInfo(
            port=vim.dvs.PortConnection(portgroupKey=values["key"], switchUuid=switch)
        )
    if isinstance(network, vim.OpaqueNetwork):
        summary = read(session, network, "summary")["summary"]
        return card.OpaqueNetworkBackingInfo(
            opaqueNetworkId=summary.opaqueNetworkId, opaqueNetworkType=summary.opaqueNetworkType
        )
    return card.NetworkBackingInfo(deviceName=read(session, network, "name")["name"])


def same_backing(one: Any, other: Any) -> bool:
    """Whether two adapters' backings mean the same network."""
    if isinstance(one, _Device.VirtualEthernetCard.DistributedVirtualPortBackingInfo):
        return type(one) is type(other) and one.port.portgroupKey == other.port.portgroupKey
    if isinstance(one, _Device.VirtualEthernetCard.OpaqueNetworkBackingInfo):
        return type(one) is type(other) and one.opaqueNetworkId == other.opaqueNetworkId
    return type(one) is type(other) and one.deviceName == other.deviceName


def nic_changes(nics: Sequence[Any], wanted: Sequence[Adapter], wrong: Callable[[Any, Adapter], bool]) -> list[Any]:
    """The changes that make existing adapters what is wanted of each, in their order, and add those that are missing.

    `wrong` says which ones to edit. An adapter's type cannot be edited: from the first of another type on they are
    removed and added anew, since an adapter's device key, and so its place, follows from when it was added ([VC]).
    """
    pairs = list(zip(nics, wanted, strict=False))
    kept = next((place for place, (nic, to) in enumerate(pairs) if not _has_type(nic, to)), len(pairs))
    changes = [_edited(nic, to) for nic, to in pairs[:kept] if wrong(nic, to)]
    changes += [_Device.VirtualDeviceSpec(operation=_REMOVE, device=nic) for nic, _ in pairs[kept:]]
    if pairs:
        added = enumerate(wanted[kept:], kept)
        changes += [_new(nics[place] if place < len(pairs) else nics[0], to, place) for place, to in added]
    return changes


def differs(nic: Any, wanted: Adapter, not_macs: frozenset[str]) -> bool:
    """Whether the adapter is on another network, or has an address that it must not have."""
    mac = str(nic.macAddress or "").lower()
    return not same_backing(nic.backing, wanted.backing) or (mac != wanted.mac if wanted.mac else mac in not_macs)


def _has_type(nic: Any, wanted: Adapter) -> bool:
    return not wanted.kind or type(nic) is _TYPES[wanted.kind]


def _edited(nic: Any, wanted: Adapter) -> Any:
    """On its network, with the given MAC address or one of its own (a clone keeps the template's otherwise). Whether it
    starts connected is the OVF's affair (AutomaticAllocation), and stays as the import made it.
    """
    nic.backing = wanted.backing
    nic.addressType, nic.macAddress = ("manual", wanted.mac) if wanted.mac else ("assigned", None)
    return _Device.VirtualDeviceSpec(operation=_EDIT, device=nic)


def _new(like: Any, wanted: Adapter, number: int) -> Any:
    """One more adapter, like one that is there. `number` makes its temporary key unique."""
    connected = like.connectable.startConnected if like.connectable else True
    nic = _TYPES.get(wanted.kind, type(like))(
        key=-100 - number,
        backing=wanted.backing,
        addressType="manual" if wanted.mac else "generated",
        macAddress=wanted.mac or None,
        connectable=_Device.VirtualDevice.ConnectInfo(
            startConnected=connected, allowGuestControl=True, connected=connected
        ),
    )
    return _Device.VirtualDeviceSpec(operation=_ADD, device=nic)
