"""Who holds a claim: a process on a host, told so that another process can tell whether it still runs."""

import getpass
import hashlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

_PID_MAX = 2**22  # proc(5), pid_max


@dataclass(frozen=True, slots=True)
class Holder:
    """One process. `machine` stands for its machine (a hash of machine-id(5), which is not to be shown), `boot_id` and
    `pid_ns` are the kernel's; `started` is in clock ticks after boot (proc(5), stat field 22). "" is unknown.
    """

    owner: str
    host: str
    machine: str
    boot_id: str
    pid_ns: str
    pid: int
    started: int


def holder_from(values: Mapping[str, object]) -> Holder:
    """The holder that JSON tells of. Raises ValueError when it tells of none."""
    told = {field.name: values.get(field.name) for field in fields(Holder)}
    if any(type(value) is not field.type for field, value in zip(fields(Holder), told.values(), strict=True)):
        raise ValueError("not a process")
    holder = Holder(**told)  # type: ignore[arg-type]
    if not 0 < holder.pid <= _PID_MAX:
        raise ValueError("not a process id")
    return holder


@cache
def myself() -> Holder:
    """This process."""
    pid = os.getpid()
    return Holder(_user(), socket.gethostname(), _machine(), _boot_id(), _pid_namespace(), pid, process_start(pid) or 0)


def process_start(pid: int) -> int | None:
    """When the process started, None when this process may not see it or it does not run; a zombie does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def is_here(holder: Holder) -> bool:
    """Whether the holder's pid means anything to this process: same boot, same pid namespace."""
    me = myself()
    return bool(holder.boot_id) and (holder.boot_id, holder.pid_ns) == (me.boot_id, me.pid_ns)


def is_gone(holder: Holder) -> bool:
    """Whether the holder's process provably runs no more: no such pid, or another process has it. For one that is here.

    A process that this one may not look at (proc mounted with hidepid) is not provably gone.
    """
    started = process_start(holder.pid)
    if started is not None:
        return started != holder.started
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return Path(f"/proc/{holder.pid}/stat").exists()  # seen, and a zombie


def rebooted(holder: Holder) -> bool:
    """Whether this machine has started again since the holder ran on it."""
    me = myself()
    if not holder.machine or holder.machine != me.machine:
        return False
    return bool(holder.boot_id) and me.boot_id not in ("", holder.boot_id)


def _machine() -> str:
    try:
        return hashlib.sha256(Path("/etc/machine-id").read_bytes().strip()).hexdigest()[:12]
    except OSError:
        return ""


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
