"""Page 3 on a real store, a simulated vCenter and a real worker: watch, cancel, retry, resume, remove by keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.profiles import read_profile
from engine.jobs import submit
from engine.jobs.submit import Ordered
from engine.simulator.launcher import Simulator
from storage import deployments, jobs
from storage.deployments import Deployment
from storage.store import Store
from tests.e2e.lab import LAB_PASSWORD, MIB, Lab, entries
from tests.tui.driver import Driver, drive
from tui.screens.confirm import Confirm
from tui.screens.deployment import DeploymentLog, DeploymentScreen
from tui.screens.form import Form

BIG_BYTES = 24 * MIB
"""More than what lies in buffers on the way, so that an upload can be watched."""


@pytest.fixture
def store(lab: Lab) -> Iterator[Store]:
    with lab.store() as opened:
        yield opened


def submitted(store: Store, profile: Path) -> Deployment:
    return submit.deploy(store, Ordered(read_profile(profile), LAB_PASSWORD))


def vms_there(lab: Lab) -> list[str]:
    """The VMs of this test's folder."""
    found = lab.govc("find", f"/{lab.place.datacenter}/vm/{lab.place.vmfolder}", "-type", "m").split()
    return sorted(path.rpartition("/")[2] for path in found)


def now(row: Any, driver: Driver) -> str:
    """What its row says that it is doing."""
    return driver.page.view.cells(row, driver.console.clock())[4][0]


async def state(driver: Driver, wanted: str) -> Any:
    """The first row, once it is in that state."""
    rows = await driver.rows(
        lambda rows: bool(rows) and rows[0].state == wanted and not rows[0].active, f"the first one {wanted}"
    )
    return rows[0]


async def uploading(driver: Driver) -> Any:
    """The first row, once bytes move at a rate that is known."""
    rows = await driver.rows(
        lambda rows: bool(rows) and "upload [" in (told := now(rows[0], driver)) and "/s ETA " in told, "an upload"
    )
    return rows[0]


def test_progress_is_seen_live_and_the_end(lab: Lab, store: Store, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("esxi", [BIG_BYTES])
    vcenter.admin.nfc("slow", bytes_per_second=6 * MIB)
    submitted(store, lab.profile("lab01", entries(uid, "a", "b")))

    async def scenario(driver: Driver) -> None:
        row = await uploading(driver)
        assert (row.done, row.vms, row.endpoint) == (0, 2, "vc01")
        await driver.press("enter")
        await driver.shown(DeploymentScreen)
        await driver.until(lambda: "waiting for the template esxi-1.0" in driver.lines("lines"), "the VMs")
        await driver.until(lambda: "> staging [" in driver.lines("lines"), "the staging")
        vcenter.admin.clear_nfc()
        await driver.until(lambda: "o done 2/2 VMs on vc01" in driver.lines("lines"), "its end")
        assert "cloning" in driver.lines("lines"), "the steps are told"
        assert "staged" in driver.lines("lines")
        await driver.press("escape")
        row = await state(driver, "succeeded")
        assert now(row, driver).endswith("24.0 MiB sent")

    drive(store, "deploys", scenario)


def test_its_log_is_followed_and_left(lab: Lab, store: Store) -> None:
    uid, _ = lab.add_sample("esxi")
    submitted(store, lab.profile("lab01", entries(uid, "a")))
    submitted(store, lab.profile("lab02", entries(uid, "b")))

    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: [row.state for row in rows] == ["succeeded"] * 2, "the end")
        await driver.press("L")
        await driver.shown(DeploymentLog)
        await driver.until(lambda: "deployment 2: b.lab02.example.com succeeded" in driver.lines("lines"), "the log")
        assert "deployment 1:" not in driver.lines("lines"), "that of another deployment"
        await driver.press("escape")
        assert driver.console.screen is driver.page

    drive(store, "deploys", scenario)


