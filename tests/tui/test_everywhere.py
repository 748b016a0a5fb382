"""The actions that are the same on every page, each by its key."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.errors import Unreachable
from tests.tui.conftest import IDLE, NOW, FixedFeed, fixed, until
from tests.tui.rows import BUSY, ENDPOINTS, endpoint
from tui.actions import PLACES
from tui.app import Console
from tui.messages import PageRead
from tui.screens.detail import DetailScreen
from tui.screens.help import HelpScreen
from tui.screens.page import Page
from tui.screens.palette import Palette
from tui.screens.prompt import Prompt
from tui.widgets.line import MessageLine
from tui.widgets.lines import Lines

MANY = tuple(endpoint(number, f"vc-{number:03}") for number in range(100))


def play(
    scenario: Callable[[Pilot[int], Page], Awaitable[None]],
    rows: Any = ENDPOINTS,
    size: tuple[int, int] = (80, 24),
    **options: Any,
) -> Console:
    """The scenario on the endpoints page with these rows; every other page is there and empty."""
    feed = FixedFeed(dict.fromkeys(PLACES, ()) | {"endpoints": rows}, BUSY)
    console = fixed(feed, **options)

    async def run() -> None:
        async with console.run_test(size=size) as pilot:
            await until(console, lambda: console.page is not None and console.page.pulse is not None, "rows")
            assert console.page is not None
            await scenario(pilot, console.page)

    asyncio.run(run())
    return console


def said(page: Page) -> str:
    return "".join(text for text, _ in page.message)


def line(page: Page, name: str) -> str:
    """What a line of the frame says."""
    return str(page.query_one(f"#{name}").text)  # type: ignore[attr-defined]


def names(page: Page) -> list[str]:
    return [row.name for row in page.table.rows]


# From page to page


def test_every_page_by_its_number() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        for place, key in PLACES.items():
            await pilot.press(key)
            await until(page.app, lambda place=place: page.app.page.place == place, place)  # type: ignore[misc,union-attr]

    play(scenario)


@pytest.mark.parametrize("place", PLACES)
def test_jump_goes_where_the_beginning_of_a_name_says(place: str) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press(":")
        assert isinstance(pilot.app.screen, Prompt)
        beginning = next(place[:end] for end in range(1, 99) if sum(one.startswith(place[:end]) for one in PLACES) == 1)
        await pilot.press(*beginning.upper(), "enter")
        await until(page.app, lambda: page.app.page.place == place, place)  # type: ignore[union-attr]

    play(scenario)


def test_jump_to_no_page_says_so_and_stays() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press(":", *"mars", "enter")
        assert said(page) == "mars: no page of that name; ? lists them"
        await pilot.press(":", *"l", "enter")
        assert said(page) == "l: locks or logs: which?"
        await pilot.press(":", *"deploys", "escape")
        await pilot.press(":", "enter")
        assert pilot.app.screen is page

    play(scenario)


@pytest.mark.parametrize("key", ["W", "f5", "z"])
def test_a_key_without_meaning_says_so(key: str) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press(key)
        assert said(page) == f"{key} does nothing here; ? lists the keys"
        await pilot.press("j")
        assert names(page), "the others go on"

    play(scenario)


def test_jump_quits_too() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press(":", *"q", "enter")

    assert play(scenario).return_code == 0


def test_the_last_page_is_as_it_was_left() -> None:
    """Filter, order, cursor and marks."""

    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("/", *"vc-0", "enter", "s", "o", "j", "j", "space", "j")
        before = (names(page), page.row, page.table.marked, line(page, "view"), page.table.scroll_offset)
        await pilot.press("3", "minus")
        assert pilot.app.screen is page
        await pilot.press("4", "minus")
        assert pilot.app.screen is page
        assert (names(page), page.row, page.table.marked, line(page, "view"), page.table.scroll_offset) == before

    play(scenario, MANY)


def test_there_is_no_page_before_the_first() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("minus")
        assert pilot.app.screen is page
        assert said(page) == "Last page: there was none before this one"

    play(scenario)


def test_back_takes_the_filter_then_the_marks_and_stays_on_the_page() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("3", "1", "/", *"vc", "enter", "space", "v", "j")
        marked = page.table.marked
        assert marked
        await pilot.press("escape")
        assert names(page) == [row.name for row in ENDPOINTS]
        assert (page.table.marked, said(page)) == (marked, "without the filter: 4 rows")
        await pilot.press("escape")
        assert (page.table.marked, page.table.in_range) == (frozenset(), False)
        assert said(page) == "nothing is marked any more"
        await pilot.press("escape", "escape")
        assert pilot.app.screen is page

    play(scenario)


@pytest.mark.parametrize("opens", ["a", "?", "enter", "ctrl+p", "/"])
def test_one_escape_too_many_after_a_dialog_leaves_nothing(opens: str) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("3", "1", opens)
        assert pilot.app.screen is not page
        await pilot.press("escape", "escape", "escape")
        assert pilot.app.screen is page
        assert said(page) == "no filter, no marks; - is the page before, q leaves"

    play(scenario)


# Help, palette, detail


def test_help_opens_and_closes() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        for leave in ("escape", "?", "q"):
            await pilot.press("?")
            assert isinstance(pilot.app.screen, HelpScreen)
            await pilot.press(leave)
            assert pilot.app.screen is page

    play(scenario)


def test_help_scrolls_by_letters() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("?")
        lines = pilot.app.screen.query_one("#lines")
        await pilot.press("j", "j")
        assert lines.scroll_offset.y == 2
        await pilot.press("G")
        assert lines.scroll_offset.y == lines.max_scroll_y > 2
        await pilot.press("k", "g")
        assert lines.scroll_offset.y == 0

    play(scenario)


def test_the_palette_takes_an_action_by_its_name() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("ctrl+p")
        assert isinstance(pilot.app.screen, Palette)
        await pilot.press(*"every key", "enter")
        assert isinstance(pilot.app.screen, HelpScreen)

    play(scenario)


def test_the_palette_finds_nothing_and_does_nothing() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("ctrl+p", *"mars", "enter")
        assert pilot.app.screen is page

    play(scenario)


def test_the_palette_says_why_not() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("ctrl+p", *"forget")
        assert "not now: this console is read-only" in pilot.app.screen.query_one("#found").text  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert pilot.app.screen is page
        assert said(page) == "remove: this console is read-only"

    play(scenario, read_only=True)


def test_the_detail_of_a_row_and_back() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("j", "enter")
        assert isinstance(pilot.app.screen, DetailScreen)
        text = pilot.app.screen.query_one("#lines").text  # type: ignore[attr-defined]
        assert "vc-02.lab" in text
        assert "the connection was refused" in " ".join(text.split())
        await pilot.press("escape")
        assert pilot.app.screen is page

    play(scenario)


def test_a_detail_behind_a_dialog_is_not_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual would paint the dialog anew for each of its lines."""

    async def scenario(pilot: Pilot[int], page: Page) -> None:
        console, painted = page.app, []
        await pilot.press("enter", "e")
        *_, detail, form = console.screen_stack
        assert isinstance(detail, DetailScreen)
        assert console.screen is form
        await pilot.pause()  # its own last paint
        monkeypatch.setattr(console, "_display", lambda *what: painted.append(what))
        page.table.show([replace(ENDPOINTS[0], state="stale", latency=2.5)])
        detail._tick()
        await pilot.pause()
        assert "2.5s" in detail.query_one(Lines).text
        assert painted == []

    play(scenario)


