"""The same package, spec and vCenter: what govc makes of it, and what Slipway makes of it by import and by clone."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.licences import accept, licence_of
from engine.simulator.launcher import Stock
from tests.e2e.conftest import ready
from tests.e2e.lab import Lab
from tests.e2e.side_by_side import (
    CORPUS,
    DESCRIPTORS,
    FEW,
    KEPT_BY_STOCK,
    ON_STOCK,
    Case,
    filled,
    package_around,
    shape,
)

# How Slipway makes a VM, and whether the component is one that is never staged.
WAYS = {"direct": True, "staged": False}
BATCH = 8

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real descriptors is not here")


def cases(lab: Lab, descriptors: Sequence[str]) -> list[Case]:
    """A package around each, govc's spec for it, and two components of both: one to be staged, one that never is."""
    made = []
    for number, name in enumerate(descriptors):
        descriptor = CORPUS / name
        short = re.sub(r"[^a-z0-9]+", "-", f"{number:02}-{descriptor.stem.lower()}")[:30].strip("-")
        path = package_around(descriptor, lab.folder / f"{short}.ova")
        told = json.loads(lab.govc("import.spec", str(path)))
        made.append(Case(short, path, filled(told, descriptor, number, ("VM Network", lab.place.portgroup))))
        for way, is_nested in WAYS.items():
            spec = {"component_deploy_govc_spec": made[-1].spec, "component_isnested": is_nested}
            uid = lab.add_component(f"{short}.{way}", path, **spec)
            with lab.store() as store:
                if licence_of(store, uid).waits:
                    accept(store, uid)
    return made


def import_by_govc(lab: Lab, case: Case) -> None:
    options = case.path.with_suffix(".json")
    options.write_text(json.dumps(case.spec))
    place = (f"-pool={lab.place.pool}/Resources", f"-ds={lab.place.datastore}", f"-folder={lab.place.vmfolder}")
    lab.govc("import.ova", *place, f"-name={case.name}.govc", f"-options={options}", str(case.path))


def deploy(lab: Lab, given: Sequence[Case]) -> None:
    """Each on both ways, all side by side in one profile, none powered on."""
    ways = [(case, way) for case in given for way in WAYS]
    entries = [
        {"component_uid": f"{case.name}.{way}-1.0", "hostname": f"{case.name}-{way}", "host_id": number}
        for number, (case, way) in enumerate(ways, 11)
    ]
    done = lab.ok("deploy", str(lab.profile("lab", [entries])), "--no-power-on")
    assert [item["path"] for item in done["items"]] == [way for _, way in ways]


def shapes(lab: Lab, given: Sequence[Case], ending: str) -> dict[str, Any]:
    return {case.name: shape_of(lab, case.name + ending) for case in given}


def shape_of(lab: Lab, name: str) -> dict[str, Any]:
    [machine] = json.loads(lab.govc("vm.info", "-json", name))["virtualMachines"]
    return shape(machine, json.loads(lab.govc("device.info", "-json", f"-vm={name}"))["devices"])


def assert_alike(lab: Lab, descriptors: Sequence[str], clones_keep: Sequence[str] = ()) -> None:
    """`clones_keep`: of clones only these are compared, where there are any."""
    given = cases(lab, descriptors)
    for case in given:
        import_by_govc(lab, case)
    deploy(lab, given)
    expected = shapes(lab, given, ".govc")
    for way in WAYS:
        kinds = clones_keep if way == "staged" else ()
        assert compared(expected, shapes(lab, given, f"-{way}.lab.example.com"), kinds) == [], way


def compared(expected: Mapping[str, Any], found: Mapping[str, Any], kinds: Sequence[str]) -> list[str]:
    """A line for each kind of thing that is not the same; no `kinds` are all."""
    return [
        f"{name}: {kind}: govc has {_only(one[kind], found[name][kind])}, Slipway {_only(found[name][kind], one[kind])}"
        for name, one in expected.items()
        for kind in kinds or one
        if one[kind] != found[name][kind]
    ]


def _only(these: Any, those: Any) -> Any:
    return [one for one in these if one not in those] if isinstance(these, list) else these


@pytest.mark.parametrize("descriptor", FEW)
def test_a_descriptor_of_each_kind(simlab: Lab, descriptor: str) -> None:
    assert_alike(simlab, [descriptor])


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, len(DESCRIPTORS), BATCH))
def test_every_descriptor(simlab: Lab, first: int) -> None:
    assert_alike(simlab, DESCRIPTORS[first : first + BATCH])


@pytest.mark.long
def test_on_stock_vcsim(stock: Stock, tmp_path: Path) -> None:
    with ready(Lab(stock, tmp_path)) as lab:
        assert_alike(lab, ON_STOCK, KEPT_BY_STOCK)
