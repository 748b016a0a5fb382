"""Templates as text: every state, names that are wide or hostile, what is asked before one goes."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from engine.console.rates import Transfer
from engine.console.staging import Chosen, Verified
from engine.console.templates import Event, Lacks, TemplateRow
from engine.jobs.outcome import TimedStep
from engine.staging.templates import State
from tests.tui.conftest import NOW, FixedFeed, fixed, until
from tui.present import templates as present
from tui.present.states import SIGNS
from tui.present.text import Line, fit

GIB = 1 << 30

STAGED = TemplateRow(
    endpoint="vc-01",
    uid="esxi-8.0u3g",
    component="esxi-8.0u3g",
    state="staged",
    why="",
    path="/DC1/vm/labs/components-staging/esxi-8.0u3g",
    digest="sha256:" + "ab" * 32,
    size_bytes=int(1.1 * GIB),
    staged_at=NOW - timedelta(hours=2),
    children=14,
    steps=(TimedStep("esxi-8.0u3g", "uploading", "esxi.ova to vc-01", NOW - timedelta(hours=2), 71.0),),
    history=(Event(NOW - timedelta(hours=2), "staged", ""), Event(NOW - timedelta(days=1), "failed", "no space")),
)

UPLOAD = Transfer(62 * GIB // 100, GIB, 41.0 * (1 << 20), NOW, NOW + timedelta(seconds=12))

STAGING = replace(
    STAGED,
    state="staging",
    active=True,
    size_bytes=None,
    staged_at=None,
    children=None,
    step="uploading",
    transfer=UPLOAD,
)


def cells(row: TemplateRow) -> dict[str, str]:
    shown = present.VIEW.cells(row, NOW)
    return {column.title: text for column, (text, _) in zip(present.COLUMNS, shown, strict=True)}


def text(lines: list[Line]) -> str:
    """All of it in one line."""
    return " ".join(" ".join(part for line in lines for part, _ in line).split())


def test_a_staged_one() -> None:
    assert cells(STAGED) == {
        "Uid": "esxi-8.0u3g",
        "State": "o staged",
        "Size": "1.1 GiB",
        "Age": "2h",
        "Endpoint": "vc-01",
        "Note": "used by 14 VMs",
    }


def test_one_that_is_being_staged_tells_rate_and_time_left() -> None:
    shown = cells(STAGING)
    assert (shown["State"], shown["Size"], shown["Note"]) == ("> staging 61%", "1.0 GiB", "41 MiB/s ETA 12s")


def test_without_a_byte_there_is_no_false_time_left() -> None:
    silent = replace(UPLOAD, byte_at=NOW - timedelta(seconds=47))
    assert cells(replace(STAGING, transfer=silent))["Note"] == "no byte for 45s"


def test_before_the_rate_is_known_the_step_is_told() -> None:
    unknown = replace(UPLOAD, per_second=0.0, ends_at=None)
    assert cells(replace(STAGING, transfer=unknown))["Note"] == "uploading"
    assert cells(replace(STAGING, transfer=None, step="marking"))["Note"] == "marking"


def test_rows_of_an_endpoint_that_does_not_answer_are_marked() -> None:
    stale = replace(STAGED, state="outdated", why="checksum changed", as_of=NOW - timedelta(minutes=4))
    shown = cells(stale)
    assert (shown["State"], shown["Note"]) == ("~ stale outdated", "seen 4m ago, checksum changed")
    assert "the endpoint does not answer" in text(present.detail(stale, NOW))
    assert cells(replace(stale, as_of=NOW))["Note"].startswith("seen just now")


@pytest.mark.parametrize("columns", [60, 80, 120, 160])
def test_uids_of_zpodlibrary_are_whole(columns: int) -> None:
    uids = ("cloud-director-10.6.1", "esxi-8.0u3g", "vcfinstaller-9.1.0.0100")

    async def scenario() -> None:
        console = fixed(FixedFeed({"endpoints": (), "templates": [replace(STAGED, uid=uid) for uid in uids]}))
        async with console.run_test(size=(columns, 24)) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "empty", "the page")
            await pilot.press("2")
            await until(console, lambda: console.page is not None and console.page.standing == "ready", "the rows")
            assert console.page is not None
            for y, uid in enumerate(uids, 1):
                told = console.page.table.render_line(y).text
                assert f"{uid} " in told
                assert "o staged" in told
                assert "vc-01" in told
                assert ("used by 14 VMs" in told) == (columns in (80, 160)), "at 120 the detail beside the list has it"

    asyncio.run(scenario())


def test_every_state_of_the_engine_has_its_sign() -> None:
    assert {str(state) for state in State} | {"queued", "cancelling", "claimed"} <= SIGNS["template"].keys()
    assert present.NO_RESTAGE.keys() <= SIGNS["template"].keys()


def test_a_state_that_nobody_knows_is_shown_as_it_is() -> None:
    assert cells(replace(STAGED, state="frozen", why=""))["State"] == "? frozen"
    assert "? frozen" in text(present.detail(replace(STAGED, state="frozen"), NOW))


@pytest.mark.parametrize(
    "name", ["東京-研究室-8.0", "Zu\u0308rich-1.0", "🧪-1.0", "\x1b[31mred\x1b[0m-1.0", "a\nb\tc", "x\u202eevil"]
)
def test_names_from_outside_are_harmless_and_fit(name: str) -> None:
    row = replace(STAGED, uid=name, component=name, endpoint=name, path=f"/DC/{name}", why=name, state="foreign")
    lines = [*present.detail(row, NOW), *present.removal([row]), *present.cancelling([row]), present.cells(row, NOW)]
    shown = [part for line in lines for part, _ in line] + [present.named([row]), present.word("remove", [row])]
    assert all(part.isprintable() for part in shown)
    for column, (part, _) in zip(present.COLUMNS, present.cells(row, NOW), strict=True):
        assert cell_len(fit(part, column.width)) == column.width


def test_the_detail_holds_everything_whole() -> None:
    told = text(present.detail(replace(STAGED, claim="live: stage it", needed_by=("lab01 (deployment 3)",)), NOW))
    for part in ("o staged", "used by 14 VMs", "uploading", "1:11", "no space", "live: stage it", "lab01"):
        assert part in told
    for part in (STAGED.path, STAGED.digest):  # folded
        assert part in told.replace(" ", "")


def test_the_detail_of_one_under_way_has_no_empty_lines_of_what_is_not_known() -> None:
    told = text(present.detail(replace(STAGING, path="", digest=""), NOW))
    assert "635 MiB of 1.0 GiB" in told
    assert "digest" not in told


# Before one goes


def test_removal_says_what_depends_on_it() -> None:
    told = text(present.removal([replace(STAGED, needed_by=("lab01 (deployment 3)",))]))
    assert STAGED.path in told
    assert "14 VMs were cloned from it. Full clones stay as they are" in told
    assert "lab01 (deployment 3) still needs it" in told


def test_removal_of_one_that_nobody_uses() -> None:
    told = text(present.removal([replace(STAGED, children=0)]))
    assert "No VM of Slipway's was cloned from it." in told
    assert "deployment" not in told


def test_removal_of_several_names_some_and_counts_the_rest() -> None:
    rows = [replace(STAGED, uid=f"esxi-{number}", children=number % 2) for number in range(9)]
    told = text(present.removal(rows))
    assert "esxi-5 on vc-01" in told
    assert "esxi-6" not in told
    assert "and 3 more" in told
    assert "4 VMs were cloned from them" in told
    assert (present.word("remove", rows), present.named(rows)) == ("remove 9", "9 templates")


def test_cancelling_says_who_waits_in_vain() -> None:
    told = text(present.cancelling([replace(STAGING, needed_by=("lab01 (deployment 3)",))]))
    assert "What was uploaded of it is removed" in told
    assert "fail: lab01 (deployment 3)" in told
    assert "stays" not in told
    assert "was there before stays" in text(present.cancelling([replace(STAGING, size_bytes=1)]))


# What verify found


def found(uid: str, **other: Any) -> Verified:
    return Verified(Chosen("vc-01", uid), **({"state": "staged", "why": "", "usable": True} | other))


def test_what_verify_found_is_one_line() -> None:
    bad = found("zcore-13.5", state="tampered", why="edited: cpus 2 -> 3", usable=False)
    assert present.verified([found("esxi-8.0")]) == ("esxi-8.0 on vc-01: staged, as its identity and its OVA say", "ok")
    assert present.verified([bad]) == ("zcore-13.5 on vc-01: tampered, edited: cpus 2 -> 3", "bad")
    assert present.verified([found("a-1"), found("b-1")])[1] == "ok"
    told, tone = present.verified([found("a-1"), bad])
    assert (told, tone) == ("1 of 2 are not usable: zcore-13.5 on vc-01: tampered, edited: cpus 2 -> 3", "bad")


def test_whatever_is_missing_the_page_leads_on() -> None:
    assert present.EMPTY.keys() == {str(one) for one in Lacks}
    for lines in present.EMPTY.values():
        assert all(sum(cell_len(part) for part, _ in line) <= 76 for line in lines)
    assert all(present.lacking(str(one)) for one in Lacks)
