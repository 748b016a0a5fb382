"""The feed: what it reads and when, and what becomes of errors in its threads."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.console.desk import Desk
from engine.errors import Conflict, Refused, SlipwayError, Unreachable
from storage import settings
from storage.store import Store
from tests.tui.conftest import live, until
from tui import feed as feeds
from tui.app import Console
from tui.feed import StoreFeed
from tui.messages import PageFailed, PageRead
from tui.screens.page import Page

Scenario = Callable[[Console, Any], Awaitable[None]]


def on_a_store(where: Path, scenario: Scenario, page: Callable[[Page], None] = lambda page: None) -> None:
    """A console on a real store; `page` is told of its first page before anything is read."""

    async def run() -> None:
        console = live(where)
        start = console.feed.start

        def prepared(on: Console) -> None:
            assert on.page is not None
            page(on.page)
            start(on)

        console.feed.start = prepared  # type: ignore[method-assign]
        async with console.run_test(size=(80, 24)) as pilot:
            try:
                await scenario(console, pilot)
            finally:
                console.feed.stop()

    asyncio.run(run())


def location(store: Store) -> Path:
    return Path(str(store.location))


class Readings:
    """What a page's `read` is asked and answers."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None

    def of(self, page: Page) -> None:
        def read(_desk: Desk) -> Sequence[Any]:
            self.count += 1
            if self.error is not None:
                raise self.error
            return ()

        page.read = read  # type: ignore[method-assign]


def test_it_reads_when_something_changes_but_not_for_each_change(store: Store) -> None:
    readings = Readings()

    async def scenario(console: Console, pilot: Any) -> None:
        await until(console, lambda: console.page is not None and console.page.standing == "empty", "first reading")
        before, began = readings.count, time.monotonic()
        for number in range(20):
            await asyncio.to_thread(settings.create, store, f"some_{number}", "1", "one")
        await until(console, lambda: readings.count > before, "a reading of the change")
        pace = int((time.monotonic() - began) / feeds.PACE) + 1
        assert readings.count - before <= pace + 1

    on_a_store(location(store), scenario, readings.of)


def test_a_page_one_goes_to_is_read_at_once(store: Store) -> None:
    async def scenario(console: Console, pilot: Any) -> None:
        await until(console, lambda: console.page is not None and console.page.standing == "empty", "first reading")
        for key, place in (("5", "settings"), ("4", "locks"), ("1", "endpoints")):
            await pilot.press(key)
            await until(
                console,
                lambda place=place: (
                    console.page is not None and console.page.place == place and console.page.pulse is not None
                ),
                place,
            )

    on_a_store(location(store), scenario)


def test_a_newer_reading_replaces_an_older_one_of_the_same_page() -> None:
    old, new, other = (PageRead(place, (), None, None) for place in ("locks", "locks", "logs"))  # type: ignore[arg-type]
    assert new.can_replace(old)
    assert not other.can_replace(old)
    assert not PageFailed("locks", "").can_replace(old)


def test_a_store_that_cannot_be_opened_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "AGAIN", 0.05)
    where = tmp_path / "slipway.db"
    where.mkdir()

    async def scenario(console: Console, pilot: Any) -> None:
        page = console.page
        assert page is not None
        await until(console, lambda: page.standing == "error", "the error")
        where.rmdir()
        await until(console, lambda: page.standing == "empty", "the store")

    on_a_store(where, scenario)


def test_rows_that_cannot_be_read_are_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "AGAIN", 0.05)
    readings = Readings()

    async def scenario(console: Console, pilot: Any) -> None:
        page = console.page
        assert page is not None
        await until(console, lambda: page.standing == "empty", "first reading")
        readings.error = Unreachable("the store does not answer")
        console.feed.refresh()
        await until(console, lambda: page.standing == "stale", "the error")
        assert "the store does not answer" in page.query_one("#view").text
        readings.error = None
        await until(console, lambda: page.standing == "empty", "rows again")

    on_a_store(location(store), scenario, readings.of)


def test_a_defect_of_a_page_is_told_and_logged(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feeds, "AGAIN", 0.05)
    readings = Readings()
    readings.error = ZeroDivisionError("a defect")

    async def scenario(console: Console, pilot: Any) -> None:
        page = console.page
        assert page is not None
        await until(console, lambda: page.standing == "error", "the defect")
        assert "unexpected error ZeroDivisionError" in page.query_one("#notice").text
        count = readings.count
        await until(console, lambda: readings.count > count + 2, "further tries")
        readings.error = None
        await until(console, lambda: page.standing == "empty", "the feed goes on")

    with caplog.at_level(logging.CRITICAL):
        on_a_store(location(store), scenario, readings.of)
    traces = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert traces == [ZeroDivisionError], "once, however often it is tried"


