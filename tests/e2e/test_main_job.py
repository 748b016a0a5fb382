"""The main job on every vCenter of the suite: stage once, clone for each, read back with govc."""

from pathlib import Path

import pytest

from tests.e2e.conftest import stock_is_long
from tests.e2e.lab import LAB_PASSWORD, MIB, Lab, properties_of

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
TTYLINUX = CORPUS / "ovf" / "vcsim-ova" / "ttylinux-pc_i486-16.1.ova"


def entries(uid: str, *names: str) -> list[dict[str, object]]:
    return [{"component_uid": uid, "hostname": name, "host_id": number} for number, name in enumerate(names, 11)]


def test_an_ova_is_sent_once_and_the_next_deployment_sends_nothing(lab: Lab) -> None:
    uid, sample = lab.add_sample("esxi", [3 * MIB, MIB])
    first = lab.ok("deploy", str(lab.profile("lab01", [entries(uid, "esxi11", "esxi12", "esxi13")])))
    assert first["state"] == "succeeded"
    assert first["bytes_sent"] == 4 * MIB
    assert [item["path"] for item in first["items"]] == ["staged"] * 3
    second = lab.ok("deploy", str(lab.profile("lab02", [entries(uid, "esxi11", "esxi12")])))
    assert (second["state"], second["bytes_sent"]) == ("succeeded", 0)
    [template] = lab.ok("template", "list")
    assert (template["uid"], template["state"], template["children"]) == (uid, "staged", 5)
    assert template["digest"] == f"sha256:{sample.sha256}"


@pytest.mark.parametrize("vapp", [None, pytest.param("lab01", marks=pytest.mark.long)], ids=["pool", "vapp"])
def test_what_govc_sees(lab: Lab, vapp: str | None) -> None:
    uid, _ = lab.add_sample("esxi")
    profile = lab.profile("lab01", [entries(uid, "esxi11", "esxi12")], **({"vapp": vapp} if vapp else {}))
    lab.ok("deploy", str(profile))
    place = lab.place
    path = f"/{place.datacenter}/vm/{place.vmfolder}/components-staging/{uid}"
    assert lab.govc("object.collect", "-s", path, "config.template").strip() == "true"
    assert lab.govc("object.collect", "-s", path, "runtime.powerState").strip() == "poweredOff"
    machines = lab.machines()
    template = machines[uid]
    assert [value["value"] for value in template["customValue"]] == ["staged"]
    clones = [machines[f"{name}.lab01.example.com"] for name in ("esxi11", "esxi12")]
    for number, clone in enumerate(clones, 11):
        assert clone["runtime"]["powerState"] == "poweredOn"
        assert properties_of(clone) == {
            "guestinfo.hostname": f"esxi{number}",
            "guestinfo.ipaddress": f"10.96.42.{number}",
            "guestinfo.netmask": "255.255.255.0",
            "guestinfo.gateway": "10.96.42.1",
            "guestinfo.dns": "10.96.42.11",
            "guestinfo.domain": "lab01.example.com",
            "guestinfo.password": LAB_PASSWORD,
        }
        assert [value["value"] for value in clone.get("customValue") or [] if value["value"]] == []
        assert clone["config"]["instanceUuid"] != template["config"]["instanceUuid"]
        assert lab.networks_of(clone) == [place.portgroup]
    pool = lab.govc("find", "-i", "/", "-type", "a", "-name", vapp).strip() if vapp else None
    for clone in clones:
        if vapp:
            assert lab.ref(clone["resourcePool"]) == pool
    macs = [nic["macAddress"] for machine in [template, *clones] for nic in lab.nics_of(machine)]
    assert len(set(macs)) == len(macs)
    uuids = {machine["config"]["uuid"] for machine in [template, *clones]}
    assert len(uuids) == 3


