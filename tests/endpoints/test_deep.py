"""`endpoint test --deep` on stock vcsim and on our simulator: what it does, what it says, and that nothing stays."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.endpoints.deep import try_out
from engine.endpoints.findings import Finding, State
from engine.errors import Cancelled
from engine.simulator.launcher import Simulator, Stock, program
from engine.site import open_site
from engine.staging.templates import FOLDER
from engine.vsphere.inventory import make_folder
from storage import claims
from storage.store import open_store
from tests.cli.conftest import ROOT, Outcome
from tests.endpoints.conftest import PASSWORD

Slipway = Callable[..., Outcome]


@pytest.fixture(params=["stock", "simulator"])
def own(request: pytest.FixtureRequest, add: Slipway) -> Iterator[Stock]:
    """A simulated vCenter of the test's own, added as vc01."""
    kind = Stock if request.param == "stock" else Simulator
    with kind.start(username="operator", password=PASSWORD) as running:
        add(running)
        yield running


def inventory(server: Stock, tmp_path: Path) -> list[str]:
    """Every object below the VM folder, and every file of the datastore, as govc sees them."""
    env = {
        "HOME": str(tmp_path),
        "GOVC_URL": f"https://{server.host}:{server.port}/sdk",
        "GOVC_USERNAME": server.username,
        "GOVC_PASSWORD": server.password,
        "GOVC_INSECURE": "1",
    }
    seen = []
    for command in (("find", "/DC0/vm"), ("datastore.ls", "-ds", "LocalDS_0", "-R")):
        done = subprocess.run([program("govc"), *command], env=env, capture_output=True, text=True, check=True)
        seen += sorted(done.stdout.split("\n"))
    return seen


def run(cancel: Cancel | None = None, watch: Callable[[Finding], None] | None = None) -> list[Finding]:
    found: list[Finding] = []

    def report(finding: Finding) -> None:
        found.append(finding)
        if watch:
            watch(finding)

    with open_store() as store:
        try_out(store, "vc01", cancel or Cancel(), report)
    return found


def standing_claims() -> list[Any]:
    with open_store() as store:
        return claims.listing(store)


def test_all_steps_work_and_nothing_stays(slipway: Slipway, own: Stock, tmp_path: Path) -> None:
    before = inventory(own, tmp_path)
    outcome = slipway("endpoint", "test", "vc01", "--deep", "--json")
    rows = {row["name"]: row for row in outcome.document if row["name"].startswith("deep")}
    steps = ("build", "stage", "look at the template", "clone", "look at the clone", "verify the clone")
    removals = ("remove the clone", "remove the template", f"remove {FOLDER}", "look for leftovers")
    for step in (*steps, *removals):
        assert rows[f"deep: {step}"]["state"] == "ok"
        assert " s" in rows[f"deep: {step}"]["detail"]
    assert not [row for row in rows.values() if row["state"] == "missing"]
    assert inventory(own, tmp_path) == before
    assert standing_claims() == []


def test_stock_vcsim_is_told_to_drop_properties(slipway: Slipway, add: Slipway, tmp_path: Path) -> None:
    """Stock vcsim drops vAppConfig on a clone (vSphere sheet): the trial must notice such a vCenter."""
    with Stock.start(username="operator", password=PASSWORD) as stock:
        add(stock)
        [dropped] = [one for one in run() if one.name == "deep: clone spec"]
    assert dropped.state is State.WARNING
    assert "slipway.text" in dropped.detail


def test_a_folder_that_was_there_stays(own: Stock, tmp_path: Path) -> None:
    with open_store() as store, open_site(store, "vc01") as site:
        make_folder(site.session, site.target.folder, FOLDER)
    before = inventory(own, tmp_path)
    run()
    assert inventory(own, tmp_path) == before
    assert f"/DC0/vm/{FOLDER}" in before


def test_a_folder_that_somebody_uses_meanwhile_stays(own: Stock, tmp_path: Path) -> None:
    """A claim of this store means that a staging is about to import into the folder."""

    def claim(finding: Finding) -> None:
        if finding.name == "deep: stage":
            with open_store() as store:
                claims.insert(store, claims.claim_name(1, "esxi-8.0"), "1")

    found = {one.name: one.detail for one in run(watch=claim)}
    assert "kept" in found[f"deep: remove {FOLDER}"]
    assert f"/DC0/vm/{FOLDER}" in inventory(own, tmp_path)


