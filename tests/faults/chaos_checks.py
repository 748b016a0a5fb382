"""What must hold once a deployment has ended, whatever was killed on its way: read with govc, and from the store."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from engine.staging import claims
from storage import components, deployments, paths
from storage.deployments import Item
from tests.e2e.lab import properties_of, snapshots_of
from tests.faults.chaos_lab import SECRETS, STAGED, ChaosLab, Expected, expected

_IN_PROGRESS = re.compile(r"\.(staging|retired)-")
Machines = Mapping[str, dict[str, Any]]


def left_behind(lab: ChaosLab, before: Machines, name: str) -> list[str]:
    """Claims, leftovers and partial VMs: what nobody may find once the worker has ended."""
    machines = lab.machines()
    made = {moref: one for moref, one in machines.items() if moref not in before}
    known = {*expected(name), *(lab.uid(one) for one in STAGED)}
    problems = [f"claim {row.name} is there: {row.evidence}" for row in claims.standing(lab.store)]
    problems += [
        f"leftover {one['name']}"
        for moref, one in made.items()
        if _IN_PROGRESS.search(one["name"]) and not (".retired-" in one["name"] and _children(moref, machines))
    ]
    problems += [
        f"a VM too many: {one['name']} ({moref})"
        for moref, one in made.items()
        if one["name"] not in known and not _IN_PROGRESS.search(one["name"])
    ]
    problems += [f"partial VM {one['name']}" for one in made.values() if _identity(one).get("importing")]
    problems += [f"{one['name']} is to be removed" for one in made.values() if _identity(one).get("removing")]
    return problems


def wrongs(lab: ChaosLab, before: Machines, deployment_id: int, staging: bool, snapshots: Set[int]) -> list[str]:
    """What is not as it was asked. `before` are the machines that were there before the deployment, templates left out
    that it may replace; `snapshots`: how many each new template may have, none unless linked clones are wanted. A call
    of a dead process that comes after the next one's snapshot and before the mark takes a second one, harmless.
    """
    deployment = deployments.get(lab.store, deployment_id)
    items = deployments.items(lab.store, deployment_id)
    machines = lab.machines()
    problems = [f"the deployment is {deployment.state}"] if deployment.state != "succeeded" else []
    problems += [f"{item.name} is {item.state}: {item.reason}" for item in items if item.state != "succeeded"]
    problems += _changed(before, machines)
    segment = lab.refs("g", lab.lab.place.portgroup)
    vapps = lab.refs("a", deployment.name)
    wanted = expected(deployment.name)
    for item in items:
        found = [(moref, one) for moref, one in machines.items() if one["name"] == item.name]
        if len(found) != 1:
            problems.append(f"{item.name} is there {len(found)} times")
            continue
        [(moref, machine)] = found
        why = [
            *_as_asked(machine, wanted[item.name], segment),
            *_as_noted(lab, item, moref, machine, staging),
            *_as_cloned(item, moref, machines, snapshots != {0} and not wanted[item.name].disks_gib),
            *([] if _pool(machine, vapps) else ["not in its vApp"]),
        ]
        problems += [f"{item.name}: {one}" for one in why]
    if staging:
        problems += _templates(lab, machines, before, snapshots)
    return problems + found_secrets(lab)


def _changed(before: Machines, machines: Machines) -> Iterator[str]:
    """What was there before and is another now: VMs of others, and of earlier deployments. A replaced template that
    linked clones stand on may get its name back, when nothing has it any more.
    """
    for moref, was in before.items():
        now = machines.get(moref)
        if now is None:
            yield f"{was['name']} ({moref}) was destroyed"
        elif now != was and not (_identity(was) and ".retired-" in was["name"]):
            keys = [key for key in was if now[key] != was[key]]
            yield f"{was['name']} ({moref}) was changed: {', '.join(keys)}"


def _as_asked(machine: dict[str, Any], wanted: Expected, segment: list[str]) -> Iterator[str]:
    hardware = machine["config"]["hardware"]
    if machine["runtime.powerState"] != "poweredOn":
        yield "not powered on"
    if machine["config"].get("template"):
        yield "a template"
    found = properties_of(machine)
    wrong = sorted(key for key in {*found, *wanted.properties} if found.get(key) != wanted.properties.get(key))
    if wrong:
        yield f"wrong properties {', '.join(wrong)}"
    nics = [one for one in hardware["device"] if "macAddress" in one]
    keys = [(one["backing"].get("port") or {}).get("portgroupKey") for one in nics]
    if keys != segment * wanted.adapters:
        yield f"adapters on {keys}, not {wanted.adapters} on {segment}"
    if wanted.cpus and (hardware["numCPU"], hardware["memoryMB"]) != (wanted.cpus, wanted.memory_mb):
        yield f"{hardware['numCPU']} CPUs, {hardware['memoryMB']} MB"
    disks = sorted((one for one in hardware["device"] if "capacityInKB" in one), key=lambda one: one["key"])
    added = tuple(one["capacityInKB"] >> 20 for one in disks[1:])
    if wanted.disks_gib and added != wanted.disks_gib:
        yield f"disks of {added} GiB"
    if any(one["value"] for one in _custom(machine)):
        yield "a staging attribute"


def _as_noted(lab: ChaosLab, item: Item, moref: str, machine: dict[str, Any], staging: bool) -> Iterator[str]:
    made = _identity(machine)
    of_ours = (made.get("store"), made.get("item"), made.get("deployment"), made.get("component"))
    if of_ours != (lab.store.id, item.id, item.deployment_id, item.component_uid):
        yield f"the identity is {made}"
    if made.get("digest") is None or made.get("address") != _address(machine):
        yield f"the identity has another digest or address: {made}"
    if item.vm != moref:
        yield f"the record says {item.vm}, it is {moref}"
    path = "staged" if staging and item.component_uid.partition("-")[0] in STAGED else "direct"
    if item.path != path:
        yield f"made {item.path!r}, not {path!r} ({item.reason})"
    if (path == "staged") != bool(made.get("template")):
        yield f"the identity names the template {made.get('template')!r}"


def _as_cloned(item: Item, moref: str, machines: Machines, linked: bool) -> Iterator[str]:
    """`linked`: unless it was imported, or its template has no snapshot since nobody wanted linked clones then."""
    parents = [parent for parent in machines if moref in _children(parent, machines)]
    template = next((one for one, machine in machines.items() if machine["name"] == item.template), "")
    if parents != ([template] if linked and template and snapshots_of(machines[template]) else []):
        yield f"stands on {parents}; {item.template!r} is {template}"
    if snapshots_of(machines[moref]):
        yield f"has snapshots {snapshots_of(machines[moref])}"


def _children(parent: str, machines: Machines) -> list[str]:
    """The machines whose disks stand on files of that one: they are in its folder."""
    folder = machines[parent]["config"]["files"]["vmPathName"].rpartition("/")[0]
    return [
        moref
        for moref, machine in machines.items()
        if moref != parent and any(file.startswith(f"{folder}/") for chain in _chains(machine) for file in chain[1:])
    ]


def _chains(machine: dict[str, Any]) -> Iterator[list[str]]:
    """Of each disk its file and those that it stands on."""
    for device in machine["config"]["hardware"]["device"]:
        link, files = device["backing"] if "capacityInKB" in device else None, []
        while link:
            files.append(link["fileName"])
            link = link.get("parent")
        yield files


def _templates(lab: ChaosLab, machines: Machines, before: Machines, snapshots: Set[int]) -> Iterator[str]:
    for uid in (lab.uid(name) for name in STAGED):
        found = [(moref, one) for moref, one in machines.items() if one["name"] == uid]
        if len(found) != 1:
            yield f"the template {uid} is there {len(found)} times"
            continue
        [(moref, template)] = found
        taken = snapshots_of(template)
        if moref not in before and (len(taken) not in snapshots or {*taken} - {"slipway-base"}):
            yield f"{uid} has the snapshots {taken}"
        if not template["config"].get("template") or template["runtime.powerState"] != "poweredOff":
            yield f"{uid} is no template, or powered on"
        if [one["value"] for one in _custom(template)] != ["staged"]:
            yield f"{uid} has the attributes {_custom(template)}"
        if (_identity(template).get("store"), _identity(template).get("component")) != (lab.store.id, uid):
            yield f"{uid} has the identity {_identity(template)}"


def whole(lab: ChaosLab) -> dict[str, Counter[str]]:
    """What is complete: the name of a marked and staged template of the store, its temporary or its own -> the bytes
    sent for its uid so far, by lease.
    """
    sent: dict[str, Counter[str]] = {}
    leases = lab.vcenter.admin.counters().leases
    digests = {one.uid: one.checksum for one in components.listing(lab.store)}
    for machine in lab.machines().values():
        made, name = _identity(machine), machine["name"]
        marked = machine["config"].get("template") and [one["value"] for one in _custom(machine)] == ["staged"]
        wanted = made.get("store") == lab.store.id and made.get("digest") == digests.get(_uid(name))
        if marked and wanted:
            sent[name] = _bytes_of(leases, _uid(name))
    return sent


def is_temporary(name: str) -> bool:
    """Whether a template of that name is not committed yet."""
    return ".staging-" in name


def sent_again(lab: ChaosLab, complete: Mapping[str, Counter[str]]) -> list[str]:
    """What was sent for templates that had been complete already, as `whole` told."""
    leases = lab.vcenter.admin.counters().leases
    now = {name: _bytes_of(leases, _uid(name)) for name in complete}
    return [f"{name} was sent again: {now[name] - sent}" for name, sent in complete.items() if now[name] != sent]


def _uid(name: str) -> str:
    return name.partition(".staging-")[0]


def _bytes_of(leases: Any, uid: str) -> Counter[str]:
    sent: Counter[str] = Counter()
    for lease in leases:
        if lease.name == uid or lease.name.startswith(f"{uid}.staging-"):
            sent[lease.name] += lease.bytes
    return sent


def found_secrets(lab: ChaosLab) -> list[str]:
    """Where a password stands in plain bytes: the store, its journal, the runner's records, the logs.

    Read by another process: one that closes a database's file loses all its locks on it (sqlite.org/howtocorrupt.html).
    """
    store = Path(lab.store.location)
    files = [path for path in (*store.parent.glob(f"{store.name}*"), *paths.state_dir().glob("*")) if path.is_file()]
    search = ["grep", "--files-with-matches", "--text", "--fixed-strings", "--file=-", "--", *map(str, files)]
    found = subprocess.run(search, input="\n".join(SECRETS), capture_output=True, text=True, check=False)
    return [f"a secret stands in {path}" for path in found.stdout.splitlines()]


def _identity(machine: dict[str, Any]) -> dict[str, Any]:
    """The last line of the notes, read by hand."""
    notes = (machine.get("config") or {}).get("annotation") or ""
    last = notes.rpartition("\n")[2]
    found: dict[str, Any] = json.loads(last.removeprefix("slipway:")) if last.startswith("slipway:{") else {}
    return found


def _address(machine: dict[str, Any]) -> str:
    return properties_of(machine).get("guestinfo.ipaddress", "")


def _custom(machine: dict[str, Any]) -> list[dict[str, Any]]:
    return machine.get("customValue") or []


def _pool(machine: dict[str, Any], vapps: list[str]) -> bool:
    return not vapps or machine["resourcePool"]["value"] in vapps
