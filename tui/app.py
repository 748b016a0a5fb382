"""The console: modes (one per page), the keys that are the same everywhere, the theme. Nothing else."""

import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Event, Key, Paste
from textual.screen import Screen

from tui import theme
from tui.actions import ACTIONS, BY_ID, LEAVING, PLACES, Action, Scope, shown_key
from tui.bindings import bindings
from tui.driver import TerminalDriver
from tui.feed import Feed
from tui.messages import PageFailed, PageRead
from tui.options import Options
from tui.present.advice import with_keys
from tui.present.frame import goodbye
from tui.screens.page import Page
from tui.typeahead import TypeAhead

log = logging.getLogger(__name__)


def _page(place: str) -> Page:
    """Make that page; its module is loaded no sooner: start-up is imports."""
    made: Page = getattr(import_module(f"tui.screens.{place}"), f"{place.capitalize()}Page")()
    return made


class Console(App[int]):
    """The console of one store."""

    TITLE = "Slipway"
    ENABLE_COMMAND_PALETTE = False
    DEFAULT_MODE = "endpoints"
    MODES: ClassVar[dict[str, Callable[[], Screen[Any]]]] = {place: partial(_page, place) for place in PLACES}
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.EVERYWHERE),
        # Wherever one is, and whatever config.toml says: in a form too.
        Binding(",".join(LEAVING), "do('quit')", show=False, priority=True),
    ]
    CSS = theme.CSS

    def __init__(self, feed: Feed, options: Options, clock: Callable[[], datetime]) -> None:
        """`clock` tells the time, UTC; tests give one that stands still."""
        super().__init__(driver_class=TerminalDriver)
        self.animation_level = "none"
        self.feed = feed
        self.clock = clock
        self._store = options.store
        self.read_only = options.read_only
        self.slow = options.slow
        self.mouse = False
        self.paused = False
        self.last_error = ""
        self.unfinished: set[str] = set()
        """What this very process does, and has to clear away before it ends."""
        self.feed_alive_at: datetime | None = None
        self.last_place = ""
        self._place = self.DEFAULT_MODE
        self._keys = dict(options.keys)
        self.ahead = TypeAhead(self, super().on_event)
        for one in theme.THEMES:
            self.register_theme(one)
        self.theme = theme.default_theme(options.theme)
        self.set_keymap(self._keys)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables, for themes that are not ours."""
        return theme.FALLBACK

    def on_resize(self) -> None:
        """What the terminal shows now is its own matter: the next frame is sent whatever it is."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.forget()

    def on_ready(self) -> None:
        """The first frame is on the screen: now the engine may load."""
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True), immediate=True)
        self.feed.start(self)

    async def on_event(self, event: Event) -> None:
        """Keys take turns; but whoever wants to leave does not wait."""
        leaves = isinstance(event, Key) and event.key in LEAVING
        if isinstance(event, Key | Paste) and not event.is_forwarded and not leaves:
            await self.ahead.take(event)
        else:
            await super().on_event(event)

    # From other threads

    def later(self, call: Callable[[], None]) -> None:
        """Call this in the screen's thread, soon; from any thread, never waiting. Not when the console has ended."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(lambda: self.call_later(call))

    def _fatal_error(self) -> None:
        """A defect: Textual would print the traceback, with every local value. It goes to the log."""
        error = sys.exc_info()[1]
        log.critical("unexpected %s on the console", type(error).__name__, exc_info=error)
        fix = "report it with the last line of the log (slipway paths); jobs go on"
        self.panic(Text(f"slipway: unexpected error {type(error).__name__}; {fix}"))

    # Readings

    def on_page_read(self, reading: PageRead) -> None:
        """Give the rows to their page, unless the screen is held still; a page that has none yet gets them anyhow."""
        self.feed_alive_at = reading.at
        page = self.page
        if page is not None and page.place == reading.place and (not self.paused or page.pulse is None):
            page.took(reading)

    def on_page_failed(self, failure: PageFailed) -> None:
        """Tell the page that its rows could not be read."""
        page = self.page
        if page is not None and page.place == failure.place:
            page.failed(failure)

    @property
    def page(self) -> Page | None:
        """The page that is on the screen, or behind what is."""
        return next((one for one in self.screen_stack if isinstance(one, Page)), None)

    def came_to(self, place: str) -> None:
        """Remember the page before."""
        if place != self._place:
            self.last_place, self._place = self._place, place

    def key_of(self, action: Action) -> str:
        """The first key of an action as people write it, config.toml considered."""
        return self.keys_of(action)[0]

    def keys_of(self, action: Action) -> list[str]:
        """Every key of an action as people write it."""
        return [shown_key(key) for key in action.keys_with(self._keys)]

    def action_for(self, key: str, *scopes: str) -> Action | None:
        """The action of these scopes that the key stands for."""
        for action in ACTIONS:
            if action.scope in scopes and key in action.keys_with(self._keys):
                return action
        return None

    def advice(self, text: str) -> str:
        """What an error says, with the keys of the commands that it names."""
        return with_keys(text, self.page.place if self.page is not None else "", self.key_of)

    # Actions

    def action_do(self, action_id: str) -> None:
        """Take an action that is the same everywhere."""
        page = self.page
        if page is not None:
            page.action_do(action_id)
        else:
            self.take(BY_ID[action_id])

    def take(self, action: Action) -> None:
        """Do what is the same on every page."""
        family, _, place = action.id.partition(".")
        if family == "go":
            self.go(place)
        else:
            getattr(self, action.method)()

    def go(self, place: str) -> None:
        """Show that page, as it was left."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if self.page is not None and self.page.place != place:
            self.page.left()
        self.switch_mode(place)

    def act_last(self) -> None:
        """The page before this one."""
        self.go(self.last_place)

    def act_quit(self) -> None:
        """Leave; when jobs run the last words say that they go on. Once: of two last words Textual makes two errors."""
        if self.return_code is not None:
            return
        page = self.page
        pulse = page.pulse if page is not None else None
        self.exit(0, message=goodbye(pulse.running + pulse.queued if pulse else 0, self.unfinished, self._store))

    def act_refresh(self) -> None:
        """Read everything again, and paint it: `wall` and others write on the screen too."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.forget()
        self.refresh(layout=True)
        self.feed.refresh()
        self._say("reading everything again")

    def act_pause(self) -> None:
        """Hold the screen still, or go on."""
        self.paused = not self.paused
        if not self.paused:
            self.feed.refresh()
        self._say("paused; the work goes on" if self.paused else "going on")

    def act_suspend(self) -> None:
        """Stop like any program at ctrl+z; without a shell whose job this is, nobody could bring it back."""
        parent = os.getppid()
        ours = os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()
        if ours and isinstance(self._driver, TerminalDriver):
            self.action_suspend_process()
        else:
            self._say("there is no shell here that could bring it back; q leaves, jobs go on", "warn")

    def act_mouse(self) -> None:
        """Take the mouse from the terminal, or give it back."""
        self.mouse = not self.mouse
        if isinstance(self._driver, TerminalDriver):  # tests have none
            self._driver.use_mouse(self.mouse)
        self._say(f"mouse {'on' if self.mouse else 'off: the terminal selects text itself'}")

    def act_screenshot(self) -> None:
        """Write this screen as SVG into the current folder."""
        name = f"slipway-{self.clock():%Y%m%d-%H%M%S}.svg"
        try:
            self._say(f"wrote {self.save_screenshot(name, str(Path.cwd()))}", "ok")
        except OSError as error:
            self._say(f"cannot write {name}: {error.strerror}", "bad")

    def act_theme(self) -> None:
        """The next theme."""
        if self.no_color:
            self._say("NO_COLOR is set: there are no colours to choose from", "warn")
            return
        names = list(theme.NAMES.values())
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        self._say(f"theme: {next(name for name, full in theme.NAMES.items() if full == self.theme)}")

    def act_help(self) -> None:
        """Every key of this page."""
        from tui.screens.help import HelpScreen

        if self.page is not None:
            self.push_screen(HelpScreen(self.page.place))

    def act_jump(self) -> None:
        """Ask for a page's name."""
        from tui.screens.prompt import Prompt

        self.push_screen(Prompt(":"), self._jump)

    def act_palette(self) -> None:
        """Every action by name."""
        from tui.screens.palette import Palette

        if self.page is not None:
            self.push_screen(Palette(self.page), lambda chosen: self.action_do(chosen) if chosen else None)

    def _jump(self, text: str | None) -> None:
        wanted = (text or "").strip().lower()
        if not wanted:
            return
        if wanted in ("q", "quit"):
            self.act_quit()
            return
        found = [place for place in PLACES if place.startswith(wanted)]
        if len(found) == 1:
            self.go(found[0])
        else:
            several = f"{' or '.join(found)}: which?" if found else "no page of that name; ? lists them"
            self._say(f"{wanted}: {several}", "warn")

    def _say(self, text: str, tone: str = "plain") -> None:
        if self.page is not None:
            self.page.say(text, tone)
