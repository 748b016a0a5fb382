"""The table by itself: what survives new rows, what is painted again, what fits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Region

from tui import theme
from tui.present.filter import Filter
from tui.present.text import Line, plain
from tui.widgets.table import AT_ONCE, Column, Table, View

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    state: str = "o ready"
    size: int | None = None


def cells(row: Row, now: datetime) -> Line:
    return (plain(row.name), plain(row.state), plain(row.size))


VIEW = View(
    (
        Column("Name", 12, grow=1),
        Column("State", 10, drop=1),
        Column("Size", 6, align="right", drop=2, sort=lambda row: row.size),
    ),
    lambda row: row.name,
    cells,
)


class TableApp(App[None]):
    CSS = theme.CSS

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__()
        for one in theme.THEMES:
            self.register_theme(one)
        self.theme = theme.DARK
        self._rows = rows

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.FALLBACK

    def compose(self) -> ComposeResult:
        yield Table(VIEW, lambda: NOW)

    def on_mount(self) -> None:
        self.table.show(self._rows)
        self.table.focus()

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    def line(self, y: int) -> str:
        """What stands on that line of the screen."""
        return self.table.render_line(y).text

    @property
    def names(self) -> list[str]:
        return [row.name for row in self.table.rows]


def piloted(
    rows: Sequence[Row], scenario: Callable[[TableApp, Any], Awaitable[None]], size: tuple[int, int] = (40, 10)
) -> None:
    async def run() -> None:
        app = TableApp(rows)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await scenario(app, pilot)

    asyncio.run(run())


def named(*names: str) -> list[Row]:
    return [Row(name) for name in names]


def many(count: int) -> list[Row]:
    return [Row(f"row-{number:05d}", size=number % 97 or None) for number in range(count)]


async def settled(app: TableApp, pilot: Any) -> None:
    """Wait until the slices are done."""
    await app.workers.wait_for_complete()
    await pilot.pause()


class Watched:
    """The regions that are asked to be painted again."""

    def __init__(self, table: Table, patch: pytest.MonkeyPatch) -> None:
        self.regions: list[Region] = []
        self.whole = 0
        asked = table.refresh

        def refresh(*regions: Region, **more: Any) -> Table:
            self.regions += regions
            self.whole += not regions
            return asked(*regions, **more)

        patch.setattr(table, "refresh", refresh)

    @property
    def lines(self) -> list[int]:
        return sorted(region.y for region in self.regions)


def test_the_cursor_stays_on_its_row_when_others_come_and_go() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.go(1)
        app.table.show(named("new", "a", "b", "c"))
        assert app.table.row == Row("b")
        app.table.show([Row("c"), Row("b", "! failed")])
        assert app.table.row == Row("b", "! failed")

    piloted(named("a", "b", "c"), scenario)


def test_the_cursor_stays_in_its_place_when_its_row_goes() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.go(1)
        app.table.show(named("a", "c", "d"))
        assert app.table.row == Row("c")
        app.table.show(named("a"))
        assert app.table.row == Row("a")
        app.table.show([])
        assert app.table.row is None
        app.table.go(5)
        app.table.mark()
        app.table.show(named("z"))
        assert app.table.row == Row("z")

    piloted(named("a", "b", "c", "d"), scenario)


def test_the_cursor_goes_to_a_row_that_is_awaited_once_it_is_there() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.await_row("new")
        assert app.table.row == Row("a")
        app.table.show(named("new", "a", "b"))
        assert app.table.row == Row("new")
        app.table.await_row("newer")
        app.table.go(2)
        app.table.show(named("newer", "new", "a", "b"))
        assert app.table.row == Row("b"), "who has moved on stays there"

    piloted(named("a", "b"), scenario)


def test_marks_stay_on_their_rows_and_go_with_them() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.mark()
        app.table.mark()
        assert app.table.marked == {"a", "b"}
        assert app.table.row == Row("c")
        app.table.show(named("c", "b", "x"))
        assert app.table.marked == {"b"}
        assert app.table.marked_rows == [Row("b")]
        app.table.unmark()
        assert app.table.marked_rows == [app.table.row]

    piloted(named("a", "b", "c"), scenario)


def test_a_mark_is_taken_away_by_the_same_key() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.mark()
        app.table.go(0)
        app.table.mark()
        assert not app.table.marked

    piloted(named("a", "b"), scenario)


def test_a_range_marks_all_that_the_cursor_passes() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.go(1)
        app.table.mark_range()
        assert app.table.in_range
        app.table.move(2)
        app.table.move(1)
        assert app.table.marked == {"b", "c", "d", "e"}
        app.table.mark_range()
        app.table.move(1)
        assert app.table.marked == {"b", "c", "d", "e"}

    piloted(named("a", "b", "c", "d", "e", "f"), scenario)


def test_marked_rows_that_the_filter_hides_are_not_acted_on() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.mark()
        app.table.mark()
        app.table.filter = Filter("b")
        app.table.arrange()
        assert app.table.marked_rows == [Row("b")]
        assert app.table.marked == {"a", "b"}

    piloted(named("a", "b", "c"), scenario)


def test_the_filter_holds_for_new_rows_and_keeps_the_cursor() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.go(2)
        app.table.filter = Filter("state:ready !b")
        app.table.arrange()
        assert app.names == ["a", "c"]
        assert app.table.row == Row("c")
        app.table.show([Row("a", "! failed"), Row("b"), Row("c"), Row("d")])
        assert app.names == ["c", "d"]
        assert (app.table.count, app.table.total) == (2, 4)

    piloted(named("a", "b", "c"), scenario)


def test_unknown_values_are_last_in_both_directions() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.sorted_by = 2
        app.table.arrange()
        assert app.names == ["small", "big", "unknown", "new"]
        app.table.reverse = True
        app.table.arrange()
        assert app.names == ["big", "small", "unknown", "new"]

    piloted([Row("unknown"), Row("big", size=9), Row("new"), Row("small", size=1)], scenario)


def test_the_order_survives_new_rows() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.sorted_by = 0
        app.table.arrange()
        app.table.show(named("c", "B", "a"))
        assert app.names == ["a", "B", "c"]

    piloted(named("b", "a"), scenario)


def test_many_rows_are_filtered_and_sorted_in_slices() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.filter = Filter("name:7")
        app.table.sorted_by, app.table.reverse = 2, True
        app.table.arrange()
        assert app.table.count == 5 * AT_ONCE, "the order before is shown until the new one is there"
        app.table.filter = Filter("name:77")  # typed on before it was done
        app.table.arrange()
        await settled(app, pilot)
        wanted = [row for row in many(5 * AT_ONCE) if "77" in row.name]
        known = sorted((row for row in wanted if row.size), key=lambda row: row.size or 0, reverse=True)
        assert list(app.table.rows) == known + [row for row in wanted if not row.size]

    piloted(many(5 * AT_ONCE), scenario)


def test_rows_that_come_while_slices_are_sorted_are_sorted_too() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.sorted_by = 0
        app.table.arrange()
        app.table.show([*many(5 * AT_ONCE), Row("a first one")])
        await settled(app, pilot)
        assert app.names[0] == "a first one"
        assert app.table.count == 5 * AT_ONCE + 1

    piloted(many(5 * AT_ONCE), scenario)


def test_fifty_thousand_rows_are_scrolled_through() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.go(app.table.count - 1)
        await pilot.pause()
        assert app.line(9).startswith("> row-49999")
        app.table.half_page(-1)
        assert app.table.row == many(50_000)[49_995]
        app.table.go(25_000)
        await pilot.pause()
        assert "row-25000" in "".join(app.line(y) for y in range(1, 10))
        app.table.go(0)
        await pilot.pause()
        assert app.line(1).startswith("> row-00000")

    piloted(many(50_000), scenario)


def test_a_reading_that_changed_nothing_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        watched = Watched(app.table, monkeypatch)
        app.table.show(named("a", "b", "c"))
        app.table.tick()
        assert not watched.regions
        assert not watched.whole

    piloted(named("a", "b", "c"), scenario)


def test_only_the_changed_cells_of_a_line_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        watched = Watched(app.table, monkeypatch)
        app.table.show([Row("a"), replace(Row("b"), state="! failed"), Row("c")])
        assert watched.lines == [2]
        (region,) = watched.regions
        assert region.width == 10, "the column State, and no other"
        assert not watched.whole

    piloted(named("a", "b", "c"), scenario)


def test_moving_the_cursor_paints_two_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        watched = Watched(app.table, monkeypatch)
        app.table.move(1)
        assert watched.lines == [1, 2]

    piloted(named("a", "b", "c"), scenario)


def test_scrolling_paints_no_cell_that_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.go(8)
        await pilot.pause()
        watched = Watched(app.table, monkeypatch)
        app.table.move(1)
        assert not watched.whole
        assert max(region.right for region in watched.regions if region.y < 8) < 40

    piloted([Row(f"row-{number}") for number in range(30)], scenario)


def test_what_is_painted_is_what_the_rows_say_after_scrolling_back_and_forth() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        for by in (12, -3, 9, -18, 25, -1):
            app.table.move(by)
            await pilot.pause()
            shown = [strip.text for strip in app.screen._compositor.render_strips()]
            top = app.table._top
            for y in range(1, 10):
                assert f"row-{top + y - 1:05d}" in shown[y]

    piloted(many(40), scenario)


def test_a_column_is_dropped_where_there_is_no_room_and_comes_back() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        assert "Size" in app.line(0)
        await pilot.resize_terminal(28, 10)
        await pilot.pause()
        assert "Size" not in app.line(0)
        assert "State" in app.line(0)
        await pilot.resize_terminal(20, 10)
        await pilot.pause()
        assert "State" not in app.line(0)
        assert "Name" in app.line(0)
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert "Size" in app.line(0)

    piloted(named("a"), scenario)


def test_the_cursor_is_in_view_when_the_window_shrinks() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        app.table.go(18)
        await pilot.resize_terminal(40, 6)
        await pilot.pause()
        assert any(app.line(y).startswith(">") for y in range(1, 6))

    piloted(many(60), scenario, (40, 20))


@pytest.mark.parametrize(
    "name",
    [
        "模板模板模板模板模板模板模板模板",
        "e\u0301" * 40,
        "👩‍💻 lab",
        "a" * 200,
        "nul\x00 esc\x1b[31m",
        "rtl \u202e evil",
    ],
    ids=["wide", "combining", "emoji", "long", "control", "reordering"],
)
def test_every_line_is_exactly_as_wide_as_the_table(name: str) -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        for width in (40, 41, 27, 20):
            await pilot.resize_terminal(width, 10)
            await pilot.pause()
            for y in range(3):
                assert cell_len(app.line(y)) == app.table.size.width
        assert "\x1b" not in app.line(1)
        assert "\x00" not in app.line(1)
        assert "\u202e" not in app.line(1)

    piloted([Row(name), Row("b")], scenario)


def test_columns_stand_below_one_another_beside_wide_characters() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        at = [cell_len(app.line(y).partition(word)[0]) for y, word in ((0, "State"), (1, "o ready"), (2, "o ready"))]
        assert len(set(at)) == 1

    piloted([Row("模板"), Row("e\u0301e\u0301")], scenario)


def test_old_rows_are_dim() -> None:
    async def scenario(app: TableApp, pilot: Any) -> None:
        table = app.table
        fresh = {segment.style for segment in table.render_line(2)}
        table.dim = True
        table.redraw()
        assert {segment.style for segment in table.render_line(2)} == {table.style_of("dim")}
        assert fresh != {table.style_of("dim")}

    piloted(named("a", "b"), scenario)