@pytest.mark.parametrize(("columns", "keys", "room"), [(80, ("enter",), 76), (160, (), 76), (160, ("enter",), 156)])
def test_a_detail_is_as_wide_as_there_is_room(columns: int, keys: tuple[str, ...], room: int) -> None:
    why = " ".join(["refused"] * 60)

    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("r", *keys)
        await pilot.pause()
        shown = pilot.app.screen.query_one("#lines" if keys else "#detail", Lines)
        longest = max(map(len, shown.text.splitlines()))
        assert room - len(" refused") < longest <= min(room, shown.size.width)

    play(scenario, (replace(ENDPOINTS[1], error=why),), size=(columns, 48))


# The table


def test_a_filter_is_typed_kept_left_and_taken_away() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("/", *"state:ready")
        assert names(page) == ["vc-01.lab"]
        await pilot.press("enter")
        assert "1 of 4" in line(page, "view")
        await pilot.press("/", *" !vc")
        assert names(page) == []
        await pilot.press("escape")
        assert names(page) == ["vc-01.lab"], "esc leaves the filter as it was"
        await pilot.press("escape")
        assert len(names(page)) == 4

    play(scenario)


def test_a_filter_that_fits_nothing_says_so() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("/", *"state:mars[(*", "enter")
        assert "Nothing fits the filter state:mars[(*; there are 4 without it." in line(page, "notice")
        await pilot.press("escape")
        assert len(names(page)) == 4
        assert not page.has_class("-notice")
        await pilot.press("j")
        assert page.row == ENDPOINTS[1]

    play(scenario)


