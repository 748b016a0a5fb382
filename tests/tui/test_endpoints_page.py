"""Page 1 without an engine: what an operator sees and can do."""

import asyncio

import pytest
from textual.widgets import Input

from engine.errors import CertificateRefused, LoginRefused
from tests.tui.conftest import FixedFeed, fixed, until
from tests.tui.rows import ROWS
from tui.screens.confirm import Confirm
from tui.screens.form import Form
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines


def test_an_empty_store_leads_the_newcomer() -> None:
    async def scenario() -> None:
        console = fixed(FixedFeed({"endpoints": ()}))
        async with console.run_test(size=(80, 24)):
            await until(console, lambda: console.page is not None and console.page.standing == "empty", "empty page")
            assert console.page is not None
            notice = console.page.query_one("#notice")
            assert "add an endpoint" in notice.text
            assert "slipway demo" in notice.text

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 48)])
def test_what_is_asked_is_in_view_on_every_terminal(size: tuple[int, int]) -> None:
    unknown = CertificateRefused("no", on="vc01.lab:443", why="self-signed certificate", fingerprint="ab" * 32)

    async def scenario() -> None:
        console = fixed(FixedFeed({"endpoints": ROWS["endpoints"]}, answer=unknown))
        async with console.run_test(size=size) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "ready", "the rows")
            await pilot.press("a", "ctrl+s")
            await until(console, lambda: isinstance(console.screen, Confirm), "the certificate")
            await pilot.pause()
            confirm = console.screen
            for part in ("#question", "#typed"):
                region = confirm.query_one(part).region
                assert region.height == 1
                assert region in confirm.region
            lines = confirm.query_one(Lines)
            assert ":".join(["AB"] * 8) in lines.text
            assert "accepted from now on." in " ".join(lines.text.split())
            while lines.scroll_offset.y < lines.max_scroll_y:
                before = lines.scroll_offset.y
                await pilot.press("down")
                await until(console, lambda before=before: lines.scroll_offset.y > before, "scrolled")  # type: ignore[misc]
            assert console.focused is confirm.query_one(Input)

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 48)])
def test_what_is_wrong_is_in_view_on_every_terminal(size: tuple[int, int]) -> None:
    refused = LoginRefused(
        "cannot log in as slipway@vsphere.local at",
        on="vc01.lab.example.com:443",
        why="wrong user name or password",
        fix="check user name and password before you repeat it, accounts lock; nothing was stored",
    )

    async def scenario() -> None:
        console = fixed(FixedFeed({"endpoints": ROWS["endpoints"]}, answer=refused))
        async with console.run_test(size=size) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "ready", "the rows")
            await pilot.press("a", "ctrl+s")
            form = console.screen
            assert isinstance(form, Form)
            wrong = form.query_one("#wrong", Lines)
            await until(console, lambda: "nothing was stored" in " ".join(wrong.text.split()), "what is wrong")
            await pilot.pause()
            assert wrong.region.height == len(wrong.text.splitlines())
            assert max(map(len, wrong.text.splitlines())) <= wrong.region.width - 2
            keys = form.query_one("#keys", FrameLine)
            assert keys.region in form.region
            assert wrong.region in form.region
            assert form.focused is form.query_one("#password")
            assert form.query_one("#password").region in form.query_one("#fields").region

    asyncio.run(scenario())
