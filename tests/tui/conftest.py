"""The console without engine: rows that stand still and a clock that does; and the console on a real store."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.console.desk import Pulse
from engine.errors import SlipwayError
from engine.simulator.launcher import Simulator
from storage.store import Store, open_store
from tests.e2e.conftest import ready
from tests.e2e.lab import LAB_PASSWORD, PASSWORD, Lab, Place
from tui.app import Console
from tui.feed import Page, StoreFeed
from tui.messages import PageFailed, PageRead
from tui.options import Options

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

IDLE = Pulse(running=0, queued=0, stale_claims=0, down=0, endpoints=2, staging=True, worker="none")


@dataclass
class FixedFeed:
    """A feed whose pages never change. A page that is not in `rows` goes on loading; an error cannot be read.

    `asked` collects the verbs; they are answered with `answer`, or refused with it when it is an error.
    """

    rows: Mapping[str, Sequence[Any] | SlipwayError] = field(default_factory=dict)
    pulse: Pulse = IDLE
    at: datetime = NOW
    answer: Any = None
    asked: list[Callable[[Any], Any]] = field(default_factory=list)

    def start(self, console: Console) -> None:
        self._console = console
        if console.page is not None:
            self.look(console.page)

    def look(self, page: Page) -> None:
        """As the real one, which knows the console from `start` on."""
        if not hasattr(self, "_console") or page.place not in self.rows:
            return
        found = self.rows[page.place]
        if isinstance(found, SlipwayError):
            self._console.post_message(PageFailed(page.place, str(found)))
        else:
            self._console.post_message(PageRead(page.place, found, self.pulse, self.at))

    def refresh(self) -> None:
        if self._console.page is not None:
            self.look(self._console.page)

    def ask(
        self, verb: Callable[[Any], Any], done: Callable[[Any], None], refused: Callable[[SlipwayError], None]
    ) -> None:
        self.asked.append(verb)
        if isinstance(self.answer, SlipwayError):
            refused(self.answer)
        else:
            done(self.answer)

    def stop(self) -> None:
        pass


def fixed(feed: FixedFeed, **options: Any) -> Console:
    """A console in which nothing moves by itself."""
    return Console(feed, Options(**options), lambda: NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real store, empty."""
    with open_store(tmp_path / "slipway.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def vcenter() -> Iterator[Simulator]:
    """A simulated vCenter for all tests of a module."""
    with Simulator.start(username="admin", password=PASSWORD) as running:
        yield running


@pytest.fixture
def lab(vcenter: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab there whose folder is its own; the console's environment has its password."""
    monkeypatch.setenv("LAB_PASSWORD", LAB_PASSWORD)
    made = Lab(vcenter, tmp_path, Place(vmfolder=f"test-{uuid.uuid4().hex[:8]}"))
    with ready(made):
        try:
            yield made
        finally:
            vcenter.admin.listen(True)
            vcenter.admin.clear_faults()
            vcenter.admin.clear_nfc()
            vcenter.admin.settings(clone_delay=0)


def live(where: Path, **options: Any) -> Console:
    """A console on a real store."""
    return Console(StoreFeed(str(where)), Options(**options), lambda: datetime.now(UTC))


async def until(console: Console, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for a condition; fails saying what did not come."""
    import asyncio
    import time

    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not come within {seconds} s: {what}")
        await asyncio.sleep(0.02)
