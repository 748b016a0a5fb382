"""A broken OVA is refused before its first byte, with all its problems; a good one is checked for a profile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.simulator.launcher import Simulator
from tests.e2e.conftest import ready
from tests.e2e.lab import MIB, PASSWORD, Lab, entries, sample_ova
from tests.ova.archives import envelope, member, write_ova

WORDS = ("two members are named 'disk1.vmdk'", "box.mf line 1: 'x'", "Disk 'd': refers to the File 'none'")


@pytest.fixture(scope="module")
def vcenter() -> Iterator[Simulator]:
    with Simulator.start(username="admin", password=PASSWORD) as running:
        yield running


@pytest.fixture(scope="module")
def lab(vcenter: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One for all: nothing here is sent."""
    with ready(Lab(vcenter, tmp_path_factory.mktemp("lab"))) as made:
        yield made
        assert vcenter.admin.counters().bytes_received == 0
        assert "ImportVApp" not in vcenter.admin.counters().calls
        assert made.govc("find", "/", "-type", "m") == ""


def spoil(path: Path) -> None:
    """Make a broken OVA of it."""
    text = envelope('<DiskSection><Disk ovf:diskId="d" ovf:fileRef="none" ovf:capacity="1"/></DiskSection>')
    disk = member("disk1.vmdk", b"d")
    write_ova(path, member("box.ovf", text), member("box.mf", "x\n"), disk, disk)


@pytest.mark.parametrize("flag", ["true", "false"], ids=["staged", "direct"])
def test_a_deployment_lists_all_problems_and_sends_nothing(lab: Lab, flag: str) -> None:
    uid, sample = lab.add_sample(f"broken{flag}")
    spoil(sample.path)
    lab.setting("ff_endpoint_ova_staging", flag)
    profile = str(lab.profile("lab01", entries(uid, "a")))
    outcome = lab.slipway("deploy", profile)
    assert outcome.code == 2
    assert all(word in outcome.err for word in WORDS), outcome.err
    planned = lab.slipway("deploy", profile, "--plan")
    assert [line for line in planned.out.splitlines() if line.startswith("problem ")][:3], planned.out
    assert all(word in planned.out for word in WORDS)
    lab.setting("ff_endpoint_ova_staging", "true")


def test_staging_and_set_file_list_all_problems(lab: Lab) -> None:
    uid, sample = lab.add_sample("unstaged")
    spoil(sample.path)
    for command in (
        ("template", "stage", uid, "--endpoint", lab.name),
        ("component", "set-file", uid, str(sample.path)),
    ):
        outcome = lab.slipway(*command)
        assert outcome.code == 2
        assert all(word in outcome.err for word in WORDS), outcome.err
        assert f"slipway ova check {sample.path}" in outcome.err


def test_a_file_is_checked_for_a_profile(lab: Lab) -> None:
    uid, sample = lab.add_sample("box")
    vm = {"component_uid": uid, "hostname": "a", "host_id": 11, "properties": {"guestinfo.hostnme": "x"}}
    outcome = lab.slipway("ova", "check", str(sample.path), "--profile", str(lab.profile("lab01", [[vm]])), "--json")
    assert outcome.code == 2
    [error] = [one for one in outcome.document["findings"] if one["severity"] == "error"]
    assert error["where"] == "profile lab01: components[0][0].properties.guestinfo.hostnme"
    assert error["fix"] == 'did you mean "guestinfo.hostname"?'
    vm = {"component_uid": uid, "hostname": "a", "host_id": 11, "networks": {"VM Net": "x"}}
    outcome = lab.slipway("ova", "check", str(sample.path), "--profile", str(lab.profile("lab01", [[vm]])))
    assert "error    profile lab01: a's networks.VM Net: is unknown to the OVF, which has 'VM Network'" in outcome.out
    other = sample_ova(lab.folder / "other.ova", "other").path
    outcome = lab.slipway("ova", "check", str(other), "--profile", str(lab.profile("lab01", entries(uid, "a"))))
    assert outcome.code == 2
    assert "error    profile lab01: has no VM of a component whose file is other.ova" in outcome.out


def test_a_file_is_checked_on_an_endpoint(lab: Lab) -> None:
    uid, sample = lab.add_sample("esxi", [MIB, MIB])
    profile = str(lab.profile("lab01", entries(uid, "a")))
    outcome = lab.slipway("ova", "check", str(sample.path), "--profile", profile, "--endpoint", lab.name)
    assert outcome.code == 0, outcome.out
    assert "warning  portgroup DC0_DVPG0: is without MAC learning and promiscuous mode" in outcome.out
    planned = lab.slipway("deploy", profile, "--plan")
    assert "warning portgroup DC0_DVPG0: is without MAC learning" in planned.out
    wrong = str(lab.profile("lab01", entries(uid, "a"), network={"portgroup": "DC0_DVPG", "subnet": "10.0.0.0/24"}))
    outcome = lab.slipway("ova", "check", str(sample.path), "--profile", wrong, "--endpoint", lab.name)
    assert outcome.code == 2
    assert "error    endpoint vc01: no portgroup named DC0_DVPG\n" in outcome.out
    assert "-> did you mean DC0_DVPG0?" in outcome.out
    outcome = lab.slipway("ova", "check", str(sample.path), "--endpoint", "vc02")
    assert outcome.code == 3


def test_an_endpoint_that_is_away_hides_nothing_of_the_file(lab: Lab, vcenter: Simulator, tmp_path: Path) -> None:
    broken = write_ova(tmp_path / "box.ova", member("box.ovf", envelope()) + member("box.mf", "x"))
    vcenter.admin.listen(False)
    try:
        outcome = lab.slipway("ova", "check", str(broken), "--endpoint", lab.name)
    finally:
        vcenter.admin.listen(True)
    assert outcome.code == 2
    assert "box.mf line 1" in outcome.out
    assert f"error    endpoint {lab.name}: " in outcome.out
