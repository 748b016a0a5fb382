"""Deployments as rows, as detail and as log: pure functions, and what the engine reads for them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from engine.console import deploys, templates, worker_log
from engine.console.deploys import DeployRow, Detail, Needs, StagingRow, VmRow
from engine.console.desk import Desk
from engine.console.rates import Transfer
from engine.errors import Conflict, Failed
from engine.jobs.outcome import TimedStep
from storage import deployments, endpoints, jobs, paths, steps
from storage.changes import Watch
from storage.endpoints import NewEndpoint
from storage.jobs import State
from storage.steps import NewStep
from storage.store import Store
from tests.tui.conftest import NOW, FixedFeed, fixed, until
from tests.tui.driver import Driver, drive
from tui.present import deploys as present
from tui.present import progress
from tui.present.filter import Filter
from tui.present.text import Line

MIB = 1 << 20


def transfer(done: float, total: float, speed: float = 1.0, silent: float = 0.0, left: float | None = 60) -> Transfer:
    ends = None if left is None else NOW + timedelta(seconds=left)
    byte_at = NOW - timedelta(seconds=silent)
    return Transfer(int(done * MIB), int(total * MIB), speed * MIB, byte_at, ends)


def vm(name: str, state: str = "running", **other: Any) -> VmRow:
    known: dict[str, Any] = {"component": "esxi-1.0", "path": "", "reason": "", "step": "", "detail": ""}
    known |= {"transfer": None, "began": NOW - timedelta(seconds=12), "seconds": 0.0}
    return VmRow(name=f"{name}.lab01.lan", state=state, **(known | other))


def staging(**other: Any) -> StagingRow:
    known: dict[str, Any] = {"uid": "esxi-1.0", "state": "running", "step": "uploading", "detail": "", "error": ""}
    return StagingRow(**(known | {"transfer": None} | other))


def row(state: str = "running", vms: tuple[VmRow, ...] = (), **other: Any) -> DeployRow:
    known: dict[str, Any] = {"endpoint": "vc01", "active": state in ("running", "cancelling", "removing")}
    known |= {"queued": False, "done": 0, "vms": 3, "fell_back": 0, "failed_vm": "", "failed_at": "", "error": ""}
    known |= {"made": (), "created": NOW - timedelta(minutes=4), "ended": None, "bytes_sent": 0}
    known["detail"] = Detail(vms, other.pop("stagings", ()), other.pop("steps", ()), other.pop("log", ()))
    return DeployRow(id=7, state=state, **({"name": "lab01"} | known | other))


def doing(one: DeployRow) -> tuple[str, str]:
    return present.doing(one, NOW)


def text(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


# Bytes


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [(0, 100, "[--------]"), (58, 100, "[####----]"), (99, 100, "[#######-]"), (100, 100, "[########]")],
)
def test_a_bar_is_full_only_at_the_end(done: int, total: int, shown: str) -> None:
    assert progress.bar(done, total) == shown
    assert shown.isascii()


def test_nothing_expected_is_no_division() -> None:
    assert (progress.bar(0, 0), progress.percent(0, 0)) == ("[--------]", " 0%")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0s"),
        (0.4, "0s"),
        (59, "59s"),
        (72, "1m12s"),
        (599, "9m59s"),
        (1234, "20m"),
        (3599.6, "1h00m"),
        (7500, "2h05m"),
    ],
)
def test_time_left(seconds: float, shown: str) -> None:
    assert progress.left(seconds) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0 s"), (12.3, "12 s"), (65, "1:05"), (7210, "2:00:10")])
def test_time_taken(seconds: float, shown: str) -> None:
    assert progress.took(seconds) == shown


def test_one_upload() -> None:
    assert progress.upload([transfer(58, 100, 41.2, left=72)], NOW) == ("[####----] 58% 41 MiB/s ETA 1m12s", "busy")


def test_the_time_left_shrinks_while_nothing_is_read() -> None:
    one = transfer(58, 100, 41.2, left=72)
    assert progress.upload([one], NOW + timedelta(seconds=10))[0].endswith("ETA 1m02s")


def test_several_uploads_are_one() -> None:
    told, tone = progress.upload([transfer(10, 100, 2), transfer(30, 60, 3)], NOW)
    assert (told, tone) == ("[##------] 25% 5.0 MiB/s ETA 24s", "busy")


def test_a_stall_is_told_in_place_of_a_false_time_left() -> None:
    told, tone = progress.upload([transfer(10, 100, silent=47)], NOW)
    assert (told, tone) == ("[--------] 10% no byte for 45s", "warn")
    later = progress.upload([transfer(10, 100, silent=14)], NOW + timedelta(minutes=2))[0]
    assert later.endswith("no byte for 2m10s"), "although nothing was read since"


def test_of_several_one_that_moves_is_enough() -> None:
    told, tone = progress.upload([transfer(10, 100, 2, silent=40), transfer(30, 60, 3)], NOW)
    assert "3.0 MiB/s" in told
    assert tone == "busy"


def test_before_the_second_look_no_time_is_left() -> None:
    assert progress.upload([transfer(0, 100, 0, left=None)], NOW) == ("[--------]  0%", "busy")


# Rows


def test_what_is_under_way() -> None:
    assert doing(row(stagings=(staging(transfer=transfer(58, 100, 41.2, left=72)),)))[0].startswith(
        "upload [##---] 58% 41 MiB/s ETA"
    )
    assert doing(row(vms=(vm("a", step="cloning"), vm("b", step="cloning"), vm("c", step="verifying"))))[0] == (
        "cloning 2, verifying 1"
    )
    assert doing(row(vms=(vm("a", step="waiting"), vm("b", step="cloning"))))[0] == "cloning 1"
    assert doing(row(vms=(vm("a", "pending"),)))[0] == "looking at what is there"
    away = TimedStep("lab01", "trying again", "in 8 s: cannot connect", NOW, 8.0)
    assert doing(row(vms=(vm("a", "pending"),), steps=(away,))) == ("trying again in 8 s: cannot connect", "warn")
    assert doing(row(queued=True))[0] == "waits for its turn"
    assert doing(row(vms=(vm("a", step="trying again", detail="in 8 s: lost"),))) == (
        "trying again in 8 s: lost",
        "warn",
    )


def test_what_is_taken_back() -> None:
    going = row("cancelling", vms=(vm("a", step="removing"), vm("b")), made=("a", "b"))
    assert doing(going) == ("removing 1 of 2 VMs", "warn")
    assert doing(row("cancelling"))[0] == "stopping its work"


def test_what_became_of_it() -> None:
    ended = NOW - timedelta(minutes=3)
    assert doing(row("succeeded", ended=ended, bytes_sent=192 * MIB)) == ("in 1:00, 192 MiB sent", "dim")
    assert doing(row("succeeded", ended=ended, fell_back=2)) == ("in 1:00, 0 B sent; 2 fell back", "warn")
    assert doing(row("cancelled")) == ("its VMs were removed; u resumes", "dim")


def test_where_and_why_it_failed() -> None:
    failed = row("failed", failed_vm="a.lab01.lan", failed_at="network", error='cannot clone a.lab01.lan: no "dv-17"')
    assert doing(failed) == ('a at network: no "dv-17"', "bad")
    assert doing(row("failed", failed_at="plan", error="no portgroup named dv-17")) == (
        "at plan: no portgroup named dv-17",
        "bad",
    )


def test_a_job_that_outlives_its_deployment_for_a_moment_says_nothing_new() -> None:
    ended = row("succeeded", active=True, ended=NOW)
    assert doing(ended)[0].endswith("sent")


def test_nothing_from_outside_moves_the_cursor() -> None:
    bad = row("failed", failed_vm="a", failed_at="plan", error="x\x1b[2J\u202e", name="lab\x07")
    shown = present.cells(bad, NOW)
    assert all(cell.isprintable() for cell, _ in shown)
    assert present.detail(bad, NOW, 76)


def test_cells_fit_80_columns() -> None:
    fixed_width = sum(column.width + 1 for column in present.COLUMNS if not column.drop) + 2
    assert fixed_width <= 80
    longest = doing(row(stagings=(staging(transfer=transfer(580, 1000, 998, left=599)),)))[0]
    assert cell_len(longest) <= present.COLUMNS[4].width


# One in full


@pytest.mark.parametrize("width", [56, 76, 116, 156])
def test_detail_tells_every_vm_within_the_width(width: int) -> None:
    vms = (
        vm("zcore", "succeeded", path="staged", seconds=61),
        vm("esxi11", transfer=transfer(58, 100, 41.2, left=72), reason="fallback: cannot clone it: gone"),
        vm("esxi12", "failed", path="staged", reason="cannot power on esxi12.lab01.lan: " + "no resources " * 12),
        vm("esxi13", "pending"),
    )
    lines = present.detail(row(vms=vms, stagings=(staging(),)), NOW, width)
    shown = text(lines)
    assert max(sum(cell_len(text) for text, _ in line) for line in lines) <= width
    assert "[####----] 58%" in shown
    assert "1:01" in shown
    assert " ".join(shown.split()).count("no resources") >= 12, "the reason is whole"
    assert "fallback: cannot clone it: gone" in shown, "why it fell back is told while it is uploaded"
    assert "lab01.lan" in shown
    assert ("esxi-1.0" in shown.split("Templates")[0]) == (width >= 110)


def test_each_reason_is_told_once_with_the_key_that_helps() -> None:
    def advice(text: str) -> str:
        return f"{text} (here: 9, then l)"

    why = "its licence waits; slipway component accept-eula x"
    vms = (vm("a", "failed", reason=why), vm("b", "failed", reason=why), vm("c", "succeeded", reason="fallback: gone"))
    failed = row("failed", vms=vms, stagings=(staging(state="failed", error=why),), error=why, failed_at="plan")
    shown = " ".join(text(present.detail(failed, NOW, 76, advice)).split())
    assert f"a, b: {why} (here: 9, then l) c: fallback: gone (here: 9, then l)" in shown
    assert f"failed at plan: {why} (here: 9, then l)" in shown
    assert f"! failed {why} (here: 9, then l)" in shown


def test_what_was_not_begun_is_told_when_it_has_ended() -> None:
    ended = row(
        "failed", vms=(vm("a", "failed", reason="why"), vm("b", "pending")), failed_vm="a.lab01.lan", error="why"
    )
    assert "was not begun" in text(present.detail(ended, NOW, 76))


def test_the_newest_step_comes_first() -> None:
    took = (TimedStep("a.lab01.lan", "cloning", "from x", NOW, 3.2), TimedStep("a.lab01.lan", "verifying", "", NOW, 65))
    shown = text(present.detail(row(vms=(vm("a"),), steps=took), NOW, 76))
    assert shown.index("verifying") < shown.index("cloning")
    assert "1:05" in shown
    assert "3.2 s" in shown


def test_until_it_is_read_it_says_so() -> None:
    assert "reading ..." in text(present.detail(replace(row("succeeded"), detail=None), NOW, 76))


# The log


def test_a_line_of_the_log() -> None:
    line = "2026-11-21T09:30:00.123Z 4711 WARNING engine.jobs.crew: job 3: clone: lost\x1b"
    (stamp, _), (message, tone) = present.log_line(line)
    assert (message, tone) == ("job 3: clone: lost\\x1b", "warn")
    assert len(stamp) == len("09:30:00 ")


@pytest.mark.parametrize("line", ["", "no stamp at all", "2026-11-21T09:30:00.123Z", "| Traceback"])
def test_what_is_no_line_of_the_log_is_shown_as_it_is(line: str) -> None:
    assert text([present.log_line(line)]) == line


def test_a_long_line_of_the_log_is_broken() -> None:
    lines = present.log_lines(f"2026-11-21T09:30:00.123Z 1 ERROR a.b: {'word ' * 40}", 60)
    assert len(lines) > 3
    assert all(sum(cell_len(text) for text, _ in line) <= 60 for line in lines)


# What can be done


@pytest.mark.parametrize(
    ("action", "state", "why"),
    [
        ("deploy.cancel", "running", ""),
        ("deploy.cancel", "cancelling", "it is being cancelled or removed already"),
        ("deploy.cancel", "failed", "it has ended; X removes its VMs"),
        ("deploy.retry", "failed", ""),
        ("deploy.retry", "running", "it is under way"),
        ("deploy.retry", "cancelled", "it has not failed"),
        ("deploy.resume", "cancelled", ""),
        ("deploy.resume", "failed", "it was not cancelled"),
        ("deploy.remove", "succeeded", ""),
        ("deploy.remove", "running", "it is under way; C cancels it"),
        ("deploy.log", "running", ""),
        ("deploy.new", "running", ""),
    ],
)
def test_by_its_state(action: str, state: str, why: str) -> None:
    assert present.why_not(action, [row(state)]) == why


def test_of_several_the_one_that_does_not_fit_is_named() -> None:
    rows = [row("running"), replace(row("failed"), name="lab02")]
    assert present.why_not("deploy.cancel", rows) == "lab02: it has ended; X removes its VMs"


def test_what_goes_is_listed() -> None:
    told = text(present.removed([row("succeeded", made=("a.lab01.lan", "b.lab01.lan")), row("cancelled")]))
    assert "2 VMs go" in told
    assert "a.lab01.lan, b.lab01.lan" in told
    assert "no VM, none was made yet" in told
    assert "stay" in text(present.cancelled([row()]))


@pytest.mark.parametrize(("key", "state"), [("C", "succeeded"), ("R", "running"), ("u", "failed"), ("X", "running")])
def test_a_key_that_does_not_fit_says_why_and_does_nothing(key: str, state: str) -> None:
    async def scenario() -> None:
        feed = FixedFeed({"endpoints": (), "deploys": (row(state),)})
        console = fixed(feed)
        async with console.run_test(size=(80, 24)) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "empty", "the page")
            await pilot.press("3")
            await until(console, lambda: console.page.place == "deploys" and console.page.standing == "ready", "rows")  # type: ignore[union-attr]
            asked = len(feed.asked)
            await pilot.press(key)
            assert console.screen is console.page
            assert len(feed.asked) == asked
            assert present.why_not(
                {"C": "deploy.cancel", "R": "deploy.retry", "u": "deploy.resume", "X": "deploy.remove"}[key],
                [row(state)],
            ) in "".join(text for text, _ in console.page.message)

    asyncio.run(scenario())


# What the engine reads


@pytest.fixture
def endpoint(store: Store) -> int:
    new = NewEndpoint(
        name="vc01",
        host="localhost",
        port=1,
        username="u",
        datacenter="d",
        resource_pool="r",
        datastore="s",
        vmfolder="f",
    )
    return endpoints.add(store, new, "secret").id


def deployed(store: Store, endpoint: int, name: str = "lab01") -> deployments.Deployment:
    return deployments.create(store, name, endpoint, "{}", [("a.lab01.lan", "esxi-1.0"), ("b.lab01.lan", "esxi-1.0")])


def queued(store: Store, endpoint: int, deployment: deployments.Deployment) -> jobs.Job:
    with store.begin() as tx:
        number = jobs.queue_deploy(store, tx, endpoint, deployment.id)
    return jobs.get(store, number)


def test_what_moves_has_a_rate_and_what_it_waits_for_is_there(store: Store, endpoint: int) -> None:
    made = deployed(store, endpoint)
    job = queued(store, endpoint, made)
    jobs.begin(store, job.id)
    staging_job = jobs.create_stage(store, endpoint, "esxi-1.0", made.id)
    jobs.begin(store, staging_job.id)
    first, second = deployments.items(store, made.id)
    deployments.update(store, made.id, state="running")
    deployments.update_item(store, first.id, state="running")
    steps.write(store, job.id, [NewStep("a.lab01.lan", "waiting", "for the template esxi-1.0")])
    steps.write(store, staging_job.id, [NewStep("esxi-1.0", "uploading", "x")], {"esxi-1.0": (40, 100)})
    with Watch(store) as watch:
        desk = Desk(store, watch)
        [before] = deploys.read(desk)
        steps.write(store, staging_job.id, [], {"esxi-1.0": (80, 100)})
        [now] = deploys.read(desk)
    assert before.detail is not None
    assert now.detail is not None
    [staged] = now.detail.stagings
    assert staged.transfer is not None
    assert (staged.transfer.done, staged.transfer.total) == (80, 100)
    assert staged.transfer.per_second > 0
    assert staged.transfer.ends_at is not None
    assert [one.step for one in now.detail.vms] == ["waiting", ""]
    assert [one.state for one in now.detail.vms] == ["running", "pending"]
    assert second.name == "b.lab01.lan"


def test_a_look_at_the_templates_between_takes_no_rate_away(store: Store, endpoint: int) -> None:
    made = deployed(store, endpoint)
    job = queued(store, endpoint, made)
    jobs.begin(store, job.id)
    deployments.update(store, made.id, state="running")
    deployments.update_item(store, deployments.items(store, made.id)[0].id, state="running")
    steps.write(store, job.id, [NewStep("a.lab01.lan", "uploading", "x")], {"a.lab01.lan": (40, 100)})
    with Watch(store) as watch:
        desk = Desk(store, watch)
        deploys.read(desk)
        templates.read(desk)
        steps.write(store, job.id, [], {"a.lab01.lan": (80, 100)})
        [now] = deploys.read(desk)
        desk.close()
    assert now.detail is not None
    moving = now.detail.vms[0].transfer
    assert moving is not None
    assert moving.per_second > 0


def test_of_several_each_is_cancelled_whatever_became_of_another(store: Store, endpoint: int) -> None:
    ended, waits = deployed(store, endpoint, "lab01"), deployed(store, endpoint, "lab02")
    job = queued(store, endpoint, waits)
    with Watch(store) as watch, pytest.raises(Failed, match=f"cannot cancel all of 2.*deployment {ended.id}"):
        deploys.cancel(Desk(store, watch), [ended.id, waits.id])
    assert jobs.get(store, job.id).cancel


def test_of_several_that_are_retried_the_refusal_of_one_stays_in_view(store: Store, endpoint: int) -> None:
    good, bad = deployed(store, endpoint, "lab01"), deployed(store, endpoint, "lab02")
    for one in (good, bad):
        deployments.update(store, one.id, state="failed")

    async def scenario(driver: Driver) -> None:
        await driver.press("space", "space", "R")
        await driver.said("cannot retry all of 2")

    def again(desk: Desk, number: int, _verb: str) -> None:
        if number == bad.id:
            raise Conflict("cannot retry", on="lab02", why="somebody was faster")
        begun.append(number)

    begun: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deploys, "again", again)
        patch.setattr(deploys, "needs", lambda _desk, _number: Needs(False, ""))
        patch.setattr(Desk, "keep_worker", lambda _desk: None)
        drive(store, "deploys", scenario)
    assert begun == [good.id]


def test_removed_ones_are_left_out_and_ended_ones_are_read_once(
    store: Store, endpoint: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, failed = deployed(store, endpoint), deployed(store, endpoint, "lab02")
    deployments.update(store, gone.id, state="removed")
    job = queued(store, endpoint, failed)
    jobs.note(store, job.id, "no portgroup named x")
    jobs.end(store, job.id, State.FAILED)
    deployments.update(store, failed.id, state="failed", ended=NOW)
    read_items: list[int] = []
    items = deployments.items

    def counted(store: Store, number: int) -> list[deployments.Item]:
        read_items.append(number)
        return items(store, number)

    monkeypatch.setattr(deployments, "items", counted)
    with Watch(store) as watch:
        desk = Desk(store, watch)
        for _ in range(3):
            [one] = deploys.read(desk)
            assert (one.name, one.failed_at, one.error) == ("lab02", "plan", "no portgroup named x")
            assert one.detail is None
        assert read_items == [failed.id]
        [one] = deploys.read(desk, chosen=failed.id)
        assert one.detail is not None
        deployments.update(store, failed.id, state="pending", ended=None)
        [one] = deploys.read(desk)
        assert one.state == "pending"


def test_the_log_is_that_of_the_deployment(store: Store, endpoint: int, home: Path) -> None:
    made = deployed(store, endpoint)
    for _ in range(12):
        deployed(store, endpoint)
    log = paths.worker_log_file(store.id)
    log.parent.mkdir(parents=True, exist_ok=True)
    told = [f"2026-11-21T09:30:00.000Z 1 INFO x: deployment {number}: a begun" for number in (1, 11, 12, 1)]
    log.write_text("\n".join([*told, "2026-11-21T09:30:00.000Z 1 INFO x: job 77: other", ""]))
    with Watch(store) as watch:
        desk = Desk(store, watch)
        assert len(worker_log.of_deployment(desk, made.id, 100)) == 2
        assert worker_log.of_deployment(desk, made.id, 1) == (told[-1],)
        log.unlink()
        assert worker_log.of_deployment(desk, made.id, 100) == ()


def test_in_its_own_screen_an_action_is_for_that_one_whatever_is_marked_or_filtered() -> None:
    async def scenario() -> None:
        first, second = row("running", name="lab01"), replace(row("running", name="lab02"), id=8)
        console = fixed(FixedFeed({"endpoints": (), "deploys": (first, second)}))
        async with console.run_test(size=(80, 24)) as pilot:
            await until(console, lambda: console.page is not None and console.page.standing == "empty", "the page")
            await pilot.press("3")
            await until(console, lambda: console.page.place == "deploys" and console.page.standing == "ready", "rows")  # type: ignore[union-attr]
            page = console.page
            assert page is not None
            await pilot.press("down", "space", "up", "enter")
            page.table.filter = Filter("lab02")
            page.table.arrange()
            assert [one.name for one in page.rows] == ["lab01"]
            await pilot.press("C")
            assert "lab01 (id 7)" in console.screen.query_one("#lines").text  # type: ignore[attr-defined]
            assert "lab02" not in console.screen.query_one("#lines").text  # type: ignore[attr-defined]
            await pilot.press("escape", "escape")
            assert console.screen is page
            assert [one.name for one in page.rows] == ["lab02"]

    asyncio.run(scenario())