def test_sizes_networks_and_disks_are_as_asked(lab: Lab) -> None:
    uid, _ = lab.add_sample("esxi", [MIB, MIB])
    entry = {
        "component_uid": uid,
        "hostname": "esxi11",
        "host_id": 11,
        "vcpu": 4,
        "vmem": 6,
        "vnics": 4,
        "vdisks": [40, 12],
    }
    lab.ok("deploy", str(lab.profile("lab01", [entry])), "--no-power-on")
    machine = lab.machines()["esxi11.lab01.example.com"]
    hardware = machine["config"]["hardware"]
    assert (hardware["numCPU"], hardware["memoryMB"]) == (4, 6144)
    assert machine["runtime"]["powerState"] == "poweredOff"
    assert lab.networks_of(machine) == [lab.place.portgroup] * 4
    assert len({nic["macAddress"] for nic in lab.nics_of(machine)}) == 4
    assert [disk["capacityInKB"] >> 20 for disk in lab.disks_of(machine)][1:] == [40, 12]


@stock_is_long
def test_flag_off_imports_directly_and_on_again_reuses_the_template(lab: Lab) -> None:
    uid, _ = lab.add_sample("esxi")
    lab.setting("ff_endpoint_ova_staging", "false")
    off = lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))
    assert [(item["path"], item["template"]) for item in off["items"]] == [("direct", "")]
    assert off["bytes_sent"] == MIB
    folder = lab.place.vmfolder
    assert "components-staging" not in lab.govc("ls", f"/{lab.place.datacenter}/vm/{folder}")
    assert properties_of(lab.machines()["a.lab01.example.com"])["guestinfo.hostname"] == "a"
    lab.setting("ff_endpoint_ova_staging", "true")
    assert lab.ok("deploy", str(lab.profile("lab02", entries(uid, "a"))))["bytes_sent"] == MIB
    lab.setting("ff_endpoint_ova_staging", "True")  # only the literal `true` is on
    assert lab.ok("deploy", str(lab.profile("lab03", entries(uid, "a"))))["items"][0]["path"] == "direct"
    lab.setting("ff_endpoint_ova_staging", "true")
    on = lab.ok("deploy", str(lab.profile("lab04", entries(uid, "a"))))
    assert (on["bytes_sent"], on["items"][0]["path"]) == (0, "staged")


def test_direct_import_into_a_vapp(lab: Lab) -> None:
    uid, _ = lab.add_sample("esxi")
    lab.setting("ff_endpoint_ova_staging", "false")
    done = lab.ok("deploy", str(lab.profile("lab01", [entries(uid, "a", "b")], vapp="lab01")))
    assert [item["path"] for item in done["items"]] == ["direct"] * 2
    assert properties_of(lab.machines()["b.lab01.example.com"])["guestinfo.ipaddress"] == "10.96.42.12"


@stock_is_long
def test_nested_components_are_never_staged(lab: Lab) -> None:
    uid, _ = lab.add_sample("nested", component_isnested=True)
    done = lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))
    assert done["items"][0]["path"] == "direct"
    assert lab.ok("template", "list") == []
    refused = lab.slipway("template", "stage", uid, "--endpoint", lab.name, "--json")
    assert (refused.code, refused.error["code"]) == (2, "bad_input")


@pytest.mark.skipif(not TTYLINUX.exists(), reason="../shared/corpus is not here")
def test_the_real_ova_is_staged_cloned_three_times_and_powered_on(lab: Lab) -> None:
    uid = lab.add_component("ttylinux", TTYLINUX, keys=())
    done = lab.ok("deploy", str(lab.profile("lab01", [entries(uid, "a", "b", "c")])))
    assert [item["path"] for item in done["items"]] == ["staged"] * 3
    machines = lab.machines()
    for name in "abc":
        machine = machines[f"{name}.lab01.example.com"]
        assert machine["runtime"]["powerState"] == "poweredOn"
        assert lab.networks_of(machine) == [lab.place.portgroup]
        assert [disk["capacityInKB"] for disk in lab.disks_of(machine)] == [30720]


