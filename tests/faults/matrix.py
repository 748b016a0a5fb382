"""Every fault at every point of a staged deployment: what must become of it, and docs/faults.md, which is made of it.

The expectations are written by hand from DESIGN.md rules 7 and 12; `test_matrix` compares them with what happens.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyVmomi import vim, vmodl

from engine.vsphere.transient import LASTING, PASSING, PASSING_ERRORS

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
RETRIED, FELL_BACK, FAILED = "retried", "fell back", "failed clean"
ONCE, FOR_EVER = "once", "for ever"


@dataclass(frozen=True, slots=True)
class Point:
    """Where a fault strikes: a call of vCenter. `in_task`: a fault comes out of the task that the call begins, which
    may end with any. `of` is part of the name of the object, for calls that are made of others too. `host`: the call
    asks an ESXi host.
    """

    name: str
    kind: Any
    method: str
    in_task: bool = False
    of: str = ""
    host: bool = True

    @property
    def declared(self) -> tuple[type[Any], ...]:
        """The faults that the vSphere API declares for the call."""
        methods = (method.info for method in vars(self.kind).values() if hasattr(method, "info"))
        faults = next(method.faults for method in methods if method.wsdlName == self.method)
        return tuple(getattr(vim.fault, name.rsplit(".", 1)[-1]) for name in faults or ())


POINTS = (
    Point("connect", vim.SessionManager, "Login", host=False),
    Point("folder", vim.Folder, "CreateFolder", host=False),
    Point("import spec", vim.OvfManager, "CreateImportSpec"),
    Point("lease", vim.ResourcePool, "ImportVApp", in_task=True),
    Point("upload", vim.HttpNfcLease, "HttpNfcLeaseProgress"),
    Point("complete", vim.HttpNfcLease, "HttpNfcLeaseComplete"),
    Point("snapshot", vim.VirtualMachine, "CreateSnapshot_Task", in_task=True),
    Point("mark", vim.VirtualMachine, "MarkAsTemplate"),
    Point("attribute", vim.CustomFieldsManager, "SetField", host=False),
    Point("rename", vim.ManagedEntity, "Rename_Task", in_task=True),
    Point("clone", vim.VirtualMachine, "CloneVM_Task", in_task=True),
    Point("reconfigure", vim.VirtualMachine, "ReconfigVM_Task", in_task=True, of=".example.com"),
    Point("power on", vim.VirtualMachine, "PowerOnVM_Task", in_task=True),
)

# A second call at the same point, for the one fault that it alone declares.
EXTRA = {"attribute": Point("attribute", vim.CustomFieldsManager, "AddCustomFieldDef", host=False)}

MEANING: Mapping[str, str] = {
    "TaskInProgress": "TaskInProgress",
    "DuplicateName": "the name is",
    "InsufficientResourcesFault": "InsufficientResourcesFault",
    "NoPermission": "the account lacks the privilege",
    "NotAuthenticated": "session",
    "InvalidLogin": "wrong user name or password",
    "NoDiskSpace": "is full",
    "HostNotConnected": "its ESXi host is not connected",
    "Timedout": "Timedout",
    "FileAlreadyExists": "the name is",
    "InvalidState": "InvalidState",
    "GenericVmConfigFault": "GenericVmConfigFault",
    "ConcurrentAccess": "ConcurrentAccess",
    "503": "503",
    "dropped before": "connection",
    "dropped after": "connection",
    "stalled": "no answer within the deadline",
    "slow upload": "",
    "gone": "connection",
}
"""Fault -> the words by which an error, or the reason of a fallback, tells it to people, in upper or lower case."""

ON_THE_WIRE = ("503", "dropped before", "dropped after", "stalled", "slow upload", "gone")

# Per fault one column per point: what comes of it once / for ever.
_WORDS = {"r": RETRIED, "f": FELL_BACK, "x": FAILED}
_GRID = """
                            connect folder spec lease upload complete snap mark attribute rename clone reconf power-on
