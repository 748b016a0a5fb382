"""Page 1 on a real store and a simulated vCenter: add, edit, check, remove, by the keyboard."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.cancel import Cancel
from engine.console import endpoints as console_endpoints
from engine.console import observer
from engine.console.desk import Desk, open_desk
from engine.endpoints.findings import Finding
from engine.errors import Cancelled, SlipwayError
from engine.simulator.launcher import Simulator
from engine.site import open_site
from engine.staging import claims
from engine.staging.templates import staging_folder
from engine.vsphere.vms import vms_in_folder
from storage import deployments, endpoints
from storage.endpoints import NewEndpoint
from storage.store import Store
from tests.tui.conftest import live, until
from tui.app import Console
from tui.screens.confirm import Confirm
from tui.screens.findings import FindingsScreen
from tui.screens.form import Form
from tui.widgets.choice import Choice
from tui.widgets.lines import Lines

PASSWORD, WRONG = "of the lab", "of another lab"


@pytest.fixture(scope="module")
def vcenter() -> Iterator[Simulator]:
    with Simulator.start(username="admin", password=PASSWORD, folders=("labs",)) as running:
        yield running


@pytest.fixture
def vc01(store: Store, vcenter: Simulator) -> Store:
    """The store with the endpoint vc01."""
    endpoints.add(store, place(vcenter), PASSWORD)
    return store


def place(vcenter: Simulator, **other: Any) -> NewEndpoint:
    known: dict[str, Any] = {
        "name": "vc01",
        "host": vcenter.host,
        "port": vcenter.port,
        "username": "admin",
        "datacenter": "DC0",
        "resource_pool": "DC0_C0",
        "datastore": "LocalDS_0",
        "vmfolder": "labs",
        "network": "VM Network",
        "pin": vcenter.fingerprint,
    }
    return NewEndpoint(**(known | other))


def filled(vcenter: Simulator, **other: str) -> dict[str, str]:
    """What an operator types for vc01."""
    known = {
        "name": "vc01",
        "host": f"{vcenter.host}:{vcenter.port}",
        "username": "admin",
        "password": PASSWORD,
        "datacenter": "DC0",
        "resource_pool": "DC0_C0",
        "datastore": "LocalDS_0",
        "vmfolder": "labs",
    }
    return known | other


Scenario = Callable[[Pilot[int], Console], Awaitable[None]]


def play(store: Store, scenario: Scenario, **options: Any) -> None:
    """The scenario, once the page shows what the store has."""
    wanted = "ready" if endpoints.listing(store) else "empty"

    async def run() -> None:
        console = live(Path(store.address), **options)
        async with console.run_test(size=(80, 24)) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == wanted, wanted)
            try:
                await scenario(pilot, console)
            finally:
                console.feed.stop()

    asyncio.run(run())


async def fill(pilot: Pilot[int], given: dict[str, str]) -> Form:
    """Put the texts into the form that is open."""
    form: Form = await shown(pilot, Form)
    for name, text in given.items():
        widget = form.query_one(f"#{name}")
        assert isinstance(widget, Input | Choice)
        widget.value = text
    return form


async def shown(pilot: Pilot[int], kind: type[Any]) -> Any:
    """The screen of that kind, once it is there."""
    console = pilot.app
    assert isinstance(console, Console)
    await until(console, lambda: isinstance(console.screen, kind) and console.screen.is_mounted, kind.__name__)
    return console.screen


async def said(console: Console, words: str) -> str:
    """The message line, once it has these words."""
    page = console.page
    assert page is not None

    def message() -> str:
        return "".join(text for text, _ in page.message)

    await until(console, lambda: words in message(), f"{words!r} said", 20)
    return message()


async def told(form: Form, console: Console, words: str) -> str:
    """What the form says is wrong, once it has these words."""
    lines = form.query_one("#wrong", Lines)
    await until(console, lambda: words in " ".join(lines.text.split()), f"{words!r} told", 20)
    return " ".join(lines.text.split())


# Add


def test_add_with_consent_to_the_certificate(store: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("a")
        await shown(pilot, Form)
        for text in filled(vcenter).values():
            await pilot.press(*text, "enter")
        await pilot.press("ctrl+s")
        confirm = await shown(pilot, Confirm)
        lines = confirm.query_one(Lines).text
        assert f"{vcenter.host}:{vcenter.port}" in lines
        assert "self-signed" in lines or "unable to get" in lines or "not trusted" in lines
        assert vcenter.fingerprint == "".join(
            line.split()[-1].replace(":", "").lower() for line in lines.splitlines() if line.count(":") == 7
        )
        assert endpoints.listing(store) == []
        await pilot.press(*"trust", "enter")
        await said(console, "added vc01: c checks all that it needs")
        await until(console, lambda: console.page is not None and console.page.row is not None, "the row")

    play(store, scenario)
    added = endpoints.get(store, "vc01")
    assert added.pin == vcenter.fingerprint
    assert (added.vmfolder, added.network, added.instance_uuid) == ("labs", None, vcenter.instance_uuid)


def test_consent_is_asked_for_once_although_the_password_was_wrong(store: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("a")
        form = await fill(pilot, filled(vcenter) | {"password": "wrong"})
        await pilot.press("ctrl+s")
        await shown(pilot, Confirm)
        await pilot.press(*"trust", "enter")
        await told(form, console, "wrong user name or password")
        await pilot.press("ctrl+u", *PASSWORD, "ctrl+s")
        await said(console, "added vc01: c checks all that it needs")

    play(store, scenario)
    assert endpoints.get(store, "vc01").pin == vcenter.fingerprint


def test_a_certificate_that_is_not_consented_to_changes_nothing(store: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("a")
        form = await fill(pilot, filled(vcenter))
        await pilot.press("ctrl+s")
        confirm = await shown(pilot, Confirm)
        await pilot.press(*"yes", "enter")
        assert "not trust" in confirm.query_one("#error").text
        await pilot.press("escape")
        await told(form, console, "not trusted: nothing was stored")
        assert form.values["password"] == PASSWORD
        await pilot.press("escape")

    logins = vcenter.admin.counters().calls.get("Login", 0)
    play(store, scenario)
    assert endpoints.listing(store) == []
    assert vcenter.admin.counters().calls.get("Login", 0) == logins


@pytest.mark.parametrize(
    ("other", "field", "words"),
    [
        ({"name": ""}, "name", "1 to 64 characters"),
        ({"name": "vc 01"}, "name", "none of them a space"),
        ({"host": "https://vc01"}, "host", "it is a URL or a path"),
        ({"host": "vc01:99999"}, "host", "is not a port"),
        ({"username": " "}, "username", "the username: it is empty"),
        ({"password": ""}, "password", "no password: it is empty"),
        ({"resource_pool": ""}, "resource_pool", "the resource pool: it is empty"),
        ({"trust": "this fingerprint only", "proof": "5f:1c"}, "proof", "it is not 64 hex digits"),
        ({"trust": "this authority's file", "proof": "/nowhere.pem"}, "proof", "No such file"),
        ({"trust": "this authority's file"}, "proof", "no file"),
        ({"proof": "5f:1c"}, "trust", "choose which"),
    ],
)
def test_bad_input_is_told_at_its_field(
    store: Store, vcenter: Simulator, other: dict[str, str], field: str, words: str
) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("a")
        form = await fill(pilot, filled(vcenter) | other)
        await pilot.press("ctrl+s")
        await told(form, console, words)
        assert form.focused is form.query_one(f"#{field}")

    play(store, scenario)
    assert endpoints.listing(store) == []


def test_what_the_server_refuses_is_told_and_the_form_stays(vc01: Store, vcenter: Simulator) -> None:
    pin = {"trust": "this fingerprint only", "proof": vcenter.fingerprint}

    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("a")
        form = await fill(pilot, filled(vcenter) | pin)
        await pilot.press("ctrl+s")
        await told(form, console, "the name is taken")
        assert form.focused is form.query_one("#name")
        await fill(pilot, {"name": "vc02", "password": WRONG})
        await pilot.press("ctrl+s")
        text = await told(form, console, "nothing was stored")
        assert "wrong user name or password" in text
        assert WRONG not in text
        assert form.focused is form.query_one("#password")
        await fill(pilot, {"password": PASSWORD, "proof": "ab" * 32})
        await pilot.press("ctrl+s")
        await told(form, console, "not the pinned one")
        assert form.focused is form.query_one("#proof")
        await fill(pilot, {"host": "127.0.0.1:1"})
        await pilot.press("ctrl+s")
        await told(form, console, "connection refused")
        assert form.focused is form.query_one("#host")
        await fill(pilot, filled(vcenter, name="vc02", datastore="LocalDS_9") | pin)
        await pilot.press("ctrl+s")
        assert "LocalDS_9" in await said(console, "added vc02; vCenter lacks datastore")

    play(vc01, scenario)
    assert [one.name for one in endpoints.listing(vc01)] == ["vc01", "vc02"]


def test_any_certificate_is_accepted_on_consent_only(store: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("a")
        form = await fill(pilot, filled(vcenter, trust="any certificate (insecure)"))
        await pilot.press("ctrl+s")
        confirm = await shown(pilot, Confirm)
        assert "anybody on the way" in confirm.query_one(Lines).text
        await pilot.press("escape")
        await told(form, console, "nothing was stored")
        await pilot.press("ctrl+s")
        await shown(pilot, Confirm)
        await pilot.press(*"trust", "enter")
        await said(console, "added vc01")

    play(store, scenario)
    assert endpoints.get(store, "vc01").insecure


def test_a_form_that_was_left_opens_nothing_any_more(store: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            await pilot.press("a")
            await fill(pilot, filled(vcenter, host=f"127.0.0.1:{silent.getsockname()[1]}"))
            await pilot.press("ctrl+s", "escape")
            await until(console, lambda: console.screen is console.page, "the page")
            silent.accept()[0].close()
            await said(console, "cannot reach 127.0.0.1")
        assert console.screen is console.page

    play(store, scenario)
    assert endpoints.listing(store) == []


# Edit


def test_edit_sends_only_what_has_changed(vc01: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("e")
        form = await shown(pilot, Form)
        assert form.values["host"] == f"{vcenter.host}:{vcenter.port}"
        assert form.values["password"] == ""
        assert form.values["trust"] == "as it is: pinned"
        await pilot.press("ctrl+s")
        await told(form, console, "Nothing is different")
        endpoints.update(vc01, "vc01", datastore="LocalDS_1")  # somebody else, meanwhile
        await fill(pilot, {"network": "DC0_DVPG0"})
        await pilot.press("ctrl+s")
        await said(console, "changed vc01; vCenter lacks")

    play(vc01, scenario)
    changed = endpoints.get(vc01, "vc01")
    assert (changed.network, changed.datastore, changed.pin) == ("DC0_DVPG0", "LocalDS_1", vcenter.fingerprint)
    assert endpoints.password(vc01, changed) == PASSWORD


def test_edit_asks_for_signatures(vc01: Store) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("e")
        form = await shown(pilot, Form)
        assert form.values["signatures"] == "warn"
        await fill(pilot, {"signatures": "require"})
        await pilot.press("ctrl+s")
        await said(console, "changed vc01")
        page = console.page
        assert page is not None
        await until(console, lambda: page.row is not None and page.row.signatures == "require", "what is asked for")

    play(vc01, scenario)
    assert endpoints.get(vc01, "vc01").signatures == "require"


def test_edit_of_a_refused_password(vc01: Store, vcenter: Simulator) -> None:
    endpoints.update(vc01, "vc01", password=WRONG)

    async def scenario(pilot: Pilot[int], console: Console) -> None:
        page = console.page
        assert page is not None
        await until(console, lambda: page.row is not None and page.row.state == "login refused", "login refused")
        assert "e edits" in str(page.view.cells(page.row, console.clock()))
        await pilot.press("e")
        form = await fill(pilot, {"password": "still wrong"})
        await pilot.press("ctrl+s")
        await told(form, console, "wrong user name or password")
        await fill(pilot, {"password": PASSWORD})
        await pilot.press("ctrl+s")
        await said(console, "changed vc01")
        await until(console, lambda: page.row is not None and page.row.state == "ready", "ready again")

    before = vcenter.admin.counters().calls.get("Login", 0)
    play(vc01, scenario)
    # The observer with the wrong one, the two that were typed, the observer again: nothing by itself.
    assert vcenter.admin.counters().calls["Login"] - before == 4


def test_another_certificate_needs_consent_again(vc01: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("e")
        form = await fill(pilot, {"host": f"localhost:{vcenter.port}"})
        await pilot.press("ctrl+s")
        await shown(pilot, Confirm)
        await pilot.press("escape")
        await told(form, console, "nothing was stored")
        assert endpoints.get(vc01, "vc01").host == vcenter.host
        await pilot.press("ctrl+s")
        await shown(pilot, Confirm)
        await pilot.press(*"trust", "enter")
        await said(console, "changed vc01")

    play(vc01, scenario)
    changed = endpoints.get(vc01, "vc01")
    assert (changed.host, changed.pin) == ("localhost", vcenter.fingerprint)


@pytest.mark.parametrize(
    ("other", "field", "words"),
    [
        ({"host": "vc01/sdk"}, "host", "it is a URL or a path"),
        ({"datacenter": ""}, "datacenter", "the datacenter: it is empty"),
        ({"trust": "this fingerprint only"}, "proof", "no fingerprint"),
    ],
)
def test_bad_input_of_an_edit_changes_nothing(vc01: Store, other: dict[str, str], field: str, words: str) -> None:
    before = endpoints.get(vc01, "vc01")

    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("e")
        form = await fill(pilot, other)
        await pilot.press("ctrl+s")
        await told(form, console, words)
        assert form.focused is form.query_one(f"#{field}")

    play(vc01, scenario)
    after = endpoints.get(vc01, "vc01")
    assert (after.host, after.datacenter, after.pin) == (before.host, before.datacenter, before.pin)


# Check


def test_check_shows_what_it_finds_and_tries_it_out(vc01: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("c")
        screen = await shown(pilot, FindingsScreen)
        await ended(console, screen)
        lines = screen.query_one("#lines", Lines)
        await until(console, lambda: lines.max_scroll_y > 0 and lines.scroll_offset.y == 0, "its beginning in view")
        text = lines.text
        assert "o ok       connection" in text
        assert "datastore: LocalDS_0" in text
        await pilot.press("y")
        assert "endpoint vc01\nok       connection" in console.clipboard
        await pilot.press("d")
        await until(console, lambda: "deep: stage" in screen.query_one("#lines").text, "staging")
        await ended(console, screen)
        assert "deep: clone" in screen.query_one("#lines").text
        assert "missing" not in screen.query_one("#view").text
        await pilot.press("escape")
        assert console.screen is console.page

    play(vc01, scenario)


def test_check_of_one_that_does_not_answer(vc01: Store) -> None:
    endpoints.update(vc01, "vc01", port=1)

    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("c")
        screen = await shown(pilot, FindingsScreen)
        await ended(console, screen)
        assert "! missing  connection" in screen.query_one("#lines").text
        assert "deep test" not in screen.query_one("#keys").text
        await pilot.press("d")
        assert "vCenter was not reached" in screen.query_one("#message").text
        await pilot.press("r")
        await ended(console, screen)
        assert screen.query_one("#lines").text.count("! missing") == 1

    play(vc01, scenario)


def test_a_deep_test_goes_on_when_it_is_left_and_can_be_cancelled(vc01: Store, vcenter: Simulator) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("c")
        screen = await shown(pilot, FindingsScreen)
        await ended(console, screen)
        vcenter.admin.fault("CloneVM_Task", delay=2)
        await pilot.press("d")
        await until(console, lambda: "look at the template" in screen.query_one("#lines").text, "staged")
        await pilot.press("escape")
        await said(console, "the deep test of vc01 goes on; c shows it")
        await pilot.press("c")
        again = await shown(pilot, FindingsScreen)
        assert "deep: stage" in again.query_one("#lines").text
        await pilot.press("C")
        assert "removing what it made" in again.query_one("#view").text
        await ended(console, again)
        assert "left in vCenter" not in again.query_one("#lines").text

    try:
        play(vc01, scenario)
    finally:
        vcenter.admin.clear_faults()


def test_leaving_in_the_middle_of_a_deep_test_removes_what_it_made(vc01: Store, vcenter: Simulator) -> None:
    found: list[Finding] = []
    ended: list[SlipwayError] = []

    def test(desk: Desk) -> None:
        try:
            console_endpoints.try_out(desk, "vc01", Cancel(), found.append)
        except SlipwayError as error:
            ended.append(error)

    vcenter.admin.fault("CloneVM_Task", delay=2)
    try:
        with open_desk(vc01.address) as desk:
            tester = threading.Thread(target=test, args=(desk,))
            tester.start()
            deadline = time.monotonic() + 30
            while "deep: look at the template" not in [finding.name for finding in found]:
                assert time.monotonic() < deadline
                time.sleep(0.01)
    finally:
        vcenter.admin.clear_faults()
    tester.join()
    assert [type(error) for error in ended] == [Cancelled]
    assert "deep: leftovers" not in [finding.name for finding in found]
    with open_site(vc01, "vc01") as site:
        assert vms_in_folder(site.session, site.target.folder) == []
        assert staging_folder(site) is None


def test_a_read_only_console_checks_but_tries_nothing_out(vc01: Store) -> None:
    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("c")
        screen = await shown(pilot, FindingsScreen)
        await ended(console, screen)
        await pilot.press("d")
        assert "read-only" in screen.query_one("#message").text

    play(vc01, scenario, read_only=True)


async def ended(console: Console, screen: FindingsScreen) -> None:
    await until(console, lambda: bool(screen._look.found) and not screen._look.doing, "the end of the look")


# The network


def test_a_cut_network_is_seen_and_passes_by_itself(
    vc01: Store, vcenter: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "PAUSES", (0.1,))

    async def scenario(pilot: Pilot[int], console: Console) -> None:
        page = console.page
        assert page is not None

        async def becomes(state: str) -> list[str]:
            await until(console, lambda: page.row is not None and page.row.state == state, state)
            return [text for text, _ in page.view.cells(page.row, console.clock())]

        before = await becomes("ready")
        vcenter.admin.listen(False)
        await pilot.press("r")
        cut = await becomes("stale")
        assert (cut[1], cut[2], cut[6]) == ("~ stale", before[2], before[6])
        await pilot.press("enter")
        await until(console, lambda: "what to do" in console.screen.query_one("#lines", Lines).text, "the reason")
        await pilot.press("escape", "2", "1")  # nothing of it blocks
        vcenter.admin.listen(True)
        await becomes("ready")

    try:
        play(vc01, scenario)
    finally:
        vcenter.admin.listen(True)


# Remove


def test_remove_by_its_name(vc01: Store, vcenter: Simulator) -> None:
    endpoints.add(vc01, place(vcenter, name="vc02"), PASSWORD)
    vc01_id = endpoints.get(vc01, "vc01").id
    deployments.create(vc01, "lab", vc01_id, "name: lab\n", [])

    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("space", "space", "g", "X")
        confirm = await shown(pilot, Confirm)
        text = confirm.query_one(Lines).text
        assert "the records of 1 deployment" in text
        assert "everything in vCenter" in text
        assert "2 marked: only vc01" in text
        await pilot.press(*"vc02", "enter")
        assert "That is not vc01" in confirm.query_one("#error").text
        await pilot.press("escape", "X")
        await shown(pilot, Confirm)
        await pilot.press(*"vc01", "enter")
        await said(console, "removed vc01")
        page = console.page
        assert page is not None
        await until(console, lambda: [row.name for row in page.table.rows] == ["vc02"], "one row")

    play(vc01, scenario)
    assert [one.name for one in endpoints.listing(vc01)] == ["vc02"]


def test_one_that_is_at_work_is_not_removed(vc01: Store) -> None:
    endpoint = endpoints.get(vc01, "vc01")
    claim = claims.take(vc01, endpoint.id, "zcore-13.5", "stage zcore-13.5")
    assert claim is not None

    async def scenario(pilot: Pilot[int], console: Console) -> None:
        await pilot.press("X")
        await said(console, "remove vc01: 1 claim on it; 4 shows them")
        assert console.screen is console.page

    play(vc01, scenario)
    assert endpoints.get(vc01, "vc01").id == endpoint.id
