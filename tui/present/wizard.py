"""What is filled in for a deployment, as a profile. Pure functions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

AFTER, BESIDE = "after", "beside"
"""A VM is begun when the one above has ended, or together with it."""


@dataclass(frozen=True, slots=True)
class Vm:
    """One row of the form. `component`: its uid, or one of its variants; `host`: a host id or a whole address; empty
    texts are filled in by the component's name.
    """

    component: str
    hostname: str = ""
    host: str = ""
    order: str = AFTER


def next_vm(above: Vm) -> Vm:
    """The row below: the same component, beside it, with the next number in the name and the address."""
    return replace(above, hostname=_counted(above.hostname), host=_counted(above.host), order=BESIDE)


def _counted(text: str) -> str:
    """`esxi11` -> `esxi12`, `10.96.42.11` -> `10.96.42.12`; what has no number at its end becomes empty."""
    found = re.search(r"\d+$", text)
    if found is None:
        return ""
    return text[: found.start()] + str(int(found[0]) + 1).zfill(len(found[0]))


def document(
    lab: Mapping[str, str], vms: Sequence[Vm], variants: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> dict[str, Any]:
    """The profile that was filled in, as its file would say it; what is empty is left out. `variants`: uid and option
    of those that may be in a row.
    """
    network = _said(lab, "portgroup", "subnet", "gateway", "dns", "ntp")
    steps: list[list[dict[str, Any]]] = []
    for vm in vms:
        if vm.order == BESIDE and steps:
            steps[-1].append(_entry(vm, variants))
        else:
            steps.append([_entry(vm, variants)])
    return {**_said(lab, "name", "endpoint", "domain", "vapp"), "network": network, "components": steps}


def overrides(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What replaces fields of a profile's file: only what was filled in."""
    fields = {"name": "name", "endpoint": "endpoint", "domain": "domain", "vapp": "vapp"}
    fields["portgroup"] = "network.portgroup"
    return tuple((field, given[name].strip()) for name, field in fields.items() if given[name].strip())


def _said(given: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: given[name].strip() for name in names if given.get(name, "").strip()}


def _entry(vm: Vm, variants: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    uid, option = variants.get(vm.component, (vm.component, ""))
    entry: dict[str, Any] = {"component_uid": uid}
    if option:
        entry["deployment"] = option
    if vm.hostname.strip():
        entry["hostname"] = vm.hostname.strip()
    host = vm.host.strip()
    if host.isdecimal():
        entry["host_id"] = int(host)
    elif host:
        entry["ip"] = host
    return entry
