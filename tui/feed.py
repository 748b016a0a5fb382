"""The feed: the thread that stands between the screen and the engine. The engine is loaded here, after the first frame.

The screen never waits for it: readings arrive as messages, what the operator asks for runs in a thread of its own.
"""

import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from engine.errors import SlipwayError, Unreachable
from tui.messages import PageFailed, PageRead

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from tui.app import Console

POLL = 0.1
"""Seconds between two looks for changes; what one console does another shows within a second."""

PACE, SLOW_PACE = 0.5, 2.0
"""Seconds between two readings at least: progress comes several times a second."""

AGAIN = 2.0
"""Seconds until a store that could not be opened or read is tried again."""

PATIENCE = 10.0
"""Seconds that something asked for waits for the store to open."""

GIVE_WAY = 0.001
"""Seconds after which a thread that computes lets another one go on; a key passes through three. Python's is 0.005."""

SHARE = 0.5
"""How much of the time is spent reading at most, while things change."""

LEAVE = 1.0
"""Seconds that leaving waits for the feed's end."""

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
        self._defect = ""
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self, console: "Console") -> None:
        """Load the engine and open the store in a thread that ends with the process."""
        self._console = console
        sys.setswitchinterval(GIVE_WAY)
        self._thread.start()

    def look(self, page: Page) -> None:
        """Read this page from now on."""
        self._page = page
        self._wanted.set()

    def refresh(self) -> None:
        """Ask every vCenter again, and read the page."""
        if self._desk is not None:
            self._desk.look_again()
        self._wanted.set()

    def stop(self) -> None:
        """Read no more. Waits a moment, so that the store is closed in order and the sessions with vCenters end."""
        self._ended.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(LEAVE)

    def ask(
        self, verb: Callable[["Desk"], T], done: Callable[[T], None], refused: Callable[[SlipwayError], None]
    ) -> None:
        """Run the verb in a thread of its own. A daemon: quitting does not wait for a vCenter."""

        def work() -> None:
            answer = self._answer(verb, done, refused)
            self._wanted.set()
            if self._console is not None:
                self._console.later(answer)

        threading.Thread(target=work, name="ask", daemon=True).start()

    def _answer(
        self, verb: Callable[["Desk"], T], done: Callable[[T], None], refused: Callable[[SlipwayError], None]
    ) -> Callable[[], None]:
        if not self._opened.wait(PATIENCE) or self._desk is None:
            closed = Unreachable("the store is not open", why="nothing was done", fix="try again when it can be read")
            return lambda: refused(closed)
        try:
            result = verb(self._desk)
        except Exception as error:  # noqa: BLE001 - a defect must not vanish with its thread
            failure = _told(error)
            return lambda: refused(failure)
        return lambda: done(result)

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
            except Exception as error:  # noqa: BLE001 - without this thread the screen would stand still for ever
                self._opened.clear()
                self._fail(error)
                self._ended.wait(AGAIN)

    def _feed(self, desk: "Desk") -> None:
        """Read the page whenever something has changed, but not more often than the screen can take.

        And after `every` seconds anyhow: of a process that died, or a log that grew, the store does not tell. What
        takes long to read is read less often, so that an endless stream of changes costs a part of one core only.
        """
        due = 0.0
        while not self._ended.is_set():
            wanted = self._wanted.is_set()
            self._wanted.clear()
            if not (wanted or desk.changed(POLL) or time.monotonic() >= due):
                continue
            began = time.monotonic()
            read = self._read(desk)
            took = time.monotonic() - began
            every = self._page.every if self._page is not None else self._pace
            due = began + took + (every if read else AGAIN)
            # Somebody who changes the page, or asked for something, does not wait for the pace.
            self._wanted.wait(max(self._pace - took, took / SHARE))

    def _read(self, desk: "Desk") -> bool:
        page = self._page
        if page is None:
            return False
        try:
            self._post(PageRead(page.place, page.read(desk), desk.pulse(), datetime.now(UTC)))
            if self._console is not None and not self._console.read_only:
                desk.keep_worker()  # after the rows: where none can be started they are seen all the same
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
            return False
        self._defect = ""
        return True

    def _fail(self, error: Exception) -> None:
        """Tell the page. A defect that comes again every 2 s is logged once: for days it would fill the disk."""
        before, self._defect = self._defect, repr(error)
        told = _told(error, logged=self._defect == before)
        if self._page is not None:
            self._post(PageFailed(self._page.place, str(told)))

    def _post(self, message: PageRead | PageFailed) -> None:
        if self._console is not None and not self._ended.is_set():
            self._console.post_message(message)


def _told(error: Exception, logged: bool = False) -> SlipwayError:
    from engine.console.defects import told

    return told(error, logged)
