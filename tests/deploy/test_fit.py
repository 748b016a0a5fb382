"""Whether a package fits the endpoint, on our simulated vCenter and on stock vcsim, which says less."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim

from engine.fit import hardware_findings, is_nested, nested_findings, space_findings
from engine.ova.package import Package, open_package
from engine.ova.sample_descriptor import sample_descriptor
from engine.simulator.launcher import Simulator, Stock
from engine.site import Site
from engine.vsphere import config_options
from engine.vsphere.config_options import device_type, hardware_versions
from engine.vsphere.inventory import find_network, target_of
from engine.vsphere.session import connect
from tests.ova.archives import member, write_ova
from tests.vsphere.ground import MIB, PACE, PASSWORD, USERNAME, address, endpoint


@pytest.fixture(params=[Simulator, Stock], ids=["simulator", "stock"], scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Without a store: nothing here asks it."""
    with request.param.start(username=USERNAME, password=PASSWORD) as vcenter:
        known = replace(endpoint(vcenter), vmfolder="")
        with connect(address(vcenter), PACE) as session:
            store: Any = None
            yield Site(store, known, session, target_of(session, known), True, None)


def package(tmp_path: Path, **instead: str) -> Package:
    """A sample whose descriptor has `instead` of some words others."""
    text = sample_descriptor(
        "box", disks={"d.vmdk": MIB}, properties=(), networks=("n",), nics=("n",), deployment_options=()
    )
    for old, new in instead.items():
        text = text.replace("vmx-13" if old == "vmx_13" else old, new)
    return open_package(write_ova(tmp_path / "box.ova", member("box.ovf", text), member("d.vmdk", bytes(MIB))))


def told(site: Site, found: Package) -> list[str]:
    return [f"{one.severity} {one}" for one in hardware_findings(site, found)]


def test_what_fits_has_no_finding(site: Site, tmp_path: Path) -> None:
    found = told(site, package(tmp_path))
    unsaid = ["note endpoint vc01: does not say which guests and devices its hosts can run"]
    assert found == (unsaid if says_no_guests(site) else [])


def says_no_guests(site: Site) -> bool:
    """Stock vcsim answers without fields that pyVmomi insists on."""
    return not config_options.runnable(site.session, site.target, "vmx-13", "").guests


def test_a_hardware_version_that_no_host_has(site: Site, tmp_path: Path) -> None:
    assert told(site, package(tmp_path, vmx_13="vmx-22")) == [
        "error box.ovf line 17: VirtualSystem 'box': is made for vmx-22; the hosts of vc01 make vmx-3 to vmx-21"
    ]
    [finding] = hardware_findings(site, package(tmp_path, vmx_13="virtualbox-2.2"))
    assert "is made for virtualbox-2.2" in finding.what
    assert finding.fix == "get it for vSphere (vmx-N)"
    for several in ("vmx-13 vmx-22", "vmx-22,vmx-09"):  # one of them is enough
        assert not any(one.startswith("error") for one in told(site, package(tmp_path, vmx_13=several)))


def test_guests_and_devices(site: Site, tmp_path: Path) -> None:
    [guest] = hardware_findings(site, package(tmp_path, otherLinux64Guest="plan9_64Guest"))
    [nic] = hardware_findings(site, package(tmp_path, vmx_13="vmx-07", VmxNet3="E1000e"))
    if says_no_guests(site):
        assert guest.severity == nic.severity == "note"
        return
    assert (guest.severity, guest.where) == ("warning", "box.ovf line 17: VirtualSystem 'box'")
    assert "has the guest system plan9_64Guest, which vc01 does not know" in guest.what
    assert (nic.severity, nic.where) == ("warning", "box.ovf line 60: NIC 'Network adapter 1'")
    assert "is a E1000e, which vmx-7 does not have" in nic.what


def test_a_nested_esxi_needs_a_portgroup_that_carries_its_vms(site: Site) -> None:
    def look(name: str) -> list[str]:
        network = find_network(site.session, site.target.datacenter, name)
        return [str(one) for one in nested_findings(site, [network])]

    [standard] = look("VM Network")
    assert standard.startswith("portgroup VM Network: is without promiscuous mode on ")
    [distributed] = look("DC0_DVPG0")
    assert distributed.startswith("portgroup DC0_DVPG0: is without MAC learning and promiscuous mode and forged transm")
    network = find_network(site.session, site.target.datacenter, "DC0_DVPG0")
    dvs = vim.dvs.VmwareDistributedVirtualSwitch
    learning = dvs.MacLearningPolicy(enabled=True)
    for policy, carries in (
        (dvs.MacManagementPolicy(forgedTransmits=True, macLearningPolicy=learning), True),
        (dvs.MacManagementPolicy(forgedTransmits=True, allowPromiscuous=True), True),
        (dvs.MacManagementPolicy(forgedTransmits=False, macLearningPolicy=learning), False),
        (dvs.MacManagementPolicy(forgedTransmits=True), False),
    ):
        set_policy(network, dvs.VmwarePortConfigPolicy(macManagementPolicy=policy))
        assert (look("DC0_DVPG0") == []) is carries, policy
    yes = vim.BoolPolicy(value=True)
    older = dvs.SecurityPolicy(allowPromiscuous=yes, forgedTransmits=yes)
    set_policy(network, dvs.VmwarePortConfigPolicy(securityPolicy=older))
    assert look("DC0_DVPG0") == []
    set_policy(network, None)


def set_policy(network: Any, policy: Any) -> None:
    network.ReconfigureDVPortgroup_Task(vim.dvs.DistributedVirtualPortgroup.ConfigSpec(defaultPortConfig=policy))


def test_who_is_nested(tmp_path: Path) -> None:
    assert not is_nested(package(tmp_path))
    assert is_nested(package(tmp_path, otherLinux64Guest="vmkernel7Guest"))
    config = '</System><vmw:Config vmw:key="nestedHVEnabled" vmw:value="true"/>'
    assert is_nested(package(tmp_path, **{"</System>": config}))


def test_space_thin_and_thick(site: Site, tmp_path: Path) -> None:
    assert list(space_findings(site, package(tmp_path))) == []
    much = f'ovf:capacity="{1 << 30}"'
    [thick] = space_findings(site, package(tmp_path, **{'ovf:capacity="1"': much}))
    assert (thick.severity, thick.where) == ("note", "datastore LocalDS_0")
    assert "fit thin (1), not thick" in thick.what
    full = f'ovf:populatedSize="{1 << 60}"'
    [error] = space_findings(site, package(tmp_path, **{f'ovf:populatedSize="{MIB}"': full}))
    assert (error.severity, error.where) == ("error", "datastore LocalDS_0")


def test_what_an_ovf_calls_things() -> None:
    assert hardware_versions("vmx-07, vmx-10 vmx-13") == (7, 10, 13)
    assert hardware_versions("virtualbox-2.2 xen-3") == ()
    assert [device_type(one) for one in ("VmxNet3", "VirtualSCSI", "lsilogicsas", "virtio")] == [
        "VirtualVmxnet3",
        "ParaVirtualSCSIController",
        "VirtualLsiLogicSASController",
        "",
    ]
