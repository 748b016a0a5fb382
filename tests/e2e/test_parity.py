"""What a component's spec says (govc's import spec) has the same effect on a cloned VM and an imported one.

The same component is deployed on both paths, and the VMs are read back with govc.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from engine.ova.descriptor import DeploymentOption, Property
from engine.ova.samples import build_ova
from engine.simulator.launcher import Simulator
from storage import paths
from tests.e2e.conftest import stock_is_long
from tests.e2e.lab import LAB_PASSWORD, MIB, Lab, properties_of

OPTIONS = (DeploymentOption("small", default=True), DeploymentOption("large"), DeploymentOption("extra.large"))
PROPERTIES = tuple(
    Property(id=f"guestinfo.{key}", user_configurable=True, password=key == "password")
    for key in ("hostname", "password")
)
MAPPING = [{"Key": f"guestinfo.{key}", "Value": f"{{{{zpod_{key}}}}}"} for key in ("hostname", "password")]
ENVIRONMENT = "{http://schemas.dmtf.org/ovf/environment/1}"


def add(lab: Lab, spec: dict[str, Any], name: str = "nsxt") -> str:
    """A component with two networks and three sizes; its uid."""
    sample = build_ova(
        lab.folder / f"{name}.ova",
        name=name,
        properties=PROPERTIES,
        networks=("Management", "Storage"),
        deployment_options=OPTIONS,
        ip_schemes=("dhcp", "ovfenv"),
    )
    whole = {"PropertyMapping": MAPPING, **spec}
    checksum = f"sha256:{sample.sha256}"
    return lab.add_component(name, sample.path, checksum, component_deploy_govc_spec=whole)


def on_both_paths(lab: Lab, entries: dict[str, dict[str, Any]]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Of every entry, given by hostname: the VM that was cloned, and the one that was imported."""
    said = [
        [{"hostname": name, "host_id": number, **entry} for number, (name, entry) in enumerate(entries.items(), 11)]
    ]
    staged = lab.ok("deploy", str(lab.profile("staged", said)), "--no-power-on")
    assert [(item["path"], item["reason"]) for item in staged["items"]] == [("staged", "")] * len(entries)
    lab.setting("ff_endpoint_ova_staging", "false")
    direct = lab.ok("deploy", str(lab.profile("direct", said)), "--no-power-on")
    assert [item["path"] for item in direct["items"]] == ["direct"] * len(entries)
    machines = lab.machines()
    return {name: (machines[f"{name}.staged.example.com"], machines[f"{name}.direct.example.com"]) for name in entries}


def notes(lab: Lab, machine: dict[str, Any]) -> str:
    told = json.loads(lab.govc("vm.info", "-json", f"-vm.uuid={machine['config']['uuid']}"))
    text: str = told["virtualMachines"][0]["config"]["annotation"]
    return text.rpartition("\nslipway:")[0]


def networks(lab: Lab, machine: dict[str, Any]) -> list[str]:
    return lab.networks_of(machine)


def memory(lab: Lab, machine: dict[str, Any]) -> int:
    size: int = machine["config"]["hardware"]["memoryMB"]
    return size


def disks(lab: Lab, machine: dict[str, Any]) -> list[tuple[bool, bool]]:
    backings = [disk["backing"] for disk in lab.disks_of(machine)]
    return [(one.get("thinProvisioned", False), one.get("eagerlyScrub", False)) for one in backings]


def assignment(lab: Lab, machine: dict[str, Any]) -> tuple[str, str]:
    told = machine["config"]["vAppConfig"]["ipAssignment"]
    return told["ipAllocationPolicy"], told["ipProtocol"]


def environment(lab: Lab, machine: dict[str, Any]) -> dict[str, str] | None:
    extra = {one["key"]: one["value"] for one in machine["config"]["extraConfig"]}
    if "guestinfo.ovfEnv" not in extra:
        return None
    root = fromstring(extra["guestinfo.ovfEnv"])
    assert root.attrib["{http://www.vmware.com/schema/ovfenv}esxId"] == machine["ref"].partition(":")[2]
    found = root.iter(f"{ENVIRONMENT}Property")
    return {one.attrib[f"{ENVIRONMENT}key"]: one.attrib[f"{ENVIRONMENT}value"] for one in found}


