"""Keys that come all at once go where they would have gone one by one."""

import asyncio
from typing import Any

from textual.events import Key, Paste
from textual.widgets import Input

from engine.console.endpoints import Standing
from engine.errors import Unreachable
from tests.tui.conftest import FixedFeed, fixed, until
from tests.tui.rows import ENDPOINTS, ROWS
from tests.tui.waiting import Waiting
from tui.app import Console
from tui.screens.confirm import Confirm
from tui.screens.form import Form

KEYS = {"\n": "enter", "/": "slash", "\x1b": "escape", "?": "question_mark"}


def at_once(console: Console, text: str) -> None:
    """As a line delivers them that was stuck for a while."""
    for one in text:
        console.post_message(Key(KEYS.get(one, one), one if one.isprintable() else None))


def play(text: str, feed: FixedFeed, check: Any, what: str) -> None:
    async def run() -> None:
        console = fixed(feed)
        async with console.run_test(size=(80, 24)):
            await until(console, lambda: console.page is not None and console.page.standing == "ready", "the page")
            at_once(console, text)
            await until(console, lambda: check(console), what)

    asyncio.run(run())


def test_a_form_is_opened_and_filled_in() -> None:
    def filled(console: Console) -> bool:
        if not isinstance(console.screen, Form) or not console.screen.query(Input):
            return False
        values = console.screen.values
        return (values["name"], values["host"], values["username"]) == ("vc09", "10.0.0.9", "lab")

    play("avc09\n10.0.0.9\nlab\n", FixedFeed({"endpoints": ROWS["endpoints"]}), filled, "three fields filled in")


def test_a_filter_is_typed_entered_and_the_next_key_is_the_tables() -> None:
    def filtered(console: Console) -> bool:
        page = console.page
        return page is not None and page.table.filter.text == "vc" and page.table.sorted_by == 0

    play("/vc\ns", FixedFeed({"endpoints": ROWS["endpoints"]}), filtered, "a filter and an order")


def test_nothing_typed_into_help_reaches_the_page() -> None:
    def sorted_once(console: Console) -> bool:
        return console.page is not None and console.screen is console.page and console.page.table.sorted_by == 0

    play("?ssss?s", FixedFeed({"endpoints": ROWS["endpoints"]}), sorted_once, "sorted by the first column only")


def test_what_is_pasted_comes_after_the_keys_before_it_and_before_those_after_it() -> None:
    def filled(console: Console) -> bool:
        if not isinstance(console.screen, Form) or not console.screen.query(Input):
            return False
        values = console.screen.values
        return (values["name"], values["host"]) == ("vc09.lab", "10.0.0.9")

    async def run() -> None:
        console = fixed(FixedFeed({"endpoints": ROWS["endpoints"]}))
        async with console.run_test(size=(80, 24)):
            await until(console, lambda: console.page is not None and console.page.standing == "ready", "the page")
            at_once(console, "av")
            console.post_message(Paste("c09"))
            at_once(console, ".lab\n")
            console.post_message(Paste("10.0.0.9"))
            await until(console, lambda: filled(console), "what was typed and pasted, in order")

    asyncio.run(run())


# What is read first


def removing(typed: str, then: Any) -> None:
    """What is typed on the endpoints page, where `X` asks first what stands on the endpoint; then the rest."""

    async def run() -> None:
        feed = Waiting({"endpoints": ENDPOINTS})
        console = fixed(feed)
        async with console.run_test(size=(80, 24)):
            await until(console, lambda: console.page is not None and console.page.standing == "ready", "the page")
            at_once(console, typed)
            await until(console, lambda: len(feed.asked) == 1, "what stands on it is asked for")
            await then(console, feed)

    asyncio.run(run())


def typed_into(console: Console) -> str:
    """What the dialog's field holds, "" as long as there is none."""
    return next((one.value for one in console.screen.query(Input)), "") if isinstance(console.screen, Confirm) else ""


STANDING = Standing(deployments=2, vms=9, claims=0, jobs=0)


def test_what_is_typed_while_a_dialogs_rows_are_read_is_for_the_dialog() -> None:
    async def then(console: Console, feed: Waiting) -> None:
        at_once(console, "lab")
        await asyncio.sleep(0)
        assert feed.done is not None
        feed.done(STANDING)
        await until(console, lambda: typed_into(console) == "vc-01.lab", "all that was typed, in the dialog")
        at_once(console, "\n")
        await until(console, lambda: len(feed.asked) == 2, "the removal")
        assert console.page is not None
        assert console.page.row is ENDPOINTS[0], "none of it has reached the page"

    removing("Xvc-01.", then)


def test_an_escape_gives_up_what_is_read_and_what_was_typed_for_it() -> None:
    async def then(console: Console, feed: Waiting) -> None:
        page = console.page
        assert page is not None
        at_once(console, "jj\x1b")
        await until(console, lambda: "left, nothing was done" in str(page.message), "that it was left")
        assert page.row is ENDPOINTS[0]
        at_once(console, "j")
        await until(console, lambda: page.row is ENDPOINTS[1], "the keys go on")
        assert feed.done is not None
        feed.done(STANDING)
        at_once(console, "j")
        await until(console, lambda: page.row is ENDPOINTS[2], "the next key")
        assert console.screen is page, "what comes late opens nothing"

    removing("X", then)


def test_an_escape_typed_along_gives_it_up_too() -> None:
    async def then(console: Console, feed: Waiting) -> None:
        page = console.page
        assert page is not None
        await until(console, lambda: page.row is ENDPOINTS[1], "the key after the escape is the page's")
        assert console.screen is page

    removing("Xjj\x1bj", then)


def test_a_refusal_lets_the_keys_go_on() -> None:
    async def then(console: Console, feed: Waiting) -> None:
        page = console.page
        assert page is not None
        at_once(console, "j")
        assert feed.refused is not None
        feed.refused(Unreachable("cannot read the store", on="/srv/slipway.db"))
        await until(console, lambda: page.row is ENDPOINTS[1], "the key that has waited")
        assert "cannot read the store" in str(page.message)

    removing("X", then)
