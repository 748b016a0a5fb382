"""What differs between a VM and what was asked, and the change that repairs it: pure, no vCenter needed."""

from dataclasses import replace
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from pyVmomi import vim

from engine.deploy.environment import ovf_environment
from engine.deploy.verify import Wanted, repair
from engine.errors import BadInput, VSphereFault
from engine.staging.identity import Identity, notes_with
from engine.vsphere.adapters import Adapter
from engine.vsphere.vms import Details, Vm

MINE = Identity("a1b2c3", "esxi-1.0", "sha256:00", "2026-11-21T09:30:00Z", deployment=1, item=1)
_Card = vim.vm.device.VirtualEthernetCard
_Edit = vim.option.ArrayUpdateSpec.Operation


def portgroup(key: str) -> Any:
    return _Card.DistributedVirtualPortBackingInfo(port=vim.dvs.PortConnection(portgroupKey=key, switchUuid="s"))


def info(key: int, name: str, value: str = "", default: str = "", kind: str = "string") -> vim.vApp.PropertyInfo:
    return vim.vApp.PropertyInfo(key=key, id=name, value=value, defaultValue=default, type=kind)


def disk(number: int, gib: int) -> Any:
    label = vim.Description(label=f"Hard disk {number}", summary="")
    return vim.vm.device.VirtualDisk(
        key=2000 + number, controllerKey=1000, unitNumber=number, capacityInKB=gib << 20, deviceInfo=label
    )


def machine(*properties: vim.vApp.PropertyInfo, disks: tuple[int, ...] = (16,)) -> Details:
    vm = Vm(None, "a", False, False, True, notes_with("", MINE), "uuid-1", {}, 0)  # type: ignore[arg-type]
    nic = vim.vm.device.VirtualVmxnet3(key=4000, backing=portgroup("pg-1"), macAddress="00:50:56:00:00:01")
    controller = vim.vm.device.ParaVirtualSCSIController(key=1000)
    devices = [controller, nic, *(disk(number, gib) for number, gib in enumerate(disks, 1))]
    return Details(vm, 2, 4096, devices, list(properties))


def wanted(**changes: Any) -> Wanted:
    plain = Wanted(
        name="a",
        identity=MINE,
        properties={},
        declared=[],
        adapters=(Adapter(portgroup("pg-1")),),
        disks_gib=(),
        cpus=None,
        memory_mb=None,
    )
    return replace(plain, **changes)


def test_nothing_differs() -> None:
    change, differences = repair(
        machine(info(0, "name", "x")), wanted(properties={"name": "x"}, cpus=2, memory_mb=4096)
    )
    assert differences == []
    assert (change.notes, change.cpus, change.memory_mb, list(change.devices), list(change.properties)) == (
        None,
        None,
        None,
        [],
        [],
    )


def test_a_default_that_is_in_force_needs_no_change() -> None:
    assert repair(machine(info(0, "ssh", "", "True")), wanted(properties={"ssh": "True"}))[1] == []


def test_a_wrong_value_is_edited_and_a_lost_key_added() -> None:
    declared = [info(0, "name"), info(1, "ip")]
    change, differences = repair(
        machine(info(0, "name", "old")), wanted(properties={"name": "new", "ip": "10.0.0.1"}, declared=declared)
    )
    assert [(one.operation, one.info.key, one.info.value) for one in change.properties] == [
        (_Edit.edit, 0, "new"),
        (_Edit.add, 1, "10.0.0.1"),
    ]
    assert differences == ["the property name", "the property ip"]


def test_a_property_that_nobody_declares() -> None:
    with pytest.raises(VSphereFault, match="a: colour"):
        repair(machine(), wanted(properties={"colour": "blue"}))


def test_identity_uuid_and_size() -> None:
    other = replace(MINE, item=2)
    change, _ = repair(machine(), wanted(identity=other, not_uuid="uuid-1", cpus=4, memory_mb=8192))
    assert change.notes == notes_with("", other)
    assert (change.instance_uuid, change.cpus, change.memory_mb) == ("", 4, 8192)


def test_notes_that_a_clone_has_lost_come_back_and_those_of_an_operator_stay() -> None:
    change, differences = repair(machine(), wanted(text="From the OVF."))
    assert (change.notes, differences) == (notes_with("From the OVF.", MINE), ["its notes"])
    mine = machine()
    annotated = replace(mine, vm=replace(mine.vm, notes=notes_with("By hand.", MINE)))
    assert repair(annotated, wanted(text="From the OVF."))[1] == []


@pytest.mark.parametrize(
    ("policy", "protocol", "changed"),
    [
        ("dhcpPolicy", "IPv4", ("dhcpPolicy", None)),
        ("fixedPolicy", "", None),
        ("", "IPv6", (None, "IPv6")),
        ("", "Ipv5", None),
        ("transientPolicy", "", ("transientPolicy", None)),
    ],
)
def test_how_the_guest_gets_its_address(policy: str, protocol: str, changed: tuple[str, str] | None) -> None:
    there = vim.vApp.IPAssignmentInfo(
        supportedAllocationScheme=["dhcp", "ovfenv"],
        ipAllocationPolicy="fixedPolicy",
        supportedIpProtocol=["IPv4", "IPv6"],
        ipProtocol="IPv4",
    )
    asked = wanted(ip_policy=policy, ip_protocol=protocol)
    found, differences = repair(replace(machine(), assignment=there), asked)
    told = found.assignment and (found.assignment.ipAllocationPolicy, found.assignment.ipProtocol)
    assert (told, len(differences)) == (changed, 1 if changed else 0)
    there.supportedAllocationScheme, there.supportedIpProtocol = [], []
    assert repair(replace(machine(), assignment=there), asked)[1] == []
    assert repair(machine(), asked)[1] == []