@pytest.mark.parametrize("after", ["build", "stage", "look at the template", "clone", "verify the clone"])
def test_a_cancel_after_any_step_leaves_nothing(own: Stock, tmp_path: Path, after: str) -> None:
    before = inventory(own, tmp_path)
    cancel = Cancel()
    names: list[str] = []

    def watch(finding: Finding) -> None:
        names.append(finding.name)
        if finding.name == f"deep: {after}":
            cancel.ask()

    if after == "verify the clone":  # the last step: nothing is left to stop
        run(cancel, watch)
    else:
        with pytest.raises(Cancelled):
            run(cancel, watch)
    assert f"deep: {after}" in names
    assert names[-1] == "deep: look for leftovers"
    assert inventory(own, tmp_path) == before
    assert standing_claims() == []


def test_a_failing_step_is_told_and_nothing_stays(own: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A VM that has the clone's name: the clone fails, the stranger stays, all else goes."""
    from engine.endpoints import deep

    with open_store() as store, open_site(store, "vc01") as site:
        make_folder(site.session, site.target.folder, "labs")
    before = inventory(own, tmp_path)
    started = deep.start_clone

    def twice(*arguments: Any) -> Any:
        first = started(*arguments)
        deep.tasks.wait(arguments[0], first, "clone", "x", Cancel())
        return started(*arguments)

    monkeypatch.setattr(deep, "start_clone", twice)
    found = {one.name: one for one in run()}
    assert found["deep: clone"].state is State.MISSING
    assert "taken" in found["deep: clone"].detail
    assert "deep: verify the clone" not in found
    assert found["deep: remove the clone"].state is State.OK
    assert inventory(own, tmp_path) == before


def test_missing_objects_are_told(slipway: Slipway, own: Stock) -> None:
    slipway("endpoint", "update", "vc01", "--datastore", "nowhere")
    outcome = slipway("endpoint", "test", "vc01", "--deep", "--json")
    assert outcome.code == 1
    rows = {row["name"]: row for row in outcome.document}
    assert rows["deep"]["state"] == "missing"
    assert "nowhere" in rows["deep"]["detail"]


def test_ctrl_c_during_the_clone(add: Slipway, store: Path, tmp_path: Path) -> None:
    with Simulator.start(username="operator", password=PASSWORD, clone_delay=2) as server:
        add(server)
        before = inventory(server, tmp_path)
        command = subprocess.Popen(
            [sys.executable, "-m", "cli", "endpoint", "test", "vc01", "--deep"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert command.stdout is not None
        for line in command.stdout:
            if "deep: look at the template" in line:
                break
        interrupt_once_cloning(server, command, tmp_path)
        out, err = command.communicate(timeout=60)
        assert command.returncode == 130, out + err
        assert "Traceback" not in err
        assert inventory(server, tmp_path) == before
    assert standing_claims() == []


def interrupt_once_cloning(server: Stock, command: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """Send Ctrl-C when vCenter has the clone's task."""
    with open_store() as store, open_site(store, "vc01") as site:
        from engine.vsphere.properties import read

        give_up = time.monotonic() + 30
        while time.monotonic() < give_up:
            recent = read(site.session, site.session.content.taskManager, "recentTask").get("recentTask") or []
            running = [
                info["info.descriptionId"]
                for info in (read(site.session, task, "info.descriptionId", "info.state") for task in recent)
                if str(info["info.state"]) in ("running", "queued")
            ]
            if any("clone" in name.lower() for name in running):
                command.send_signal(signal.SIGINT)
                return
            threading.Event().wait(0.02)
    command.kill()
    pytest.fail("no clone was started")


def test_the_trials_password_is_not_in_the_store(own: Stock, store: Path) -> None:
    found = run()
    assert json.dumps([one.detail for one in found])
    for path in store.rglob("*"):
        assert path.is_dir() or b"trial only" not in path.read_bytes()
