"""Driving a console on a real store by its keys."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from storage.store import Store
from tests.tui.conftest import live, until
from tui.actions import PLACES
from tui.app import Console
from tui.screens.page import Page
from tui.widgets.lines import Lines


class Driver:
    """The keyboard and the eyes of an operator."""

    def __init__(self, pilot: Pilot[int], console: Console) -> None:
        self.pilot, self.console = pilot, console

    @property
    def page(self) -> Page:
        assert self.console.page is not None
        return self.console.page

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def enter(self, text: str) -> None:
        """Type it in place of what the field holds, and enter it."""
        await self.pilot.press("ctrl+u", "ctrl+k", *text, "enter")

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        await until(self.console, condition, what)

    async def shown(self, kind: type[Any]) -> Any:
        """The screen of that kind, once it is there."""
        await self.until(lambda: isinstance(self.console.screen, kind) and self.console.screen.is_mounted, str(kind))
        return self.console.screen

    async def rows(self, condition: Callable[[list[Any]], bool], what: str) -> list[Any]:
        """The rows of the page, once they are as they should be."""
        await self.until(lambda: condition(list(self.page.table.rows)), what)
        return list(self.page.table.rows)

    async def said(self, words: str) -> str:
        """What the message line says, once it has these words."""

        def message() -> str:
            return "".join(text for text, _ in self.page.message)

        await self.until(lambda: words in message(), f"{words!r} said, not {message()!r}")
        return message()

    def lines(self, name: str) -> str:
        """What that part of the screen says, its lines joined."""
        return " ".join(self.console.screen.query_one(f"#{name}", Lines).text.split())


def drive(
    store: Store,
    place: str,
    scenario: Callable[[Driver], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    standing: str = "ready",
    **options: Any,
) -> None:
    """The scenario, once that page is in that state."""

    async def run() -> None:
        console = live(Path(store.address), **options)
        async with console.run_test(size=size) as pilot:
            driver = Driver(pilot, console)
            try:
                await driver.until(lambda: console.page is not None and console.page.is_mounted, "the first page")
                await pilot.press(PLACES[place])
                await driver.until(
                    lambda: (driver.page.place, driver.page.standing) == (place, standing), f"{place}: {standing}"
                )
                await scenario(driver)
            finally:
                console.feed.stop()

    asyncio.run(run())
