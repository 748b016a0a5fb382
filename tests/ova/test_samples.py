"""Sample OVAs: honest, repeatable, as sparse as asked."""

import hashlib
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from engine.ova.descriptor import DeploymentOption, Property
from engine.ova.package import open_package
from engine.ova.samples import build_ova

MIB = 1 << 20
PROPERTIES = (
    Property("hostname", user_configurable=True, default="box", label="Host", category="Network"),
    Property("password", class_id="guestinfo", password=True, user_configurable=True, qualifiers="MinLen(8)"),
    Property("mtu", class_id="net", instance_id="0", type="uint16", default="1500", description='<a & "b">'),
)


def test_everything_asked_for_is_in_it(tmp_path: Path) -> None:
    sample = build_ova(
        tmp_path / "box.ova",
        name="box-1.0",
        disks=[3 * MIB + 1, 0, 5 << 10],
        properties=PROPERTIES,
        networks=("mgmt", 'a "b" & c'),
        nics=("mgmt", "mgmt", 'a "b" & c'),
        deployment_options=(DeploymentOption("small"), DeploymentOption("large", "Large", default=True)),
    )
    package = open_package(sample.path)
    descriptor = package.descriptor
    assert descriptor.problems == ()
    assert (package.name, descriptor.product.name, descriptor.transport) == (
        "box-1.0",
        "box-1.0",
        ("com.vmware.guestInfo",),
    )
    assert [(known.key, known.type, known.default, known.password) for known in descriptor.properties] == [
        ("hostname", "string", "box", False),
        ("guestinfo.password", "string", "", True),
        ("net.mtu.0", "uint16", "1500", False),
    ]
    assert descriptor.properties[0].category == "Network"
    assert descriptor.properties[1].qualifiers == "MinLen(8)"
    assert descriptor.properties[2].description == '<a & "b">'
    assert [nic.connection for nic in descriptor.hardware.nics] == ["mgmt", "mgmt", 'a "b" & c']
    assert descriptor.option == "large"
    assert [disk.capacity_bytes for disk in descriptor.machine_disks()] == [1 << 30] * 3
    assert [package.members[file.href].size for file in descriptor.files] == [3 * MIB + 1, 0, 5 << 10]
    assert [file.size for file in descriptor.files] == [3 * MIB + 1, 0, 5 << 10]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("sparse", [False, True])
def test_its_digests_are_true(tmp_path: Path, algorithm: Literal["sha1", "sha256", "sha512"], sparse: bool) -> None:
    sample = build_ova(tmp_path / "a.ova", name="a", disks=[2 * MIB + 7, 9], manifest=algorithm, sparse=sparse)
    assert sample.sha256 == hashlib.sha256(sample.path.read_bytes()).hexdigest()
    assert sample.size == sample.path.stat().st_size
    package = open_package(sample.path)
    assert package.manifest is not None
    assert set(package.manifest.digests) == {"a.ovf", "a-disk1.vmdk", "a-disk2.vmdk"}
    for name, digest in package.manifest.digests.items():
        assert digest.hex == hashlib.new(algorithm, package.open(name).read()).hexdigest()


def test_the_same_arguments_make_the_same_file_and_other_names_other_bytes(tmp_path: Path) -> None:
    first, again, other = (
        build_ova(tmp_path / f"{number}.ova", name=name, disks=[2 * MIB])
        for number, name in enumerate(("box", "box", "other"))
    )
    assert first.sha256 == again.sha256
    contents = [
        open_package(one.path).open(f"{name}-disk1.vmdk").read() for one, name in ((first, "box"), (other, "other"))
    ]
    assert contents[0] != contents[1]
    assert contents[0][:MIB] != contents[0][MIB:]


def test_ten_gib_cost_no_space(tmp_path: Path) -> None:
    sample = build_ova(tmp_path / "big.ova", name="big", disks=[10 << 30], sparse=True, manifest=None, checksum=False)
    assert (sample.size > 10 << 30, sample.sha256) == (True, "")
    assert sample.path.stat().st_blocks * 512 < MIB
    package = open_package(sample.path)
    assert package.members["big-disk1.vmdk"].size == 10 << 30
    assert package.descriptor.disks[0].capacity_bytes == 10 << 30


def test_other_tar_readers_agree(tmp_path: Path) -> None:
    sample = build_ova(tmp_path / "box.ova", name="box", disks=[9 << 30, 5], sparse=True, manifest=None, checksum=False)
    with tarfile.open(sample.path) as archive:
        theirs = {one.name: (one.offset_data, one.size) for one in archive}
    ours = {name: (one.offset, one.size) for name, one in open_package(sample.path).members.items()}
    assert ours == theirs


def test_many_disks_leave_the_controllers_own_place_free(tmp_path: Path) -> None:
    sample = build_ova(tmp_path / "box.ova", name="box", disks=[0] * 17, manifest=None)
    hardware = open_package(sample.path).descriptor.hardware
    first, second = (controller.instance for controller in hardware.controllers)
    places = [(disk.controller, disk.unit) for disk in hardware.disks]
    assert places == [(first, str(unit)) for unit in range(16) if unit != 7] + [(second, "0"), (second, "1")]