def properties(lab: Lab, machine: dict[str, Any]) -> dict[str, str]:
    return properties_of(machine)


VALUES = {"guestinfo.hostname": "deployed", "guestinfo.password": LAB_PASSWORD}
Read = Callable[[Lab, dict[str, Any]], Any]
PORTGROUP = "the profile's"
# Hostname -> the component's spec, what is read, and what that must be.
TABLE: dict[str, tuple[dict[str, Any], Read, Any]] = {
    "nothing": ({}, memory, 64),
    "annotated": ({"Annotation": "{{zpod_hostname}} here"}, notes, "annotated here"),
    "mapped": (
        {"NetworkMapping": [{"Name": "Storage", "Network": "VM Network"}]},
        networks,
        [PORTGROUP, "VM Network"],
    ),
    "mapped-to-nothing": ({"NetworkMapping": [{"Name": "Storage", "Network": ""}]}, networks, [PORTGROUP] * 2),
    "injected": ({"InjectOvfEnv": True}, environment, {**VALUES, "guestinfo.hostname": "injected"}),
    "not-injected": ({"InjectOvfEnv": False}, environment, None),
    "deployed": ({}, properties, VALUES),
    "large": ({"Deployment": "large"}, memory, 128),
    "extra-large": ({"Deployment": "extra.large"}, memory, 192),
}
# Stock vcsim makes every disk thin, and does not know how a guest gets its address.
OURS_ONLY: dict[str, tuple[dict[str, Any], Read, Any]] = {
    "plain": ({}, disks, [(True, False)]),
    "thin": ({"DiskProvisioning": "thin"}, disks, [(True, False)]),
    "thick": ({"DiskProvisioning": "thick"}, disks, [(False, False)]),
    "flat": ({"DiskProvisioning": "flat"}, disks, [(False, False)]),
    "zeroed": ({"DiskProvisioning": "eagerZeroedThick"}, disks, [(False, True)]),
    "dhcp": ({"IPAllocationPolicy": "dhcpPolicy", "IPProtocol": "IPv4"}, assignment, ("dhcpPolicy", "IPv4")),
    "no-policy": ({}, assignment, ("fixedPolicy", "IPv4")),
    "unsupported": ({"IPProtocol": "IPv6"}, assignment, ("fixedPolicy", "IPv4")),
}


@pytest.mark.long
def test_a_spec_key_means_the_same_on_both_paths(lab: Lab) -> None:
    table = TABLE | OURS_ONLY if isinstance(lab.vcenter, Simulator) else TABLE
    made = on_both_paths(lab, {name: {"component_uid": add(lab, spec, name)} for name, (spec, _, _) in table.items()})
    for path in (0, 1):
        found = {name: read(lab, made[name][path]) for name, (_, read, _) in table.items()}
        assert found == {name: _filled(expected, lab.place.portgroup) for name, (_, _, expected) in table.items()}
    with lab.store() as store:
        log = paths.worker_log_file(store.id)
    kept = [path.read_bytes() for path in (log, *lab.folder.glob("slipway.db*"))]
    assert not any(b"l4b " + quote in text for text in kept for quote in (b'"', b'\\"', b"&quot;", b"'"))
    for cloned, imported in made.values():
        assert networks(lab, cloned) == networks(lab, imported)
        assert memory(lab, cloned) == memory(lab, imported)


def _filled(expected: Any, portgroup: str) -> Any:
    if isinstance(expected, list):
        return [portgroup if one == PORTGROUP else one for one in expected]
    return expected


@pytest.mark.long
def test_the_profiles_networks_win_over_the_components(lab: Lab) -> None:
    spec = {"NetworkMapping": [{"Name": one, "Network": "nowhere"} for one in ("Management", "Storage", "Unknown")]}
    mapped = {"Management": "VM Network", "Storage": lab.place.portgroup}
    [(cloned, imported)] = on_both_paths(lab, {"a": {"component_uid": add(lab, spec), "networks": mapped}}).values()
    assert networks(lab, cloned) == networks(lab, imported) == ["VM Network", lab.place.portgroup]
    refused = lab.slipway("deploy", str(lab.profile("lab03", [{"component_uid": "nsxt-1.0", "host_id": 12}])), "--json")
    assert (refused.code, "nowhere" in refused.err) == (3, True)