def test_a_large_screen_has_the_detail_and_the_log_beside_the_list(lab: Lab, store: Store) -> None:
    uid, _ = lab.add_sample("esxi")
    submitted(store, lab.profile("lab01", entries(uid, "a")))

    async def scenario(driver: Driver) -> None:
        await state(driver, "succeeded")
        await driver.until(lambda: "o done 1/1 VMs" in driver.lines("detail"), "the detail")
        await driver.until(lambda: "a.lab01.example.com succeeded" in driver.lines("log"), "the log")

    drive(store, "deploys", scenario, size=(160, 48))


def test_cancelled_while_uploading_what_it_made_goes(lab: Lab, store: Store, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("esxi", [BIG_BYTES])
    vcenter.admin.nfc("slow", bytes_per_second=4 * MIB)
    deployment = submitted(store, lab.profile("lab01", entries(uid, "a")))

    async def scenario(driver: Driver) -> None:
        await uploading(driver)
        await driver.press("X")
        await driver.said("remove: it is under way; C cancels it")
        await driver.press("C")
        await driver.shown(Confirm)
        assert "no VM, none was made yet" in driver.lines("lines")
        await driver.enter("lab02")
        assert isinstance(driver.console.screen, Confirm), "another name cancels nothing"
        assert not any(job.cancel for job in jobs.active(store))
        await driver.enter("lab01")
        row = await state(driver, "cancelled")
        assert "u resumes" in now(row, driver)
        await driver.press("C")
        await driver.said("cancel: it has ended; X removes its VMs")

    drive(store, "deploys", scenario)
    assert deployments.get(store, deployment.id).secret is None
    assert vms_there(lab) == []


def test_cancelled_while_cloning_the_dialog_names_the_vms(lab: Lab, store: Store, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("esxi")
    steps = [*entries(uid, "a"), [{"component_uid": uid, "hostname": "b", "host_id": 12}]]
    submitted(store, lab.profile("lab01", steps))

    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: bool(rows) and rows[0].done == 1, "the first VM")
        await driver.rows(lambda rows: now(rows[0], driver) == "cloning 1", "the second one's clone")
        await driver.press("C")
        await driver.shown(Confirm)
        assert "a.lab01.example.com" in driver.lines("lines")
        await driver.enter("lab01")
        await state(driver, "cancelled")

    vcenter.admin.fault("CloneVM_Task", skip=1, delay=1)
    vcenter.admin.settings(clone_delay=3)
    drive(store, "deploys", scenario)
    assert vms_there(lab) == [uid]


def test_a_cancelled_one_is_resumed(lab: Lab, store: Store) -> None:
    uid, _ = lab.add_sample("esxi")
    deployment = submitted(store, lab.profile("lab01", entries(uid, "a")))
    submit.cancel(store, deployment)

    async def scenario(driver: Driver) -> None:
        await state(driver, "cancelled")
        await driver.press("R")
        await driver.said("retry: it has not failed")
        await driver.press("u")
        await driver.said("lab01: resume is queued")
        await state(driver, "succeeded")
        await driver.press("u")
        await driver.said("resume: it was not cancelled")

    drive(store, "deploys", scenario)
    assert "a.lab01.example.com" in vms_there(lab)


def test_a_failed_one_tells_where_and_why_and_is_retried(lab: Lab, store: Store, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("esxi")
    vcenter.admin.fault("PowerOnVM_Task", "InsufficientResourcesFault", times=1)
    submitted(store, lab.profile("lab01", entries(uid, "a")))

    async def scenario(driver: Driver) -> None:
        row = await state(driver, "failed")
        assert now(row, driver).startswith("a at powering on: InsufficientResourcesFault")
        assert "retry" in driver.page.query_one("#keys").text  # type: ignore[attr-defined]
        await driver.press("y")
        await driver.said("failed at powering on: cannot power on a.lab01.example.com: InsufficientResourcesFault")
        await driver.press("enter")
        await driver.shown(DeploymentScreen)
        why = "cannot power on a.lab01.example.com: InsufficientResourcesFault"
        await driver.until(lambda: why in driver.lines("lines"), "the reason")
        await driver.press("R")
        await driver.until(lambda: "o done 1/1" in driver.lines("lines"), "its end")

    drive(store, "deploys", scenario)


def test_what_a_retry_needs_is_asked_for(
    lab: Lab, store: Store, vcenter: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile's file, because its values were deleted when it ended; the password, because it is not there."""
    uid, _ = lab.add_sample("esxi")
    entry = {"component_uid": uid, "hostname": "a", "host_id": 11, "properties": {"guestinfo.dns": "10.96.42.9"}}
    profile = lab.profile("lab01", [entry])
    other = lab.profile("lab02", [entry])
    vcenter.admin.fault("PowerOnVM_Task", "InsufficientResourcesFault", times=1)
    deployment = submitted(store, profile)
    monkeypatch.delenv("LAB_PASSWORD")

    async def scenario(driver: Driver) -> None:
        await state(driver, "failed")
        await driver.press("R")
        form = await driver.shown(Form)
        assert list(form.values) == ["file", "password"]
        await driver.press("ctrl+s")
        await driver.until(lambda: "needed" in driver.lines("wrong"), "a refusal")
        form.query_one("#file").value = str(other)
        form.query_one("#password").value = LAB_PASSWORD
        await driver.press("ctrl+s")
        await driver.until(lambda: "has another name, endpoint or other VMs" in driver.lines("wrong"), "a refusal")
        assert LAB_PASSWORD not in driver.console.export_screenshot()
        assert deployments.get(store, deployment.id).state == "failed"
        form.query_one("#file").value = str(profile)
        await driver.press("ctrl+s")
        await driver.said("lab01: retry is queued")
        assert driver.console.screen is driver.page
        await state(driver, "succeeded")

    drive(store, "deploys", scenario)


def test_a_fallback_tells_why(lab: Lab, store: Store, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("esxi")
    vcenter.admin.fault("CloneVM_Task", "GenericVmConfigFault", times=1)
    submitted(store, lab.profile("lab01", entries(uid, "a")))

    async def scenario(driver: Driver) -> None:
        row = await state(driver, "succeeded")
        assert now(row, driver).endswith("; 1 fell back")
        await driver.press("enter")
        await driver.shown(DeploymentScreen)
        await driver.until(
            lambda: "a: fallback: cannot clone a.lab01.example.com" in driver.lines("lines"), "the reason"
        )
        assert "direct" in driver.lines("lines")

    drive(store, "deploys", scenario)


def test_removed_by_its_name_and_nothing_else(lab: Lab, store: Store) -> None:
    uid, _ = lab.add_sample("esxi")
    submitted(store, lab.profile("lab01", entries(uid, "a")))
    submitted(store, lab.profile("lab02", entries(uid, "b")))

    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: [row.state for row in rows] == ["succeeded"] * 2, "the end")
        await driver.press("X")
        await driver.shown(Confirm)
        assert "lab02 (id 2) on vc01: 1 VM goes b.lab02.example.com" in driver.lines("lines")
        await driver.enter("lab01")
        assert isinstance(driver.console.screen, Confirm), "another name removes nothing"
        await driver.enter("lab02")
        await driver.rows(lambda rows: [row.name for row in rows] == ["lab01"], "one left")

    drive(store, "deploys", scenario)
    assert vms_there(lab) == ["a.lab01.example.com", uid]


def test_several_that_are_marked_are_cancelled_at_once(lab: Lab, store: Store, vcenter: Simulator) -> None:
    uid, _ = lab.add_sample("esxi", [BIG_BYTES])
    vcenter.admin.nfc("slow", bytes_per_second=2 * MIB)
    for name in ("lab01", "lab02", "lab03"):
        submitted(store, lab.profile(name, entries(uid, "a")))

    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: len(rows) == 3, "three")
        await driver.press("space", "space", "C")
        await driver.shown(Confirm)
        await driver.enter("2 deployments")
        await driver.rows(lambda rows: [row.state for row in rows[:2]] == ["cancelled"] * 2, "two cancelled")
        assert driver.page.table.rows[2].state in ("pending", "running")
        assert not driver.page.table.marked

    drive(store, "deploys", scenario)
