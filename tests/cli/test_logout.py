"""Where logind ends a user's processes at logout, doctor and the first start of a worker say so."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cli import following
from engine.jobs import logout
from storage import paths
from storage.store import open_store
from tests.cli.conftest import Outcome

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"
SERVICE = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/slipway-worker.service\n"
YES, NO = "[Login]\nKillUserProcesses=yes\n", "[Login]\nKillUserProcesses=no\n"


def system(root: Path, files: Mapping[str, str], cgroup: str = SESSION) -> Path:
    """A root folder with these files below `systemd`, and a process in this control group."""
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "ends"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": YES}, True),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, False),
        ({"etc/systemd/logind.conf": "[Other]\nKillUserProcesses=yes\n"}, False),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses = on\nIdleAction=ignore\n"}, True),
        ({"usr/lib/systemd/logind.conf": YES}, True),
        ({"etc/systemd/logind.conf": NO, "usr/lib/systemd/logind.conf": YES}, False),
        ({"etc/systemd/logind.conf": NO, "usr/lib/systemd/logind.conf.d/50-kill.conf": YES}, True),
        ({"etc/systemd/logind.conf": YES, "run/systemd/logind.conf.d/50-keep.conf": NO}, False),
        ({"etc/systemd/logind.conf.d/10-keep.conf": NO, "usr/lib/systemd/logind.conf.d/90-kill.conf": YES}, True),
        ({"etc/systemd/logind.conf.d/50-x.conf": NO, "usr/lib/systemd/logind.conf.d/50-x.conf": YES}, False),
        ({"run/systemd/logind.conf.d/50-x.conf": YES, "etc/systemd/logind.conf.d/50-x.conf": ""}, False),
        ({"etc/systemd/logind.conf.d/kill.txt": YES}, False),
        ({"etc/systemd/logind.conf": YES + "KillExcludeUsers=root ada\n"}, False),
        ({"etc/systemd/logind.conf": YES + "KillOnlyUsers=bob\n"}, False),
        ({"etc/systemd/logind.conf": YES + "KillOnlyUsers=bob ada\n"}, True),
    ],
)
def test_logind_is_read_as_it_reads_itself(tmp_path: Path, files: dict[str, str], ends: bool) -> None:
    assert logout.ends_jobs(system(tmp_path, files), user="ada") is ends


def test_root_is_excluded_unless_said_otherwise(tmp_path: Path) -> None:
    root = system(tmp_path, {"etc/systemd/logind.conf": YES})
    assert not logout.ends_jobs(root, user="root")
    assert logout.ends_jobs(system(root, {"etc/systemd/logind.conf": YES + "KillExcludeUsers=\n"}), user="root")


def test_outside_a_login_session_nothing_ends(tmp_path: Path) -> None:
    assert not logout.ends_jobs(system(tmp_path, {"etc/systemd/logind.conf": YES}, SERVICE), user="ada")
    assert not logout.ends_jobs(tmp_path, pid=1, user="ada")


def test_doctor_and_the_first_start_say_so(slipway: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logout, "ends_jobs", lambda **_: True)
    told = slipway("doctor")
    assert told.code == 1
    assert f"WRONG  logout: {logout.SAYS}; {logout.FIX}" in told.out
    with open_store() as store:
        assert following.logout_warnings(store) == [f"{logout.SAYS}; {logout.FIX}"]
        log = paths.worker_log_file(store.id)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        assert following.logout_warnings(store) == [], "once is enough"