def test_the_ovf_environment_is_injected_once_and_never_shown() -> None:
    text = ovf_environment(("vCenter", "8.0.3", "A & B"), "vm-7", {"guestinfo.password": 'l4b "<&>" {{', "a.b": "x\ny"})
    asked = wanted(environment=text)
    change, differences = repair(machine(), asked)
    assert (dict(change.extra), differences) == ({"guestinfo.ovfEnv": text}, ["guestinfo.ovfEnv"])
    done = replace(machine(), extra={"guestinfo.ovfEnv": text})
    assert repair(done, asked)[1] == []
    assert not any("l4b" in repr(one) for one in (asked, change, done))
    root = fromstring(text)
    assert [list(one.attrib.values()) for one in root.iter() if one.tag.endswith("}Property")] == [
        ["guestinfo.password", 'l4b "<&>" {{'],
        ["a.b", "x\ny"],
    ]


def test_adapters_are_moved_and_added_with_addresses_of_their_own() -> None:
    change, _ = repair(machine(), wanted(adapters=(Adapter(portgroup("pg-2")), Adapter(portgroup("pg-2")))))
    edit, add = change.devices
    assert (edit.operation, edit.device.key, edit.device.macAddress) == ("edit", 4000, None)
    assert (add.operation, type(add.device)) == ("add", vim.vm.device.VirtualVmxnet3)
    assert {one.device.backing.port.portgroupKey for one in change.devices} == {"pg-2"}


def with_nics(*types: Any) -> Details:
    """A machine with adapters of these types."""
    nics = [
        kind(key=4000 + number, backing=portgroup("pg-1"), macAddress=f"00:50:56:00:00:0{number}")
        for number, kind in enumerate(types)
    ]
    return replace(machine(), devices=nics)


def test_a_given_mac_address_is_edited_and_kept() -> None:
    given = (Adapter(portgroup("pg-1"), mac="02:00:00:00:00:01"),)
    change, differences = repair(machine(), wanted(adapters=given))
    [edit] = change.devices
    assert (edit.device.macAddress, edit.device.addressType, differences) == (
        "02:00:00:00:00:01",
        "manual",
        ["1 network adapters"],
    )
    same = (Adapter(portgroup("pg-1"), mac="00:50:56:00:00:01"),)
    assert repair(machine(), wanted(adapters=same, not_macs=frozenset({"00:50:56:00:00:01"})))[1] == []


def test_from_the_first_of_another_type_on_adapters_are_made_anew_in_their_order() -> None:
    """A device key, and with it the place, follows from when the adapter was added."""
    vmxnet3, e1000, e1000e = (getattr(vim.vm.device, f"Virtual{name}") for name in ("Vmxnet3", "E1000", "E1000e"))
    asked = [Adapter(portgroup("pg-1"), kind) for kind in ("vmxnet3", "e1000e", "", "")]
    asked.append(Adapter(portgroup("pg-1"), "", "02:00:00:00:00:01"))
    change, _ = repair(with_nics(vmxnet3, vmxnet3, e1000, vmxnet3), wanted(adapters=tuple(asked)))
    assert [(one.operation, type(one.device)) for one in change.devices] == [
        ("remove", vmxnet3),
        ("remove", e1000),
        ("remove", vmxnet3),
        ("add", e1000e),
        ("add", e1000),
        ("add", vmxnet3),
        ("add", vmxnet3),
    ]
    assert change.devices[-1].device.macAddress == "02:00:00:00:00:01"
    assert len({one.device.key for one in change.devices}) == 7
    assert repair(with_nics(vmxnet3, e1000e), wanted(adapters=tuple(asked[:2])))[1] == []


def test_an_adapter_with_the_templates_address_gets_one_of_its_own() -> None:
    change, differences = repair(machine(), wanted(not_macs=frozenset({"00:50:56:00:00:01"})))
    assert [one.device.macAddress for one in change.devices] == [None]
    assert differences == ["1 network adapters"]


def test_disks_grow_and_are_added_thin() -> None:
    change, _ = repair(machine(disks=(16, 8)), wanted(disks_gib=(40, 400)))
    grow, add = change.devices
    assert (grow.operation, grow.device.key, grow.device.capacityInKB) == ("edit", 2002, 40 << 20)
    assert (add.operation, add.fileOperation, add.device.capacityInKB) == ("add", "create", 400 << 20)
    assert add.device.backing.thinProvisioned
    assert (add.device.controllerKey, add.device.unitNumber) == (1000, 0)


def test_a_disk_never_shrinks() -> None:
    with pytest.raises(BadInput, match="only grow"):
        repair(machine(disks=(16, 50)), wanted(disks_gib=(40,)))


def test_a_full_controller() -> None:
    with pytest.raises(BadInput, match="no disk controller"):
        repair(machine(disks=(1,)), wanted(disks_gib=(1,) * 16))


def test_unit_7_is_the_scsi_controllers_own() -> None:
    change, _ = repair(machine(disks=(1,)), wanted(disks_gib=(1,) * 14))
    units = {one.device.unitNumber for one in change.devices}
    assert 7 not in units
    assert len(units) == 14
