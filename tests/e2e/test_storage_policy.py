"""An entry's storage policy, on both paths; what the VM and its disks have is asked of vCenter's own PBM."""

import json
from typing import Any

import pytest

from engine.simulator.launcher import Simulator
from engine.site import open_site
from engine.vsphere import policies, vms
from engine.vsphere.refs import VmRef
from tests.e2e.lab import MIB, Lab

NAME, OTHER = "VVol No Requirements Policy", "vSAN Default Storage Policy"


def entry(uid: str, **other: Any) -> dict[str, Any]:
    return {"component_uid": uid, "hostname": "a", "host_id": 11, **other}


def given(lab: Lab, name: str) -> tuple[list[str], int]:
    """The policies that the VM and its disks have, and how many of these things there are."""
    ref = lab.machines()[name]["ref"].partition(":")[2]
    with lab.store() as store, open_site(store, lab.name) as site:
        vm = site.session.managed(VmRef, ref)
        disks = [disk.key for disk in vms.details(site.session, vm).disks]
        found = policies.policies_of(site.session, vm, name, disks)
        names = {policies.find_policy(site.session, one): one for one in (NAME, OTHER)}
        return sorted({names[one] for one in found.values()}), len(found)


@pytest.mark.parametrize("flag", ["true", pytest.param("false", marks=pytest.mark.long)], ids=["staged", "direct"])
def test_the_vm_and_every_disk_have_it(simlab: Lab, flag: str) -> None:
    lab = simlab
    lab.setting("ff_endpoint_ova_staging", flag)
    uid, _ = lab.add_sample("esxi", [MIB, MIB])
    asked = entry(uid, storage_policy=NAME, vdisks=[20, 30])
    lab.ok("deploy", str(lab.profile("lab01", [asked])), "--no-power-on")
    assert given(lab, "a.lab01.example.com") == ([NAME], 4)


def test_what_a_clone_lost_is_given_back(simlab: Lab, simulator: Simulator) -> None:
    """A clone that was begun without it: the deployment is finished with the policy."""
    lab = simlab
    uid, _ = lab.add_sample("esxi")
    simulator.admin.fault("ReconfigVM_Task", "GenericVmConfigFault", object="a.lab01")
    plain = lab.profile("lab01", [entry(uid, vcpu=8, vdisks=[5])])
    assert lab.slipway("deploy", str(plain), "--no-power-on", "--json").code == 1
    assert given(lab, "a.lab01.example.com") == ([], 0)
    simulator.admin.clear_faults()
    lab.ok("deploy", str(lab.profile("lab01", [entry(uid, storage_policy=OTHER, vdisks=[5])])), "--no-power-on")
    assert given(lab, "a.lab01.example.com") == ([OTHER], 3)


def test_on_every_vcenter_of_the_suite(lab: Lab) -> None:
    """Stock vcsim tells no associations: it is enough that the calls are right."""
    uid, _ = lab.add_sample("esxi")
    done = lab.ok("deploy", str(lab.profile("lab01", [entry(uid, storage_policy=NAME)])))
    assert [(item["state"], item["path"]) for item in done["items"]] == [("succeeded", "staged")]


def test_one_that_is_not_there(simlab: Lab) -> None:
    uid, _ = simlab.add_sample("esxi")
    profile = simlab.profile("lab01", [entry(uid, storage_policy="VVol No Requirement Policy")])
    error = json.loads(simlab.slipway("deploy", str(profile), "--json").err.splitlines()[-1])["error"]
    assert (error["what"], error["fix"]) == ("no storage policy named", f'did you mean "{NAME}"?')
    assert OTHER in error["why"]
