"""Two consoles on one store: what one does the other shows (bench.console measures that it takes no second)."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.pty import Pty
from storage import components
from storage.components import Component, Kind
from storage.store import Store
from tests.tui.conftest import live, until


@pytest.fixture
def catalog(store: Store) -> Store:
    """A store with one component."""
    components.put(store, component("alpha"))
    return store


def component(name: str) -> Component:
    return Component(
        uid=f"{name}-1.0",
        name=name,
        version="1.0",
        type="",
        description="",
        url="",
        download_engine="",
        download_file="",
        checksum="",
        size_text="",
        kind=Kind.L1,
    )


@pytest.fixture
def consoles(catalog: Store, home: Path) -> Iterator[tuple[Pty, Pty]]:
    """Two real ones, each on a terminal and a process of its own, both at the components."""
    slipway = shutil.which("slipway", path=str(Path(sys.executable).parent)) or "slipway"
    environment = dict(os.environ) | {"SLIPWAY_STORE": str(catalog.location), "TERM": "xterm-256color"}
    with ExitStack() as stack:
        first, second = (stack.enter_context(Pty([slipway], environment)) for _ in range(2))
        for console in (first, second):
            console.seen("quit", console.began)
        for console in (first, second):
            console.seen("alpha-1.0", console.press("9"))
            console.quiet()
        yield first, second


def test_what_one_console_does_the_other_shows(consoles: tuple[Pty, Pty]) -> None:
    first, second = consoles
    for state in ("- disabled", "no OVA"):
        before = second.now()
        done = first.press("d")
        first.seen(state, done)
        second.seen(state, before)


def test_what_a_command_does_a_console_shows(catalog: Store) -> None:
    async def scenario() -> None:
        console = live(Path(str(catalog.location)))
        async with console.run_test(size=(80, 24)) as pilot:
            await pilot.press("9")
            await until(console, lambda: console.page is not None and console.page.place == "components", "the page")
            page = console.page
            assert page is not None
            await until(console, lambda: page.table.total == 1, "the component")
            await asyncio.to_thread(components.put, catalog, component("beta"))
            await until(console, lambda: page.table.total == 2, "the new component")
            console.feed.stop()

    asyncio.run(scenario())
