"""Where VMs go: datastores, datastore clusters and hosts, on both paths; read back with govc."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.catalog.profiles import read_profile
from engine.deploy.planning import make_plan
from engine.endpoints import preflight
from engine.errors import SlipwayError
from engine.simulator.launcher import Simulator
from engine.site import open_site
from storage import deployments, endpoints
from tests.e2e.conftest import ready
from tests.e2e.lab import MIB, PASSWORD, Lab, Place

POD = "LocalDS_1", "LocalDS_2"
BOTH = pytest.mark.parametrize(
    "flag", ["true", pytest.param("false", marks=pytest.mark.long)], ids=["staged", "direct"]
)


@pytest.fixture(params=[True])
def vcenter(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A vCenter with a datastore cluster, and a datastore that one host sees; with DRS or without."""
    with Simulator.start(
        username="admin",
        password=PASSWORD,
        drs=request.param,
        datastores=[*POD, "LocalDS_3", "lone@127.0.0.3"],
        clusters=["pod=LocalDS_1,LocalDS_2", "mixed=LocalDS_3,lone"],
    ) as running:
        yield running


@pytest.fixture
def lab(vcenter: Simulator, tmp_path: Path) -> Iterator[Lab]:
    with ready(Lab(vcenter, tmp_path)) as made:
        yield made


@pytest.fixture
def podlab(vcenter: Simulator, tmp_path: Path) -> Iterator[Lab]:
    """The endpoint names the datastore cluster."""
    with ready(Lab(vcenter, tmp_path, replace(Place(), datastore="pod"))) as made:
        yield made


def entry(uid: str, name: str, number: int = 11, **other: Any) -> dict[str, Any]:
    return {"component_uid": uid, "hostname": name, "host_id": number, **other}


def datastore_of(machine: dict[str, Any]) -> str:
    """The datastore of the machine's own file and of all its disks."""
    files = [machine["config"]["files"]["vmPathName"]]
    files += [one["backing"]["fileName"] for one in machine["config"]["hardware"]["device"] if "capacityInKB" in one]
    [name] = {file.partition("]")[0].lstrip("[") for file in files}
    return str(name)


def host_of(lab: Lab, machine: dict[str, Any]) -> str:
    return lab.govc("object.collect", "-s", lab.ref(machine["runtime"]["host"]), "name").strip()


def refusal(lab: Lab, *entries: dict[str, Any]) -> SlipwayError:
    """The only problem of a plan."""
    profile = read_profile(lab.profile("refused", list(entries)))
    with lab.store() as store, open_site(store, lab.name) as site:
        [problem] = make_plan(site, profile, "secret", Cancel()).problems
    return problem


def plan_of(lab: Lab, *entries: dict[str, Any]) -> list[str]:
    """The datastores of a plan without problems."""
    profile = read_profile(lab.profile("planned", list(entries)))
    with lab.store() as store, open_site(store, lab.name) as site:
        plan = make_plan(site, profile, "secret", Cancel())
    assert plan.problems == ()
    return [item.place.datastore_name for item in plan.items if item.place]


def test_the_account_needs_its_privileges_on_every_member(podlab: Lab, vcenter: Simulator) -> None:
    vcenter.admin.deny("Datastore.AllocateSpace", "LocalDS_2")
    with podlab.store() as store:
        found = {one.name: one for one in preflight.check(store, endpoints.get(store, podlab.name))}
    assert found["privileges on datastore"].state == "missing"
    assert "lacks Datastore.AllocateSpace" in found["privileges on datastore"].detail
    assert found["privileges on VM folder"].state == "ok"


