"""What an OVA holds arrives: real archives of every kind imported into a simulated vCenter and read back."""

import gzip
import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadPackage
from engine.ova.package import open_package
from engine.vsphere.inventory import find_network
from engine.vsphere.ovf_import import ImportRequest, import_vm, upload_bytes
from engine.vsphere.properties import read
from tests.ova.archives import OVF, RASD
from tests.ova.boxes import Stored, contents, manifest, write
from tests.vsphere.ground import Ground

VSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
VMW = "http://www.vmware.com/schema/ovf"
DATA = random.Random(7).randbytes(700_000)


def digest(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def received(ground: Ground) -> dict[str, str]:
    """What came whole of each file of the last lease, by the host's name for it: its SHA-1."""
    [lease] = ground.vcenter.admin.counters().leases
    assert lease.state == "done"
    return {file.name: file.sha1 for file in lease.files if file.complete}


def bring(ground: Ground, ova: Path, **changes: Any) -> Any:
    """Import the OVA; returns its VM."""
    package = open_package(ova)
    option = changes.get("deployment_option", "")
    if option:
        package = replace(package, descriptor=package.in_option(option))
    network = find_network(ground.session, ground.target.datacenter, "VM Network")
    networks = {known.name: network for known in package.descriptor.networks}
    request = ImportRequest("vm1", package, "notes", networks, **changes)
    vm = import_vm(
        ground.session, ground.target, request, ground.target.folder, ground.target.pool, None, ground.cancel,
        ground.sent.append,
    )  # fmt: skip
    assert sum(ground.sent) == upload_bytes(package) == ground.received
    return vm


def config(ground: Ground, vm: Any) -> Any:
    return read(ground.session, vm, "config")["config"]


@pytest.mark.parametrize(
    "stored",
    [
        Stored(DATA, chunk=100_000),
        Stored(DATA, compression="gzip"),
        Stored(DATA, chunk=10_000, compression="gzip"),
        Stored(DATA + DATA, compression="gzip", packed=gzip.compress(DATA) + gzip.compress(DATA) + bytes(700)),
    ],
    ids=["chunks", "gzip", "gzip in chunks", "gzip of two members"],
)
def test_a_disk_arrives_as_it_was_before_it_was_stored(ground: Ground, tmp_path: Path, stored: Stored) -> None:
    files = contents({"disk.vmdk": stored, "other.vmdk": Stored(b"other")})
    bring(ground, write(tmp_path / "box.ova", files, sorted(files, reverse=True)))
    assert sorted(received(ground).values()) == sorted([digest(stored.data), digest(b"other")])


def test_a_compressed_disk_that_broke_is_sent_again(ground: Ground, tmp_path: Path) -> None:
    stored = Stored(DATA * 8, compression="gzip", chunk=500_000)
    ground.vcenter.admin.nfc("drop", after_bytes=1 << 20, times=1)
    package = open_package(write(tmp_path / "box.ova", contents({"disk.vmdk": stored})))
    ground.ova = package.path
    assert ground.bring()
    assert sum(ground.sent) == len(stored.data)
    assert min(ground.sent) < 0
    assert list(received(ground).values()) == [digest(stored.data)]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda packed: packed[:-4], "ends early"),
        (lambda packed: packed + b"garbage", "damaged or no gzip"),
        (lambda packed: packed[:500] + b"x" * 20 + packed[520:], "damaged or no gzip"),
    ],
)
def test_gzip_that_is_not_sound_sends_nothing(
    ground: Ground, tmp_path: Path, spoil: Callable[[bytes], bytes], says: str
) -> None:
    stored = Stored(DATA, compression="gzip", packed=spoil(Stored(DATA, compression="gzip").bytes))
    ground.ova = write(tmp_path / "box.ova", contents({"disk.vmdk": stored}))
    with pytest.raises(BadPackage, match=says):
        ground.bring()
    assert (ground.received, ground.calls("ImportVApp"), ground.vms()) == (0, 0, {})


def test_a_chunk_that_the_manifest_denies_leaves_nothing(ground: Ground, tmp_path: Path) -> None:
    files = contents({"disk.vmdk": Stored(DATA, chunk=100_000)})
    victim = "disk.vmdk.000000003"
    wrong = {name: data for name, data in files.items() if name != "box.mf"} | {victim: b"other"}
    ground.ova = write(tmp_path / "box.ova", files | {"box.mf": manifest(wrong)})
    with pytest.raises(BadPackage, match=rf"box\.ova: {victim}: its SHA256 is"):
        ground.bring()
    assert ground.vms() == {}


def item(kind: int, instance: int, attributes: str = "", **elements: object) -> str:
    inner = {"ElementName": f"device {instance}", "InstanceID": instance, **elements, "ResourceType": kind}
    lines = "".join(f"<rasd:{name}>{inner[name]}</rasd:{name}>" for name in sorted(inner))
    return f"<Item {attributes}>{lines}</Item>"


