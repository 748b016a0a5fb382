"""The network adapters that a profile's entry asks for, and which MAC addresses may be given by hand."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Literal

from engine.catalog.documents import Name, unknown_keys

Kind = Literal["vmxnet3", "vmxnet2", "e1000", "e1000e", "pcnet32"]

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class Nic:
    """One adapter, in the OVF's order; None leaves what the OVA, the component or the profile's network say.

    `network` is a portgroup; `mac` six bytes joined by colons.
    """

    network: Name | None = None
    type: Kind | None = None
    mac: Name | None = None


def normal_mac(text: str) -> str:
    """The address in lower case with colons, as vCenter tells it."""
    return text.strip().lower().replace("-", ":")


def fault_of_mac(text: str) -> str:
    """Why a virtual adapter cannot be given this address, "" when it can.

    Of VMware's own 00:50:56 vCenter takes 00 to 3f by hand; the rest it gives out itself ("vSphere Networking": MAC
    addresses, static assignment).
    """
    mac = normal_mac(text)
    if not _MAC.fullmatch(mac):
        return "must be six bytes such as 00:50:56:00:00:2a"
    first, *_ = octets = [int(part, 16) for part in mac.split(":")]
    if first & 1:
        return f"{mac} is a multicast address, an adapter needs one of its own"
    if not any(octets):
        return f"{mac} is no address"
    if octets[:3] == [0x00, 0x50, 0x56] and octets[3] > 0x3F:
        return f"{mac} is of the range that vCenter gives out itself (by hand: 00:50:56:00:00:00 to 00:50:56:3f:ff:ff)"
    return ""


def unknown_nic_keys(entry: object, where: str) -> Iterator[str]:
    """A problem for each key of the entry's adapters that is not known."""
    given = entry.get("nics") if isinstance(entry, dict) else None
    for index, nic in enumerate(given if isinstance(given, list) else []):
        if isinstance(nic, dict):
            yield from unknown_keys(nic, [field.name for field in fields(Nic)], f"{where}.nics[{index}]")


def faults_of_nics(entries: Iterable[tuple[str, tuple[Nic, ...], int | None]]) -> Iterator[str]:
    """What is wrong with the adapters of the entries, given as (path, `nics`, `vnics`), each as `field: why`."""
    seen: dict[str, str] = {}
    for where, nics, wanted in entries:
        if wanted is not None and len(nics) > wanted:
            yield f"{where}.nics: more than the {wanted} of vnics"
        for index, nic in enumerate(nics):
            if nic.mac is None:
                continue
            path = f"{where}.nics[{index}].mac"
            if wrong := fault_of_mac(nic.mac):
                yield f"{path}: {wrong}"
            elif (first := seen.setdefault(normal_mac(nic.mac), path)) != path:
                yield f"{path}: {nic.mac} is already the address of {first}"
