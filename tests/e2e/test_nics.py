"""Adapters by their order: network, type and MAC address, on both paths; read back with govc."""

import json
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.catalog.profiles import read_profile
from engine.deploy.planning import make_plan
from engine.ova.samples import build_ova
from engine.site import open_site
from tests.e2e.lab import Lab

MAC = "00:50:56:00:00:2a"


def add(lab: Lab) -> str:
    """A component whose OVA has two networks."""
    sample = build_ova(lab.folder / "esxi.ova", name="esxi", networks=("Management", "Storage"))
    return lab.add_component("esxi", sample.path, f"sha256:{sample.sha256}", keys=())


def entry(uid: str, name: str = "a", **other: Any) -> dict[str, Any]:
    return {"component_uid": uid, "hostname": name, "host_id": 11, **other}


def types(lab: Lab, name: str) -> list[str]:
    """The type of each adapter, as govc tells it."""
    told = json.loads(lab.govc("device.info", "-json", "-vm", name, "ethernet-*"))["devices"]
    return [one["type"] for one in sorted(told, key=lambda one: one["key"])]


@pytest.mark.parametrize("flag", ["true", pytest.param("false", marks=pytest.mark.long)], ids=["staged", "direct"])
def test_network_type_and_address(lab: Lab, flag: str) -> None:
    lab.setting("ff_endpoint_ova_staging", flag)
    uid = add(lab)
    place = lab.place
    nics = [
        {"mac": MAC.upper()},
        {"network": place.network, "type": "e1000e"},
        {"type": "vmxnet3", "mac": "02-00-00-00-00-01"},
    ]
    asked = entry(uid, nics=nics, vnics=4, networks={"Storage": place.portgroup})
    lab.ok("deploy", str(lab.profile("lab01", [asked])), "--no-power-on")
    machine = lab.machines()["a.lab01.example.com"]
    assert lab.networks_of(machine) == [place.portgroup, place.network, place.portgroup, place.portgroup]
    found = types(lab, "a.lab01.example.com")
    assert found[1:3] == ["VirtualE1000e", "VirtualVmxnet3"]
    assert found[3] == found[0]
    addresses = [nic["macAddress"] for nic in lab.nics_of(machine)]
    assert (addresses[0], addresses[2]) == (MAC, "02:00:00:00:00:01")
    assert len(set(addresses)) == 4
    assert [nic["addressType"] for nic in lab.nics_of(machine)][::2] == ["manual", "manual"]


def test_an_address_of_another_vm_is_refused(simlab: Lab) -> None:
    lab = simlab
    uid = add(lab)
    lab.ok("deploy", str(lab.profile("lab01", [entry(uid, nics=[{"mac": MAC}])])))
    with lab.store() as store, open_site(store, lab.name) as site:

        def problems(path: Any) -> list[str]:
            return [str(one) for one in make_plan(site, read_profile(path), "secret", Cancel()).problems]

        again = lab.profile("lab01", [entry(uid, nics=[{"mac": MAC}])])
        assert problems(again) == []
        [taken] = problems(lab.profile("lab02", [entry(uid, nics=[{"mac": MAC}])]))
        assert "a.lab01.example.com has it" in taken
        [unknown] = problems(lab.profile("lab03", [entry(uid, nics=[{"network": "DC0_DVPG9"}])]))
        assert "DC0_DVPG9" in unknown