BOX = (
    f'<Envelope xmlns="{OVF}" xmlns:ovf="{OVF}" xmlns:rasd="{RASD}" xmlns:vssd="{VSSD}" xmlns:vmw="{VMW}"><References>'
    '<File ovf:id="disk" ovf:href="disk.vmdk"/><File ovf:id="iso" ovf:href="tools.iso" ovf:chunkSize="1000"/>'
    '<File ovf:id="flp" ovf:href="drivers.flp" ovf:compression="gzip"/><File ovf:id="nvram" ovf:href="box.nvram"/>'
    '<File ovf:id="en" ovf:href="en.msg"/></References><DiskSection><Info/>'
    '<Disk ovf:diskId="system" ovf:fileRef="disk" ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^30"/>'
    '<Disk ovf:diskId="data" ovf:capacity="${data_gb}" ovf:capacityAllocationUnits="byte * 2^30"/></DiskSection>'
    '<NetworkSection><Info/><Network ovf:name="nat"><Description/></Network></NetworkSection>'
    '<DeploymentOptionSection><Info/><Configuration ovf:id="small"><Label/><Description/></Configuration>'
    '<Configuration ovf:id="large" ovf:default="true"><Label/><Description/></Configuration></DeploymentOptionSection>'
    '<VirtualSystem ovf:id="box"><Info/><Name>box</Name><EulaSection><Info/><License ovf:msgid="e">x</License>'
    '</EulaSection><ProductSection ovf:class="net" ovf:instance="1"><Info/><Product>Box</Product>'
    '<Property ovf:key="data_gb" ovf:type="uint8" ovf:userConfigurable="true" ovf:value="2"><Label ovf:msgid="gb"/>'
    '<Value ovf:configuration="large" ovf:value="5"/></Property>'
    '<Property ovf:key="fixed" ovf:type="string" ovf:userConfigurable="false" ovf:value="as it is"/></ProductSection>'
    '<VirtualHardwareSection ovf:transport="iso com.vmware.guestInfo"><Info/>'
    "<System><vssd:ElementName>x</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>"
    "<vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType></System>"
    + item(3, 1, VirtualQuantity=1)
    + item(3, 1, 'ovf:configuration="large huge"', VirtualQuantity=4)
    + item(3, 1, 'ovf:bound="max"', VirtualQuantity=16)
    + item(4, 2, VirtualQuantity=128, AllocationUnits="byte * 2^20")
    + item(5, 3, Address=0)
    + item(6, 4, Address=0, ResourceSubType="lsilogic")
    + item(17, 5, AddressOnParent=0, HostResource="ovf:/disk/system", Parent=4)
    + item(17, 6, 'ovf:configuration="large"', AddressOnParent=1, HostResource="ovf:/disk/data", Parent=4)
    + item(15, 7, AddressOnParent=0, Parent=3)
    + item(15, 8, AddressOnParent=1, HostResource="ovf:/file/iso", Parent=3)
    + item(14, 9, HostResource="ovf:/file/flp")
    + item(10, 10, Connection="nat", ResourceSubType="VmxNet3")
    + '<vmw:ExtraConfig ovf:required="false" vmw:key="nvram" vmw:value="ovf:/file/nvram"/>'
    '<vmw:ExtraConfig ovf:required="false" vmw:key="disk.EnableUUID" vmw:value="TRUE"/>'
    '</VirtualHardwareSection></VirtualSystem><Strings ovf:fileRef="en"/></Envelope>'
)
ISO, FLOPPY, NVRAM = b"iso" * 900, b"floppy" * 500, b"nvram" * 100
MESSAGES = (
    f'<Strings xmlns="{OVF}" xmlns:ovf="{OVF}"><Msg ovf:msgid="e">The licence</Msg><Msg ovf:msgid="gb">Size</Msg>'
    "</Strings>"
)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    files = {"box.ovf": BOX.encode(), "disk.vmdk": DATA, "box.nvram": NVRAM, "en.msg": MESSAGES.encode()}
    files |= Stored(ISO, chunk=1000).members("tools.iso") | {"drivers.flp": gzip.compress(FLOPPY)}
    files["box.mf"] = manifest(files)
    return write(tmp_path / "box.ova", files, ["drivers.flp", "tools.iso.000000002", "disk.vmdk"])


def test_iso_floppy_nvram_and_disk_arrive(ground: Ground, box: Path) -> None:
    bring(ground, box)
    assert sorted(received(ground).values()) == sorted(map(digest, (DATA, ISO, FLOPPY, NVRAM)))


@pytest.mark.parametrize(("option", "cpus", "gib"), [("", 4, [1, 5]), ("large", 4, [1, 5]), ("small", 1, [1])])
def test_items_disks_and_values_of_the_option(
    ground: Ground, box: Path, option: str, cpus: int, gib: list[int]
) -> None:
    vm = config(ground, bring(ground, box, deployment_option=option))
    disks = [device.capacityInKB >> 20 for device in vm.hardware.device if hasattr(device, "capacityInKB")]
    assert (vm.hardware.numCPU, vm.hardware.memoryMB, disks) == (cpus, 128, gib)
    [size] = [prop for prop in vm.vAppConfig.property if prop.id == "data_gb"]
    assert (size.classId, size.instanceId, size.defaultValue) == ("net", "1", str(gib[1]) if len(gib) > 1 else "2")


def test_a_capacity_that_is_a_property_follows_its_value(ground: Ground, box: Path) -> None:
    vm = config(ground, bring(ground, box, properties={"net.data_gb.1": "9"}))
    assert [device.capacityInKB >> 20 for device in vm.hardware.device if hasattr(device, "capacityInKB")] == [1, 9]


def test_texts_options_and_transport_arrive(ground: Ground, box: Path) -> None:
    vm = config(ground, bring(ground, box))
    assert list(vm.vAppConfig.eula) == ["The licence"]
    assert [prop.label for prop in vm.vAppConfig.property] == ["Size", None]
    assert list(vm.vAppConfig.ovfEnvironmentTransport) == ["iso", "com.vmware.guestInfo"]
    options = {option.key: option.value for option in vm.extraConfig}
    assert (options["nvram"], options["disk.EnableUUID"]) == ("vm1.nvram", "TRUE")
