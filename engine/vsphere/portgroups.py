"""What a portgroup lets pass besides the frames of its own VMs: what the VMs inside a nested ESXi need."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from engine.vsphere.inventory import Target, shown_name
from engine.vsphere.properties import Values, read, read_many
from engine.vsphere.session import Session


@dataclass(frozen=True, slots=True)
class Portgroup:
    """`known` is False for one whose policy vCenter does not have (NSX). `blind` are the hosts on which its policy is
    stricter than elsewhere; a distributed one is the same on all.
    """

    name: str
    distributed: bool
    known: bool
    promiscuous: bool = False
    forged: bool = False
    mac_learning: bool = False
    blind: tuple[str, ...] = ()

    @property
    def carries_nested(self) -> bool:
        """Whether VMs inside a VM are reachable through it."""
        return self.forged and (self.mac_learning or self.promiscuous)


def look_at(session: Session, target: Target, network: vim.Network) -> Portgroup:
    """The portgroup's policy now. Raises as Session.call."""
    name = shown_name(str(read(session, network, "name")["name"]))
    if isinstance(network, vim.dvs.DistributedVirtualPortgroup):
        return _distributed(session, network, name)
    if isinstance(network, vim.OpaqueNetwork):
        return Portgroup(name, distributed=True, known=False)
    return _standard(session, target, name)


def _distributed(session: Session, network: vim.Network, name: str) -> Portgroup:
    values = read(session, network, "config.defaultPortConfig", "config.backingType")
    if values.get("config.backingType") == "nsx":
        return Portgroup(name, distributed=True, known=False)
    policy = values.get("config.defaultPortConfig")
    # Since vSphere 6.7 macManagementPolicy holds what securityPolicy did; older switches have the latter only.
    mac = getattr(policy, "macManagementPolicy", None)
    if mac is not None and mac.forgedTransmits is not None:
        learning = mac.macLearningPolicy
        return Portgroup(
            name,
            distributed=True,
            known=True,
            promiscuous=bool(mac.allowPromiscuous),
            forged=bool(mac.forgedTransmits),
            mac_learning=bool(learning and learning.enabled),
        )
    security = getattr(policy, "securityPolicy", None)
    return Portgroup(
        name,
        distributed=True,
        known=True,
        promiscuous=_is_on(security and security.allowPromiscuous),
        forged=_is_on(security and security.forgedTransmits),
    )


def _is_on(policy: Any) -> bool:
    return bool(policy and policy.value)


def _standard(session: Session, target: Target, name: str) -> Portgroup:
    """Each host has its own policy; those of the target count."""
    hosts = [target.host] if target.host else read(session, target.compute, "host").get("host") or []
    rows = [
        (values, one)
        for _, values in read_many(session, hosts, "name", "config.network.portgroup")
        for one in _named(values, name)
    ]
    strict = [
        values for values, one in rows if not (_allows(one, "allowPromiscuous") and _allows(one, "forgedTransmits"))
    ]
    return Portgroup(
        name,
        distributed=False,
        known=bool(rows),
        promiscuous=all(_allows(one, "allowPromiscuous") for _, one in rows),
        forged=all(_allows(one, "forgedTransmits") for _, one in rows),
        blind=tuple(sorted(shown_name(str(values["name"])) for values in strict)),
    )


def _named(values: Values, name: str) -> Iterable[Any]:
    return [one for one in values.get("config.network.portgroup") or [] if one.spec.name == name]


def _allows(portgroup: Any, what: str) -> bool:
    policy = portgroup.computedPolicy.security
    return bool(policy and getattr(policy, what))
