"""What an OVA holds arrives: real archives of every kind imported into a simulated vCenter and read back."""

import gzip
import hashlib
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadPackage, Cancelled
from engine.ova import remote
from engine.ova.limits import DEFAULT, Limits
from engine.ova.package import open_package
from engine.vsphere.inventory import find_network
from engine.vsphere.ovf_import import ImportRequest, import_vm, upload_bytes
from engine.vsphere.properties import read
from tests.ova.boxes import FLOPPY, ISO, NVRAM, Stored, contents, manifest, write, write_everything
from tests.ova.file_host import DATA as REMOTE
from tests.ova.file_host import Host, host
from tests.vsphere.ground import Ground

__all__ = ["host"]

DATA = random.Random(7).randbytes(700_000)


def digest(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def received(ground: Ground) -> dict[str, str]:
    """What came whole of each file of the last lease, by the host's name for it: its SHA-1."""
    [lease] = ground.vcenter.admin.counters().leases
    assert lease.state == "done"
    return {file.name: file.sha1 for file in lease.files if file.complete}


def bring(ground: Ground, ova: Path, limits: Limits = DEFAULT, **changes: Any) -> Any:
    """Import the OVA; returns its VM."""
    package = open_package(ova, limits)
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


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return write_everything(tmp_path / "box.ova", DATA)


def test_iso_floppy_nvram_and_disk_arrive(ground: Ground, box: Path) -> None:
    bring(ground, box)
    assert sorted(received(ground).values()) == sorted(map(digest, (DATA, ISO, FLOPPY, NVRAM)))


def test_a_file_that_vcenter_does_not_ask_for_is_told(
    ground: Ground, box: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = open_package(box).descriptor_text.replace('vmw:key="nvram"', 'vmw:key="other"')
    data = {name: open_package(box).open(name).readall() for name in open_package(box).members if name != "box.mf"}
    ground.ova = write(tmp_path / "other.ova", data | {"box.ovf": text.encode()})
    assert ground.bring()
    assert f"{ground.ova}: vCenter does not ask for box.nvram: the VM comes without it" in caplog.messages
    assert digest(NVRAM) not in received(ground).values()


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


ALLOWED = Limits(ova_remote_hosts=frozenset({"127.0.0.1"}))


def with_a_disk_on(host: Host, tmp_path: Path) -> Path:
    files = contents({"disk.vmdk": Stored(REMOTE), "other.vmdk": Stored(b"other")})
    here = {name: data for name, data in files.items() if name not in ("disk.vmdk", "box.mf")}
    here["box.ovf"] = here["box.ovf"].replace(b'"disk.vmdk"', f'"{host.url}"'.encode())
    return write(tmp_path / "box.ova", here)


def test_a_disk_on_an_allowed_host_goes_from_there_to_the_endpoint(ground: Ground, host: Host, tmp_path: Path) -> None:
    bring(ground, with_a_disk_on(host, tmp_path), ALLOWED)
    assert sorted(received(ground).values()) == sorted([digest(REMOTE), digest(b"other")])
    assert host.asked == ["/disks/disk.vmdk"]


@pytest.mark.parametrize("stalls", ["handshake", "answer", "body"])
def test_a_cancel_does_not_wait_for_a_host_of_files_that_is_silent(
    ground: Ground, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stalls: str
) -> None:
    monkeypatch.setattr(remote, "_SILENCE", 600.0)
    host.stalls = stalls

    def cancel() -> None:
        host.stalled.wait()
        ground.cancel.ask()

    operator = threading.Thread(target=cancel)
    operator.start()
    with pytest.raises(Cancelled):
        bring(ground, with_a_disk_on(host, tmp_path), ALLOWED)
    operator.join()
    assert not host.over.is_set()
    assert ground.vms() == {}
