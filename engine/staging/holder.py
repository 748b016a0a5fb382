"""Who holds a claim: a process on a host, told so that another process can tell whether it still runs."""

import getpass
import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Holder:
    """One process. `boot_id` and `pid_ns` are the kernel's; `started` is in clock ticks after boot (proc(5), stat
    field 22).
    """

    owner: str
    host: str
    boot_id: str
    pid_ns: str
    pid: int
    started: int


@cache
def myself() -> Holder:
    """This process."""
    pid = os.getpid()
    return Holder(_user(), socket.gethostname(), _boot_id(), _pid_namespace(), pid, process_start(pid) or 0)


def process_start(pid: int) -> int | None:
    """When the process started, None when no such process runs; a zombie does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def is_here(holder: Holder) -> bool:
    """Whether the holder's pid means anything to this process: same boot, same pid namespace."""
    me = myself()
    return bool(holder.boot_id) and (holder.boot_id, holder.pid_ns) == (me.boot_id, me.pid_ns)


def is_running(holder: Holder) -> bool:
    """Whether the holder's own process runs, not another one with its pid. Only for a holder that is here."""
    return process_start(holder.pid) == holder.started


def rebooted(holder: Holder) -> bool:
    """Whether this host has started again since the holder ran on it."""
    me = myself()
    return holder.host == me.host and bool(holder.boot_id) and bool(me.boot_id) and holder.boot_id != me.boot_id


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
