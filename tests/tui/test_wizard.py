"""The wizard without an engine: what was filled in as a profile, the plan in lines, leaving while it is planned."""

import asyncio
from dataclasses import replace

import pytest
from rich.cells import cell_len

from engine.catalog.profiles import profile_of
from engine.console.plans import Choices, PlannedVm, Preview, Problem
from engine.jobs.submit import Ordered
from tests.tui.conftest import FixedFeed, fixed, until
from tests.tui.rows import ENDPOINTS
from tests.tui.waiting import Waiting
from tui.bindings import STAYS
from tui.present import wizard
from tui.present.plan import plan
from tui.present.text import Line
from tui.present.wizard import AFTER, BESIDE, Vm
from tui.screens.plan import PlanScreen
from tui.screens.vms import VmsScreen
from tui.screens.wizard import Source, Step
from tui.widgets.line import FrameLine
from tui.widgets.lines import Lines

LAB = {
    "name": " lab01 ",
    "endpoint": "vc01",
    "domain": "lab01.lan",
    "vapp": "",
    "portgroup": "",
    "subnet": "10.1.2.0/24",
}


def text(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


# What was filled in


def test_rows_become_steps_in_order() -> None:
    vms = [Vm("zcore-1", "zcore", "2"), Vm("esxi-1", "a", "11"), Vm("esxi-1", "b", "10.1.2.12", BESIDE), Vm("nsx-1")]
    document = wizard.document({**LAB, "gateway": "10.1.2.1", "dns": "", "ntp": ""}, vms)
    profile = profile_of(document, "here")
    assert [[entry.hostname for entry in step] for step in profile.steps] == [["zcore"], ["a", "b"], ["nsx"]]
    assert [profile.address(entry) for step in profile.steps for entry in step][:3] == [
        "10.1.2.2",
        "10.1.2.11",
        "10.1.2.12",
    ]
    assert (profile.name, profile.vapp, profile.network.gateway, profile.network.dns) == (
        "lab01",
        None,
        "10.1.2.1",
        None,
    )


def test_a_variant_is_its_component_with_the_option() -> None:
    document = wizard.document(LAB, [Vm("nsx-1+big", "a", "3"), Vm("nsx-1")], {"nsx-1+big": ("nsx-1", "big")})
    assert document["components"] == [
        [{"component_uid": "nsx-1", "deployment": "big", "hostname": "a", "host_id": 3}],
        [{"component_uid": "nsx-1"}],
    ]


def test_the_first_row_is_beside_nothing() -> None:
    assert [
        len(step) for step in wizard.document(LAB, [Vm("a-1", order=BESIDE), Vm("b-1", order=BESIDE)])["components"]
    ] == [2]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        (Vm("c-1", "esxi11", "11"), Vm("c-1", "esxi12", "12", BESIDE)),
        (Vm("c-1", "esxi09", "10.1.2.9"), Vm("c-1", "esxi10", "10.1.2.10", BESIDE)),
        (Vm("c-1", "zcore", ""), Vm("c-1", "", "", BESIDE)),
    ],
)
def test_one_more_row_counts_on(above: Vm, below: Vm) -> None:
    assert wizard.next_vm(above) == below


def test_only_what_was_filled_in_replaces() -> None:
    given = {
        "file": "x",
        "name": "lab07",
        "endpoint": "",
        "domain": " ",
        "vapp": "",
        "portgroup": "pg",
        "password": "p",
    }
    assert wizard.overrides(given) == (("name", "lab07"), ("network.portgroup", "pg"))


# The plan


def preview(*problems: Problem, way: str = "staged", why: str = "") -> Preview:
    vms = tuple(PlannedVm(f"{name}.lab01.lan", "10.1.2.3", "esxi-1.0", way, why) for name in "abcde")
    profile = profile_of(wizard.document(LAB, [Vm("esxi-1.0", "a", "3")]), "here")
    return Preview(
        "lab01", "vc01", vms, ("esxi-1.0",), 3 << 20, 9 << 20, 1 << 40, problems, True, Ordered(profile, "s3cret")
    )


