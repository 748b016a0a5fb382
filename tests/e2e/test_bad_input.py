"""Bad input: one clear line, the right exit code, nothing changed, nothing left behind (issue's list of twelve)."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.ova.samples import build_ova
from engine.simulator.launcher import Simulator
from storage import components, endpoints
from tests.e2e.conftest import ready
from tests.e2e.lab import MIB, PASSWORD, Lab, Outcome, sample_ova


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator.start(username="admin", password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def bad(running: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for all: each case shows that it left nothing behind."""
    with ready(Lab(running, tmp_path_factory.mktemp("lab"))) as lab:
        lab.add_sample("esxi")
        yield lab


def entry(uid: str = "esxi-1.0", **other: object) -> dict[str, object]:
    return {"component_uid": uid, "hostname": "a", "host_id": 11, **other}


def refused(lab: Lab, outcome: Outcome, code: int, *words: str, machines: int = 0) -> None:
    """One line with all these words, that exit code, no VM, no claim."""
    assert outcome.code == code, outcome.err
    said = [line for line in outcome.err.splitlines() if line.startswith("slipway: ")]
    assert len(said) == 1, outcome.err
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in said[0], said[0]
    assert len(lab.govc("find", "/", "-type", "m").split()) == machines
    with lab.store() as store:
        from storage import claims

        assert claims.listing(store) == []


