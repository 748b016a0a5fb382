"""What a plan finds before anything is changed, on our simulated vCenter."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.catalog.licences import accept
from engine.catalog.profiles import read_profile
from engine.deploy.beforehand import check_file
from engine.deploy.plan import Plan, Way
from engine.deploy.planning import make_plan
from engine.ova.findings import Finding
from engine.progress import Nobody
from engine.simulator.launcher import Simulator
from engine.site import open_site
from storage import components, endpoints
from tests.e2e.conftest import ready
from tests.e2e.lab import MIB, PASSWORD, Lab
from tests.ova.boxes import write_everything

GIB = 1 << 30


@pytest.fixture(scope="module")
def vcenter() -> Iterator[Simulator]:
    """Its endpoint's datastore is seen by every host, `lone` and `other` by one each."""
    with Simulator.start(
        username="admin", password=PASSWORD, datastores=["lone@127.0.0.3", "other@127.0.0.1"]
    ) as running:
        yield running


@pytest.fixture(scope="module")
def lab(vcenter: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with ready(Lab(vcenter, tmp_path_factory.mktemp("lab"))) as made:
        yield made


def entry(uid: str, number: int = 11, **other: Any) -> dict[str, Any]:
    return {"component_uid": uid, "hostname": f"vm{number}", "host_id": number, **other}


def plan(lab: Lab, *entries: dict[str, Any], **other: Any) -> Plan:
    profile = read_profile(lab.profile("lab01", list(entries), **other))
    with lab.store() as store, open_site(store, lab.name) as site:
        return make_plan(site, profile, "secret", Cancel())


def checked(lab: Lab, path: Path, *entries: dict[str, Any], **other: Any) -> list[Finding]:
    """What `slipway ova check` finds for this profile on the endpoint."""
    profile = read_profile(lab.profile("lab01", list(entries), password=None, **other))
    with lab.store() as store:
        return list(check_file(store, path, profile, lab.name, Cancel(), Nobody()))


def everything(lab: Lab, name: str = "box") -> str:
    """A component whose option `large` has a second disk of as many GB as the property net.data_gb.1 says, else 5."""
    path = write_everything(lab.folder / f"{name}.ova", random.Random(1).randbytes(MIB))
    uid = lab.add_component(name, path, keys=())
    with lab.store() as store:
        accept(store, uid)
    return uid


def test_disks_take_what_their_provisioning_takes_and_vdisks_add_to_thick_ones(lab: Lab) -> None:
    uid, _ = lab.add_sample("space", [MIB, MIB])
    thin = plan(lab, entry(uid)).space_needed
    assert plan(lab, entry(uid, vdisks=[40, 50])).space_needed == thin < 100 * MIB
    assert plan(lab, entry(uid, disk_provisioning="sparse")).space_needed == thin
    thick = plan(lab, entry(uid, disk_provisioning="thick")).space_needed
    assert thick == 4 * GIB, "two disks, of the template and of the VM"
    grown = plan(lab, entry(uid, disk_provisioning="thick", vdisks=[40, 50])).space_needed
    assert grown == thick + 39 * GIB, "the third disk is added thin"


def test_a_disk_is_as_large_as_the_profile_makes_it(lab: Lab) -> None:
    uid = everything(lab)
    thick = {"disk_provisioning": "thick"}
    sized = entry(uid, properties={"net.data_gb.1": "9"})
    made = plan(lab, sized | thick)
    assert [item.way for item in made.items] == [Way.DIRECT]
    assert made.space_needed == 10 * GIB
    assert plan(lab, sized | {"vdisks": [9]}).problems == ()
    [problem] = plan(lab, sized | {"vdisks": [7]}).problems
    assert problem.why == "Hard disk 2 of box-1.0 has 9 GiB, 7 were asked; disks only grow"


def test_a_template_without_its_ova_says_how_large_its_disks_are(lab: Lab) -> None:
    uid = everything(lab, "gone")
    lab.ok("template", "stage", uid, "--endpoint", lab.name)
    (lab.folder / "gone.ova").unlink()
    assert plan(lab, entry(uid, vdisks=[5])).problems == ()
    [problem] = plan(lab, entry(uid, vdisks=[3])).problems
    assert problem.why == "Hard disk 2 of gone-1.0 has 5 GiB, 3 were asked; disks only grow"


def test_a_vm_that_is_there_needs_no_ova(lab: Lab) -> None:
    uid, sample = lab.add_sample("nested", component_isnested=True)
    profile = str(lab.profile("lab02", [entry(uid)]))
    lab.ok("deploy", profile)
    sample.path.unlink()
    again = lab.ok("deploy", profile)
    assert [(item["state"], item["path"]) for item in again["items"]] == [("succeeded", "skipped")]
    [problem] = plan(lab, entry(uid, 12)).problems
    assert "cannot be read" in problem.why


@pytest.fixture
def lone(lab: Lab) -> Iterator[None]:
    """The endpoint's datastore is the one that a single host sees."""
    change(lab, datastore="lone")
    yield
    change(lab, datastore=lab.place.datastore, linked_clones=False)


def change(lab: Lab, **fields: Any) -> None:
    with lab.store() as store:
        endpoints.update(store, lab.name, **fields)


@pytest.mark.usefixtures("lone")
def test_a_linked_clone_goes_where_its_templates_disks_are_seen(lab: Lab) -> None:
    """Once the template is there, and before: the endpoint's datastore is then where it is going to lie."""
    uid, _ = lab.add_sample("base")
    near, far = {"host": "127.0.0.3", "datastore": "LocalDS_0"}, {"host": "127.0.0.1", "datastore": "LocalDS_0"}
    change(lab, linked_clones=True)
    for staged in (False, True):
        if staged:
            lab.ok("template", "stage", uid, "--endpoint", lab.name)
        made = plan(lab, entry(uid) | near, entry(uid, 12, linked=False) | far, entry(uid, 13) | far)
        assert ([item.linked for item in made.items], made.problems) == ([True, False, False], ())
        assert [item.why for item in made.items][2] == "full clone: it does not see the template's datastore"
        [problem] = plan(lab, entry(uid, linked=True) | far).problems
        assert problem.why == "it does not see the template's datastore"
        [problem] = plan(lab, entry(uid, linked=True, datastore="other")).problems
        assert problem.why == (
            "127.0.0.1: it does not see the template's datastore; 127.0.0.2: it does not see the datastore; "
            "127.0.0.3: it does not see the datastore"
        )
        [item] = plan(lab, entry(uid, linked=True, datastore="LocalDS_0")).items
        assert item.place is not None
        assert (item.linked, item.place.host) == (True, None), "DRS chooses the host"
    asked = "-link", "-snapshot", "slipway-base", "-on=false", "-host", "127.0.0.1", "-ds", "LocalDS_0"
    template = f"/DC0/vm/{lab.place.vmfolder}/components-staging/{uid}"
    with pytest.raises(AssertionError, match="InvalidDatastore"):  # the simulated vCenter refuses it, and lives on
        lab.govc("vm.clone", *asked, "-vm", template, "x")


@pytest.mark.usefixtures("lone")
def test_a_template_that_has_no_room_anywhere_is_a_problem(lab: Lab, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("nowhere")
    vcenter.admin.maintain_datastore("lone")
    try:
        [problem] = plan(lab, entry(uid, datastore="LocalDS_0")).problems
    finally:
        vcenter.admin.maintain_datastore("lone", maintenance=False)
    assert str(problem).startswith("no datastore for the template nowhere-1.0: lone: it is in maintenance")


def test_a_template_is_asked_about_once_however_many_vms_are_cloned_of_it(lab: Lab, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("many")

    def calls(count: int) -> int:
        before = vcenter.admin.counters().calls
        assert plan(lab, *[entry(uid, number, linked=True) for number in range(11, 11 + count)]).problems == ()
        after = vcenter.admin.counters().calls
        return sum(after.values()) - sum(before.values())

    change(lab, linked_clones=True)
    try:
        lab.ok("template", "stage", uid, "--endpoint", lab.name)
        assert calls(5) == calls(1)
    finally:
        change(lab, linked_clones=False)


def test_a_file_is_checked_as_each_vm_would_get_it(lab: Lab, vcenter: Simulator) -> None:
    uid = everything(lab)
    with lab.store() as store:
        path = Path(components.get(store, uid).ova_path or "")
    vcenter.admin.settings(datastore_capacity=8 * GIB)
    try:
        assert [one.what for one in checked(lab, path, entry(uid)) if one.severity == "error"] == []
        thick = entry(uid, disk_provisioning="thick", properties={"net.data_gb.1": "9"})
        [error] = [one for one in checked(lab, path, entry(uid, 12), thick) if one.severity == "error"]
    finally:
        vcenter.admin.settings(datastore_capacity=4096 * GIB)
    assert error.where == f"datastore {lab.place.datastore}"
    assert "10240 thick (thick is asked for)" in error.what


def test_the_endpoints_portgroup_carries_what_a_profile_does_not_map(lab: Lab) -> None:
    uid, sample = lab.add_sample("esxi", keys=())
    bare = {"subnet": "10.0.0.0/24"}
    asked = entry(uid, nics=[{"network": lab.place.portgroup}])
    found = {one.where for one in checked(lab, sample.path, asked, network=bare) if one.severity == "warning"}
    assert {f"portgroup {lab.place.portgroup}", f"portgroup {lab.place.network}"} <= found
