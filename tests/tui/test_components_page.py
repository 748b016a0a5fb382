"""Page 9 on a real store: import, the OVA's file, on and off, by keyboard."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.catalog.components import import_components
from engine.catalog.licences import accept, licence_of
from engine.demo.samples import LIBRARY
from engine.ova.descriptor import DeploymentOption
from storage import components, settings
from storage.store import Store
from tests.e2e.lab import MIB, sample_ova
from tests.tui.driver import Driver, drive
from tui.screens.components import Reading
from tui.screens.detail import DetailScreen
from tui.screens.findings import FindingsScreen
from tui.screens.form import Form
from tui.screens.review import Review
from tui.widgets.lines import Lines

UID = "esxi-8.0u3g"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that paths are relative to, which makes them short to type."""
    monkeypatch.chdir(tmp_path)
    Path("library").symlink_to(LIBRARY)
    return tmp_path


@pytest.fixture
def library(store: Store) -> Store:
    """The store with the demo's component files imported."""
    import_components(store, [LIBRARY])
    return store


@pytest.fixture
def ova(library: Store, tmp_path: Path) -> Path:
    """An OVA, whose digest the component has."""
    sample = sample_ova(tmp_path / "esxi.ova", "esxi", [4 * MIB])
    components.update(library, UID, checksum=f"sha256:{sample.sha256}")
    return sample.path


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that gives one block, and the others when this is set."""
    goes_on = threading.Event()
    counted = Reading.read

    def read(reading: Reading, count: int) -> None:
        counted(reading, count)
        goes_on.wait()

    monkeypatch.setattr(Reading, "read", read)
    yield goes_on
    goes_on.set()


# component.import


def test_a_folder_is_imported_from_an_empty_page(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        assert "a import component files" in driver.lines("notice")
        await driver.press("a")
        await driver.shown(Form)
        await driver.enter("library")
        told = await driver.said("imported")
        assert "new, 0 renewed" in told
        rows = await driver.rows(lambda rows: len(rows) == len(components.listing(store)) > 3, "all of them")
        assert {row.uid for row in rows} >= {UID, "zcore-13.5"}

    drive(store, "components", scenario, standing="empty")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "the field is empty"),
        ("/nowhere/at/all", "No such file or directory"),
        ("~nobody-of-that-name/x", "no such user"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_in_the_form(store: Store, path: str, why: str) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("a")
        form = await driver.shown(Form)
        await driver.enter(path)
        await driver.until(lambda: why in driver.lines("wrong"), why)
        assert driver.console.screen is form
        await driver.press("escape")
        await driver.until(lambda: driver.console.screen is driver.page, "the page")

    drive(store, "components", scenario, standing="empty")
    assert components.listing(store) == []


def test_a_file_that_is_no_component_changes_nothing(library: Store, tmp_path: Path) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("a")
        await driver.shown(Form)
        await driver.enter(bad.name)
        await driver.until(lambda: "component_version" in driver.lines("wrong"), "the field that is missing")

    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"component_name": "x"}))
    before = components.listing(library)
    drive(library, "components", scenario)
    assert components.listing(library) == before


# component.file


def test_an_ova_is_read_and_becomes_the_components(library: Store, ova: Path) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: rows[0].state == "no OVA", "no OVA yet")
        await driver.press("f")
        await driver.shown(Form)
        await driver.enter(ova.name)
        await driver.said(f"{UID} is at {ova}")
        assert driver.console.screen is driver.page
        await driver.rows(lambda rows: rows[0].size_bytes == ova.stat().st_size, "its size")
        assert driver.page.table.rows[0].state == "enabled"
        ova.unlink()
        await driver.press("r")
        await driver.rows(lambda rows: rows[0].state == "OVA gone", "the file is gone")
        assert "No such file" in driver.page.table.rows[0].why

    drive(library, "components", scenario)


def test_an_ova_with_another_digest_is_refused(library: Store, ova: Path) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("f")
        await driver.shown(Form)
        await driver.enter(ova.name)
        told = await driver.said("expected")
        assert "0000" in told
        await driver.press("y")
        await driver.said("copied: ")

    components.update(library, UID, checksum="sha256:" + "0" * 64)
    drive(library, "components", scenario)
    assert components.get(library, UID).ova_path is None


@pytest.mark.parametrize(("name", "why"), [("no.ova", "No such file"), ("x.ova", "truncated")])
def test_what_is_no_package_is_told_in_the_form(library: Store, folder: Path, name: str, why: str) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("f")
        form = await driver.shown(Form)
        await driver.enter(name)
        await driver.until(lambda: why in driver.lines("wrong"), why)
        assert driver.console.screen is form

    (folder / "x.ova").write_text("no archive")
    drive(library, "components", scenario)
    assert components.get(library, UID).ova_path is None


def test_reading_a_large_ova_is_told_and_stopped_with_escape(library: Store, ova: Path, disk: threading.Event) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("f")
        await driver.shown(Form)
        await driver.enter(ova.name)
        await driver.said(f"reading the OVA of {UID}: [")
        assert driver.console.screen is driver.page
        await driver.press("f")
        await driver.said(f"{UID}'s OVA is being read; esc stops that")
        await driver.press("escape")
        disk.set()
        await driver.said(f"stopped reading the OVA of {UID}; nothing was changed")

    drive(library, "components", scenario)
    assert components.get(library, UID).ova_path is None


def test_what_slipway_never_deploys_needs_no_ova(library: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("f")
        await driver.said("a vCenter appliance is deployed by its own installer")

    first = components.get(library, UID)
    components.put(library, replace(first, uid="a-vcsa-8.0", name="a-vcsa", version="8.0", type="vcsa"))
    drive(library, "components", scenario)


# component.toggle


def test_one_is_disabled_and_enabled_again(library: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("d")
        await driver.said(f"{UID} disabled")
        await driver.rows(lambda rows: rows[0].state == "disabled", "disabled")
        assert not components.get(library, UID).enabled
        await driver.press("enter")
        await driver.shown(DetailScreen)
        assert "- disabled" in driver.lines("lines")
        await driver.press("escape", "d")
        await driver.said(f"{UID} enabled")
        assert components.get(library, UID).enabled

    drive(library, "components", scenario)


def test_marked_ones_are_switched_together(library: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("v", "j", "j", "d")
        await driver.said("3 components disabled")

    drive(library, "components", scenario)
    assert [one.enabled for one in components.listing(library)][:3] == [False, False, False]


def test_without_components_there_is_nothing_to_switch(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        for key in ("d", "f"):
            await driver.press(key)
            await driver.said("there is no component yet; a imports them")

    drive(store, "components", scenario, standing="empty")


@pytest.mark.parametrize("key", ["a", "f", "d"])
def test_a_console_that_only_reads_changes_nothing(library: Store, key: str) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press(key)
        await driver.said("this console is read-only")
        assert driver.console.screen is driver.page

    drive(library, "components", scenario, read_only=True)


# component.licence


def test_a_licence_is_read_and_accepted(library: Store, tmp_path: Path) -> None:
    text = "Use it well.\n" + "And again. " * 20
    sample = sample_ova(tmp_path / "esxi.ova", "esxi", licences=[text, "The second one."])
    components.update(library, UID, ova_path=str(sample.path))

    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: rows[0].state == "licence waits", "the licence waits")
        await driver.press("l")
        review = await driver.shown(Review)
        shown = review.query_one(Lines).text
        assert "Use it well." in shown
        assert "The second one." in shown
        await driver.press("enter", "escape")
        await driver.until(lambda: driver.console.screen is driver.page, "the page")
        assert licence_of(library, UID).waits
        await driver.press("l")
        await driver.shown(Review)
        await driver.press("y")
        await driver.said(f"the licence of {UID}: accepted as ")
        await driver.rows(lambda rows: rows[0].state == "enabled", "it may be used")
        assert "accepted by" in driver.page.table.rows[0].licence
        await driver.press("l")
        review = await driver.shown(Review)
        assert "Accepted by" in review.query_one(Lines).text
        await driver.press("y", "escape")
        await driver.until(lambda: driver.console.screen is driver.page, "the page")

    drive(library, "components", scenario)
    assert not licence_of(library, UID).waits


def test_without_licence_there_is_nothing_to_accept(library: Store, ova: Path) -> None:
    components.update(library, UID, ova_path=str(ova))

    async def scenario(driver: Driver) -> None:
        await driver.press("l")
        await driver.said("its OVA has no licence")

    drive(library, "components", scenario)


def test_another_ova_behind_the_same_path_waits_anew(library: Store, tmp_path: Path) -> None:
    path = sample_ova(tmp_path / "esxi.ova", "esxi", licences=["One"]).path
    components.update(library, UID, ova_path=str(path))
    accept(library, UID)

    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: rows[0].state == "enabled", "accepted")
        sample_ova(path, "esxi", licences=["Another one"])
        await driver.press("r")
        await driver.rows(lambda rows: rows[0].state == "licence waits", "another licence")

    drive(library, "components", scenario)


# component.check


def test_an_ova_is_checked_and_its_damage_is_told(library: Store, ova: Path) -> None:
    components.update(library, UID, ova_path=str(ova))

    async def scenario(driver: Driver) -> None:
        await driver.press("c")
        screen = await driver.shown(FindingsScreen)
        await driver.until(lambda: f"o ok {ova.name}: nothing is wrong with it" in driver.lines("lines"), "all well")
        assert "has no default" not in driver.lines("lines"), "the component sets every property"
        with ova.open("r+b") as file:
            file.seek(2 * MIB)
            file.write(b"damage")
        await driver.press("r")
        await driver.until(lambda: "! error esxi-disk1.vmdk: is damaged" in driver.lines("lines"), "the damage")
        assert "-> get the package again" in driver.lines("lines")
        await driver.press("y")
        assert driver.console.clipboard.startswith(f"component {UID}\nerror")
        await driver.press("escape")
        await driver.until(lambda: driver.console.screen is not screen, "the page")

    drive(library, "components", scenario)


def test_a_broken_ova_says_so_and_which_key_tells_more(library: Store, ova: Path) -> None:
    components.update(library, UID, ova_path=str(ova))
    ova.write_bytes(ova.read_bytes()[: 2 * MIB])

    async def scenario(driver: Driver) -> None:
        [row, *_] = await driver.rows(lambda rows: rows[0].state == "OVA broken", "broken")
        assert row.why.startswith("truncated")
        await driver.press("enter")
        await driver.shown(DetailScreen)
        assert "do c: all that is wrong with its OVA" in driver.lines("lines")
        await driver.press("c")
        await driver.shown(FindingsScreen)
        await driver.until(lambda: f"! error {ova.name}: truncated" in driver.lines("lines"), "why")

    drive(library, "components", scenario)


def test_an_ova_is_opened_within_the_stores_limits(library: Store, ova: Path) -> None:
    components.update(library, UID, ova_path=str(ova))
    settings.update(library, "ova_descriptor_bytes", "100")

    async def scenario(driver: Driver) -> None:
        [row, *_] = await driver.rows(lambda rows: rows[0].state == "OVA broken", "broken")
        assert row.why.endswith("at most 100 are read")

    drive(library, "components", scenario)


def test_the_key_that_a_finding_advises_leads_there(library: Store, tmp_path: Path) -> None:
    sample = sample_ova(tmp_path / "esxi.ova", "esxi", licences=["Use it well."])
    components.update(library, UID, ova_path=str(sample.path))

    async def scenario(driver: Driver) -> None:
        await driver.rows(lambda rows: rows[0].state == "licence waits", "the licence waits")
        await driver.press("c")
        await driver.shown(FindingsScreen)
        await driver.until(lambda: "accept-eula esxi-8.0u3g (here: l)" in driver.lines("lines"), "the licence")
        await driver.press("l")
        await driver.shown(Review)
        await driver.press("y")
        await driver.said("accepted as ")
        assert driver.console.screen is driver.page

    drive(library, "components", scenario)


def test_a_component_without_ova_has_nothing_to_check(library: Store) -> None:
    async def scenario(driver: Driver) -> None:
        for key in ("c", "l"):
            await driver.press(key)
            await driver.said("it has no OVA here; f says where it lies")

    drive(library, "components", scenario)


def test_supplying_an_ova_tells_that_its_licence_waits(library: Store, tmp_path: Path) -> None:
    options = (DeploymentOption("small", "Small", default=True), DeploymentOption("big", "Big"))
    sample = sample_ova(tmp_path / "esxi.ova", "esxi", licences=["One"], deployment_options=options)
    components.update(library, UID, checksum=f"sha256:{sample.sha256}")

    async def scenario(driver: Driver) -> None:
        await driver.press("f")
        await driver.shown(Form)
        await driver.enter("esxi.ova")
        await driver.said("its licence waits: l shows it, to be accepted")
        await driver.rows(lambda rows: rows[0].variants == (("small", "Small"), ("big", "Big")), "its options")
        await driver.press("enter")
        await driver.shown(DetailScreen)
        assert "do l: read the licence of its OVA, and accept it" in driver.lines("lines")
        assert "deployment options, each a template of its own small Small big Big" in driver.lines("lines")

    drive(library, "components", scenario)
