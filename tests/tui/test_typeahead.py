"""Keys that come all at once go where they would have gone one by one."""

import asyncio
from typing import Any

from textual.events import Key, Paste
from textual.widgets import Input

from tests.tui.conftest import FixedFeed, fixed, until
from tests.tui.rows import ROWS
from tui.app import Console
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
