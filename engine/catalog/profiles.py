"""Profiles: what to deploy, in which order, read from YAML or JSON.

The format is Slipway's own (keys as in the classes below), or zPodFactory's: a list of entries, or `{name, profile}`.
An inner list deploys in parallel; the outer items follow one another. What a file does not say comes in as overrides.
As in zPodFactory, a missing hostname is the component's name and a missing host_id the one of HOST_IDS.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, Strict

from engine.catalog.documents import Count, Name, Text, build, read_json, read_yaml, refuse_all, unknown_keys
from engine.catalog.network import Address, Network, Subnet, faults_of, ip, is_host, nth_address, subnet_of
from engine.catalog.nics import Nic, faults_of_nics, unknown_nic_keys
from engine.catalog.variants import Provisioning
from engine.errors import BadInput

# vSphere refuses longer names; a guest's FQDN is its VM's name.
VM_NAME_LIMIT = 80
# Nobody deploys more in one run; it bounds what YAML's aliases can multiply.
ENTRY_LIMIT = 1000
# The place of each appliance in a lab's subnet (zPodFactory's zpodcommon/lib/network_utils.py).
HOST_IDS = {
    "zcore": 2,
    "zbox": 2,
    "zrdp": 3,
    "hcx-cloud": 7,
    "hcx-connector": 8,
    "nsxv": 9,
    "vcsa": 10,
    "nsx": 20,
    "nsxt": 20,
    "cloudbuilder": 25,
    "vcfinstaller": 25,
    "vrops": 30,
    "vrli": 31,
    "vcd": 40,
    "vcda": 41,
}

# vSphere's maximum for a VM.
NIC_LIMIT = 10

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What zPodFactory's API returns with a profile and means nothing here.
_BOOKKEEPING = ("id", "creation_date", "last_modified_date")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is: an environment variable, or a secret setting of the store. Never the secret itself."""

    env: Name | None = None
    setting: Name | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One VM. `vmem` in GB; `vdisks` in GB from Hard disk 2 on; None leaves what the OVA says.

    `networks` maps OVF network names to portgroups, `nics` says more of the adapters in their order; `properties` adds
    to or replaces the component's, as templates. `deployment`, the OVF's option, and `disk_provisioning` replace the
    component's too. None for `linked`, `datastore`, `host`: as the endpoint says.
    """

    component_uid: Name
    hostname: Name
    host_id: Count | None = None
    ip: Name | None = None
    vcpu: Count | None = None
    vmem: Count | None = None
    vnics: Annotated[int, Strict(), Field(gt=0, le=NIC_LIMIT)] | None = None
    vdisks: tuple[Count, ...] = ()
    networks: Mapping[Name, Name] = field(default_factory=dict)
    nics: Annotated[tuple[Nic, ...], Field(max_length=NIC_LIMIT)] = ()
    linked: Annotated[bool, Strict()] | None = None
    datastore: Name | None = None
    host: Name | None = None
    storage_policy: Name | None = None
    deployment: Name | None = None
    disk_provisioning: Provisioning | None = None
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

    def address(self, entry: Entry) -> str:
        """The entry's `ip`, else the subnet's network address plus `host_id`."""
        subnet = subnet_of(self.network)
        return str(_address(entry, subnet) if subnet else None)

    def as_dict(self) -> dict[str, Any]:
        """The profile as its file would say it, plain types only; it holds no secret."""
        said = asdict(self)
        said["components"] = [list(step) for step in said.pop("steps")]
        plain: dict[str, Any] = _without_gaps(said)
        return plain


@dataclass(frozen=True, slots=True)
class _Head:
    name: Name
    endpoint: Name
    domain: Name
    vapp: Name | None = None
    sshkey: Text | None = None


# An entry and its path in the document.
_Placed = tuple[str, Entry]

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
        _override(document, dotted.split("."), text, problems)
    return _checked(document, str(path), problems)


def profile_of(document: dict[str, Any], where: str) -> Profile:
    """The profile that `Profile.as_dict` told; `where` names it in errors. Raises BadInput."""
    return _checked(document, where, [])


def _checked(document: dict[Any, Any], where: str, problems: list[str]) -> Profile:
    profile = _profile(document, problems)
    refuse_all("cannot use profile", where, problems)
    assert profile is not None  # noqa: S101 - no problem, so there is one
    return profile


def _shaped(document: object, path: Path) -> dict[Any, Any]:
    """The document as a mapping with `components`, whichever of the accepted shapes it has."""
    if isinstance(document, list):
        return {"name": path.stem, "components": document}
    if not isinstance(document, dict):
        raise BadInput("cannot use profile", on=str(path), why="it is neither a mapping nor a list of entries")
    if "profile" in document and "components" not in document:
        said = {key: value for key, value in document.items() if key not in _BOOKKEEPING}
        return {"components": said.pop("profile"), **said}
    return dict(document)


def _override(document: dict[Any, Any], path: list[str], text: str, problems: list[str]) -> None:
    level = document
    for depth, key in enumerate(path[:-1], start=1):
        below = level.get(key)
        if below is not None and not isinstance(below, dict):
            problems.append(f"{'.'.join(path)}: cannot be set, {'.'.join(path[:depth])} is not a mapping")
            return
        level[key] = level = dict(below or {})  # copied: with a YAML alias another place holds it too
    level[path[-1]] = text


def _profile(document: dict[Any, Any], problems: list[str]) -> Profile | None:
    problems += unknown_keys(document, _KEYS, "")
    head = build(_Head, {key: value for key, value in document.items() if key in _HEAD}, "", problems)
    network = build(Network, document.get("network", {}), "network", problems)
    password = _password(document.get("password"), problems)
    steps = _steps(document.get("components"), problems)
    placed = [one for step in steps for one in step]
    if head:
        problems += _faults_of_names(head, placed)
    problems += faults_of_nics([(where, entry.nics, entry.vnics) for where, entry in placed])
    if network:
        problems += [*faults_of(network), *_faults_of_addresses(network, placed)]
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
        problems.append("password: a profile holds no password, write `password: {env: NAME}` and set that variable")
        return None
    secret = build(Secret, document, "password", problems)
    if secret and (secret.env is None) == (secret.setting is None):
        problems.append("password: name either `env` or `setting`")
    if secret and secret.env is not None and not _ENVIRONMENT_NAME.fullmatch(secret.env):
        problems.append("password.env: not the name of an environment variable")
    return secret


def _steps(document: object, problems: list[str]) -> list[list[_Placed]]:
    if not isinstance(document, list) or not document:
        problems.append("components: must be a list of entries")
        return []
    if sum(len(item) if isinstance(item, list) else 1 for item in document) > ENTRY_LIMIT:
        problems.append(f"components: more than {ENTRY_LIMIT} entries")
        return []
    steps = []
    for index, item in enumerate(document):
        where = f"components[{index}]"
        within = [(where, item)]
        if isinstance(item, list):
            within = [(f"{where}[{place}]", inner) for place, inner in enumerate(item)]
        if not within:
            problems.append(f"{where}: an empty list")
        problems += [problem for path, inner in within for problem in unknown_nic_keys(inner, path)]
        built = [(path, build(Entry, _filled(inner), path, problems)) for path, inner in within]
        steps.append([(path, entry) for path, entry in built if entry])
    return steps


def _filled(document: object) -> object:
    """The entry with zPodFactory's hostname and host_id where it gives none."""
    if not isinstance(document, dict) or not isinstance(document.get("component_uid"), str):
        return document
    name = re.split(r"-(?=\d)", document["component_uid"])[
        0
    ]  # a uid is <name>-<version>, and versions start with a digit
    filled = dict(document)
    if filled.get("hostname") is None:
        filled["hostname"] = name
    if filled.get("host_id") is None and filled.get("ip") is None:
        filled["host_id"] = HOST_IDS.get(name)
    return filled


