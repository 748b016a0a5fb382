"""E: the rows that are shown, as values, in a file of the operator's choice."""

import csv
import io
import json
import resource
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from engine.errors import BadInput, Conflict, Failed
from storage import settings
from storage.store import Store
from tests.tui.conftest import NOW
from tests.tui.driver import Driver, drive
from tui.export import export
from tui.screens.prompt import Prompt
from tui.widgets.table import Column, View


@dataclass(frozen=True, slots=True)
class Place:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    at: datetime | None
    place: Place
    words: tuple[str, ...] = ()
    on: bool = True


VIEW = View((Column("Name", 4),), lambda row: row.name, lambda row, _now: ((f"<{row.name}>", "plain"),))

ROWS = (
    Row("a,b", datetime(2026, 11, 21, 10, 30, tzinfo=timezone(timedelta(hours=1))), Place("vc01", 443), ("x", "y")),
    Row('say "é"\n', None, Place("vc02", 8443), on=False),
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_json_has_the_values_and_utc_times(here: Path) -> None:
    assert export("rows.json", VIEW, ROWS, NOW) == "wrote 2 rows to rows.json"
    first, second = json.loads((here / "rows.json").read_text())
    assert first == {
        "name": "a,b",
        "at": "2026-11-21T09:30:00Z",
        "place": {"host": "vc01", "port": 443},
        "words": ["x", "y"],
        "on": True,
    }
    assert (second["name"], second["at"], second["on"]) == ('say "é"\n', None, False)


def test_csv_has_a_head_and_what_has_parts_is_json_in_its_cell(here: Path) -> None:
    export("rows.CSV", VIEW, ROWS, NOW)
    first, second = csv.DictReader(io.StringIO((here / "rows.CSV").read_text(), newline=""))
    assert first == {
        "name": "a,b",
        "at": "2026-11-21T09:30:00Z",
        "place": '{"host": "vc01", "port": 443}',
        "words": '["x", "y"]',
        "on": "true",
    }
    assert (second["name"], second["at"], second["on"]) == ('say "é"\n', "", "false")


def test_rows_without_fields_are_written_as_their_cells(here: Path) -> None:
    view = View((Column("Name", 4),), str, lambda row, _now: ((f"<{row}>", "plain"),))
    assert export("rows.json", view, ["a"], NOW) == "wrote 1 row to rows.json"
    assert json.loads((here / "rows.json").read_text()) == [{"name": "<a>"}]


def test_nothing_is_overwritten(here: Path) -> None:
    (here / "rows.csv").write_text("mine")
    with pytest.raises(Conflict, match="cannot export"):
        export("rows.csv", VIEW, ROWS, NOW)
    assert (here / "rows.csv").read_text() == "mine"


@pytest.mark.parametrize("name", ["rows", "rows.txt", ".csv", "csv"])
def test_another_ending_is_refused(here: Path, name: str) -> None:
    with pytest.raises(BadInput):
        export(name, VIEW, ROWS, NOW)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["~nobody-of-that-name/rows.csv", "rows\0.csv"])
def test_a_name_that_leads_nowhere_is_told(name: str) -> None:
    with pytest.raises(BadInput, match="cannot use"):
        export(name, VIEW, ROWS, NOW)


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(Failed, match="cannot export"):
        export("nowhere/rows.csv", VIEW, ROWS, NOW)


def test_what_cannot_be_written_whole_is_not_left_behind(here: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(Failed, match="cannot export"):
            export("rows.json", VIEW, ROWS, NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(here.iterdir()) == []


# By the keyboard


def test_what_is_filtered_and_sorted_is_what_is_written(store: Store, here: Path) -> None:
    settings.create(store, "lab_password", "of nobody", "Of the lab")

    async def scenario(driver: Driver) -> None:
        await driver.press("slash")
        await driver.enter("seconds !claim")
        await driver.press("s", "o", "E")
        prompt = await driver.shown(Prompt)
        assert prompt.query_one("Input").value.startswith("slipway-settings-")
        await driver.enter("mine.json")
        await driver.said("wrote 5 rows to mine.json")
        await driver.press("escape", "E")
        await driver.shown(Prompt)
        await driver.enter("all.csv")
        await driver.said("to all.csv")

    drive(store, "settings", scenario)
    names = [one["name"] for one in json.loads((here / "mine.json").read_text())]
    assert names == sorted(names, reverse=True)
    assert names[-1] == "call_deadline_seconds"
    assert "of nobody" not in (here / "all.csv").read_text()
    assert "lab_password" in (here / "all.csv").read_text()


def test_a_name_that_cannot_be_used_is_told_and_an_escape_writes_nothing(store: Store, here: Path) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("E")
        await driver.shown(Prompt)
        await driver.press("escape", "E")
        await driver.shown(Prompt)
        await driver.enter("rows.txt")
        await driver.said("neither CSV nor JSON")

    drive(store, "settings", scenario, read_only=True)
    assert list(here.iterdir()) == []


def test_utc_is_written_whatever_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    export("rows.json", VIEW, [Row("a", datetime(2026, 1, 1, 0, 0, 0, 5000, tzinfo=UTC), Place("h", 1))], NOW)
    assert json.loads(Path("rows.json").read_text())[0]["at"] == "2026-01-01T00:00:00.005000Z"
