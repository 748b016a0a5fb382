"""Page 2 on a real store, a simulated vCenter and a real worker: stage, verify, restage, cancel, remove by keyboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from engine.console.offers import offers
from engine.ova.descriptor import DeploymentOption
from engine.ova.limits import DEFAULT
from engine.site import open_site
from storage import components, endpoints, jobs
from storage.jobs import State
from storage.store import Store
from tests.e2e.lab import MIB, Lab, sample_ova
from tests.staging.ground import Party
from tests.tui.driver import Driver, drive
from tui.screens.confirm import Confirm
from tui.screens.detail import DetailScreen
from tui.screens.form import Form

UID, BIG = "esxi-1.0", "big-1.0"

BIG_BYTES = 24 * MIB
"""More than what lies in buffers on the way, so that an upload can be watched."""


@pytest.fixture
def lab(lab: Lab) -> Lab:
    """With a component."""
    lab.add_sample("esxi", [MIB])
    return lab


@pytest.fixture
def store(lab: Lab) -> Iterator[Store]:
    with lab.store() as opened:
        yield opened


@contextmanager
def party(store: Store, uid: str = UID) -> Iterator[Party]:
    """Staging in this process, for what is to be there before."""
    with open_site(store, "vc01") as site:
        yield Party(site, uid)


@pytest.fixture
def staged(store: Store) -> Store:
    """The store, its component staged."""
    with party(store) as one:
        one.stage()
    return store


def in_folder(lab: Lab) -> list[str]:
    """What lies in the staging folder, by govc."""
    folder = f"/DC0/vm/{lab.place.vmfolder}/components-staging"
    return sorted(path.rpartition("/")[2] for path in lab.govc("find", folder, "-type", "m").split())


def state_is(wanted: str, uid: str = UID) -> Any:
    return lambda rows: any(row.uid == uid and row.state == wanted for row in rows)


# template.stage


def test_a_component_is_staged_from_an_empty_page(lab: Lab, store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.until(lambda: "a stage a component" in driver.lines("notice"), "the one next key")
        await driver.press("a")
        form = await driver.shown(Form)
        await driver.press(*"esx", "left", "right", "b")
        assert form.values == {"component": BIG, "endpoint": "vc01"}
        await driver.press("enter", "enter")
        await driver.said(f"staging {BIG} on vc01")
        [row] = await driver.rows(lambda rows: any(row.transfer for row in rows), "bytes under way")
        assert (row.state, row.transfer.total) == ("staging", BIG_BYTES)
        [row] = await driver.rows(state_is("staged", BIG), "staged")
        assert (row.children, row.active, row.why) == (0, False, "")
        assert [step.step for step in row.steps][-1] == "staged"
        await driver.press("enter")
        await driver.shown(DetailScreen)
        shown = driver.lines("lines")
        for told in ("o staged", row.digest[:40], "unused", "uploading", "its last staging", "history"):
            assert told in shown

    lab.add_sample("big", [BIG_BYTES])
    lab.vcenter.admin.nfc("slow", bytes_per_second=6 * MIB)
    drive(store, "templates", scenario, standing="empty")
    assert in_folder(lab) == [BIG]


def test_a_deployment_option_is_chosen_where_the_ova_offers_some(lab: Lab, store: Store) -> None:
    """Each is a template of its own; a component without options is not asked for one."""
    options = (DeploymentOption("small", "Small", default=True), DeploymentOption("big", "For 1000 hosts"))
    sample = sample_ova(lab.folder / "nsx.ova", "nsx", deployment_options=options)
    lab.add_component("nsx", sample.path)

    async def scenario(driver: Driver) -> None:
        await driver.press("a")
        form = await driver.shown(Form)
        assert form.values == {"component": UID, "endpoint": "vc01"}
        await driver.press("n")
        await driver.until(lambda: form.values.get("option") == "small: Small", "the OVF's default")
        await driver.press("enter", "right", "enter")
        assert form.values == {"component": "nsx-1.0", "option": "big: For 1000 hosts", "endpoint": "vc01"}
        await driver.press("shift+tab", "shift+tab", "e", "n", "enter", "enter", "enter")
        await driver.said("staging nsx-1.0+big on vc01")
        await driver.rows(state_is("staged", "nsx-1.0+big"), "staged")

    drive(store, "templates", scenario, standing="empty")
    assert in_folder(lab) == ["nsx-1.0+big"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({}, [("nsx-1.0", "", "small: Small"), ("nsx-1.0+big", "big", "big")]),
        ({"Deployment": "big"}, [("nsx-1.0+big", "", "big"), ("nsx-1.0+small", "small", "small: Small")]),
    ],
)
def test_what_the_component_asks_for_is_offered_first(
    lab: Lab, store: Store, spec: dict[str, str], told: list[tuple[str, str, str]]
) -> None:
    options = (DeploymentOption("big"), DeploymentOption("small", "Small", default=True))
    sample = sample_ova(lab.folder / "nsx.ova", "nsx", deployment_options=options)
    lab.add_component("nsx", sample.path, component_deploy_govc_spec=spec)
    assert [(one.template, one.option, one.told) for one in offers(components.get(store, "nsx-1.0"), DEFAULT)] == told
    sample.path.write_bytes(b"")
    assert offers(components.get(store, "nsx-1.0"), DEFAULT) == ()


def test_what_cannot_be_staged_is_told_in_the_form(lab: Lab, store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("a")
        form = await driver.shown(Form)
        await driver.press("ctrl+s")
        await driver.until(lambda: "names no network" in driver.lines("wrong"), "why not")
        assert driver.console.screen is form
        await driver.press("escape")
        await driver.until(lambda: driver.console.screen is driver.page, "the page")

    endpoints.update(store, "vc01", network=None)
    drive(store, "templates", scenario, standing="empty")
    assert jobs.recent_stagings(store) == []


def test_one_that_is_staged_is_not_staged_twice(staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("a")
        await driver.shown(Form)
        await driver.press("ctrl+s")
        await driver.until(lambda: "it is staged on vc01 already" in driver.lines("wrong"), "why not")

    drive(staged, "templates", scenario)
    assert jobs.recent_stagings(staged) == []


def test_without_a_component_that_can_be_staged_the_page_says_what_is_missing(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.until(lambda: "9 components; there f asks for the file" in driver.lines("notice"), "what to do")
        await driver.press("a")
        await driver.said("no enabled L1 component has its OVA")

    components.update(store, UID, ova_path=None)
    drive(store, "templates", scenario, standing="empty")


def test_a_console_that_only_reads_changes_nothing(staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        for key, name in (("a", "stage"), ("X", "remove")):
            await driver.press(key)
            await driver.said(f"{name}: this console is read-only")
            assert driver.console.screen is driver.page

    drive(staged, "templates", scenario, read_only=True)


# template.verify


def test_verify_tells_that_it_is_as_it_was_made(staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("c")
        await driver.said(f"{UID} on vc01: staged, as its identity and its OVA say")

    drive(staged, "templates", scenario)


def test_verify_tells_that_somebody_changed_it(lab: Lab, staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        path = f"/DC0/vm/{lab.place.vmfolder}/components-staging/{UID}"
        lab.govc("vm.markasvm", "-pool", "/DC0/host/DC0_C0/Resources", path)
        await driver.press("c")
        await driver.said(f"{UID} on vc01: tampered, it is a VM, not a template any more")
        await driver.rows(state_is("tampered"), "the row says it too")
        await driver.press("R")
        await driver.said("somebody changed it; X removes it, then a stages it")

    drive(staged, "templates", scenario)


# template.restage


def test_an_outdated_one_is_staged_again(lab: Lab, staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("R")
        await driver.said("restage: it is up to date")
        with party(staged) as one:
            one.new_digest()
        await driver.press("r")
        [row] = await driver.rows(state_is("outdated"), "outdated")
        assert row.why.startswith("checksum changed")
        await driver.press("R")
        await driver.said(f"staging {UID} on vc01 again")
        [row] = await driver.rows(state_is("staged"), "staged again")
        assert row.digest == components.get(staged, UID).checksum

    drive(staged, "templates", scenario)
    assert in_folder(lab) == [UID]


def test_a_staging_that_failed_says_why_and_is_tried_again_by_hand(lab: Lab, store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        [row] = await driver.rows(state_is("failed"), "failed")
        assert "expected" in row.why
        await driver.press("y")
        await driver.said("copied: ")
        components.update(store, UID, checksum=right)
        await driver.press("R")
        await driver.said(f"staging {UID} on vc01 again")
        await driver.rows(state_is("staged"), "staged")

    right = components.get(store, UID).checksum
    components.update(store, UID, checksum="sha256:" + "0" * 64)
    jobs.create_stage(store, 1, UID)
    drive(store, "templates", scenario)
    assert in_folder(lab) == [UID]


# template.cancel


def test_a_staging_is_cancelled_by_its_name(lab: Lab, store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: any(row.transfer for row in rows), "bytes under way")
        await driver.press("X")
        await driver.said("remove: it is being staged; C stops that")
        await driver.press("C")
        await driver.shown(Confirm)
        await driver.enter("another-1.0")
        assert isinstance(driver.console.screen, Confirm)
        await driver.enter(BIG)
        await driver.said(f"asked to stop the staging of {BIG} on vc01")
        await driver.until(lambda: driver.page.standing == "empty", "nothing is left")

    lab.add_sample("big", [BIG_BYTES])
    lab.vcenter.admin.nfc("stall", after_bytes=MIB)
    job = jobs.create_stage(store, 1, BIG)
    drive(store, "templates", scenario)
    assert jobs.get(store, job.id).state is State.CANCELLED
    assert in_folder(lab) == []


def test_what_nobody_stages_cannot_be_cancelled(staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("C")
        await driver.said("cancel: nobody of this store is staging it")

    drive(staged, "templates", scenario)


# template.remove


def test_one_is_removed_by_its_name(lab: Lab, staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("X")
        await driver.shown(Confirm)
        assert "No VM of Slipway's was cloned from it." in driver.lines("lines")
        await driver.enter("another-1.0")
        assert isinstance(driver.console.screen, Confirm)
        assert in_folder(lab) == [UID]
        await driver.enter(UID)
        await driver.said(f"removed {UID} on vc01")
        await driver.until(lambda: driver.page.standing == "empty", "nothing is left")

    drive(staged, "templates", scenario)
    assert in_folder(lab) == []


def test_marked_ones_are_removed_together(lab: Lab, staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: len(rows) == 2, "both")
        await driver.press("g", "space", "space", "X")
        await driver.shown(Confirm)
        assert UID in driver.lines("lines")
        assert "zcore-1.0" in driver.lines("lines")
        await driver.enter(UID)
        assert isinstance(driver.console.screen, Confirm)
        await driver.enter("remove 2")
        await driver.said("removed 2 templates")
        await driver.until(lambda: driver.page.standing == "empty", "nothing is left")

    lab.add_sample("zcore", [MIB])
    with party(staged, "zcore-1.0") as one:
        one.stage()
    drive(staged, "templates", scenario)
    assert in_folder(lab) == []


def test_what_is_not_ours_is_neither_replaced_nor_removed(lab: Lab, store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.rows(state_is("foreign"), "foreign")
        await driver.press("X")
        await driver.said("remove: it is not Slipway's; remove it in vCenter")
        await driver.press("R")
        await driver.said("restage: something that is not Slipway's has its name")

    folder = f"/DC0/vm/{lab.place.vmfolder}/components-staging"
    lab.govc("folder.create", folder)
    place = ("-pool", "/DC0/host/DC0_C0/Resources", "-ds", "LocalDS_0", "-net", "VM Network")
    lab.govc("vm.create", "-on=false", "-folder", folder, *place, UID)
    drive(store, "templates", scenario)
    assert in_folder(lab) == [UID]


# A dead endpoint


def test_rows_of_an_endpoint_that_does_not_answer_stay_and_are_stale(lab: Lab, staged: Store) -> None:
    async def scenario(driver: Driver) -> None:
        lab.vcenter.admin.listen(False)
        await driver.press("r")
        [row] = await driver.rows(lambda rows: rows[0].as_of is not None, "stale")
        assert row.state == "staged"
        for key, name in (("c", "verify"), ("R", "restage"), ("X", "remove")):
            await driver.press(key)
            await driver.said(f"{name}: vc01 does not answer; 1 shows why")
        lab.vcenter.admin.listen(True)
        await driver.press("r")
        await driver.rows(lambda rows: rows[0].as_of is None, "it answers again")

    drive(staged, "templates", scenario)