TaskInProgress                 -      -    r/x   r/x    -       -     r/f   -       -      r/f    r/f   r/x     r/x
DuplicateName                  -     r/f    -    r/x    -       -     r/f   -      r/f     r/f    r/x   x/x     x/x
InsufficientResourcesFault     -      -     -    r/x    -       -     r/f   -       -      r/f    f/f   x/x     x/x
NoPermission                  x/x    f/f   x/x   x/x   r/r     x/x    f/f  f/f     f/f     f/f    f/f   x/x     x/x
NotAuthenticated               -     r/f   r/x   r/x   r/x     r/x    r/f  r/f     r/f     r/f    r/f   r/x     r/x
InvalidLogin                  x/x     -     -     -     -       -      -    -       -       -      -     -       -
NoDiskSpace                    -      -    r/x   r/x   r/x      -     r/x  r/x      -      r/x    x/x   x/x     x/x
HostNotConnected               -      -    r/x   r/x   r/r     r/x    r/f  r/f      -      r/f    r/f   r/x     r/x
Timedout                       -      -     -    r/x   r/x     r/x    r/f   -       -      r/f    r/f   r/x     r/x
FileAlreadyExists              -      -    r/x   r/x    -       -     r/f  r/f      -      r/f    r/x   x/x     x/x
InvalidState                   -      -    r/x   r/x    -      r/x    r/f  r/f      -      r/f    f/f   x/x     x/x
GenericVmConfigFault           -      -    r/x   r/x    -       -     r/f  r/f      -      r/f    f/f   x/x     x/x
ConcurrentAccess               -      -    r/x   r/x    -       -     r/f   -       -      r/f    r/f   r/x     r/x
503                           r/x    r/x   r/x   r/x   r/x     r/x    r/x  r/x     r/x     r/x    r/x   r/x     r/x
dropped before                r/x    r/x   r/x   r/x   r/x     r/x    r/x  r/x     r/x     r/x    r/x   r/x     r/x
dropped after                 r/x    r/r   r/x   r/x   r/x     r/r    r/r  r/r     r/r     r/r    r/r   r/r     r/r
stalled                       r/x    r/x   r/x   r/x   r/x     r/x    r/x  r/x     r/x     r/x    r/x   r/x     r/x
slow upload                    -      -     -     -    r/r      -      -    -       -       -      -     -       -
gone                          r/x    r/x   r/x   r/x   r/x     r/x    r/x  r/x     r/x     r/x    r/x   r/x     r/x
"""

FAST: Mapping[str, tuple[str, str]] = {
    "TaskInProgress": ("clone", ONCE),
    "DuplicateName": ("rename", ONCE),
    "InsufficientResourcesFault": ("power on", FOR_EVER),
    "NoPermission": ("mark", ONCE),
    "NotAuthenticated": ("attribute", ONCE),
    "InvalidLogin": ("connect", FOR_EVER),
    "NoDiskSpace": ("clone", FOR_EVER),
    "HostNotConnected": ("reconfigure", ONCE),
    "Timedout": ("lease", ONCE),
    "FileAlreadyExists": ("import spec", ONCE),
    "InvalidState": ("complete", ONCE),
    "GenericVmConfigFault": ("clone", ONCE),
    "ConcurrentAccess": ("rename", FOR_EVER),
    "503": ("folder", ONCE),
    "dropped before": ("power on", ONCE),
    "dropped after": ("snapshot", ONCE),
    "stalled": ("upload", ONCE),
    "slow upload": ("upload", FOR_EVER),
    "gone": ("connect", ONCE),
}
"""The cell of each fault that `make test` runs; all others are long."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one point, once or for ever, and what must become of it."""

    fault: str
    point: Point
    often: str
    expected: str

    def __str__(self) -> str:
        return f"{self.fault} at {self.point.name}, {self.often}"

    @property
    def linked(self) -> bool:
        """Whether its VMs are to be linked clones: only then is there a snapshot to take."""
        return self.point.name == "snapshot"

    @property
    def fast(self) -> bool:
        """Whether `make test` runs it."""
        return FAST[self.fault] == (self.point.name, self.often)


def cells() -> Iterator[Cell]:
    """Every cell but those that cannot be."""
    for fault, row in grid().items():
        for point, outcomes in zip(POINTS, row, strict=True):
            for often, outcome in zip((ONCE, FOR_EVER), outcomes, strict=False):
                yield Cell(fault, point, often, outcome)


def grid() -> dict[str, list[tuple[str, ...]]]:
    """Fault -> per point what comes of it once and for ever; nothing where it cannot be."""
    rows = {}
    for line in _GRID.strip().splitlines()[1:]:
        fault, *row = line.rsplit(maxsplit=len(POINTS))
        rows[fault.strip()] = [tuple(_WORDS[one] for one in cell.split("/") if one != "-") for cell in row]
    return rows