def _faults_of_names(head: _Head, placed: list[_Placed]) -> Iterator[str]:
    for key, value in (("name", head.name), ("endpoint", head.endpoint), ("vapp", head.vapp or "")):
        if len(value) > VM_NAME_LIMIT or not value.isprintable() or set(value) & set("/\\%"):
            yield f"{key}: must be at most {VM_NAME_LIMIT} printable characters without / \\ %"
    if not all(_LABEL.fullmatch(label) for label in head.domain.split(".")):
        yield "domain: must be DNS labels (letters, digits, hyphens; at most 63) joined by dots"
    seen: dict[str, str] = {}
    for where, entry in placed:
        if not _LABEL.fullmatch(entry.hostname):
            yield f"{where}.hostname: must be one DNS label (letters, digits, hyphens; at most 63)"
        elif len(entry.vm_name(head.domain)) > VM_NAME_LIMIT:
            yield f"{where}.hostname: the VM's name would be longer than {VM_NAME_LIMIT} characters"
        first = seen.setdefault(entry.hostname.lower(), where)
        if first != where:
            yield f"{where}.hostname: {entry.hostname} is already the name of {first}"


def _faults_of_addresses(network: Network, placed: list[_Placed]) -> Iterator[str]:
    subnet = subnet_of(network)
    seen = {ip(network.gateway or ""): "the gateway"}
    for where, entry in placed:
        path = f"{where}.{'host_id' if entry.ip is None else 'ip'}"
        if (entry.host_id is None) == (entry.ip is None):
            yield f"{where}: give either host_id or ip"
        elif entry.ip is not None and ip(entry.ip) is None:
            yield f"{path}: must be an IP address"
        elif subnet:
            address = _address(entry, subnet)
            if address is None or not is_host(address, subnet):
                yield f"{path}: {address or entry.host_id} is no host's address in {subnet}"
            elif seen.setdefault(address, where) != where:
                yield f"{path}: {address} is already the address of {seen[address]}"


def _address(entry: Entry, subnet: Subnet) -> Address | None:
    return nth_address(subnet, entry.host_id or 0) if entry.ip is None else ip(entry.ip)


def _without_gaps(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_gaps(inner) for key, inner in value.items() if inner not in (None, {}, ())}
    return [_without_gaps(inner) for inner in value] if isinstance(value, list | tuple) else value