@pytest.mark.long
def test_a_policy_that_was_changed_after_staging_is_given_to_the_clones(simlab: Lab) -> None:
    uid = add(simlab, {"IPAllocationPolicy": "dhcpPolicy"})
    simlab.ok("template", "stage", uid, "--endpoint", simlab.name)
    add(simlab, {"IPAllocationPolicy": "transientPolicy"})
    [(cloned, imported)] = on_both_paths(simlab, {"a": {"component_uid": uid}}).values()
    assert assignment(simlab, cloned) == assignment(simlab, imported) == ("transientPolicy", "IPv4")


@stock_is_long
def test_a_component_has_a_template_for_each_option_that_is_asked_for(lab: Lab) -> None:
    uid = add(lab, {"Deployment": "small"})
    asked = [{}, {}, {"deployment": "large"}, {"deployment": "large"}, {"deployment": "extra.large"}]
    asked.append({"disk_provisioning": "thick"})
    said = [[{"component_uid": uid, "hostname": f"a{n}", "host_id": n, **one} for n, one in enumerate(asked, 11)]]
    profile = str(lab.profile("lab01", said))
    plan = lab.ok("deploy", profile, "--plan")
    names = plan["to_stage"]
    assert names[:2] == [f"{uid}+small", f"{uid}+large"]
    assert (names[2].startswith(f"{uid}+extra-large-"), names[3]) == (True, f"{uid}+small.thick")
    done = lab.ok("deploy", profile, "--no-power-on")
    assert [item["template"] for item in done["items"]] == [names[n] for n in (0, 0, 1, 1, 2, 3)]
    assert done["bytes_sent"] == plan["upload_bytes"] == 4 * MIB
    machines = lab.machines()
    found = [memory(lab, machines[f"a{n}.lab01.example.com"]) for n in range(11, 17)]
    assert found == [64, 64, 128, 128, 192, 64]
    listed = {one["uid"]: (one["state"], one["children"]) for one in lab.ok("template", "list")}
    assert listed == dict(zip(names, [("staged", 2), ("staged", 2), ("staged", 1), ("staged", 1)], strict=True))
    again = lab.ok("deploy", str(lab.profile("lab02", said)), "--no-power-on")
    assert (again["state"], again["bytes_sent"]) == ("succeeded", 0)


@pytest.mark.long
def test_templates_of_variants_are_staged_shown_verified_and_removed(lab: Lab) -> None:
    uid, where = add(lab, {}), ("--endpoint", lab.name)
    assert lab.ok("template", "stage", uid, "--deployment", "large", *where)["uid"] == f"{uid}+large"
    assert lab.ok("template", "stage", f"{uid}+small.thick", *where)["uid"] == f"{uid}+small.thick"
    assert lab.ok("template", "stage", uid, *where)["uid"] == uid
    for name in (uid, f"{uid}+large", f"{uid}+small.thick"):
        assert lab.ok("template", "verify", name, *where)["state"] == "staged"
        assert lab.ok("template", "remove", name, *where, "--yes")["uid"] == name
    assert lab.machines() == {}
    refused = lab.slipway("template", "stage", uid, "--deployment", "huge", *where, "--json")
    assert (refused.code, "small, large" in refused.err) == (2, True)
    missing = lab.slipway("template", "stage", f"{uid}+huge", *where, "--json")
    assert (missing.code, missing.error["code"]) == (3, "not_found")


def test_options_that_an_ova_does_not_have_are_refused_by_the_plan(simlab: Lab) -> None:
    entry = {"component_uid": add(simlab, {}), "hostname": "a", "host_id": 11}
    refused = simlab.slipway("deploy", str(simlab.profile("lab01", [{**entry, "deployment": "huge"}])), "--json")
    assert "it offers small, large, extra.large" in refused.err
    refused = simlab.slipway("deploy", str(simlab.profile("lab01", [{**entry, "disk_provisioning": "fat"}])), "--json")
    assert (refused.code, "eagerZeroedThick" in refused.err) == (2, True)