def test_a_member_that_no_host_can_reach_is_left_out(lab: Lab, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("esxi")
    vcenter.admin.disconnect_host("127.0.0.3")
    entries = [entry(uid, name, number, datastore="mixed") for number, name in enumerate("abc", 11)]
    assert plan_of(lab, *entries) == ["LocalDS_3"] * 3


@BOTH
def test_a_datastore_cluster_is_filled_evenly(podlab: Lab, flag: str) -> None:
    lab = podlab
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi")
    profile = str(lab.profile("lab01", [entry(uid, name, number) for number, name in enumerate("abcd", 11)]))
    planned = lab.ok("deploy", profile, "--plan")
    chosen = {item["name"]: item["datastore"] for item in planned["items"]}
    assert sorted(chosen.values()) == sorted([*POD, *POD])
    lab.ok("deploy", profile)
    there = lab.machines()
    assert {name: datastore_of(machine) for name, machine in there.items() if name != uid} == chosen
    assert uid not in there or datastore_of(there[uid]) in POD
    with lab.store() as store:
        assert {item.name: item.datastore for item in deployments.items(store, 1)} == chosen


@pytest.mark.long
def test_a_member_in_maintenance_is_left_out(podlab: Lab, vcenter: Simulator) -> None:
    lab = podlab
    uid, _ = lab.add_sample("esxi")
    vcenter.admin.maintain_datastore("LocalDS_1")
    found = lab.ok("endpoint", "test", lab.name)
    assert [(one["state"], one["detail"].partition(":")[0]) for one in found if one["name"] == "datastore space"] == [
        ("warning", "LocalDS_1"),
        ("ok", "LocalDS_2"),
    ]
    lab.ok("deploy", str(lab.profile("lab01", [entry(uid, "a"), entry(uid, "b", 12)])))
    assert {datastore_of(machine) for machine in lab.machines().values()} == {"LocalDS_2"}
    vcenter.admin.maintain_datastore("LocalDS_2")
    why = refusal(lab, entry(uid, "c", 13)).why
    assert why == "LocalDS_1: it is in maintenance (inMaintenance); LocalDS_2: it is in maintenance (inMaintenance)"
    assert lab.slipway("endpoint", "test", lab.name).code == 1


@pytest.mark.long
def test_a_job_that_goes_on_keeps_the_datastore_that_was_chosen(podlab: Lab, vcenter: Simulator) -> None:
    lab = podlab
    uid, _ = lab.add_sample("esxi")
    vcenter.admin.fault("CloneVM_Task", "NoDiskSpace", in_task=True)
    profile = str(lab.profile("lab01", [entry(uid, "a")]))
    assert lab.slipway("deploy", profile, "--json").code == 1
    vcenter.admin.clear_faults()
    with lab.store() as store:
        [item] = deployments.items(store, 1)
        [other] = {*POD} - {item.datastore}
        deployments.place(store, 1, {item.name: other})
    lab.ok("deployment", "retry", "1")
    assert datastore_of(lab.machines()[item.name]) == other


@BOTH
def test_an_entry_names_its_datastore(lab: Lab, flag: str) -> None:
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi")
    components = [entry(uid, "a", datastore="LocalDS_2"), entry(uid, "b", 12, datastore="pod"), entry(uid, "c", 13)]
    components.append(entry(uid, "d", 14, datastore="lone"))
    lab.ok("deploy", str(lab.profile("lab01", components)))
    there = {name.partition(".")[0]: datastore_of(one) for name, one in lab.machines().items() if name != uid}
    assert (there["a"], there["c"], there["d"]) == ("LocalDS_2", "LocalDS_0", "lone")
    assert there["b"] == "LocalDS_1", "the other member has less room"
    assert refusal(lab, entry(uid, "e", 15, datastore="LocalDS_9")).what == "no datastore named"


def test_too_little_room_names_the_datastore(lab: Lab, vcenter: Simulator) -> None:
    uid, sample = lab.add_sample("esxi")
    vcenter.admin.settings(datastore_capacity=sample.path.stat().st_size * 3 // 2)
    error = refusal(
        lab, entry(uid, "a"), entry(uid, "b", 12, datastore="LocalDS_1"), entry(uid, "c", 13, datastore="pod")
    )
    assert "needed on LocalDS_0" in error.why


@BOTH
def test_an_entry_names_its_host(lab: Lab, vcenter: Simulator, flag: str) -> None:
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi")
    hosts = ["127.0.0.2", "127.0.0.2", "127.0.0.3"]
    placed = [
        entry(uid, name, number, host=host) for number, (name, host) in enumerate(zip("abc", hosts, strict=True), 11)
    ]
    placed[2]["datastore"] = "lone"
    lab.ok("deploy", str(lab.profile("lab01", placed)))
    there = lab.machines()
    assert [host_of(lab, there[f"{name}.lab01.example.com"]) for name in "abc"] == hosts
    blind = refusal(lab, entry(uid, "d", 14, host="127.0.0.1", datastore="lone"))
    assert blind.why == "lone: the host 127.0.0.1 does not see it"
    assert refusal(lab, entry(uid, "d", 14, host="127.0.0.9")).what == "no ESXi host named"
    assert plan_of(lab, entry(uid, "d", 14, host="127.0.0.1", datastore="mixed")) == ["LocalDS_3"]
    vcenter.admin.disconnect_host("127.0.0.2")
    assert refusal(lab, entry(uid, "d", 14, host="127.0.0.2")).why == "it is not connected"


@pytest.mark.parametrize("vcenter", [False], indirect=True, ids=["DRS off"])
def test_without_drs_a_member_that_no_host_can_use_stops_nobody(vcenter: Simulator, tmp_path: Path) -> None:
    """The endpoint names a cluster whose member with the most room is out of reach."""
    with ready(Lab(vcenter, tmp_path, replace(Place(), datastore="mixed"))) as lab:
        filler, _ = lab.add_sample("filler", [MIB])
        uid, _ = lab.add_sample("esxi")
        lab.ok("deploy", str(lab.profile("lab00", [entry(filler, "f", datastore="LocalDS_3")])), "--no-power-on")
        vcenter.admin.disconnect_host("127.0.0.3")
        lab.ok("deploy", str(lab.profile("lab01", [entry(uid, "a")])), "--no-power-on")
        there = lab.machines()
        assert {datastore_of(there[name]) for name in (uid, "a.lab01.example.com")} == {"LocalDS_3"}
        found = lab.slipway("endpoint", "test", lab.name, "--json").document
        assert [one["state"] for one in found if one["name"] == "DRS"] == ["warning"]


@pytest.mark.parametrize("vcenter", [False], indirect=True, ids=["DRS off"])
def test_without_drs_the_plan_says_of_each_host_why_not(lab: Lab, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("esxi")
    vcenter.admin.disconnect_host("127.0.0.2")
    vcenter.admin.disconnect_host("127.0.0.3")
    problem = refusal(lab, entry(uid, "a", datastore="lone"))
    assert problem.on == "a.refused.example.com on lone"
    assert problem.why == (
        "127.0.0.1: it does not see the datastore; 127.0.0.2: it is not connected; 127.0.0.3: it is not connected"
    )


@BOTH
@pytest.mark.parametrize("vcenter", [False], indirect=True, ids=["DRS off"])
def test_without_drs_the_host_is_one_that_sees_the_datastore(lab: Lab, flag: str) -> None:
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi")
    lab.ok("deploy", str(lab.profile("lab01", [entry(uid, "a"), entry(uid, "b", 12, datastore="lone")])))
    there = lab.machines()
    assert [host_of(lab, there[f"{name}.lab01.example.com"]) for name in "ab"] == ["127.0.0.1", "127.0.0.3"]
