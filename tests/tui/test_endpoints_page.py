"""Page 1 without an engine: what an operator sees and can do."""

import asyncio

from tests.tui.conftest import FixedFeed, fixed, until


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
