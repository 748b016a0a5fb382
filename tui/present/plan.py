"""The plan of a deployment in lines: what is in its way, its VMs, where they go, how many bytes travel."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cli.units import size
from tui.present.text import Line, fit, printable, wrapped

if TYPE_CHECKING:
    from engine.console.plans import PlannedVm, Preview

LABEL = 8
"""Cells of a sum's name."""

MOST = 3
"""VMs that are named where several are told of."""


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
    lines += _vms(preview.vms, width)
    if any(vm.way for vm in preview.vms):
        lines += [(), *_sums(preview, width)]
    for warning in preview.warnings:
        lines += [(), *[((line, "warn"),) for line in wrapped(f"! {warning.what}", width)]]
        lines += [((f"  {line}", "plain"),) for line in wrapped(advice(warning.fix), width - 2)]
    return lines


def _vms(vms: Sequence["PlannedVm"], width: int) -> list[Line]:
    """One below the other, and why some are not made as others are."""
    name = min(34, max([4, *(len(vm.name) for vm in vms)]))
    address = max([7, *(len(vm.address) for vm in vms)])
    path = max(8, *(len(_path(vm)) for vm in vms)) if vms else 8
    uid = max(9, width - name - address - path - 3)
    head = f"{fit('VM', name)} {fit('Address', address)} {fit('Path', path)} {fit('Component', uid)}"
    lines: list[Line] = [
        ((head, "head"),),
        *[
            (
                (f"{fit(printable(vm.name), name)} {fit(vm.address, address)} ", "plain"),
                (fit(_path(vm), path) + " ", {"staged": "ok", "": "bad"}.get(vm.way, "warn")),
                (fit(printable(vm.template), uid), "dim"),
            )
            for vm in vms
        ],
    ]
    for why in dict.fromkeys(vm.why for vm in vms if vm.why):
        told = f"{_named([vm for vm in vms if vm.why == why])}: {why}"
        lines += [((line, "warn"),) for line in wrapped(told, width)]
    return lines


def _path(vm: "PlannedVm") -> str:
    return f"{vm.way}, linked" if vm.linked else vm.way or "! not"


def _sums(preview: "Preview", width: int) -> list[Line]:
    space = f"{size(preview.space_needed)} needed, {size(preview.space_free)} free"
    return [
        *_labelled("stage", [", ".join(preview.to_stage) or "nothing"], width),
        (("upload  ", "dim"), (size(preview.upload_bytes), "plain")),
        (("space   ", "dim"), (space, "bad" if preview.space_needed > preview.space_free else "plain")),
        *_places(preview.vms, width),
        (("power   ", "dim"), ("on at the end" if preview.power_on else "left off", "plain")),
    ]


def _places(vms: Sequence["PlannedVm"], width: int) -> list[Line]:
    """The datastore and host that each new VM goes to; which ones, where not all go to the same."""
    places: dict[str, list[PlannedVm]] = {}
    for vm in vms:
        if vm.datastore:
            place = f"{vm.datastore}, host {vm.host}" if vm.host else f"{vm.datastore}, host chosen by DRS"
            places.setdefault(place, []).append(vm)
    told = [f"{place}: {_named(there)}" if len(places) > 1 else place for place, there in places.items()]
    return _labelled("place", told, width)


def _labelled(label: str, values: Sequence[str], width: int) -> list[Line]:
    """Values below each other, the first one beside the label."""
    lines = [line for value in values for line in wrapped(value, width - LABEL)]
    return [((fit("" if number else label, LABEL), "dim"), (line, "plain")) for number, line in enumerate(lines)]


def _named(vms: Sequence["PlannedVm"]) -> str:
    """`esxi11, esxi12, esxi13 and 6 more`."""
    names = [vm.name.partition(".")[0] for vm in vms]
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")
