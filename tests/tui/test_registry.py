"""The registry of actions: every one is done by somebody, has keys of its own, is told everywhere, and says why not."""

import ast
import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import FixedFeed, fixed, until
from tests.tui.pilots import BAD_INPUT, HAPPY
from tests.tui.rows import ROWS
from tui import keys
from tui.actions import ACTIONS, BY_ID, PLACES, Action, Scope, on_page, shown_key
from tui.app import Console
from tui.screens.page import Page
from tui.screens.palette import Palette
from tui.widgets.lines import Lines

OWN = [action for action in ACTIONS if action.scope in PLACES]
WRITING = [action for action in ACTIONS if action.writes]
HERE = Path(__file__).parent


def name(action: Action) -> str:
    return action.id


def page_class(place: str) -> type[Page]:
    return type(Console.MODES[place]())


def play(
    console: Console, place: str, scenario: Callable[[Pilot[int], Page], Awaitable[None]], standing: str = "ready"
) -> None:
    """The scenario on that page, once it is in that state."""

    async def run() -> None:
        async with console.run_test(size=(120, 40)) as pilot:
            await until(console, lambda: console.page is not None and console.page.is_mounted, "the first page")
            await pilot.press(PLACES[place])
            await until(
                console,
                lambda: console.page is not None and (console.page.place, console.page.standing) == (place, standing),
                f"{place}: {standing}",
            )
            assert console.page is not None
            await scenario(pilot, console.page)

    asyncio.run(run())


def said(page: Page) -> str:
    return "".join(text for text, _ in page.message)


# What the registry says


def test_ids_are_unique() -> None:
    assert [one for one, times in Counter(action.id for action in ACTIONS).items() if times > 1] == []


@pytest.mark.parametrize("place", PLACES)
def test_no_key_stands_for_two_actions(place: str) -> None:
    scopes = (place, Scope.TABLE, Scope.EVERYWHERE)
    used = Counter(key for action in ACTIONS if action.scope in scopes for key in action.keys)
    assert [key for key, times in used.items() if times > 1] == []


@pytest.mark.parametrize("action", ACTIONS, ids=name)
def test_single_lower_case_letters_never_destroy(action: Action) -> None:
    if action.danger:
        assert action.writes
        assert all(key.isupper() for key in action.keys)


@pytest.mark.parametrize("place", PLACES)
def test_the_best_keys_of_a_page_have_an_order(place: str) -> None:
    order = [action.footer for action in on_page(place) if action.footer]
    assert sorted(order) == list(range(1, len(order) + 1))


@pytest.mark.parametrize("action", ACTIONS, ids=name)
def test_every_action_is_done_by_its_page_or_by_the_console(action: Action) -> None:
    if action.id.startswith("go."):
        assert action.id.removeprefix("go.") in Console.MODES
        return
    owner: list[type] = [page_class(action.scope)] if action.scope in PLACES else [Page]
    if action.scope == Scope.EVERYWHERE:
        owner.append(Console)
    assert any(hasattr(one, action.method) for one in owner)


@pytest.mark.parametrize("place", PLACES)
def test_a_page_has_the_keys_of_its_actions(place: str) -> None:
    bound = {
        binding.id: key for key, some in page_class(place)._merged_bindings.key_to_bindings.items() for binding in some
    }
    wanted = {action.id for action in ACTIONS if action.scope in (place, Scope.TABLE)}
    assert wanted <= set(bound)


def test_the_document_of_the_keys_is_made_of_the_registry() -> None:
    assert keys.DOCUMENT.read_text() == keys.page(), "run: make docs"


# Told everywhere


@pytest.mark.parametrize("place", PLACES)
def test_help_tells_every_action_of_the_page(place: str) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("?")
        text = pilot.app.screen.query_one(Lines).text
        lines, words = text.splitlines(), " ".join(text.split())
        for action in ACTIONS:
            if action.scope in (place, Scope.TABLE, Scope.EVERYWHERE):
                shown = " ".join(shown_key(key) for key in action.keys)
                assert any(shown in line and action.label in line for line in lines), action.id
                assert action.help in words, action.id
        await pilot.press("escape")
        assert pilot.app.screen is page

    play(fixed(FixedFeed({place: ROWS[place]})), place, scenario)


@pytest.mark.parametrize("place", PLACES)
def test_the_palette_finds_every_action_of_the_page(place: str) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("ctrl+p")
        palette = pilot.app.screen
        assert isinstance(palette, Palette)
        found = {action.id for action in palette._all}
        assert found == {one.id for one in ACTIONS if one.scope in (place, Scope.TABLE, Scope.EVERYWHERE)}

    play(fixed(FixedFeed({place: ROWS[place]})), place, scenario)


def test_the_palette_takes_what_was_chosen() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("ctrl+p", *"order round", "up", "down", "enter")
        assert page.table.reverse == (page.table.sorted_by is not None)
        await pilot.press("s", "ctrl+p", *"order round", "enter")
        assert page.table.reverse
        await pilot.press("ctrl+p", *"mars")
        assert "nothing of that name" in pilot.app.screen.query_one(Lines).text
        await pilot.press("enter")
        assert pilot.app.screen is page

    play(fixed(FixedFeed({"endpoints": ROWS["endpoints"]})), "endpoints", scenario)