class Answers:
    """What became of a verb."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.refused: list[SlipwayError] = []

    def ask(self, feed: StoreFeed, verb: Callable[[Desk], Any]) -> None:
        feed.ask(verb, self.done.append, self.refused.append)

    @property
    def there(self) -> bool:
        return bool(self.done or self.refused)


@pytest.mark.parametrize(
    ("error", "told"),
    [(Conflict("in use", on="vc01"), "in use vc01"), (KeyError("a defect"), "unexpected error KeyError")],
    ids=["refused", "defect"],
)
def test_what_a_verb_raises_is_told(store: Store, error: Exception, told: str) -> None:
    answers = Answers()

    def verb(_desk: Desk) -> None:
        raise error

    async def scenario(console: Console, pilot: Any) -> None:
        answers.ask(console.feed, verb)  # type: ignore[arg-type]  # it is a StoreFeed
        await until(console, lambda: answers.there, "an answer")
        assert str(answers.refused[0]).startswith(told)

    on_a_store(location(store), scenario)


def test_a_defect_is_on_the_message_line_and_can_be_copied(store: Store) -> None:
    def verb(_desk: Desk) -> None:
        raise RuntimeError("a defect")

    async def scenario(console: Console, pilot: Any) -> None:
        page = console.page
        assert page is not None
        page.ask(verb, "trying", "tried")
        await until(console, lambda: "unexpected error" in page.query_one("#message").text, "the message")
        assert "RuntimeError" in console.last_error
        assert "slipway.log" in console.last_error

    on_a_store(location(store), scenario)


def test_what_was_done_is_read_at_once(store: Store) -> None:
    answers, readings = Answers(), Readings()

    async def scenario(console: Console, pilot: Any) -> None:
        await until(console, lambda: console.page is not None and console.page.standing == "empty", "first reading")
        before = readings.count
        answers.ask(console.feed, lambda desk: 7)  # type: ignore[arg-type]
        await until(console, lambda: answers.done == [7] and readings.count > before, "answer and reading")

    on_a_store(location(store), scenario, readings.of)


def test_a_verb_waits_for_the_store_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PATIENCE", 0.05)
    answers = Answers()

    async def scenario(console: Console, pilot: Any) -> None:
        answers.ask(console.feed, lambda desk: None)  # type: ignore[arg-type]
        await until(console, lambda: answers.there, "an answer")
        assert "the store is not open" in str(answers.refused[0])

    on_a_store(tmp_path, scenario)  # a folder is no store


def test_quitting_does_not_wait_for_a_verb(store: Store) -> None:
    release, ended, answers = threading.Event(), threading.Event(), Answers()

    def verb(_desk: Desk) -> None:
        try:
            release.wait()
        finally:
            ended.set()

    async def scenario(console: Console, pilot: Any) -> None:
        answers.ask(console.feed, verb)  # type: ignore[arg-type]
        await pilot.press("q")
        await until(console, lambda: not console.is_running or console._exit, "the console has ended")

    try:
        on_a_store(location(store), scenario)
        assert not answers.there
    finally:
        release.set()  # its answer comes when there is nobody any more
        assert ended.wait(10)


def test_where_no_worker_can_be_started_the_rows_are_seen_and_why_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_desk: Desk) -> None:
        raise Refused("cannot start the worker", why="out of processes")

    monkeypatch.setattr(Desk, "keep_worker", refuse)

    async def scenario(console: Console, pilot: Any) -> None:
        page = console.page
        assert page is not None
        await pilot.press("5")
        await until(
            console, lambda: console.page is not page and bool(console.page and console.page.table.rows), "rows"
        )
        assert console.page is not None
        view = console.page.query_one("#view")
        await until(console, lambda: "cannot start the worker: out of processes" in view.text, "why")

    on_a_store(location(store), scenario)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_read_only_console_starts_no_worker(store: Store, monkeypatch: pytest.MonkeyPatch, read_only: bool) -> None:
    kept: list[Desk] = []

    def keep(desk: Desk) -> None:
        kept.append(desk)

    monkeypatch.setattr(Desk, "keep_worker", keep)

    async def run() -> None:
        console = live(location(store), read_only=read_only)
        async with console.run_test(size=(80, 24)) as pilot:
            try:
                for key, place in (("5", "settings"), ("4", "locks")):  # the second is read after the first has ended
                    await pilot.press(key)
                    await until(
                        console,
                        lambda place=place: (
                            console.page is not None and console.page.place == place and console.page.pulse is not None
                        ),
                        place,
                    )
            finally:
                console.feed.stop()

    asyncio.run(run())
    assert bool(kept) is not read_only