def test_a_refusal_is_shown_whole_whatever_its_length() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        why = "its SHA256 is " + "5" * 64 + ", expected " + "9" * 64
        page.refused(Unreachable("cannot use", on="/srv/ova/zcore-13.5.ova", why=why))
        await pilot.pause()
        shown = page.query_one(MessageLine)
        assert shown.size.height == 3
        assert "".join(shown.render_line(2).text.split()).endswith("9" * 64)
        await pilot.press("escape")
        await pilot.pause()
        assert shown.size.height == 1
        assert pilot.app.screen is page, "esc took the message first"

    play(scenario)


def test_a_filter_that_hides_every_row_is_the_reason() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("/", *"mars", "enter", "X")
        assert said(page) == "remove: the filter hides every row; esc shows them"
        await pilot.press("escape", "2", "1")
        assert said(page) == "", "what was said is over when one comes back"

    play(scenario)


def test_sort_goes_through_the_columns_and_turns_round() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        columns = page.view.columns
        for column in columns:
            await pilot.press("s")
            assert f"by {column.title.lower()}" in line(page, "view")
        await pilot.press("s")
        assert "by " not in line(page, "view")
        await pilot.press("s", "o")
        assert names(page) == sorted((row.name for row in ENDPOINTS), reverse=True)

    play(scenario)


def test_the_cursor_moves_by_letters_and_by_arrows() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        async def at(*keys: str) -> int:
            await pilot.press(*keys)
            return MANY.index(page.row)  # type: ignore[arg-type]

        assert [await at("j"), await at("down"), await at("k"), await at("up"), await at("up")] == [1, 2, 1, 0, 0]
        assert [await at("G"), await at("j"), await at("g")] == [99, 99, 0]
        assert [await at("end"), await at("home")] == [99, 0]
        half = await at("ctrl+d")
        assert 5 < half < 15
        assert [await at("pagedown"), await at("ctrl+u"), await at("pageup")] == [2 * half, half, 0]

    play(scenario, MANY)


def test_marks_one_by_one_and_by_range() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("space", "j", "v", "j", "j", "v", "j", "j")
        assert [row.id for row in page.rows] == [0, 2, 3, 4]
        assert "4 marked" in line(page, "view")
        await pilot.press("g", "space")
        assert [row.id for row in page.rows] == [2, 3, 4]

    play(scenario, MANY)


# Copy, refresh, pause


def test_copy_takes_the_name_or_the_whole_error() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("y")
        assert page.app.clipboard == "vc-01.lab"
        assert said(page) == "copied: vc-01.lab"
        await pilot.press("j", "y")
        assert page.app.clipboard.startswith(ENDPOINTS[1].error)
        refusal = Unreachable("cannot reach", on="vc-02.lab", why="line one\nline two")
        page.refused(refusal)
        await pilot.press("y")
        assert page.app.clipboard == str(refusal)

    play(scenario)


