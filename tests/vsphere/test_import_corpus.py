"""Whatever of the corpus govc imports, Slipway imports as the same VM, or refuses by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.ova.check import examine
from engine.ova.findings import Severity
from engine.vsphere.inventory import find_network
from engine.vsphere.ovf_import import ImportRequest, import_vm
from engine.vsphere.vms import destroy
from tests.e2e.lab import Lab
from tests.e2e.side_by_side import CORPUS, package_around, shape
from tests.ova.constructs import FAMILIES
from tests.vsphere.ground import Ground

PARTS = 8
REASONS = (*(family.reason for family in FAMILIES), "would lie outside the package", "is missing, which File")


@pytest.mark.long
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real descriptors is not here")
@pytest.mark.parametrize("part", range(PARTS))
def test_what_govc_imports_is_the_same_or_refused_by_name(ground: Ground, tmp_path: Path, part: int) -> None:
    lab = Lab(ground.vcenter, tmp_path)
    same = 0
    for descriptor in sorted(CORPUS.rglob("*.ovf"))[part::PARTS]:
        ova = package_around(descriptor, tmp_path / "box.ova")
        expected = by_govc(lab, ova)
        examined = examine(ova)
        if expected is None:
            continue
        errors = [one.what for one in examined.findings if one.severity is Severity.ERROR]
        if errors:
            assert all(any(reason in what for reason in REASONS) for what in errors), descriptor
        else:
            found = by_slipway(lab, ground, ova)
            assert {kind: found[kind] for kind in expected} == expected, descriptor
            same += 1
    assert same > 18


def by_govc(lab: Lab, ova: Path) -> dict[str, Any] | None:
    """The VM that it makes, or None when it makes none."""
    options = ova.with_suffix(".json")
    options.write_text(json.dumps({"DiskProvisioning": "thin", "NetworkMapping": []}))
    place = ("-pool=DC0_C0/Resources", "-ds=LocalDS_0", "-folder=zpods")
    try:
        lab.govc("import.ova", *place, "-name=box", f"-options={options}", str(ova))
        return read_back(lab)
    except AssertionError:
        return None
    finally:
        # An import that fails late leaves a VM, whose name the next ones would be refused for.
        for left in lab.govc("find", "-type=m", "-name=box").split():
            lab.govc("vm.destroy", left)


def by_slipway(lab: Lab, ground: Ground, ova: Path) -> dict[str, Any]:
    package = examine(ova).importable()
    network = find_network(ground.session, ground.target.datacenter, "VM Network")
    networks = {known.name: network for known in package.descriptor.networks}
    request = ImportRequest("box", package, package.descriptor.annotation, networks)
    target = ground.target
    vm = import_vm(ground.session, target, request, target.folder, target.pool, None, ground.cancel, ground.sent.append)
    made = read_back(lab)
    destroy(ground.session, vm, "box")
    return made


def read_back(lab: Lab) -> dict[str, Any]:
    [machine] = json.loads(lab.govc("vm.info", "-json", "box"))["virtualMachines"]
    return shape(machine, json.loads(lab.govc("device.info", "-json", "-vm=box"))["devices"])
