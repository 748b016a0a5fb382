"""Profiles: what to deploy, in which order, read from YAML or JSON.

The format is Slipway's own (keys as in the classes below), or zPodFactory's: a list of entries, or `{name, profile}`.
An inner list deploys in parallel; the outer items follow one another. What a file does not say comes in as overrides.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, Strict

from engine.catalog.documents import Count, Name, Text, build, read_json, read_yaml, refuse_all, unknown_keys
from engine.errors import BadInput

# vSphere refuses longer names; a guest's FQDN is its VM's name.
VM_NAME_LIMIT = 80
# Nobody deploys more in one run; it bounds what YAML's aliases can multiply.
ENTRY_LIMIT = 1000

_Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is: an environment variable, or a secret setting of the store. Never the secret itself."""

    env: Name | None = None
    setting: Name | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """The lab's network: `subnet` is `address/prefix`; the optional ones are None when the profile gives none."""

    portgroup: Name
    subnet: Name
    gateway: Name | None = None
    dns: Name | None = None
    ntp: Name | None = None
    nfs: Name | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One VM. `vmem` in GB; `vdisks` in GB from Hard disk 2 on; None leaves what the OVA says.

    `networks` maps OVF network names to portgroups; `properties` adds to or replaces the component's, as templates.
    """

    component_uid: Name
    hostname: Name
    host_id: Count | None = None
    ip: Name | None = None
    vcpu: Count | None = None
    vmem: Count | None = None
    vnics: Annotated[int, Strict(), Field(gt=0, le=10)] | None = None  # vSphere's maximum of NICs
    vdisks: tuple[Count, ...] = ()
    networks: Mapping[Name, Name] = field(default_factory=dict)
    properties: Mapping[Name, Text] = field(default_factory=dict)

    def vm_name(self, domain: str) -> str:
        """The VM's name and the guest's FQDN."""
        return f"{self.hostname}.{domain}"


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile; `steps` follow one another, the entries of a step deploy in parallel."""

    name: str
    endpoint: str
    domain: str
    vapp: str | None
    network: Network
    password: Secret | None
    sshkey: str | None
    steps: tuple[tuple[Entry, ...], ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries in the order they stand."""
        return tuple(entry for step in self.steps for entry in step)

    def address(self, entry: Entry) -> str:
        """The entry's `ip`, else the subnet's network address plus `host_id`."""
        return str(_address(entry, ipaddress.ip_network(self.network.subnet)))


@dataclass(frozen=True, slots=True)
class _Head:
    name: Name
    endpoint: Name
    domain: Name
    vapp: Name | None = None
    sshkey: Text | None = None


_HEAD = [field.name for field in fields(_Head)]
_KEYS = [*_HEAD, "network", "password", "components"]


def read_profile(path: Path, overrides: Iterable[tuple[str, str]] = ()) -> Profile:
    """The profile in this file, with `overrides` (dotted path, text) filling or replacing its fields.

    `.json` is read as JSON, everything else as YAML. A bare list takes its name from the file's.
    Raises BadInput that lists every problem as `components[1][0].host_id: why`.
    """
    document = _shaped(read_json(path) if path.suffix.lower() == ".json" else read_yaml(path), path)
    problems: list[str] = []
    for dotted, text in overrides:
        _override(document, dotted, text, problems)
    profile = _profile(document, problems)
    refuse_all("cannot use profile", str(path), problems)
    if profile is None:  # _profile says why whenever it makes none
        raise BadInput("cannot use profile", on=str(path))
    return profile


def _shaped(document: object, path: Path) -> dict[Any, Any]:
    """The document as a mapping with `components`, whichever of the accepted shapes it has."""
    if isinstance(document, list):
        return {"name": path.stem, "components": document}
    if not isinstance(document, dict):
        raise BadInput("cannot use profile", on=str(path), why="it is neither a mapping nor a list of entries")
    if "profile" in document and "components" not in document:
        return {"components" if key == "profile" else key: value for key, value in document.items()}
    return dict(document)


def _override(document: dict[Any, Any], dotted: str, text: str, problems: list[str]) -> None:
    *parents, key = dotted.split(".")
    level = document
    for depth, parent in enumerate(parents):
        # Copied, because YAML's aliases may share one mapping between two places.
        below = level.get(parent)
        if below is not None and not isinstance(below, dict):
            problems.append(f"{'.'.join(parents[: depth + 1])}: cannot be set below, it is not a mapping")
            return
        level[parent] = level = dict(below or {})
    level[key] = text


def _profile(document: dict[Any, Any], problems: list[str]) -> Profile | None:
    problems += unknown_keys(document, _KEYS, "")
    head = build(_Head, {key: value for key, value in document.items() if key in _HEAD}, "", problems)
    network = build(Network, document.get("network") or {}, "network", problems)
    password = _password(document.get("password"), problems)
    steps = _steps(document.get("components"), problems)
    subnet = _subnet(network, problems) if network else None
    if head:
        _check_names(head, steps, problems)
    if network and subnet:
        _check_addresses(network, subnet, steps, problems)
    if problems or head is None or network is None:
        return None
    return Profile(
        name=head.name,
        endpoint=head.endpoint,
        domain=head.domain,
        vapp=head.vapp,
        network=network,
        password=password,
        sshkey=head.sshkey,
        steps=tuple(tuple(entry for _, entry in step) for step in steps),
    )


def _password(document: object, problems: list[str]) -> Secret | None:
    if document is None:
        return None
    if not isinstance(document, dict):
        problems.append("password: a profile holds no password; write `password: {env: NAME}` and set that variable")
        return None
    secret = build(Secret, document, "password", problems)
    if secret is None:
        return None
    if (secret.env is None) == (secret.setting is None):
        problems.append("password: name either `env` or `setting`")
    if secret.env is not None and not _VARIABLE.fullmatch(secret.env):
        problems.append("password.env: not the name of an environment variable")
    return secret


# The entries of a step, each with its path in the document.
_Step = list[tuple[str, Entry]]


def _steps(document: object, problems: list[str]) -> list[_Step]:
    if not isinstance(document, list) or not document:
        problems.append("components: must be a list of entries")
        return []
    if sum(len(item) if isinstance(item, list) else 1 for item in document) > ENTRY_LIMIT:
        problems.append(f"components: more than {ENTRY_LIMIT} entries")
        return []
    steps = []
    for index, item in enumerate(document):
        where = f"components[{index}]"
        if isinstance(item, list):
            within = [(f"{where}[{place}]", below) for place, below in enumerate(item)]
        else:
            within = [(where, item)]
        if not within:
            problems.append(f"{where}: an empty list")
        built = [(path, build(Entry, below, path, problems)) for path, below in within]
        steps.append([(path, entry) for path, entry in built if entry])
    return steps


def _subnet(network: Network, problems: list[str]) -> _Subnet | None:
    try:
        subnet = ipaddress.ip_network(network.subnet, strict=False)
    except ValueError:
        problems.append("network.subnet: must be an address and a prefix, such as 10.96.42.0/24")
        return None
    if "/" not in network.subnet:
        problems.append(f"network.subnet: has no prefix, such as {network.subnet}/24")
        return None
    if str(subnet.network_address) != str(ipaddress.ip_interface(network.subnet).ip):
        problems.append(f"network.subnet: {network.subnet} is an address inside {subnet}; write that")
    if network.gateway is not None and _ip(network.gateway) is None:
        problems.append("network.gateway: must be an IP address")
    return subnet


def _check_names(head: _Head, steps: list[_Step], problems: list[str]) -> None:
    for field_name in ("name", "endpoint", "vapp"):
        value = getattr(head, field_name)
        if value is not None and (len(value) > VM_NAME_LIMIT or not value.isprintable() or set(value) & set("/\\%")):
            problems.append(f"{field_name}: at most {VM_NAME_LIMIT} printable characters without / \\ %")
    if not all(_LABEL.fullmatch(label) for label in head.domain.split(".")):
        problems.append("domain: must be DNS labels joined by dots")
    seen: dict[str, str] = {}
    for where, entry in (pair for step in steps for pair in step):
        if not _LABEL.fullmatch(entry.hostname):
            problems.append(f"{where}.hostname: must be one DNS label (letters, digits, hyphens; at most 63)")
        name = entry.vm_name(head.domain)
        if len(name) > VM_NAME_LIMIT:
            problems.append(f"{where}.hostname: the VM's name {name} is longer than {VM_NAME_LIMIT} characters")
        first = seen.setdefault(entry.hostname.lower(), where)
        if first != where:
            problems.append(f"{where}.hostname: {entry.hostname} is already the name of {first}")


def _check_addresses(network: Network, subnet: _Subnet, steps: list[_Step], problems: list[str]) -> None:
    seen = {ip: "the gateway" for ip in [_ip(network.gateway or "")] if ip}
    for where, entry in (pair for step in steps for pair in step):
        if (entry.host_id is None) == (entry.ip is None):
            problems.append(f"{where}: give either host_id or ip")
            continue
        path = f"{where}.{'ip' if entry.ip else 'host_id'}"
        address = _address(entry, subnet)
        if entry.ip is not None and address is None:
            problems.append(f"{path}: must be an IP address")
        elif address is None or not _is_host(address, subnet):
            problems.append(f"{path}: {address or entry.host_id} is no host address of {subnet}")
        elif seen.setdefault(address, where) != where:
            problems.append(f"{path}: {address} is already the address of {seen[address]}")


def _ip(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_host(address: _Address, subnet: _Subnet) -> bool:
    if subnet.num_addresses <= 2:  # a point-to-point or single-host network has no other addresses
        return address in subnet
    reserved = {subnet.network_address, subnet.broadcast_address} if subnet.version == 4 else {subnet.network_address}
    return address in subnet and address not in reserved


def _address(entry: Entry, subnet: _Subnet) -> _Address | None:
    """None when the entry's `ip` is no address, or `host_id` leads beyond the last address there is."""
    if entry.ip is not None:
        return _ip(entry.ip)
    try:
        return subnet.network_address + (entry.host_id or 0)
    except ipaddress.AddressValueError:
        return None
