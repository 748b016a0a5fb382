"""The deployment wizard on a real store, a simulated vCenter and a real worker, by keyboard."""

import json
from collections.abc import Iterator

import pytest
from textual.widgets import Input

from engine.ova.descriptor import DeploymentOption
from storage import components, deployments, endpoints
from storage.store import Store
from tests.e2e.lab import LAB_PASSWORD, MIB, Lab, entries, properties_of, sample_ova
from tests.tui.driver import Driver, drive
from tui.screens.form import Form
from tui.screens.plan import PlanScreen
from tui.screens.vms import VmsScreen
from tui.screens.wizard import Source, Step


@pytest.fixture
def store(lab: Lab) -> Iterator[Store]:
    with lab.store() as opened:
        yield opened


async def begin(driver: Driver, key: str) -> Form:
    """The first form of the wizard, from a file (`f`) or a form (`n`)."""
    await driver.press("n")
    await driver.shown(Source)
    await driver.press(key)
    form = await driver.shown(Step)
    assert isinstance(form, Form)
    return form


def fill(form: Form, **texts: str) -> None:
    """What a longer text would be pasted as."""
    for name, text in texts.items():
        form.query_one(f"#{name}", Input).value = text


async def fill_lab(driver: Driver, **texts: str) -> Form:
    form = await begin(driver, "n")
    fill(form, **({"name": "lab01", "domain": "lab01.example.com", "subnet": "10.96.42.0/24"} | texts))
    return form


def test_a_profile_file_is_planned_and_deployed(lab: Lab, store: Store) -> None:
    uid, sample = lab.add_sample("esxi", [4 * MIB])
    profile = lab.profile("lab01", entries(uid, "a", "b"))

    async def scenario(driver: Driver) -> None:
        form = await begin(driver, "f")
        fill(form, file=str(profile), name="lab07")
        await driver.press("ctrl+s")
        await driver.shown(PlanScreen)
        plan = driver.lines("lines")
        for told in (
            "a.lab01.example.com 10.96.42.11 staged esxi-1.0",
            "stage esxi-1.0",
            "upload 4.0 MiB",
            "12.0 MiB needed",
        ):
            assert told in plan, plan
        assert deployments.listing(store) == [], "nothing was changed yet"
        await driver.press("enter")
        await driver.said("deployment 1 is queued")
        assert driver.console.screen is driver.page
        rows = await driver.rows(lambda rows: bool(rows) and rows[0].state == "succeeded", "its end")
        assert (rows[0].name, rows[0].done) == ("lab07", 2)

    drive(store, "deploys", scenario, standing="empty")
    machine = lab.machines()["a.lab01.example.com"]
    assert properties_of(machine)["guestinfo.password"] == LAB_PASSWORD
    assert machine["runtime"]["powerState"] == "poweredOn"
    assert sample.path.exists()


def test_a_form_is_filled_in_by_keyboard_and_deployed(lab: Lab, store: Store) -> None:
    uid, _ = lab.add_sample("esxi")
    lab.add_sample("zcore")
    secret = "typed-0815"

    async def scenario(driver: Driver) -> None:
        form = await fill_lab(driver, name="", domain="lab01.lan", subnet="10.1.2.0/24", password=secret)
        await driver.press(*"lab01")
        form.query_one("#power").focus()
        await driver.press("right", "enter")
        await driver.shown(VmsScreen)
        await driver.press("z", "enter", *"zcore", "enter", "2", "enter", "ctrl+n")
        await driver.press(
            "up", "down", "left", "shift+tab", "e", "enter", "ctrl+u", *"esxi11", "enter", "ctrl+u", *"11"
        )
        await driver.press("ctrl+n", "ctrl+n", "ctrl+x", "ctrl+s")
        await driver.shown(PlanScreen)
        plan = driver.lines("lines")
        assert "zcore.lab01.lan 10.1.2.2 staged zcore-1.0 esxi11.lab01.lan 10.1.2.11 staged esxi-1.0" in plan
        assert "esxi12.lab01.lan 10.1.2.12 staged esxi-1.0" in plan
        assert "esxi13" not in plan
        assert "power left off" in plan
        await driver.press("enter")
        await driver.said("deployment 1 is queued")
        await driver.rows(lambda rows: bool(rows) and rows[0].state == "succeeded", "its end")

    drive(store, "deploys", scenario, standing="empty")
    recorded = json.loads(deployments.get(store, 1).profile)
    assert [[entry["hostname"] for entry in step] for step in recorded["components"]] == [["zcore", "esxi11", "esxi12"]]
    machine = lab.machines()["esxi12.lab01.lan"]
    assert properties_of(machine)["guestinfo.password"] == secret
    assert machine["runtime"]["powerState"] == "poweredOff"
    assert uid == "esxi-1.0"
    kept = b"".join(path.read_bytes() for path in lab.folder.glob("slipway.db*"))
    assert secret.encode() not in kept