def test_a_truncated_ova(bad: Lab, tmp_path: Path) -> None:
    whole = sample_ova(tmp_path / "whole.ova", "whole").path.read_bytes()
    path = tmp_path / "short.ova"
    path.write_bytes(whole[: len(whole) // 2])
    refused(bad, bad.slipway("component", "set-file", "esxi-1.0", str(path)), 2, "short.ova", "whole-disk1.vmdk")


def test_an_ova_truncated_after_it_was_set(bad: Lab, tmp_path: Path) -> None:
    sample = sample_ova(tmp_path / "cut.ova", "cut")
    uid = bad.add_component("cut", sample.path, f"sha256:{sample.sha256}")
    with sample.path.open("r+b") as file:
        file.truncate(sample.size // 2)
    refused(bad, bad.slipway("deploy", str(bad.profile("cut", [entry(uid)]))), 2, "cut.ova", "cut-disk1.vmdk")


def test_a_wrong_digest(bad: Lab, tmp_path: Path) -> None:
    path = sample_ova(tmp_path / "other.ova", "other", [2 * MIB]).path
    refused(bad, bad.slipway("component", "set-file", "esxi-1.0", str(path)), 2, "other.ova", "SHA256", "expected")


def test_bytes_that_changed_after_the_file_was_set(bad: Lab, tmp_path: Path) -> None:
    """The manifest catches it while it streams: the item fails, and no VM or template stays."""
    sample = sample_ova(tmp_path / "flipped.ova", "flipped")
    uid = bad.add_component("flipped", sample.path, f"sha256:{sample.sha256}")
    with sample.path.open("r+b") as file:
        file.seek(sample.size // 2)
        byte = file.read(1)
        file.seek(-1, io.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    outcome = bad.slipway("deploy", str(bad.profile("flipped", [entry(uid)])), "--json")
    assert outcome.code == 1
    [item] = outcome.document["items"]
    assert (item["state"], item["path"]) == ("failed", "")
    assert "expected" in item["reason"]
    assert "flipped" in item["reason"]
    assert bad.govc("find", "/", "-type", "m") == ""


def test_a_missing_disk(bad: Lab, tmp_path: Path) -> None:
    whole = sample_ova(tmp_path / "whole.ova", "whole", manifest=None).path
    path = tmp_path / "without.ova"
    with tarfile.open(whole) as source, tarfile.open(path, "w") as target:
        target.addfile(source.getmember("whole.ovf"), source.extractfile("whole.ovf"))
    refused(bad, bad.slipway("component", "set-file", "esxi-1.0", str(path)), 2, "without.ova", "whole-disk1.vmdk")


def test_a_member_outside(bad: Lab, tmp_path: Path) -> None:
    path = tmp_path / "outside.ova"
    with tarfile.open(path, "w") as target:
        target.addfile(tarfile.TarInfo("../outside.ovf"))
    refused(bad, bad.slipway("component", "set-file", "esxi-1.0", str(path)), 2, "outside.ova", "../outside.ovf")


def test_an_unknown_property(bad: Lab) -> None:
    profile = bad.profile("lab01", [entry(properties={"guestinfo.hostnme": "x"})])
    refused(bad, bad.slipway("deploy", str(profile)), 2, "guestinfo.hostnme", "guestinfo.hostname")


def test_a_missing_portgroup(bad: Lab) -> None:
    network = {"portgroup": "DC0_DVPG", "subnet": "10.96.42.0/24"}
    profile = bad.profile("lab01", [entry()], network=network)
    refused(bad, bad.slipway("deploy", str(profile)), 3, "portgroup", "DC0_DVPG", "did you mean DC0_DVPG0")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [unclosed", ("bad.yaml", "line")),
        ("name: a\nendpoint: vc01\ncolour: blue\n", ("bad.yaml", "colour")),
        ("- {component_uid: 3}", ("bad.yaml", "component_uid")),
        ("", ("bad.yaml",)),
    ],
    ids=["syntax", "unknown key", "wrong type", "empty"],
)
def test_bad_yaml(bad: Lab, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    refused(bad, bad.slipway("deploy", str(path)), 2, *words)


def test_a_wrong_password(bad: Lab) -> None:
    with bad.store() as store:
        endpoints.update(store, bad.name, password="wrong")
    try:
        outcome = bad.slipway("deploy", str(bad.profile("lab01", [entry()])))
        refused(bad, outcome, 5, "admin", "wrong user name or password")
    finally:
        with bad.store() as store:
            endpoints.update(store, bad.name, password=PASSWORD)


def test_an_unknown_endpoint(bad: Lab) -> None:
    refused(bad, bad.slipway("deploy", str(bad.profile("lab01", [entry()], endpoint="vc02"))), 3, "vc02", "vc01")


def test_a_full_datastore(tmp_path: Path) -> None:
    simulator = Simulator.start(username="admin", password=PASSWORD, datastore_capacity=64 * MIB)
    with simulator as small, ready(Lab(small, tmp_path)) as lab:
        uid, _ = lab.add_sample("big", [48 * MIB])
        profile = lab.profile("lab01", [[entry(uid), entry(uid, hostname="b", host_id=12)]])
        refused(lab, lab.slipway("deploy", str(profile)), 1, "lab01", "LocalDS_0", "MiB", "free")


def test_a_name_taken_by_a_foreign_vm(bad: Lab, tmp_path: Path) -> None:
    path = build_ova(tmp_path / "foreign.ova", name="foreign").path
    name = "a.lab01.example.com"
    bad.govc("import.ova", "-folder=/DC0/vm/zpods", "-pool=/DC0/host/DC0_C0/Resources", f"-name={name}", str(path))
    try:
        outcome = bad.slipway("deploy", str(bad.profile("lab01", [entry()])))
        refused(bad, outcome, 4, name, "not ours", machines=1)
    finally:
        bad.govc("vm.destroy", name)


@pytest.mark.parametrize("what", ["directory", "absent"])
def test_an_unreadable_file(bad: Lab, tmp_path: Path, what: str) -> None:
    path = tmp_path if what == "directory" else tmp_path / "absent.ova"
    refused(bad, bad.slipway("component", "set-file", "esxi-1.0", str(path)), 2, str(path))


def test_a_password_variable_that_is_not_set(bad: Lab) -> None:
    profile = bad.profile("lab01", [entry()], password={"env": "NO_SUCH_VARIABLE"})
    refused(bad, bad.slipway("deploy", str(profile)), 2, "NO_SUCH_VARIABLE")


def test_several_problems_are_told_at_once(bad: Lab) -> None:
    network = {"portgroup": "nowhere", "subnet": "10.96.42.0/24"}
    entries = [entry(properties={"guestinfo.colour": "x"}), entry("nothing-1.0", hostname="b", host_id=12)]
    outcome = bad.slipway("deploy", str(bad.profile("lab01", entries, network=network)))
    refused(bad, outcome, 2, "nowhere", "guestinfo.colour", "nothing-1.0", "3 problems")


def test_a_disabled_component(bad: Lab) -> None:
    with bad.store() as store:
        components.update(store, "esxi-1.0", enabled=False)
    try:
        outcome = bad.slipway("deploy", str(bad.profile("lab01", [entry()])))
        refused(bad, outcome, 4, "esxi-1.0", "disabled", "component enable")
    finally:
        with bad.store() as store:
            components.update(store, "esxi-1.0", enabled=True)


def test_an_endpoint_that_is_gone(bad: Lab) -> None:
    with bad.store() as store:
        port = endpoints.get(store, bad.name).port
        endpoints.update(store, bad.name, port=1)
    try:
        outcome = bad.slipway("deploy", str(bad.profile("lab01", [entry()])))
        refused(bad, outcome, 5, "127.0.0.1:1", "refused")
    finally:
        with bad.store() as store:
            endpoints.update(store, bad.name, port=port)


def test_another_certificate(bad: Lab) -> None:
    with bad.store() as store:
        pin = endpoints.get(store, bad.name).pin
        endpoints.update(store, bad.name, pin="0" * 64)
    try:
        outcome = bad.slipway("deploy", str(bad.profile("lab01", [entry()])))
        refused(bad, outcome, 5, "certificate", str(pin))
    finally:
        with bad.store() as store:
            endpoints.update(store, bad.name, pin=pin)