def why_not(fault: str, point: Point) -> str:
    """Why vCenter cannot give that fault there, "" when it can."""
    if fault == "slow upload":
        return "" if point.name == "upload" else "no bytes are sent there"
    if fault in ON_THE_WIRE:
        return ""
    if fault == "InvalidLogin" and point.name != "connect":
        return "only `Login` looks at the password"
    if fault == "NotAuthenticated":
        return "" if point.name != "connect" else "`Login` needs no session"
    if fault == "NoPermission" or point.in_task:
        return ""
    if fault == "NoDiskSpace" and point.name == "upload":
        return ""  # the lease ends with it, not a call
    if fault == "HostNotConnected":
        return "" if point.host else "no ESXi host is asked"
    kind = getattr(vim.fault, fault, None) or getattr(vmodl.fault, fault)
    declared = (*point.declared, *(extra.declared if (extra := EXTRA.get(point.name)) else ()))
    if any(issubclass(kind, one) for one in declared):
        return ""
    return "the vSphere API declares no such fault for the call"


def page() -> str:
    """docs/faults.md."""
    header = ["fault", *(point.name for point in POINTS)]
    rows = [[fault, *(" / ".join(dict.fromkeys(one)) or "n/a" for one in row)] for fault, row in grid().items()]
    calls = [
        [point.name, " and ".join(f"`{one.method}`" for one in (point, EXTRA.get(point.name)) if one)]
        for point in POINTS
    ]
    errors = {error.__name__: why for error, why in PASSING_ERRORS.items()}
    return "\n".join(
        [
            _HEAD.strip(),
            "",
            *_table(header, rows),
            "",
            "## The points",
            "",
            *_table(["point", "call"], calls),
            "",
            _CALLS.strip(),
            "",
            "## What passes",
            "",
            _PASSES.strip(),
            "",
            *_table(
                ["fault or error", "why it passes"], [[f"`{name}`", why] for name, why in (PASSING | errors).items()]
            ),
            "",
            *_table(["fault", "why it does not pass"], [[f"`{name}`", why] for name, why in LASTING.items()]),
            "",
            "## Why a cell is n/a",
            "",
            *_table(["fault", "points", "why"], list(_left_out())),
            "",
        ]
    )


_HEAD = """
# What becomes of a fault

Made by `python -m tests.faults.matrix`; `tests/faults/test_matrix.py` runs every cell: the engine deploys two VMs from
a template that has to be staged first, against the simulated vCenter, which gives the fault at that point. Left of the
stroke the fault comes **once** (gone: for a moment), right of it **for ever** (longer than the settings
`retry_attempts`, `retry_seconds`, `call_deadline_seconds`, `task_silence_seconds` and `upload_stall_seconds` allow).

- **retried**: every VM was cloned from the staged template; what failed was asked again, or seen to be done.
- **fell back**: every VM is there, at least one by direct import of the OVA; its reason names the fault.
- **failed clean**: a VM, or the deployment, ended as failed, and the error names the fault.
- **n/a**: vCenter cannot give that fault there (below). One word for both: once and for ever end alike.

After each of them: no claim is left, no VM of anybody else was touched, no traceback is shown and no secret is in the
log. The next deployment, without the fault, succeeds, finds or removes what was left, has every VM once, and sends no
byte of a template again that was whole; where linked clones are wanted the template has one snapshot, else none. A
refused password and a missing privilege are tried once.
"""

_CALLS = """
The lease, snapshot, rename, clone, reconfigure and power on are tasks of vCenter: faults come out of the task, which
may end with any. *snapshot* is the one that linked clones stand on: there all VMs are linked clones, elsewhere none.
*reconfigure* is that of the VMs, after their clone. *upload* is the sending of the disks to the ESXi host: 503,
dropped, stalled and slow are that host's, the other faults strike the call that tells vCenter the progress;
`NoDiskSpace` is a datastore that fills up. *dropped before*: the connection broke and the call was not carried out;
*after*: it was, and only the answer is lost. *gone*: vCenter's port refuses connections from that call on.
"""

_PASSES = """
What fails for a reason that passes is tried again after a pause (`retry_seconds`, doubled each time), `retry_attempts`
times in all; then the failure counts as any other. When a staging fails, one of those who wait for it tries once more,
unless vCenter refused it. From engine/vsphere/transient.py:
"""


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _left_out() -> Iterator[list[str]]:
    for fault in grid():
        reasons: dict[str, list[str]] = {}
        for point in POINTS:
            if why := why_not(fault, point):
                reasons.setdefault(why, []).append(point.name)
        for why, names in reasons.items():
            yield [fault, ", ".join(names) if len(names) < len(POINTS) - 1 else "all others", why]


if __name__ == "__main__":
    DOCUMENT.write_text(page())