@pytest.mark.parametrize("width", [56, 76, 156])
def test_the_plan_tells_all_within_the_width(width: int) -> None:
    problem = Problem(
        "no portgroup named x: there is " + ", ".join(f"pg-{number}" for number in range(30)), "check the name"
    )
    lines = plan(preview(problem, way="direct", why="the template is tampered: its disks were changed"), width)
    shown = text(lines)
    assert max(sum(cell_len(text) for text, _ in line) for line in lines) <= width
    for told in (
        "1 problem",
        "pg-29",
        "check the name",
        "a, b, c and 2 more: the template",
        "3.0 MiB",
        "on at the end",
    ):
        assert told in shown
    assert "s3cret" not in shown
    assert "s3cret" not in repr(preview())


def test_the_plan_tells_where_the_vms_go_and_how_they_are_made() -> None:
    vms = (
        PlannedVm("a.lab01.lan", "10.1.2.3", "nsx-1.0+small", "staged", "", True, "vsan", "esx1"),
        PlannedVm("b.lab01.lan", "10.1.2.4", "nsx-1.0", "staged", "full clone: vdisks", False, "vsan", "esx1"),
        PlannedVm("c.lab01.lan", "10.1.2.5", "zcore-1.0", "skipped", "it is there already"),
    )
    shown = text(plan(replace(preview(), vms=vms), 76))
    assert "a.lab01.lan 10.1.2.3 staged, linked nsx-1.0+small" in shown
    assert "b.lab01.lan 10.1.2.4 staged         nsx-1.0 " in shown
    assert "place   vsan, host esx1\n" in shown
    elsewhere = replace(vms[0], datastore="nfs", host="")
    shown = text(plan(replace(preview(), vms=(*vms, elsewhere)), 76))
    assert "place   vsan, host esx1: a, b\n        nfs, host chosen by DRS: a\n" in shown


def test_with_every_vm_in_trouble_nothing_is_said_of_bytes() -> None:
    shown = text(plan(preview(Problem("a", ""), Problem("b", ""), way=""), 76))
    assert "2 problems" in shown
    assert "upload" not in shown


# Leaving


def test_a_plan_that_comes_after_the_form_was_left_is_not_shown() -> None:
    async def scenario() -> None:
        feed = Waiting({"endpoints": (), "deploys": ()})
        console = fixed(feed)
        async with console.run_test(size=(80, 24)) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "empty", "the page")
            await pilot.press("3")
            await until(console, lambda: console.page.place == "deploys" and console.page.standing == "empty", "rows")  # type: ignore[union-attr]
            await pilot.press("n")
            assert feed.done is not None
            feed.done(Choices(("vc01",), ("esxi-1.0",)))
            await until(console, lambda: isinstance(console.screen, Source), "the first question")
            await pilot.press("f")
            await until(console, lambda: isinstance(console.screen, Step), "the form")
            await pilot.press("x", "ctrl+s", "ctrl+s")
            assert len(feed.asked) == 2, "sent once"
            await pilot.press("escape")
            feed.done(preview())
            await pilot.pause()
            assert isinstance(console.screen, Source), "nothing comes up by itself"
            await pilot.press("f", "ctrl+s")
            feed.done(preview())
            await until(console, lambda: isinstance(console.screen, PlanScreen), "the plan")
            await pilot.press("enter", "enter")
            assert len(feed.asked) == 4, "deployed once"

    asyncio.run(scenario())