# Not now


async def press(pilot: Pilot[int], page: Page, action: Action) -> None:
    """Press the action's first key; nothing may open and nothing be asked of the engine."""
    feed = page.app.feed
    assert isinstance(feed, FixedFeed)
    before = len(feed.asked)
    await pilot.press(action.keys[0])
    await pilot.pause()
    assert pilot.app.screen is page, f"{action.id} opened {pilot.app.screen}"
    assert len(feed.asked) == before


@pytest.mark.parametrize("action", WRITING, ids=name)
def test_nothing_can_be_changed_from_a_read_only_console(action: Action) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await press(pilot, page, action)
        why = page.why_not(action)
        assert why
        assert said(page) == f"{action.label}: {why}"
        assert action.label not in page.query_one("#keys").text.split()  # type: ignore[attr-defined]

    place = str(action.scope)
    play(fixed(FixedFeed({place: ROWS[place]}), read_only=True), place, scenario)


NEED_NO_ROW = {
    "endpoint.add",
    "template.stage",
    "deploy.new",
    "setting.flag",
    "setting.add",
    "log.source",
    "log.follow",
    "component.import",
}
"""Actions of pages that can be taken where there is no row; their other reasons are told in the tests of their page."""


@pytest.mark.parametrize("action", [one for one in OWN if one.id not in NEED_NO_ROW], ids=name)
def test_what_needs_a_row_says_so_where_there_is_none(action: Action) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        why = page.why_not(action)
        assert why
        await press(pilot, page, action)
        assert said(page) == f"{action.label}: {why}"

    place = str(action.scope)
    play(fixed(FixedFeed({place: ()})), place, scenario, "empty")


@pytest.mark.parametrize(
    "action", [one for one in ACTIONS if one.scope == Scope.TABLE and one.id != "filter"], ids=name
)
def test_a_table_without_rows_says_so(action: Action) -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await press(pilot, page, action)
        assert said(page).startswith(f"{action.label}: there is no row")

    play(fixed(FixedFeed({"endpoints": ()})), "endpoints", scenario, "empty")


def test_reverse_says_that_there_is_no_order_yet() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await press(pilot, page, BY_ID["reverse"])
        assert said(page) == "Reverse: s sorts by a column first"

    play(fixed(FixedFeed({"endpoints": ROWS["endpoints"]})), "endpoints", scenario)


@pytest.mark.parametrize("action", [one for one in ACTIONS if one.scope == Scope.EVERYWHERE], ids=name)
def test_keys_are_typed_where_something_is_typed(action: Action) -> None:
    """What is the same everywhere is never forbidden, only its keys are text while one types."""

    async def scenario(pilot: Pilot[int], page: Page) -> None:
        await pilot.press("slash")
        prompt = pilot.app.screen
        letters = [key for key in action.keys if len(shown_key(key)) == 1]
        await pilot.press(*letters)
        assert pilot.app.screen is prompt
        assert page.table.filter.text == "".join(map(shown_key, letters))

    play(fixed(FixedFeed({"endpoints": ROWS["endpoints"]})), "endpoints", scenario)


# Keys of one's own


def test_a_key_of_ones_own_is_used_and_told() -> None:
    async def scenario(pilot: Pilot[int], page: Page) -> None:
        footer = page.query_one("#keys").text  # type: ignore[attr-defined]
        assert "w filter" in footer
        assert "ctrl+q quit" in footer
        await pilot.press("slash")
        assert pilot.app.screen is page
        await pilot.press("w", *"vc", "enter")
        assert page.table.filter.text == "vc"
        await pilot.press("?")
        text = pilot.app.screen.query_one(Lines).text
        assert any(line.split()[:2] == ["w", "Filter"] for line in text.splitlines())
        await pilot.press("escape", "ctrl+q")

    own = {"filter": "w", "quit": "ctrl+q"}
    console = fixed(FixedFeed({"endpoints": ROWS["endpoints"]}), keys=own)
    play(console, "endpoints", scenario)
    assert console.return_code == 0


# Complete


def functions_of(path: Path) -> set[str]:
    return {one.name for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef)}


def test_every_action_is_piloted() -> None:
    assert set(HAPPY) == set(BY_ID)


@pytest.mark.parametrize("test", sorted({*HAPPY.values(), *BAD_INPUT.values()}))
def test_the_pilots_are_there(test: str) -> None:
    file, function = test.split("::")
    assert function in functions_of(HERE / file)


TAKE_INPUT = {
    "export",
    "jump",
    "filter",
    "palette",
    "endpoint.add",
    "endpoint.edit",
    "template.stage",
    "deploy.new",
    "setting.edit",
    "setting.add",
    "component.import",
    "component.file",
} | {action.id for action in ACTIONS if action.danger}
"""Actions that ask for something: what is typed wrong is refused, and nothing is done."""


def test_every_action_that_takes_input_is_piloted_with_bad_input() -> None:
    assert set(BAD_INPUT) == TAKE_INPUT
