"""An operator's whole day by keyboard alone, in one session on a real terminal: from an empty store to quitting."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cancel import Cancel
from engine.demo.samples import Appliance, make_sample
from engine.jobs import presence
from engine.simulator.launcher import Simulator
from engine.staging.holder import is_gone
from storage import claims, deployments, endpoints, settings
from storage.store import Store
from tests.e2e.lab import MIB
from tests.jobs.conftest import until
from tests.tui.on_terminal import environment
from tests.tui.test_locks import HOLDER
from tests.tui.tmux import Tmux, tmux

APPLIANCES = (
    Appliance("zcore-13.5.json", (24 * MIB,)),
    Appliance("esxi-8.0u3g.json", (4 * MIB, 2 * MIB)),
    Appliance("zbox-13.5.json", (24 * MIB,)),
)
PROFILE = Path(sys.modules["engine.demo"].__path__[0]) / "nine.yaml"


@pytest.fixture
def vcenter() -> Iterator[Simulator]:
    with Simulator.start(
        username="lab@vsphere.local", password="of the lab", folders=("labs",), portgroups=("lab01-segment",)
    ) as running:
        yield running


class Operator:
    """Somebody who looks at the screen before every key."""

    def __init__(self, terminal: Tmux) -> None:
        self._terminal = terminal

    def sees(self, *texts: str) -> "Operator":
        try:
            self._terminal.shows(*texts)
        except AssertionError:
            pytest.fail(f"does not see {texts}, but\n{self._terminal.screen()}")
        return self

    def presses(self, *keys: str) -> "Operator":
        self._terminal.keys(*keys)
        return self

    def fills(self, *texts: str) -> "Operator":
        """One field after the other; "" leaves a field as it is."""
        for text in texts:
            self._terminal.keys(*([text] if text else []), "Enter")
        return self


@pytest.mark.long
def test_a_whole_day(store: Store, vcenter: Simulator, tmp_path: Path) -> None:
    for appliance in APPLIANCES:
        make_sample(tmp_path, appliance, Cancel())
    with tmux(tmp_path) as terminal:
        env = environment(store.location, TERM="tmux-256color")
        terminal.start([sys.executable, "-m", "cli"], env, 80, 24)
        me = Operator(terminal)
        try:
            the_morning(me, vcenter, tmp_path)
            the_afternoon(me, store, vcenter, tmp_path)
            me.presses("q")
            assert terminal.ended() == "0"
        finally:
            end_worker(store)
    assert settings.is_on(store, settings.FLAG)
    assert [one.name for one in endpoints.listing(store)] == ["vc01"]
    assert [(one.name, one.state) for one in deployments.listing(store)] == [("lab01", "succeeded")]
    assert claims.listing(store) == []


def the_morning(me: Operator, vcenter: Simulator, folder: Path) -> None:
    """The flag, an endpoint, the catalog, a template."""
    me.sees("No endpoint yet").presses("5").sees("5 Settings", "ff_endpoint_ova_staging")
    me.presses("f").sees("Switch staging on").presses("Enter").sees("staging is on")
    me.presses("1").sees("1 Endpoints").presses("a").sees("Add an endpoint")
    me.fills("vc01", f"{vcenter.host}:{vcenter.port}", "lab@vsphere.local", "of the lab", "DC0", "DC0_C0", "LocalDS_0")
    me.fills("labs", "", "VM Network").presses("C-s").sees("Type trust").fills("trust").sees("o ready", "added vc01")
    me.presses("9").sees("9 Components").presses("a").sees("ctrl+s").fills(str(folder)).sees("imported")
    for uid in ("esxi-8.0u3g-sample", "zbox-13.5-sample", "zcore-13.5-sample"):
        me.presses("/").presses(uid, "Enter").sees(f"/{uid}").presses("f").sees("ctrl+s")
        me.fills(str(folder / f"{uid}.ova")).sees(f"{uid} is at").presses("Escape").sees(" 3\n")
    me.presses("2").sees("Nothing is staged").presses("a").sees("Stage a component").presses("C-s").sees("o staged")


def the_afternoon(me: Operator, store: Store, vcenter: Simulator, folder: Path) -> None:
    """Nine VMs, a cut network, a stale claim, a template that goes."""
    vcenter.admin.nfc("slow", bytes_per_second=2 * MIB)
    me.presses("3").sees("3 Deploys").presses("n").sees("Deploy from").presses("f").sees("profile file")
    me.fills(str(PROFILE), "lab01", "vc01", "lab01.example.com", "lab01", "lab01-segment", "secret-of-lab01").presses(
        "C-s"
    )
    me.sees("zcore.lab01.example.com").presses("Enter").sees("lab01", "> running", "/9")
    me.sees("MiB/s").presses("Enter").sees("esxi16", "uploading").presses("Escape").sees("3 Deploys")
    vcenter.admin.listen(False)
    me.presses("1").sees("~ stale", "1/1 endpoints down")
    vcenter.admin.listen(True)
    vcenter.admin.clear_nfc()
    me.presses("r").sees("o ready").presses("3").sees("o done", "9/9")
    claim_of_a_killed_process(store)
    me.presses("4").sees("1 stale claim", "old-1.0").presses("X").sees("Clear the claim").fills("old-1.0")
    me.sees("Nobody stages anything")
    me.presses("2").sees("zcore-13.5-sample").presses("X").sees("Remove esxi-8.0u3g-sample")
    me.fills("esxi-8.0u3g-sample").sees("removed esxi-8.0u3g-sample")
    me.sees(" 2\n")


def claim_of_a_killed_process(store: Store) -> None:
    command = [sys.executable, "-c", HOLDER, store.address, "old-1.0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()


def end_worker(store: Store) -> None:
    worker = presence.find(store)
    if worker is not None:
        os.kill(worker.holder.pid, signal.SIGTERM)
        until(lambda: is_gone(worker.holder))
