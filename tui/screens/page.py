"""A page: a table of one kind of thing in the frame that all pages share, with the detail of the row beside it.

Row 1 says where one is and how everything is, row 2 filter, order and marks; then the body; then the message line and
the five best keys. What a page can do is in `tui.actions`; a page has a method `act_...` for each action of its own.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.events import Key
from textual.screen import Screen

from engine.errors import SlipwayError
from tui.actions import BY_ID, PLACES, Action, Scope, on_page, shown_key
from tui.bindings import bindings
from tui.messages import PageFailed, PageRead
from tui.present import frame
from tui.present.text import BESIDE, Line
from tui.screens.browsing import Browsing
from tui.widgets.line import FrameLine, MessageLine
from tui.widgets.lines import Lines
from tui.widgets.table import Table, View

if TYPE_CHECKING:
    from engine.console.desk import Desk, Pulse
    from tui.app import Console

WIDE, TALL, LARGE = 120, 48, 160
"""From 120 columns on the detail is beside the list, from 160x48 on a page may show a third pane."""

SMALLEST = (60, 16)

OLD = 10.0
"""Seconds after which what is shown counts as stale: the feed reads every page at least that often."""


class Standing(StrEnum):
    """The states of a page."""

    LOADING = "loading"
    EMPTY = "empty"
    ERROR = "error"
    STALE = "stale"
    READY = "ready"


class Page(Browsing, Screen[None]):
    """The base of every page. `place` is its name in the registry, `title` what the first line calls it."""

    AUTO_FOCUS = "Table"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.TABLE)
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-small"), (60, "-narrow"), (WIDE, "-wide")]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-low"), (16, "-normal"), (TALL, "-tall")]
    DEFAULT_CSS = """
    Page { layout: vertical; }
    Page #detail { display: none; border-left: solid $secondary; }
    Page.-wide #detail { display: block; }
    Page #notice { display: none; }
    Page.-notice #notice { display: block; }
    Page.-notice #body { display: none; }
    """

    place: ClassVar[str]
    title_text: ClassVar[str]
    view: ClassVar[View]
    every: ClassVar[float] = 5.0
    """Seconds after which it is read anew although nothing in the store has changed."""
    app: "Console"

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing.LOADING
        self.looked_at: str | None = None
        """The key of the row that has a screen of its own."""
        self.pulse: Pulse | None = None
        self._read_at: datetime | None = None
        self._error = ""
        self._message: Line = ()

    # What a page is asked for

    def read(self, desk: "Desk") -> Sequence[Any]:
        """The rows, in the feed's thread; imports of the engine are inside. Raises SlipwayError."""
        raise NotImplementedError

    def detail(self, row: Any, now: datetime) -> list[Line]:
        """All that is known of a row."""
        raise NotImplementedError

    def empty(self) -> list[Line]:
        """Why there is nothing, and the one next key."""
        raise NotImplementedError

    def copied(self, row: Any) -> str:
        """What `y` copies of a row: its id, or its whole error."""
        return self.view.key(row)

    def why_not(self, action: Action) -> str:
        """Why the action cannot be taken now, "" when it can. A page adds its own reasons."""
        if action.writes and self.app.read_only:
            return "this console is read-only"
        # Never the filter: what is typed after a `/` that was refused would be taken for keys.
        if action.scope == Scope.TABLE and action.id != "filter" and self.row is None:
            return "there is no row"
        if action.id == "reverse" and self.table.sorted_by is None:
            return f"{self.app.key_of(BY_ID['sort'])} sorts by a column first"
        if action.id == "last" and not self.app.last_place:
            return "there was none before this one"
        return ""

    # The frame

    def compose(self) -> ComposeResult:
        """The frame with the page's table; a page with more panes extends `body`."""
        yield FrameLine(id="place")
        yield FrameLine(id="view")
        yield from self.body()
        yield Lines(id="notice")
        yield MessageLine(id="message")
        yield FrameLine(id="keys")

    def body(self) -> ComposeResult:
        """List and detail."""
        with Horizontal(id="body"):
            yield Table(self.view, self.app.clock, id="table")
            yield Lines(id="detail")

    def on_mount(self) -> None:
        """Ask for the rows; from now on time passes."""
        self.table.jump = 8 if self.app.slow else 1
        self._clockwork = self.set_interval(2.0 if self.app.slow else 1.0, self._tick)
        self.app.feed.look(self)
        self._show_frame()

    @property
    def is_current(self) -> bool:
        """Whether it is painted. Behind another screen it waits: Textual would paint that one whole for every cell
        that changes here. Below the filter's line it follows what is typed.
        """
        from tui.screens.prompt import Prompt

        return self.app.screen is self or isinstance(self.app.screen, Prompt)

    def on_screen_resume(self) -> None:
        """On the screen again: read anew."""
        self._clockwork.resume()
        self.app.came_to(self.place)
        self.app.feed.look(self)
        self._show_frame()

    def on_screen_suspend(self) -> None:
        """Hidden: no timers."""
        self._clockwork.pause()

    def on_resize(self) -> None:
        """Too small for the frame: only what runs, and how to leave."""
        self._judge()
        self.call_after_refresh(self._show_frame)

    @property
    def table(self) -> Table:
        """The page's table."""
        return self.query_one("#table", Table)

    @property
    def message(self) -> Line:
        """What the message line says."""
        return self._message

    @property
    def row(self) -> Any | None:
        """The row that has a screen of its own, else the one under the cursor."""
        return self.table.row if self.looked_at is None else self.table.find(self.looked_at)

    @property
    def rows(self) -> list[Any]:
        """What an action is for: the row that has a screen of its own; else the marked ones, or that of the cursor."""
        if self.looked_at is None:
            return self.table.marked_rows
        return [self.row] if self.row is not None else []

    # Readings

    def took(self, reading: PageRead) -> None:
        """Rows have come."""
        self._read_at, self._error, self.pulse = reading.at, "", reading.pulse
        self.table.show(reading.rows)
        self._judge()

    def failed(self, failure: PageFailed) -> None:
        """They could not be read; what was there stays, grey."""
        if failure.error != self._error:
            self.app.last_error = self._error = failure.error
        self._judge()

    def _judge(self) -> None:
        """In which state the page is, and what is seen of it then."""
        if self._read_at is None:
            standing = Standing.ERROR if self._error else Standing.LOADING
        elif self._error or (self.app.clock() - self._read_at).total_seconds() > OLD:
            standing = Standing.STALE
        else:
            standing = Standing.READY if self.table.total else Standing.EMPTY
        self.standing = standing
        small = self.size.width < SMALLEST[0] or self.size.height < SMALLEST[1]
        notice = self._notice(small)
        self.set_class(bool(notice), "-notice")
        if notice:
            self.query_one("#notice", Lines).show(notice)
        dim = standing is Standing.STALE
        if self.table.dim != dim:
            self.table.dim = dim
            self.table.redraw()
        self._show_frame()
        self._show_detail()

    def _notice(self, small: bool) -> list[Line]:
        """What stands in the body in place of the table, [] when the table does."""
        if small:
            return frame.too_small(self.pulse, self.size)
        if self.standing is Standing.EMPTY or (self.standing is Standing.STALE and not self.table.total):
            return self.empty()
        if self.standing is Standing.ERROR:
            return frame.cannot_read(self._error, max(20, self.size.width - 4))
        if self.table.total and not self.table.count:
            return frame.nothing_fits(self.table.filter.text, self.table.total)
        return []

    def _tick(self) -> None:
        if self.app.paused:
            return
        if self.standing is Standing.READY and self._read_at is not None:
            # The feed reads when something changes; nothing to read is not old.
            self._read_at = max(self._read_at, self.app.feed_alive_at or self._read_at)
        self.table.tick()
        self._judge()

    def on_table_moved(self) -> None:
        """The cursor is on another row."""
        self._show_detail()
        self._show_frame()

    @property
    def detail_width(self) -> int:
        """Cells of a line of the detail: half a screen beside the list, all of it in a screen of its own."""
        width = self.app.size.width
        return max(BESIDE, (width // 2 if self.looked_at is None else width) - 4)

    def _show_detail(self) -> None:
        detail = self.query_one("#detail", Lines)
        if detail.display:
            row = self.row
            detail.show(self.detail(row, self.app.clock()) if row is not None else [])

    def _show_frame(self) -> None:
        if not self.is_mounted:
            return
        table, width = self.table, self.size.width
        self.query_one("#place", FrameLine).show(self.place_line(f"{PLACES[self.place]} {self.title_text}", width))
        order = None if table.sorted_by is None else self.view.columns[table.sorted_by].title
        since = self._read_at if self.standing is Standing.STALE else None
        viewed = frame.viewed(table, order, self._error if since else "", since, self.app.clock())
        self.query_one("#view", FrameLine).show(viewed if table.total or since else ())
        self.query_one("#message", FrameLine).show(self._message)
        self.query_one("#keys", FrameLine).show(frame.keys(self._best(), width))

    def place_line(self, title: str, width: int) -> Line:
        """The first line of the page, and of a screen that stands on it."""
        return frame.place(title, self.pulse, self.standing, self.app.paused, self.app.read_only, width)

    @property
    def own_keys(self) -> list[tuple[str, str]]:
        """The page's own best keys, of actions that can be taken now."""
        own = sorted((action for action in on_page(self.place) if action.footer), key=lambda action: action.footer)
        return [(self.app.key_of(action), action.label) for action in own if not self.why_not(action)]

    def _best(self) -> list[tuple[str, str]]:
        """What is best done here now, and what is always there; help and quit last, they are never left out."""
        words, helps, quits = ((self.app.key_of(BY_ID[name]), name) for name in ("filter", "help", "quit"))
        return [*self.own_keys, words, ("1-9", "pages"), helps, quits]

    # What is said to the operator

    def say(self, text: str, tone: str = "plain") -> None:
        """Put this on the message line, in place of an error that `y` would have copied."""
        if tone != "bad":
            self.app.last_error = ""
        self._message = ((frame.one_line(text), tone),)
        self._show_frame()

    def left(self) -> None:
        """Another page comes: what was said is over by the time one is back, what is being done is not."""
        if self._message and self._message[0][1] != "busy":
            self._message = ()

    def ask(self, verb: Callable[["Desk"], Any], doing: str, done: Callable[[Any], str] | str) -> None:
        """Let the engine do something, saying so before and after; a refusal is said too, in full with `y`."""
        self.say(f"{doing} ...", "busy")

        def finished(result: Any) -> None:
            self.say(done if isinstance(done, str) else done(result), "ok")

        self.app.feed.ask(verb, finished, self.refused)

    def ask_first(self, verb: Callable[["Desk"], Any], doing: str, opened: Callable[[Any], None]) -> None:
        """Have the engine read what a dialog needs, which `opened` then opens. What is typed meanwhile is for the
        dialog and waits for it; esc gives it up.
        """
        self.say(f"{doing} ...", "busy")
        ahead = self.app.ahead
        turn = ahead.hold(lambda: self.say(f"{doing}: left, nothing was done"))

        def read(result: Any) -> None:
            self.say("")
            opened(result)

        self.app.feed.ask(
            verb,
            lambda result: ahead.go_on(turn, lambda: read(result)),
            lambda error: ahead.go_on(turn, lambda: self.refused(error)),
        )

    def refused(self, error: SlipwayError) -> None:
        """Something could not be done: the message line says why, `y` copies all of it."""
        self.app.last_error = str(error)
        self.say(self.app.advice(str(error)), "bad")

    # Actions

    def on_key(self, event: Key) -> None:
        """A key that means nothing here says so."""
        if self.app.action_for(event.key, self.place, Scope.TABLE, Scope.EVERYWHERE) is None:
            self.say(f"{shown_key(event.key)} does nothing here; {self.app.key_of(BY_ID['help'])} lists the keys")

    def action_do(self, action_id: str) -> None:
        """Take an action of the registry, or say why it cannot be taken."""
        action = BY_ID[action_id]
        why = self.why_not(action)
        if why and self._hides_all(action):
            why = f"the filter hides every row; {self.app.key_of(BY_ID['back'])} shows them"
        if why:
            self.say(f"{action.label}: {why}", "warn")
            return
        if hasattr(self, action.method):
            getattr(self, action.method)()
        else:  # the same everywhere
            self.app.take(action)

    def _hides_all(self, action: Action) -> bool:
        """Whether it cannot be taken because the filter lets no row through: there are some."""
        forbidden = action.writes and self.app.read_only
        return action.scope != Scope.EVERYWHERE and not forbidden and self.row is None and self.table.total > 0

    def act_back(self) -> None:
        """The filter goes first, then the marks, then a message of several rows. One escape too many leaves nothing:
        who closes a dialog presses it twice.
        """
        if self.table.filter:
            from tui.present.filter import Filter

            self.table.filter = Filter("")
            self.table.arrange()
            self.say(f"without the filter: {self.table.total} {'row' if self.table.total == 1 else 'rows'}")
        elif self.table.marked or self.table.in_range:
            self.table.unmark()
            self.say("nothing is marked any more")
        elif self.query_one(MessageLine).size.height > 1:
            self._message = ()
        elif not self._message:
            before, leave = (self.app.key_of(BY_ID[name]) for name in ("last", "quit"))
            self.say(f"no filter, no marks; {before} is the page before, {leave} leaves")
        self._judge()

    def act_export(self) -> None:
        """Ask for a file's name, and write the rows that are shown to it."""
        from tui.export import export
        from tui.screens.prompt import Prompt

        rows, now = self.table.rows, self.app.clock()

        def named(name: str | None) -> None:
            if name and name.strip():
                self.ask(lambda _desk: export(name.strip(), self.view, rows, now), "writing", str)

        self.app.push_screen(Prompt("export to: ", f"slipway-{self.place}-{now:%Y%m%d-%H%M%S}.csv"), named)

    def act_copy(self) -> None:
        """Copy the last error, or the row's id; shown as well, because not every terminal takes it (OSC 52)."""
        text = self.app.last_error or (self.copied(self.row) if self.row is not None else self._error)
        self.app.last_error = ""
        if not text:
            self.say("nothing to copy", "warn")
            return
        self.app.copy_to_clipboard(text)
        self.say(f"copied: {text}")