@stock_is_long
def test_a_deployment_run_again_finds_its_vms_and_makes_nothing(lab: Lab) -> None:
    uid, _ = lab.add_sample("esxi")
    profile = str(lab.profile("lab01", [entries(uid, "a", "b")], vapp="lab01"))
    before = lab.ok("deploy", profile)
    again = lab.ok("deploy", profile)
    assert [item["path"] for item in again["items"]] == ["skipped"] * 2
    assert [item["vm"] for item in again["items"]] == [item["vm"] for item in before["items"]]
    assert sorted(lab.machines()) == ["a.lab01.example.com", "b.lab01.example.com", uid]


def test_the_plan_changes_nothing(lab: Lab) -> None:
    uid, _ = lab.add_sample("esxi", [2 * MIB])
    plan = lab.ok("deploy", str(lab.profile("lab01", [entries(uid, "a", "b")], vapp="lab01")), "--plan")
    assert plan["to_stage"] == [uid]
    assert plan["upload_bytes"] == 2 * MIB
    assert [item["path"] for item in plan["items"]] == ["staged"] * 2
    assert lab.machines() == {}
    assert lab.govc("find", "/", "-type", "a") == ""
    assert lab.ok("lock", "list") == []


@stock_is_long
def test_templates_are_shown_verified_and_removed(lab: Lab) -> None:
    uid, _ = lab.add_sample("esxi")
    staged = lab.ok("template", "stage", uid, "--endpoint", lab.name)
    assert staged["state"] == "staged"
    assert lab.ok("template", "verify", uid, "--endpoint", lab.name)["state"] == "staged"
    assert lab.slipway("template", "remove", uid, "--endpoint", lab.name).code == 2
    assert lab.ok("template", "remove", uid, "--endpoint", lab.name, "--yes")["uid"] == uid
    missing = lab.slipway("template", "show", uid, "--endpoint", lab.name, "--json")
    assert (missing.code, missing.error["code"]) == (3, "not_found")
    assert lab.machines() == {}


@stock_is_long
def test_a_changed_checksum_stages_anew(lab: Lab) -> None:
    uid, _ = lab.add_sample("esxi")
    lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))
    _, newer = lab.add_sample("esxi", [2 * MIB])
    [template] = lab.ok("template", "list")
    assert template["state"] == "outdated"
    done = lab.ok("deploy", str(lab.profile("lab02", entries(uid, "a"))))
    assert done["bytes_sent"] == 2 * MIB
    templates = {one["uid"]: one for one in lab.ok("template", "list")}
    assert templates[uid]["digest"] == f"sha256:{newer.sha256}"
    assert templates[uid]["state"] == "staged"


@stock_is_long
def test_a_template_that_somebody_else_staged_is_used_and_kept(lab: Lab) -> None:
    """zPodFactory's own template: the attribute, no identity."""
    uid, sample = lab.add_sample("esxi")
    place = lab.place
    folder = f"/{place.datacenter}/vm/{place.vmfolder}/components-staging"
    lab.govc("folder.create", folder)
    pool = f"/{place.datacenter}/host/{place.pool}/Resources"
    lab.govc(
        "import.ova", f"-folder={folder}", f"-pool={pool}", f"-ds={place.datastore}", f"-name={uid}", str(sample.path)
    )
    lab.govc("vm.markastemplate", f"{folder}/{uid}")
    foreign = lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))
    assert foreign["items"][0]["path"] == "direct"
    assert "foreign" in foreign["items"][0]["reason"]
    lab.govc("fields.add", "-type", "VirtualMachine", "zpodfactory_staging_status")
    lab.govc("fields.set", "zpodfactory_staging_status", "staged", f"{folder}/{uid}")
    [template] = lab.ok("template", "list")
    assert template["state"] == "unverified"
    used = lab.ok("deploy", str(lab.profile("lab02", entries(uid, "a"))))
    assert (used["bytes_sent"], used["items"][0]["path"]) == (0, "staged")
