"""The feed: the thread that stands between the screen and the engine. The engine is loaded here, after the first frame.

The screen never waits for it: readings arrive as messages, what the operator asks for runs in a thread of its own.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from engine.errors import SlipwayError
from tui.messages import PageFailed, PageRead

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from tui.app import Console

POLL = 0.2
"""Seconds between two looks for changes; what one console does another shows within a second."""

PACE, SLOW_PACE = 0.5, 2.0
"""Seconds between two readings at least: progress comes several times a second."""

AGAIN = 2.0
"""Seconds until a store that did not open is tried again."""

T = TypeVar("T")


class Page(Protocol):
    """What the feed needs to know of the page that is on screen."""

    place: str
    every: float

    def read(self, desk: "Desk") -> Any:
        """The page's rows; called in the feed's thread."""


class Feed(Protocol):
    """Where the console's rows come from."""

    def start(self, console: "Console") -> None:
        """Begin: the first frame is on the screen."""

    def look(self, page: Page) -> None:
        """This page is on the screen now; read it."""

    def refresh(self) -> None:
        """Read everything again, vCenters included."""

    def ask(
        self, verb: Callable[["Desk"], T], done: Callable[[T], None], refused: Callable[[SlipwayError], None]
    ) -> None:
        """Do something in a thread of its own; `done` or `refused` is called in the screen's."""

    def stop(self) -> None:
        """The console ends."""


class StoreFeed:
    """The feed of a real store."""

    def __init__(self, store: str | None, slow: bool = False) -> None:
        """`store`: path or URL as the command line gives it."""
        self._store = store
        self._pace = SLOW_PACE if slow else PACE
        self._page: Page | None = None
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._opened = threading.Event()
        self._desk: Desk | None = None
        self._console: Console | None = None

    def start(self, console: "Console") -> None:
        """Load the engine and open the store in a thread that ends with the process."""
        self._console = console
        threading.Thread(target=self._run, name="feed", daemon=True).start()

    def look(self, page: Page) -> None:
        """Read this page from now on."""
        self._page = page
        self._wanted.set()

    def refresh(self) -> None:
        """Ask every vCenter again, and read the page."""
        if self._desk is not None:
            self._desk.observer.look_again()
        self._wanted.set()

    def stop(self) -> None:
        """Read no more; sessions are closed by their threads' end."""
        self._ended.set()
        self._wanted.set()

    def ask(
        self, verb: Callable[["Desk"], T], done: Callable[[T], None], refused: Callable[[SlipwayError], None]
    ) -> None:
        """Run the verb in a thread of its own. A daemon: quitting does not wait for a vCenter."""

        def work() -> None:
            self._opened.wait()
            if self._desk is None or self._console is None:
                return
            answer: Callable[[], None]
            try:
                result = verb(self._desk)
            except SlipwayError as error:
                failure = error
                answer = lambda: refused(failure)  # noqa: E731
            else:
                answer = lambda: done(result)  # noqa: E731
            self._wanted.set()
            self._console.later(answer)

        threading.Thread(target=work, name="ask", daemon=True).start()

    def _run(self) -> None:
        from cli import log

        log.to_file()
        while not self._ended.is_set():
            try:
                from engine.console.desk import open_desk

                with open_desk(self._store) as desk:
                    self._desk = desk
                    self._opened.set()
                    self._feed(desk)
            except SlipwayError as error:
                self._fail(error)
                self._ended.wait(AGAIN)

    def _feed(self, desk: "Desk") -> None:
        """Read the page whenever something has changed, but not more often than the screen can take.

        And after `every` seconds anyhow: of a process that died, or a log that grew, the store does not tell.
        """
        began = time.monotonic()
        while not self._ended.is_set():
            wanted = self._wanted.is_set()
            self._wanted.clear()
            every = self._page.every if self._page is not None else self._pace
            if wanted or desk.changed(POLL) or time.monotonic() - began >= every:
                began = time.monotonic()
                self._read(desk)
                # Somebody who changes the page, or asked for something, does not wait for the pace.
                while time.monotonic() - began < self._pace and not self._wanted.wait(POLL / 4):
                    pass

    def _read(self, desk: "Desk") -> None:
        page = self._page
        if page is None or self._console is None:
            return
        try:
            desk.keep_worker()
            message: PageRead | PageFailed = PageRead(page.place, page.read(desk), desk.pulse(), datetime.now(UTC))
        except SlipwayError as error:
            message = PageFailed(page.place, str(error))
        self._console.post_message(message)

    def _fail(self, error: SlipwayError) -> None:
        if self._page is not None and self._console is not None:
            self._console.post_message(PageFailed(self._page.place, str(error)))
