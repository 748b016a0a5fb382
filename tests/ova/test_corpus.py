"""Every real descriptor: read as govc reads it, or refused by name."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadPackage, NotFound
from engine.ova.descriptor import Descriptor
from engine.ova.package import open_package
from engine.ova.samples import build_ova
from engine.simulator.launcher import program

OF_OVF_0_9 = "Section_Type"  # the word in each `xsi:type` of its sections


@pytest.fixture
def govc() -> Path:
    try:
        return program("govc")
    except NotFound as error:
        pytest.skip(str(error))


def import_spec(govc: Path, path: Path) -> dict[str, Any] | None:
    """What govc makes of a package, hidden properties included; None when it refuses. Its URL is never called."""
    done = subprocess.run(
        [govc, "import.spec", "-hidden", str(path)],
        env=os.environ | {"GOVC_URL": "https://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return found


def descriptors(corpus: Path) -> list[Path]:
    found = sorted(corpus.rglob("*.ovf"))
    assert len(found) > 400
    return found


def test_every_descriptor_that_govc_accepts_is_read_and_says_the_same(corpus: Path, govc: Path) -> None:
    accepted = 0
    for path in descriptors(corpus):
        spec = import_spec(govc, path)
        if spec is None:
            continue
        accepted += 1
        package = open_package(path)
        # govc reads neither the sections of OVF 0.9 nor the machines of a collection.
        if OF_OVF_0_9 not in package.descriptor_text and not package.descriptor.is_collection:
            assert_same(package.descriptor, spec, path)
    assert accepted > 400


def assert_same(descriptor: Descriptor, spec: dict[str, Any], path: Path) -> None:
    assert [network.name for network in descriptor.networks] == [one["Name"] for one in spec.get("NetworkMapping", ())]
    assert descriptor.option == spec.get("Deployment", "")
    assert descriptor.annotation == spec.get("Annotation", "").strip()
    # govc leaves out properties that do not say whether they are userConfigurable.
    asked = [known.key for known in descriptor.properties if known.user_configurable]
    listed = {one["Key"]: one["Value"] for one in spec.get("PropertyMapping", ())}
    assert set(asked) <= set(listed), path
    defaults = {known.key: known.default for known in descriptor.properties}
    for key, value in listed.items():
        # govc writes booleans as True and False, and does not see a default given in a Value element.
        assert value.lower() in ("", defaults[key].lower()), (path, key)


def test_every_other_descriptor_is_read_or_refused_by_name(corpus: Path) -> None:
    refusals = []
    for path in descriptors(corpus):
        try:
            package = open_package(path)
        except BadPackage as error:
            refusals.append((path, str(error)))
        else:
            assert package.name
            assert set(package.missing).isdisjoint(package.members)
    assert [path for path, message in refusals if str(path) not in message] == []
    assert len(refusals) < 10


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("security-test-content/ovf/negative-size-disk/haoUnOS2VMs.ovf", "has the size '-"),
        ("security-test-content/ovf/negative-out-of-bound-disk/haoUnOS2VMs.ovf", "-9223372036854775809"),
        ("OVFToolTemplates/OVF/xmltestfiles/Envelope/Neg/invalid_ref_dup_id.ovf", "File elements with that id"),
        ("OVFToolTemplates/OVF/xmltestfiles/Envelope/Neg/invalid_neg_chunk.ovf", "abcd"),
    ],
)
def test_what_is_wrong_in_a_descriptor_is_told(corpus: Path, name: str, problem: str) -> None:
    problems = open_package(corpus / "govmomi/external" / name).descriptor.problems
    assert any(problem in str(one) for one in problems), problems


def test_capacities_given_by_properties(corpus: Path) -> None:
    uber = open_package(corpus / "govmomi/uber.ovf").descriptor
    assert all(disk.capacity_bytes for disk in uber.disks), uber.problems


def test_the_real_ova(corpus: Path, govc: Path) -> None:
    path = corpus / "vcsim-ova/ttylinux-pc_i486-16.1.ova"
    package = open_package(path)
    assert package.name == "ttylinux-pc_i486-16.1"
    assert package.manifest is not None
    assert {name: digest.algorithm for name, digest in package.manifest.digests.items()} == {
        "ttylinux-pc_i486-16.1.ovf": "sha1",
        "ttylinux-pc_i486-16.1-disk1.vmdk": "sha1",
    }
    spec = import_spec(govc, path)
    assert spec is not None
    assert_same(package.descriptor, spec, path)


def test_samples_are_what_govc_accepts(tmp_path: Path, govc: Path) -> None:
    build_ova(tmp_path / "box.ova", name="box & co", networks=("VM Network", 'a "b" <c>'), disks=(5, 0))
    spec = import_spec(govc, tmp_path / "box.ova")
    assert spec is not None
    assert_same(open_package(tmp_path / "box.ova").descriptor, spec, tmp_path)
