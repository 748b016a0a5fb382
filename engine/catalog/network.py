"""The network of a profile: its subnet, and the addresses that VMs may have in it."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from engine.catalog.documents import Name

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Network:
    """`subnet` is `address/prefix`; what the profile leaves out is None, the portgroup then is the endpoint's."""

    subnet: Name
    portgroup: Name | None = None
    gateway: Name | None = None
    dns: Name | None = None
    ntp: Name | None = None
    nfs: Name | None = None


def subnet_of(network: Network) -> Subnet | None:
    """The subnet, None when the text is none."""
    try:
        return ipaddress.ip_network(network.subnet, strict=False)
    except ValueError:
        return None


def ip(text: str) -> Address | None:
    """The address, None when the text is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def faults_of(network: Network) -> Iterator[str]:
    """What is wrong with the addresses, each as `field: why`."""
    subnet = subnet_of(network)
    if subnet is None or "/" not in network.subnet:
        yield "network.subnet: must be a network address and a prefix, such as 10.96.42.0/24"
    elif subnet.network_address != ipaddress.ip_interface(network.subnet).ip:
        yield f"network.subnet: {network.subnet} is an address, its network is {subnet}"
    if network.gateway is not None and ip(network.gateway) is None:
        yield "network.gateway: must be an IP address"


def nth_address(subnet: Subnet, host_id: int) -> Address | None:
    """The network address plus `host_id`, None beyond the last address there is."""
    try:
        return subnet.network_address + host_id
    except ipaddress.AddressValueError:
        return None


def is_host(address: Address, subnet: Subnet) -> bool:
    """Whether a machine of the subnet may have this address."""
    if subnet.num_addresses <= 2:  # a point-to-point or single-host network reserves none
        return address in subnet
    reserved = {subnet.network_address}
    if isinstance(subnet, ipaddress.IPv4Network):  # IPv6 has no broadcast
        reserved.add(subnet.broadcast_address)
    return address in subnet and address not in reserved
