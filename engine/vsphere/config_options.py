"""What virtual machines the endpoint's hosts can run, in the words of vCenter's EnvironmentBrowser.

It is asked before an import, for findings: whoever does not get an answer says so and goes on (stock vcsim answers
without fields that pyVmomi insists on).
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from engine.errors import SlipwayError
from engine.vsphere.inventory import Target
from engine.vsphere.properties import read
from engine.vsphere.session import Session

log = logging.getLogger(__name__)

_VERSION = re.compile(r"vmx-0*(\d{1,3})")

# The device that each ResourceSubType of an OVF becomes (DSP0243 leaves them to the vendor; these are VMware's).
_DEVICES = {
    "vmxnet": "VirtualVmxnet",
    "vmxnet2": "VirtualVmxnet2",
    "vmxnet3": "VirtualVmxnet3",
    "e1000": "VirtualE1000",
    "e1000e": "VirtualE1000e",
    "pcnet32": "VirtualPCNet32",
    "flexible": "VirtualPCNet32",
    "lsilogic": "VirtualLsiLogicController",
    "lsilogicsas": "VirtualLsiLogicSASController",
    "buslogic": "VirtualBusLogicController",
    "virtualscsi": "ParaVirtualSCSIController",
    "ahci": "VirtualAHCIController",
    "vmware.sata.ahci": "VirtualAHCIController",
    "vmware.nvme.controller": "VirtualNVMEController",
}


@dataclass(frozen=True, slots=True)
class Runnable:
    """What VMs may be made of one hardware version. Guest ids and device types; either is empty when it is not said."""

    guests: frozenset[str]
    devices: frozenset[str]


def hardware_versions(text: str) -> tuple[int, ...]:
    """The numbers N of `vmx-N` in an OVF's VirtualSystemType, which may name several."""
    return tuple(int(number) for number in _VERSION.findall(text))


def device_type(subtype: str) -> str:
    """vSphere's type of an OVF's ResourceSubType, "" for one that is not VMware's."""
    return _DEVICES.get(subtype.lower(), "")


def creatable_versions(session: Session, target: Target) -> Mapping[int, str]:
    """The hardware versions that a VM of the target may be made with (of its host, or of any host of the cluster), with
    vCenter's keys for them. Empty when vCenter does not say.
    """
    found = _answer(session, target, "QueryConfigOptionDescriptor") or []
    usable = [
        one for one in found if one.createSupported is not False and (target.host is None or target.host in one.host)
    ]
    return {number: one.key for one in usable for number in hardware_versions(one.key)}


def runnable(session: Session, target: Target, key: str, guest: str) -> Runnable:
    """What may be run in the hardware version of that key; of the guests only `guest` if it is known, else all."""
    spec = vim.EnvironmentBrowser.ConfigOptionQuerySpec(key=key, host=target.host, guestId=[guest] if guest else [])
    option = _answer(session, target, "QueryConfigOptionEx", spec)
    if option is None:
        return Runnable(frozenset(), frozenset())
    hardware = option.hardwareOptions
    devices = [one.type for one in (hardware.virtualDeviceOption if hardware else [])]
    return Runnable(
        frozenset(one.id for one in option.guestOSDescriptor or []),
        frozenset(one.__name__.rpartition(".")[2] for one in devices if isinstance(one, type)),
    )


def _answer(session: Session, target: Target, method: str, *arguments: Any) -> Any:
    """None when there is none. pyVmomi raises TypeError for an answer that lacks a field."""
    try:
        browser: Any = read(session, target.compute, "environmentBrowser").get("environmentBrowser")
        return browser and session.call("ask", "what the hosts can run", getattr(browser, method), *arguments)
    except (SlipwayError, TypeError) as error:
        log.info("%s: %s", method, error)
        return None