def test_an_error_that_something_else_was_said_after_is_not_copied_any_more() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        page.refused(Unreachable("cannot reach", on="vc-02.lab", why="it is away"))
        await pilot.press("r", "y")
        assert page.app.clipboard == "vc-01.lab"

    play(scenario)


def test_there_is_nothing_to_copy() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("y")
        assert said(page) == "nothing to copy"
        assert page.app.clipboard == ""

    play(scenario, ())


def test_the_error_of_a_page_can_be_copied() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("y")
        assert page.app.clipboard == "cannot open the store /srv/slipway.db"

    console = fixed(FixedFeed({"endpoints": Unreachable("cannot open the store", on="/srv/slipway.db")}))

    async def run() -> None:
        async with console.run_test() as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "error", "the error")
            assert console.page is not None
            await scenario(pilot, console.page)

    asyncio.run(run())


def test_refresh_reads_again() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        feed = page.app.feed
        assert isinstance(feed, FixedFeed)
        feed.rows = {"endpoints": ENDPOINTS[:1]}
        await pilot.press("r")
        await until(page.app, lambda: names(page) == ["vc-01.lab"], "the new rows")
        assert said(page) == "reading everything again"

    play(scenario)


def test_paused_nothing_moves_until_it_goes_on() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("p")
        assert "[paused: p goes on]" in line(page, "place")
        other = (replace(ENDPOINTS[0], state="stale"),)
        page.app.post_message(PageRead("endpoints", other, IDLE, NOW))
        await pilot.pause()
        assert page.table.rows == list(ENDPOINTS) or tuple(page.table.rows) == ENDPOINTS
        await pilot.press("j")
        assert page.row == ENDPOINTS[1], "one can still look around"
        feed = page.app.feed
        assert isinstance(feed, FixedFeed)
        feed.rows = {"endpoints": other}
        await pilot.press("p")
        await until(page.app, lambda: tuple(page.table.rows) == other, "the rows that had come meanwhile")
        assert "paused" not in line(page, "place")

    play(scenario)


def test_paused_a_page_that_was_never_read_is_read_once() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("p", "4")
        await until(page.app, lambda: page.app.page is not page and page.app.page.standing == "empty", "the other page")
        assert "[paused: p goes on]" in line(page.app.page, "place")

    play(scenario)


# Themes, screenshot, quit


def test_themes_in_turn() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        seen = []
        for _ in range(3):
            await pilot.press("t")
            seen.append((page.app.theme, said(page)))
        assert seen == [
            ("slipway-light", "theme: light"),
            ("ansi-dark", "theme: 16"),
            ("slipway-dark", "theme: dark"),
        ]

    play(scenario, theme="dark")


def test_without_colours_there_is_no_theme_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def scenario(pilot: Pilot[int], page: Page) -> None:
        before = page.app.theme
        await pilot.press("t")
        assert page.app.theme == before
        assert said(page) == "NO_COLOR is set: there are no colours to choose from"

    play(scenario)


def test_a_screenshot_is_a_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("S")
        assert said(page) == f"wrote {tmp_path / 'slipway-20261121-093000.svg'}"

    play(scenario)
    (written,) = tmp_path.iterdir()
    assert "vc-01.lab" in written.read_text()


def test_a_screenshot_that_cannot_be_written_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slipway-20261121-093000.svg").mkdir()

    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("S")
        assert said(page) == "cannot write slipway-20261121-093000.svg: Is a directory"

    play(scenario)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_quitting_says_that_jobs_go_on(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press(key)

    console = play(scenario)
    assert console.return_code == 0
    assert "3 jobs go on without this console" in " ".join(capsys.readouterr().err.split())


def test_whoever_quits_twice_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        page.app.action_do("quit")
        page.app.action_do("quit")

    play(scenario)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("jobs go on") == 1
    assert "errors" not in told