def test_what_comes_when_one_is_on_another_page_opens_nothing_there() -> None:
    async def scenario() -> None:
        feed = Waiting({"endpoints": (), "deploys": ()})
        console = fixed(feed)
        async with console.run_test(size=(80, 24)) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "empty", "the page")
            await pilot.press("3", "n")
            await until(console, lambda: len(feed.asked) == 1, "what can be deployed is asked for")
            assert feed.done is not None
            begun = feed.done
            await pilot.press("escape", "1")
            assert console.page is not None
            assert console.page.place == "endpoints", "esc has given it up, the keys go on"
            begun(Choices(("vc01",), ("esxi-1.0",)))
            await pilot.pause()
            assert console.screen is console.page
            await pilot.press("3", "n")
            feed.done(Choices(("vc01",), ("esxi-1.0",)))
            await until(console, lambda: isinstance(console.screen, Source), "the first question")
            await pilot.press("f")
            await until(console, lambda: isinstance(console.screen, Step), "the form")
            await pilot.press("x", "ctrl+s")
            feed.done(preview())
            await until(console, lambda: isinstance(console.screen, PlanScreen), "the plan")
            await pilot.press("enter", "1")
            assert isinstance(console.screen, PlanScreen), "another page would lose the plan"
            await pilot.press("escape", "escape", "escape", "1", "question_mark")
            help_screen = console.screen
            assert help_screen is not console.page
            feed.done(7)
            await pilot.pause()
            assert console.screen is help_screen

    asyncio.run(scenario())


def test_all_of_the_plan_is_copied() -> None:
    async def scenario() -> None:
        console = fixed(FixedFeed({"endpoints": ENDPOINTS}))
        async with console.run_test(size=(80, 24)) as pilot:
            await console.push_screen(PlanScreen(preview(Problem("no portgroup", "check the name")), lambda _: None))
            await pilot.press("y")
            assert console.clipboard.startswith("Plan: lab01 on vc01\n! It cannot be deployed: 1 problem.")
            assert "check the name" in console.clipboard
            assert "copied" in console.screen.query_one("#message", FrameLine).text

    asyncio.run(scenario())


def test_one_vm_stays_and_the_arrows_go_from_row_to_row() -> None:
    async def scenario() -> None:
        console = fixed(FixedFeed({"endpoints": ()}))
        left: list[list[Vm]] = []
        async with console.run_test(size=(80, 24)) as pilot:
            await console.push_screen(
                VmsScreen("lab", [Vm("a-1", "a1", "1")], ("a-1", "b-1"), lambda *_: None, left.append)
            )
            await pilot.press("ctrl+x", "ctrl+n", "ctrl+n", "up", "up", "ctrl+u", *"zero", "down", "ctrl+x", "escape")
        assert left == [[Vm("a-1", "zero", "1", AFTER), Vm("a-1", "a3", "3", BESIDE)]]

    asyncio.run(scenario())


@pytest.mark.parametrize("own", [{}, {"go.locks": "f4", "palette": "f2", "quit": "f10,ctrl+c,ctrl+q"}])
def test_in_the_wizard_another_page_does_not_come(own: dict[str, str]) -> None:
    """Neither where VMs are filled in nor in the plan, whatever the keys are."""

    async def scenario() -> None:
        console = fixed(FixedFeed({"endpoints": ()}), keys=own)
        async with console.run_test(size=(80, 24)) as pilot:
            vms = VmsScreen("lab", [Vm("a-1", "a1", "1")], ("a-1", "b-1"), lambda *_: None, lambda _: None)
            await console.push_screen(vms)
            await pilot.press("tab", "4", own.get("go.locks", "4"), own.get("palette", "ctrl+p"))
            assert console.screen is vms
            assert vms.vms[0].hostname.startswith("a14")
            assert STAYS in " ".join(vms.query_one("#wrong", Lines).text.split())
            await console.push_screen(PlanScreen(preview(), lambda _: None))
            said = console.screen.query_one("#message", FrameLine)
            pages = [own.get("go.locks", "4"), "1", "minus", ":", own.get("palette", "ctrl+p")]
            for key in [*pages, own.get("quit", "q").partition(",")[0]]:
                console.screen.show_message(())
                await pilot.press(key)
                assert isinstance(console.screen, PlanScreen), key
                assert said.text == STAYS, key
            assert console.return_code is None
            await pilot.press("ctrl+c")
            await until(console, lambda: console.return_code == 0, "it quits")

    asyncio.run(scenario())
