"""A table of any number of rows: only what is visible is formatted and painted, only what changed is painted again.

Textual's own DataTable repaints itself at every change (15,000 B) and takes seconds for 10,000 rows; of this one a
changed cell costs its own bytes (reference sheet `tui`, facts 1 and 2).
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from tui.present.filter import Filter
from tui.present.order import Arranging, arranged, at_once
from tui.present.text import Line, fit
from tui.widgets.paint import Painter

GUTTER = 2
"""Cells left of the first column: the cursor's `>` and a mark's `*`."""

AT_ONCE = 1000
"""Rows that are filtered and sorted before anything else happens; more are in slices, between which keys are heard."""

SLICE = 0.004
"""Seconds of such a slice."""


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in cells, the title included; `grow`: its share of what is left over. The column with the highest `drop`
    goes first when there is no room, 0 never. `sort`: what rows are compared by, None for what the cell says.
    """

    title: str
    width: int
    grow: int = 0
    align: str = "left"
    drop: int = 0
    sort: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class View:
    """How rows of one kind are shown: pure functions. `cells` gives one cell for each column; `values` is what an
    export writes of a row, None for every field of it.
    """

    columns: tuple[Column, ...]
    key: Callable[[Any], str]
    cells: Callable[[Any, datetime], Line]
    values: Callable[[Any], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class _Painted:
    """What a line of the screen shows now. `thumb`: whether that part of the rows is in view."""

    cells: Line
    mark: str
    cursor: bool
    thumb: bool

    @property
    def edges(self) -> tuple[str, bool, bool]:
        """All but the cells: where it changes the whole line is painted."""
        return self.mark, self.cursor, self.thumb


class Table(Painter, can_focus=True):
    """Rows with a cursor, marks, a filter and an order, all of which survive new rows.

    It scrolls by itself: Textual would lay the whole screen out anew for every row that comes or goes.
    """

    DEFAULT_CSS = "Table { height: 1fr; width: 1fr; }"

    class Moved(Message):
        """The cursor is on another row, or on none."""

    def __init__(self, view: View, clock: Callable[[], datetime], id: str | None = None) -> None:  # noqa: A002
        """`clock` tells the time that relative times are counted from, UTC."""
        super().__init__(id=id)
        self.view = view
        self.clock = clock
        self.filter = Filter("")
        self.sorted_by: int | None = None
        self.reverse = False
        self.marked: frozenset[str] = frozenset()
        self.dim = False
        """Whether the rows are old: they are shown, and grey."""
        self.jump = 1
        """Lines to scroll by when the cursor leaves the window; more on a slow line, where scrolling is a repaint."""
        self._rows: Sequence[Any] = ()
        self._order: Sequence[Any] = ()
        self._arranging = False
        self._outdated = False
        self._top = 0
        self._cursor = 0
        self._cursor_key = self._awaited = ""
        self._range_from: int | None = None
        self._now = clock()
        self._layout: list[tuple[int, int, int]] = []
        """The columns that there is room for: (number, x, width)."""
        self._painted: dict[int, _Painted] = {}

    # What it shows

    @property
    def count(self) -> int:
        """Rows that the filter lets through."""
        return len(self._order)

    @property
    def total(self) -> int:
        """Rows in all."""
        return len(self._rows)

    @property
    def row(self) -> Any | None:
        """The row under the cursor, None when there is none."""
        return self._order[self._cursor] if self._order else None

    @property
    def marked_rows(self) -> list[Any]:
        """The marked rows that the filter lets through; without any the one under the cursor."""
        found = [row for row in self._order if self.view.key(row) in self.marked] if self.marked else []
        return found or ([self.row] if self.row is not None else [])

    @property
    def rows(self) -> Sequence[Any]:
        """The rows as shown, in order."""
        return self._order

    def find(self, key: str) -> Any | None:
        """The row of that key, also one that the filter keeps back."""
        return next((row for row in self._rows if self.view.key(row) == key), None)

    def show(self, rows: Sequence[Any]) -> None:
        """Show these rows; the cursor stays on its row, the marks on theirs."""
        if rows is self._rows and rows:
            self.tick()
            return
        self._rows = rows
        if self.marked:
            self.marked &= {self.view.key(row) for row in rows}
        self.arrange()

    def arrange(self) -> None:
        """Filter and sort anew: many rows a slice at a time, until when the order before is shown."""
        self._now = self.clock()
        self._outdated = True
        if self._arranging:
            return
        if len(self._rows) <= AT_ONCE or not (self.filter or self.sorted_by is not None):
            self._settle(at_once(self._arranged()))
        else:
            self._arranging = True
            self.run_worker(self._arrange_in_slices())

    def _arranged(self) -> Arranging:
        self._outdated = False
        lets = self._lets if self.filter else None
        return arranged(self._rows, lets, None if self.sorted_by is None else self._key(self.sorted_by), self.reverse)

    async def _arrange_in_slices(self) -> None:
        """What is asked for meanwhile begins anew; rows that come meanwhile wait, or many of them would be for ever."""
        while self._outdated:
            asked = (self.filter, self.sorted_by, self.reverse)
            arranging, until = self._arranged(), 0.0
            while asked == (self.filter, self.sorted_by, self.reverse):
                if time.monotonic() > until:
                    await asyncio.sleep(0)
                    until = time.monotonic() + SLICE
                try:
                    next(arranging)
                except StopIteration as done:
                    self._settle(done.value)
                    break
        self._arranging = False

    def _settle(self, rows: Sequence[Any]) -> None:
        """These are the rows, in this order."""
        self._order = rows
        self._find_cursor()
        self._reveal()
        self._refresh_changed()
        self.post_message(self.Moved())

    def tick(self) -> None:
        """Time has passed: what says how long ago something was is painted again."""
        self._now = self.clock()
        self._refresh_changed()

    # The cursor

    def go(self, index: int) -> None:
        """Put the cursor on that row, or the nearest that there is."""
        index = max(0, min(index, len(self._order) - 1))
        before, self._cursor, self._awaited = self._cursor, index, ""
        self._cursor_key = self.view.key(self._order[index]) if self._order else ""
        if self._range_from is not None and self._order:
            first, last = sorted((before, index))
            self.marked |= {self.view.key(row) for row in self._order[first : last + 1]}
            self._refresh_changed()
        if index == before:
            return
        self._reveal()
        self._refresh_changed()
        self.post_message(self.Moved())

    def await_row(self, key: str) -> None:
        """Put the cursor on that row as soon as it is there, unless it is moved before."""
        self._awaited = key
        self._settle(self._order)

    def move(self, by: int) -> None:
        """Move the cursor by so many rows."""
        self.go(self._cursor + by)

    def half_page(self, direction: int) -> None:
        """Move half a window down (1) or up (-1)."""
        self.move(direction * max(1, self._page // 2))

    def mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if self.row is not None:
            self.marked ^= {self._cursor_key}
            self._refresh_changed()
            self.move(1)

    def mark_range(self) -> None:
        """Begin to mark every row that the cursor passes, or end that."""
        self._range_from = None if self._range_from is not None else self._cursor
        self.go(self._cursor)

    @property
    def in_range(self) -> bool:
        """Whether the cursor marks what it passes."""
        return self._range_from is not None

    def unmark(self) -> None:
        """Take every mark away."""
        self.marked, self._range_from = frozenset(), None
        self._refresh_changed()

    # Painting

    def render_line(self, y: int) -> Strip:
        """The head, then the visible rows."""
        width = self.size.width
        if y == 0:
            self._painted.pop(0, None)
            return self.strip(self._head(), width)
        painted = self._line(y)
        if painted is None:
            self._painted.pop(y, None)
            return Strip.blank(width, self.style_of("plain"))
        self._painted[y] = painted
        style = "cursor" if painted.cursor else "dim" if self.dim else None
        cells = [(">" if painted.cursor else " ", style or "plain"), (painted.mark, style or "key")]
        for number, _, size in self._layout:
            text, tone = painted.cells[number]
            cells.append((fit(text, size, self.view.columns[number].align) + " ", style or tone))
        line = self.strip(cells, width - 1, style or "plain")
        bar = [("|" if painted.thumb else " ", style or "dim")]
        return Strip.join([line, self.strip(bar, 1, style or "plain")]).simplify()

    def on_resize(self) -> None:
        """Fewer or more columns."""
        self._lay_out()
        self._reveal()
        self.refresh()

    def on_mouse_scroll_down(self) -> None:
        """The wheel moves the cursor."""
        self.move(3)

    def on_mouse_scroll_up(self) -> None:
        """As above."""
        self.move(-3)

    def on_click(self, event: Click) -> None:
        """The cursor goes where one clicks."""
        if 0 < event.y <= min(self._page, len(self._order) - self._top):
            self.go(self._top + event.y - 1)

    def redraw(self) -> None:
        """Paint everything again: the order or the colours have changed."""
        self._lay_out()
        self.refresh()

    @property
    def _page(self) -> int:
        return max(1, self.size.height - 1)

    def _line(self, y: int) -> _Painted | None:
        index = y + self._top - 1
        if index >= len(self._order):
            return None
        row = self._order[index]
        mark = "*" if self.marked and self.view.key(row) in self.marked else " "
        return _Painted(self.view.cells(row, self._now), mark, index == self._cursor, y - 1 in self._thumb)

    @property
    def _thumb(self) -> range:
        """The lines beside which the bar stands that says which part of the rows is in view."""
        page, hidden = self._page, len(self._order) - self._page
        if hidden <= 0:
            return range(0)
        length = max(1, page * page // len(self._order))
        start = self._top * (page - length) // hidden
        return range(start, start + length)

    def _refresh_changed(self) -> None:
        """Paint again what says something else than on the screen: of a line that from the first such cell to the last.

        One region a line: Textual paints each from the line's beginning.
        """
        for y in range(1, self.size.height):
            before, now = self._painted.get(y), self._line(y)
            if now == before:
                continue
            if before is None or now is None or before.edges != now.edges:
                self.refresh(Region(0, y, self.size.width, 1))
                continue
            changed = [(x, x + width) for number, x, width in self._layout if before.cells[number] != now.cells[number]]
            if changed:
                (left, _), (_, right) = changed[0], changed[-1]
                self.refresh(Region(left, y, right - left, 1))

    def _head(self) -> Line:
        cells = [(" " * GUTTER, "head")]
        for number, _, width in self._layout:
            column = self.view.columns[number]
            arrow = ("v" if self.reverse else "^") if number == self.sorted_by else ""
            cells.append((fit(column.title + arrow, width, column.align) + " ", "head"))
        return tuple(cells)

    def _lay_out(self) -> None:
        """Give the columns their places; those that there is no room for are left out, the least important first."""
        room = self.size.width - GUTTER - 1
        kept = list(range(len(self.view.columns)))
        while sum(self.view.columns[one].width + 1 for one in kept) > room:
            droppable = [one for one in kept if self.view.columns[one].drop]
            if not droppable:
                break
            kept.remove(max(droppable, key=lambda one: self.view.columns[one].drop))
        left = max(0, room - sum(self.view.columns[one].width + 1 for one in kept))
        shares = sum(self.view.columns[one].grow for one in kept) or 1
        x = GUTTER
        self._layout = []
        for one in kept:
            column = self.view.columns[one]
            width = column.width + left * column.grow // shares
            self._layout.append((one, x, width))
            x += width + 1

    def _reveal(self) -> None:
        """Scroll until the cursor is in view, and no empty line below the last row."""
        page = self._page
        if not self._top <= self._cursor < self._top + page:
            reach = min(self.jump, page) - 1
            above = self._cursor < self._top
            self._top = self._cursor - reach if above else self._cursor - page + 1 + reach
        self._top = max(0, min(self._top, len(self._order) - page))

    def _find_cursor(self) -> None:
        """The cursor goes where its row has gone; when that is no longer there it stays in its place."""
        if self._awaited and any(self.view.key(row) == self._awaited for row in self._order):
            self._cursor_key, self._awaited = self._awaited, ""
        index = min(self._cursor, max(0, len(self._order) - 1))
        if self._order and self.view.key(self._order[index]) != self._cursor_key:
            where = (at for at, row in enumerate(self._order) if self.view.key(row) == self._cursor_key)
            index = next(where, index)
        self._cursor = index
        self._cursor_key = self.view.key(self._order[index]) if self._order else ""

    def _lets(self, row: Any) -> bool:
        cells = self.view.cells(row, self._now)
        texts = {column.title.lower(): text.lower() for column, (text, _) in zip(self.view.columns, cells, strict=True)}
        return self.filter.lets(texts)

    def _key(self, number: int) -> Callable[[Any], Any]:
        """What rows are compared by; None is not known."""
        own = self.view.columns[number].sort
        return own or (lambda row: self.view.cells(row, self._now)[number][0].casefold())