def test_with_problems_it_cannot_be_deployed_and_nothing_typed_is_lost(lab: Lab, store: Store) -> None:
    lab.add_sample("esxi")

    async def scenario(driver: Driver) -> None:
        await fill_lab(driver, portgroup="nosuch", password="p4ssw0rd-of-nobody")
        await driver.press("ctrl+s")
        await driver.shown(VmsScreen)
        await driver.press("enter", *"esxi11", "enter", *"11", "ctrl+s")
        await driver.shown(PlanScreen)
        assert "It cannot be deployed: 1 problem." in driver.lines("lines")
        assert "no portgroup named nosuch" in driver.lines("lines")
        assert "esxi11.lab01.example.com 10.96.42.11 ! not" in driver.lines("lines")
        await driver.press("enter")
        said = driver.console.screen.query_one("#message")
        await driver.until(lambda: "cannot be deployed: 1 problem above" in said.text, "a refusal")  # type: ignore[attr-defined]
        assert deployments.listing(store) == []
        await driver.press("escape")
        screen = await driver.shown(VmsScreen)
        assert [(vm.hostname, vm.host) for vm in screen.vms] == [("esxi11", "11")]
        await driver.press("escape")
        form = await driver.shown(Step)
        assert (form.values["name"], form.values["portgroup"]) == ("lab01", "nosuch")
        await driver.press("escape")
        await driver.shown(Source)
        await driver.press("n")
        form = await driver.shown(Step)
        assert (form.values["name"], form.values["password"]) == ("lab01", "p4ssw0rd-of-nobody")
        assert "p4ssw0rd-of-nobody" not in driver.console.export_screenshot()
        fill(form, portgroup=lab.place.portgroup)
        await driver.press("ctrl+s")
        screen = await driver.shown(VmsScreen)
        assert [(vm.hostname, vm.host) for vm in screen.vms] == [("esxi11", "11")]
        await driver.press("ctrl+s")
        await driver.shown(PlanScreen)
        assert "upload 1.0 MiB" in driver.lines("lines")
        await driver.press("escape", "escape", "escape", "escape")
        assert driver.console.screen is driver.page

    drive(store, "deploys", scenario, standing="empty")


def test_a_variant_is_planned_as_a_linked_clone(lab: Lab, store: Store) -> None:
    options = (DeploymentOption("small", "Small", default=True), DeploymentOption("big", "Big"))
    sample = sample_ova(lab.folder / "nsx.ova", "nsx", deployment_options=options)
    lab.add_component("nsx", sample.path)
    endpoints.update(store, "vc01", linked_clones=True)

    async def scenario(driver: Driver) -> None:
        await fill_lab(driver)
        await driver.press("ctrl+s")
        await driver.shown(VmsScreen)
        await driver.press("right", "enter", *"nsx", "enter", "7", "ctrl+s")
        await driver.shown(PlanScreen)
        plan = driver.lines("lines")
        assert "nsx.lab01.example.com 10.96.42.7 staged, linked nsx-1.0+big" in plan
        assert "stage nsx-1.0+big" in plan
        assert f"place {lab.place.datastore}, host " in plan

    drive(store, "deploys", scenario, standing="empty")


def test_what_is_no_profile_is_refused_in_the_form(lab: Lab, store: Store) -> None:
    lab.add_sample("esxi")

    async def scenario(driver: Driver) -> None:
        form = await begin(driver, "f")
        await driver.press("ctrl+s")
        await driver.until(lambda: "Which file?" in driver.lines("wrong"), "a refusal")
        fill(form, file=str(lab.folder / "nosuch.yaml"))
        await driver.press("ctrl+s")
        await driver.until(lambda: "No such file" in driver.lines("wrong"), "a refusal")
        broken = lab.folder / "broken.yaml"
        broken.write_text("name: lab01\ncomponents: [{component_uid: esxi-1.0, vcpu: many}]\n")
        fill(form, file=str(broken))
        await driver.press("ctrl+s")
        await driver.until(lambda: "vcpu" in driver.lines("wrong"), "a refusal")
        await driver.press("escape", "escape")
        form = await fill_lab(driver, name="")
        await driver.press("ctrl+s")
        await driver.until(lambda: "A name is needed." in driver.lines("wrong"), "a refusal")
        fill(form, name="lab01", subnet="10.96.42.7/24")
        await driver.press("ctrl+s")
        await driver.shown(VmsScreen)
        await driver.press("enter", *"esxi11", "enter", *"11", "ctrl+n", "ctrl+u", *"esxi11", "ctrl+s")
        await driver.until(lambda: "VM 2 hostname: esxi11 is already the name of VM 1" in driver.lines("wrong"), "why")
        assert "10.96.42.7/24 is an address, its network is 10.96.42.0/24" in driver.lines("wrong")
        assert deployments.listing(store) == []

    drive(store, "deploys", scenario, standing="empty")


def test_a_password_that_is_not_there_is_said_and_may_be_typed(
    lab: Lab, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, _ = lab.add_sample("esxi")
    profile = lab.profile("lab01", entries(uid, "a"))
    monkeypatch.delenv("LAB_PASSWORD")

    async def scenario(driver: Driver) -> None:
        form = await begin(driver, "f")
        fill(form, file=str(profile))
        await driver.press("ctrl+s")
        await driver.until(lambda: "no password in the environment variable" in driver.lines("wrong"), "a refusal")
        fill(form, password="typed")
        await driver.press("ctrl+s")
        await driver.shown(PlanScreen)

    drive(store, "deploys", scenario, standing="empty")


def test_without_endpoint_or_component_it_says_what_to_do(lab: Lab, store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("n")
        await driver.said("no component is enabled; import some on page 9, with a")
        assert driver.console.screen is driver.page
        lab.add_sample("esxi")
        components.update(store, "esxi-1.0", enabled=False)
        await driver.press("n")
        await driver.said("no component is enabled")
        endpoints.remove(store, "vc01")
        await driver.press("n")
        await driver.said("there is no endpoint yet; add one on page 1, with a")

    drive(store, "deploys", scenario, standing="empty")
