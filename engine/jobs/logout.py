"""Whether logind ends this user's processes at logout: then a worker started from a terminal ends with its session.

logind.conf(5): the first logind.conf of /etc, /run, /usr/local/lib and /usr/lib is read, then the drop-ins of all of
them by file name, of which one in an earlier folder hides those of that name in later ones; the last assignment counts.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from engine.staging.holder import myself

SAYS = "jobs end when you log out (logind has KillUserProcesses=yes)"
FIX = "to keep them: loginctl enable-linger, then systemd-run --user --unit=slipway-worker slipway worker"

_FOLDERS = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
_YES = ("1", "yes", "y", "true", "t", "on")


def ends_jobs(root: Path = Path("/"), pid: int | str = "self", user: str | None = None) -> bool:
    """Whether the process (this one, or a worker's pid) ends at the logout of its user; `root` holds the system."""
    try:
        cgroup = (root / "proc" / str(pid) / "cgroup").read_text()
    except OSError:
        return False
    if not re.search(r"/session-[^/]+\.scope", cgroup):
        return False  # no login session: a service, a container, or a system without logind
    told = _settings(root)
    name = user or myself().owner
    only = told.get("KillOnlyUsers", "").split()
    excluded = told.get("KillExcludeUsers", "root").split()
    wanted = told.get("KillUserProcesses", "no").lower() in _YES
    return wanted and name not in excluded and (not only or name in only)


def _settings(root: Path) -> dict[str, str]:
    told: dict[str, str] = {}
    for path in _files(root):
        section = ""
        for line in _lines(path):
            if line.startswith("["):
                section = line
            elif section == "[Login]" and "=" in line and line[0] not in "#;":
                key, _, value = line.partition("=")
                told[key.strip()] = value.strip()
    return told


def _files(root: Path) -> Iterator[Path]:
    main = [root / folder / "logind.conf" for folder in _FOLDERS]
    yield from [path for path in main if path.exists()][:1]
    drop_ins: dict[str, Path] = {}
    for folder in _FOLDERS:
        for path in (root / folder / "logind.conf.d").glob("*.conf"):
            drop_ins.setdefault(path.name, path)
    yield from (drop_ins[name] for name in sorted(drop_ins))


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(errors="replace").splitlines()]
    except OSError:
        return []
