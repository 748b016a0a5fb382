"""What is filled in for a deployment, as a profile; and the plan of it in lines. Pure functions."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cli.units import size
from tui.present.text import Line, fit, printable, wrapped

if TYPE_CHECKING:
    from engine.console.plans import Preview

AFTER, BESIDE = "after", "beside"
"""A VM is begun when the one above has ended, or together with it."""


@dataclass(frozen=True, slots=True)
class Vm:
    """One row of the form. `host`: a host id or a whole address; empty texts are filled in by the component's name."""

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


def document(lab: Mapping[str, str], vms: Sequence[Vm]) -> dict[str, Any]:
    """The profile that was filled in, as its file would say it; what is empty is left out."""
    network = _said(lab, "portgroup", "subnet", "gateway", "dns", "ntp")
    steps: list[list[dict[str, Any]]] = []
    for vm in vms:
        if vm.order == BESIDE and steps:
            steps[-1].append(_entry(vm))
        else:
            steps.append([_entry(vm)])
    return {**_said(lab, "name", "endpoint", "domain", "vapp"), "network": network, "components": steps}


def overrides(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What replaces fields of a profile's file: only what was filled in."""
    fields = {"name": "name", "endpoint": "endpoint", "domain": "domain", "vapp": "vapp"}
    fields["portgroup"] = "network.portgroup"
    return tuple((field, given[name].strip()) for name, field in fields.items() if given[name].strip())


def _said(given: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: given[name].strip() for name in names if given.get(name, "").strip()}


def _entry(vm: Vm) -> dict[str, Any]:
    entry: dict[str, Any] = {"component_uid": vm.component}
    if vm.hostname.strip():
        entry["hostname"] = vm.hostname.strip()
    host = vm.host.strip()
    if host.isdecimal():
        entry["host_id"] = int(host)
    elif host:
        entry["ip"] = host
    return entry


def plan(preview: "Preview", width: int, advice: Callable[[str], str] = str) -> list[Line]:
    """What is going to be done, and every problem with what to do about it, as `advice` tells that."""
    lines: list[Line] = []
    if preview.problems:
        count = len(preview.problems)
        lines.append(((f"! It cannot be deployed: {count} problem{'s' if count > 1 else ''}.", "bad"),))
        for number, problem in enumerate(preview.problems, 1):
            lines += [((line, "bad"),) for line in wrapped(f"{number}. {problem.what}", width)]
            lines += (
                [((f"   {line}", "plain"),) for line in wrapped(advice(problem.fix), width - 3)] if problem.fix else []
            )
        lines.append(())
    vms = preview.vms
    name = min(34, max([4, *(len(vm.name) for vm in vms)]))
    address = max([7, *(len(vm.address) for vm in vms)])
    uid = max(9, width - name - address - 11)
    head = f"{fit('VM', name)} {fit('Address', address)} {fit('Path', 8)} {fit('Component', uid)}"
    lines.append(((head, "head"),))
    for vm in vms:
        lines.append(
            (
                (f"{fit(printable(vm.name), name)} {fit(vm.address, address)} ", "plain"),
                (fit(vm.way or "! not", 8) + " ", {"staged": "ok", "": "bad"}.get(vm.way, "warn")),
                (fit(printable(vm.component), uid), "dim"),
            )
        )
    for why in dict.fromkeys(vm.why for vm in vms if vm.why):
        told = [vm.name.partition(".")[0] for vm in vms if vm.why == why]
        who = ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
        lines += [((line, "warn"),) for line in wrapped(f"{who}: {why}", width)]
    if any(vm.way for vm in vms):
        space = f"{size(preview.space_needed)} needed, {size(preview.space_free)} free"
        lines += [
            (),
            (("stage   ", "dim"), (printable(", ".join(preview.to_stage)) or "nothing", "plain")),
            (("upload  ", "dim"), (size(preview.upload_bytes), "plain")),
            (("space   ", "dim"), (space, "bad" if preview.space_needed > preview.space_free else "plain")),
            (("power   ", "dim"), ("on at the end" if preview.power_on else "left off", "plain")),
        ]
    for warning in preview.warnings:
        lines += [(), *[((line, "warn"),) for line in wrapped(f"! {warning.what}", width)]]
        lines += [((f"  {line}", "plain"),) for line in wrapped(advice(warning.fix), width - 2)]
    return lines
