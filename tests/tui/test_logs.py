"""Page 8: the end of a log that grows and is rotated, in bounded memory."""

import logging
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.log import of_worker
from engine.console import logs
from engine.console.logs import Tail, parsed
from engine.errors import Failed
from storage import paths
from storage.store import Store
from tests.tui.conftest import NOW
from tests.tui.driver import Driver, drive
from tui.present import logs as present
from tui.screens.detail import DetailScreen

LINE = "2026-11-21T09:29:14.305Z 31672 INFO engine.jobs.recorder: deployment 3: a.lab01 cloning: of esxi-8.0u3g"


def line(number: int, level: str = "INFO") -> str:
    return f"2026-11-21T09:29:14.{number % 1000:03}Z 77 {level} engine.jobs.crew: job 7: line {number}\n"


def written(path: Path, *numbers: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(line(number) for number in numbers)
    return path


def texts(tail: Tail) -> list[str]:
    return [one.text for one in tail.read()]


# A line


def test_a_line_tells_when_what_of_whom_by_whom() -> None:
    one = parsed(1, LINE)
    assert one.at == datetime(2026, 11, 21, 9, 29, 14, 305000, tzinfo=UTC)
    assert (one.level, one.job, one.item) == ("info", "deployment 3", "a.lab01")
    assert (one.text, one.module, one.pid) == ("cloning: of esxi-8.0u3g", "engine.jobs.recorder", "31672")


@pytest.mark.parametrize(
    "odd",
    ["", "something else", "2026-11-21 09:29 INFO x: y", "yesterday 1 INFO m: text", LINE.replace("INFO", "LOUD")],
)
def test_any_other_line_is_shown_as_it_is(odd: str) -> None:
    one = parsed(1, odd)
    assert (one.at, one.level, one.text) == (None, "", odd)
    assert present.cells(one, NOW)[4][0] == odd
    assert present.detail(one, 60)


def test_what_a_line_says_of_no_job_is_told_by_its_module() -> None:
    one = parsed(1, "2026-11-20T09:29:14.305Z 1 WARNING engine.vsphere.session: deployment of: something")
    cells = [text for text, _ in present.cells(one, NOW)]
    assert cells[1:4] == ["~ warn", "-", "session"]
    assert cells[0].startswith("11-20 ")
    assert cells[4] == "deployment of: something"


def test_control_characters_are_escaped() -> None:
    one = parsed(1, LINE + " \x1b[31mred\x07")
    shown = "".join(text for line in (present.cells(one, NOW), *present.detail(one, 70)) for text, _ in line)
    assert shown.isprintable()
    assert "\\x1b[31mred\\x07" in shown


# A file


def test_a_file_that_is_not_there_yet_is_empty_and_then_followed(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "worker.log")
    assert tail.read() == ()
    written(tail.path, 1, 2)
    first = tail.read()
    assert [one.text for one in first] == ["line 1", "line 2"]
    assert tail.read() is first
    written(tail.path, 3)
    assert texts(tail) == ["line 1", "line 2", "line 3"]


def test_a_line_is_shown_once_it_is_whole(tmp_path: Path) -> None:
    tail = Tail(written(tmp_path / "worker.log", 1))
    with tail.path.open("a") as file:
        file.write(line(2)[:20])
    assert texts(tail) == ["line 1"]
    with tail.path.open("a") as file:
        file.write(line(2)[20:])
    assert texts(tail) == ["line 1", "line 2"]


def test_rotation_loses_no_line(tmp_path: Path) -> None:
    tail = Tail(written(tmp_path / "worker.log", 1))
    assert texts(tail) == ["line 1"]
    written(tail.path, 2)
    tail.path.rename(tmp_path / "worker.log.1")
    assert texts(tail) == ["line 1"]  # the new file is not there yet
    written(tail.path, 3)
    assert texts(tail) == ["line 1", "line 2", "line 3"]
    written(tail.path, 4)
    assert texts(tail)[-1] == "line 4"


def test_what_was_rotated_away_before_is_read_too(tmp_path: Path) -> None:
    written(tmp_path / "worker.log.1", 1, 2)
    assert texts(Tail(written(tmp_path / "worker.log", 3))) == ["line 1", "line 2", "line 3"]


def test_a_file_that_was_emptied_is_read_from_its_beginning(tmp_path: Path) -> None:
    tail = Tail(written(tmp_path / "worker.log", 1, 2))
    tail.read()
    tail.path.write_text("")
    written(tail.path, 3)
    assert texts(tail) == ["line 1", "line 2", "line 3"]


def test_the_workers_own_log_is_read_through_its_rotation(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.log.SIZE", 4096)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    tail = Tail(paths.worker_log_file(store.id))
    try:
        of_worker(store.id)
        root.setLevel(logging.INFO)
        for number in range(300):
            logging.getLogger("engine.jobs.crew").info("job 1: line %d", number)
            if number % 10 == 0:
                tail.read()
        assert texts(tail) == [f"line {number}" for number in range(300)]
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = before
        root.setLevel(level)


def test_memory_is_bounded_whatever_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BYTES", 1 << 20)
    monkeypatch.setattr(logs, "KEPT", 5000)
    path = tmp_path / "worker.log"
    with path.open("w") as file:
        for number in range(400_000):
            file.write(line(number))
        file.write("x" * (4 << 20) + "\n" + line(400_000))
    tail = Tail(path)
    tracemalloc.start()
    try:
        found = tail.read()
        _, most = tracemalloc.get_traced_memory()
        assert found[-1].text == "line 400000"
        written(path, *range(20_000))
        found = tail.read()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20
    assert len(found) == 5000
    assert found[-1].text == "line 19999"


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "worker.log")
    for _ in range(3):
        with tail.path.open("a") as file:
            file.write("x" * (1 << 20))
        tail.read()
    written(tail.path, 1)
    [one] = tail.read()
    assert len(one.text) == logs.LONGEST


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot read the log"):
        Tail(tmp_path).read()


# The page


@pytest.fixture
def worker(store: Store) -> Path:
    """The worker's log, with 100 lines."""
    return written(paths.worker_log_file(store.id), *range(100))


def test_the_log_is_followed(store: Store, worker: Path) -> None:
    async def scenario(driver: Driver) -> None:
        page = driver.page
        await driver.until(lambda: page.row is not None and page.row.text == "line 99", "the end")
        written(worker, 100)
        await driver.until(lambda: page.row.text == "line 100", "the new end")
        await driver.press("f")
        await driver.said("not following")
        written(worker, 101)
        await driver.rows(lambda rows: rows[-1].text == "line 101", "the new line")
        assert page.row.text == "line 100"
        await driver.press("f")
        await driver.said("following")
        assert page.row.text == "line 101"

    drive(store, "logs", scenario)


def test_who_goes_up_reads_and_is_left_alone(store: Store, worker: Path) -> None:
    async def scenario(driver: Driver) -> None:
        page = driver.page
        await driver.until(lambda: page.row is not None and page.row.text == "line 99", "the end")
        assert "following" in page.title_text
        await driver.press("k", "k")
        await driver.until(lambda: "following" not in page.title_text, "it is not followed any more")
        written(worker, 100)
        await driver.rows(lambda rows: rows[-1].text == "line 100", "the new line")
        assert page.row.text == "line 97"

    drive(store, "logs", scenario)


def test_the_source_is_switched_and_back(store: Store, worker: Path) -> None:
    written(paths.log_file(), 1000)

    async def scenario(driver: Driver) -> None:
        await driver.press("l")
        await driver.rows(lambda rows: bool(rows) and rows[0].text == "line 1000", "the commands' log")
        await driver.said("the commands and consoles")
        assert "commands" in driver.page.title_text
        await driver.press("l")
        await driver.rows(lambda rows: bool(rows) and rows[-1].text == "line 99", "the worker's log")

    drive(store, "logs", scenario)


def test_read_only_forbids_nothing_here(store: Store, worker: Path) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("f")
        await driver.said("not following")
        await driver.press("l")
        await driver.said("the commands and consoles")

    drive(store, "logs", scenario, read_only=True)


def test_a_filter_finds_a_level_and_enter_shows_all_of_the_line(store: Store, worker: Path) -> None:
    with worker.open("a") as file:
        file.write(line(100, "ERROR").replace("line 100", "it broke | because " + "x" * 200))

    async def scenario(driver: Driver) -> None:
        await driver.press("slash")
        await driver.enter("level:error")
        await driver.rows(lambda rows: len(rows) == 1, "one line")
        await driver.press("enter")
        await driver.shown(DetailScreen)
        assert "x" * 60 in driver.lines("lines")
        assert "2026-11-21" in driver.lines("lines")

    drive(store, "logs", scenario)


def test_an_empty_log_says_why_and_what_to_press(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        assert "No worker of this store has written" in driver.lines("notice")
        await driver.press("l")
        await driver.said("the commands and consoles")

    drive(store, "logs", scenario, standing="empty")


def test_fifty_thousand_lines_are_there_and_the_cursor_moves(store: Store) -> None:
    written(paths.worker_log_file(store.id), *range(50_000))

    async def scenario(driver: Driver) -> None:
        page = driver.page
        await driver.until(lambda: page.row is not None and page.row.text == "line 49999", "the end")
        assert page.table.count == 50_000
        await driver.press("g")
        await driver.until(lambda: page.row.text == "line 0", "the first line")
        await driver.press("slash")
        await driver.enter("4242")
        await driver.rows(lambda rows: len(rows) == 15, "the lines with 4242")

    drive(store, "logs", scenario)
