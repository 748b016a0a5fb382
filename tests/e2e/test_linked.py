"""Linked clones: by the endpoint's default or by the entry, on the snapshot that staging takes; read back with govc."""

import json
from typing import Any

import pytest

from engine.simulator.launcher import Simulator
from storage import endpoints
from tests.e2e.lab import MIB, Lab, snapshots_of

GIB = 1 << 30


def parents(lab: Lab, machine: dict[str, Any]) -> list[str]:
    """What the machine's disks stand on, "" for one that stands alone."""
    backings = [disk["backing"] for disk in lab.disks_of(machine)]
    return [(backing.get("parent") or {}).get("fileName", "") for backing in backings]


def entry(uid: str, name: str, number: int, **other: Any) -> dict[str, Any]:
    return {"component_uid": uid, "hostname": name, "host_id": number, **other}


def set_linked(lab: Lab, linked: bool = True) -> None:
    with lab.store() as store:
        endpoints.update(store, lab.name, linked_clones=linked)


def test_by_the_endpoints_default(simlab: Lab) -> None:
    lab = simlab
    set_linked(lab)
    uid, _ = lab.add_sample("esxi", [MIB, MIB])
    wanted = [
        entry(uid, "plain", 11),
        entry(uid, "full", 12, linked=False),
        entry(uid, "grown", 13, vdisks=[20]),
        entry(uid, "added", 14, vdisks=[1, 5]),
    ]
    done = lab.ok("deploy", str(lab.profile("lab01", [wanted])), "--no-power-on")
    why = "full clone: vdisks let Hard disk 2 grow, which a linked clone shares with its template"
    assert [(item["path"], item["reason"]) for item in done["items"]] == [
        ("staged", ""),
        ("staged", ""),
        ("staged", why),
        ("staged", ""),
    ]
    there = lab.machines()
    template = there[uid]
    assert (template["config"]["template"], snapshots_of(template)) == (True, ["slipway-base"])
    base = parents(lab, template)
    assert all(base)
    assert parents(lab, there["plain.lab01.example.com"]) == base
    assert parents(lab, there["full.lab01.example.com"]) == ["", ""]
    grown, added = there["grown.lab01.example.com"], there["added.lab01.example.com"]
    assert parents(lab, grown) == ["", ""]
    assert lab.disks_of(grown)[1]["capacityInBytes"] == 20 * GIB
    assert parents(lab, added) == [*base, ""]


@pytest.mark.long
def test_the_template_stays_while_linked_clones_stand_on_it(simlab: Lab, simulator: Simulator) -> None:
    lab = simlab
    set_linked(lab)
    uid, _ = lab.add_sample("esxi")
    profile = str(lab.profile("lab01", [[entry(uid, "a", 11), entry(uid, "b", 12, linked=False)]]))
    planned = lab.ok("deploy", profile, "--plan")
    assert [(item["linked"], item["why"]) for item in planned["items"]] == [(True, ""), (False, "")]
    lab.ok("deploy", profile, "--no-power-on")
    refused = lab.slipway("template", "remove", uid, "--endpoint", lab.name, "--yes", "--json")
    assert refused.error["why"] == "the disks of a.lab01.example.com stand on it"
    assert lab.ok("template", "verify", uid, "--endpoint", lab.name)["state"] == "staged"
    lab.ok("deployment", "remove", "1", "--yes")
    lab.ok("template", "remove", uid, "--endpoint", lab.name, "--yes")
    assert (simulator.admin.counters().broken_children, lab.machines()) == (0, {})


def test_the_deep_test_tries_a_linked_clone(simlab: Lab, simulator: Simulator) -> None:
    set_linked(simlab)
    found = simlab.ok("endpoint", "test", simlab.name, "--deep")
    assert [one for one in found if one["state"] == "missing"] == []
    assert simulator.admin.counters().calls["CreateSnapshot_Task"] == 1
    assert simlab.machines() == {}


@pytest.mark.long
def test_by_the_entry_and_of_a_template_without_the_snapshot(simlab: Lab) -> None:
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    other, _ = lab.add_sample("nfs")
    lab.ok("template", "stage", uid, "--endpoint", lab.name)
    insists = lab.profile("lab01", [entry(uid, "a", 11, linked=True)])
    refused = lab.slipway("deploy", str(insists), "--json")
    assert "the template has no snapshot slipway-base" in refused.error["why"]
    assert "stage it again" in refused.error["fix"]
    lab.ok("deploy", str(lab.profile("lab02", [entry(other, "b", 12, linked=True), entry(other, "c", 13)])))
    set_linked(lab)
    done = lab.ok("deploy", str(lab.profile("lab03", [entry(uid, "d", 14)])))
    again = lab.ok("deploy", str(lab.profile("lab03", [entry(uid, "d", 14, linked=True)])), "--plan")
    assert [item["path"] for item in again["items"]] == ["skipped"], "what is there is left as it is"
    assert done["items"][0]["reason"] == "full clone: the template has no snapshot slipway-base"
    there = lab.machines()
    assert parents(lab, there["b.lab02.example.com"]) == [parents(lab, there[other])[0]] != [""]
    assert parents(lab, there["c.lab02.example.com"]) == parents(lab, there["d.lab03.example.com"]) == [""]
    assert snapshots_of(there[uid]) == []


def test_an_entry_that_insists_does_not_grow(simlab: Lab) -> None:
    uid, _ = simlab.add_sample("esxi", [MIB, MIB])
    profile = simlab.profile("lab01", [entry(uid, "a", 11, linked=True, vdisks=[20])])
    assert "Hard disk 2" in simlab.slipway("deploy", str(profile), "--json").error["why"]


def test_on_every_vcenter_of_the_suite(lab: Lab) -> None:
    """Stock vcsim has no chains: the clone is whole there, and all the same made."""
    set_linked(lab)
    uid, _ = lab.add_sample("esxi")
    done = lab.ok("deploy", str(lab.profile("lab01", [entry(uid, "a", 11)])))
    assert [(item["state"], item["path"], item["reason"]) for item in done["items"]] == [("succeeded", "staged", "")]
    assert snapshots_of(lab.machines()[uid]) == ["slipway-base"]


def test_the_command_line_shows_and_changes_the_default(simlab: Lab) -> None:
    assert simlab.ok("endpoint", "show", simlab.name)["linked_clones"] is False
    assert "clones:        full" in simlab.slipway("endpoint", "show", simlab.name).out
    assert simlab.ok("endpoint", "update", simlab.name, "--linked-clones")["linked_clones"] is True
    assert "clones:        linked" in simlab.slipway("endpoint", "show", simlab.name).out
    assert (
        json.loads(simlab.slipway("endpoint", "update", simlab.name, "--full-clones", "--json").out)["linked_clones"]
        is False
    )
