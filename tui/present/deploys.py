"""Deployments as rows, and one of them in full: its VMs, what they wait for, why one fell back, the steps, the log."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cli.units import duration, size
from tui.present.progress import took, upload
from tui.present.states import sign
from tui.present.text import Cell, Line, ago, fit, local, plain, printable, wrapped
from tui.widgets.table import Column, View

if TYPE_CHECKING:
    from engine.console.deploys import DeployRow, Detail, StagingRow, VmRow

COLUMNS = (
    Column("Id", 4, align="right", sort=lambda row: row.id),
    Column("Name", 9, grow=1),
    Column("State", 12),
    Column("VMs", 5, align="right", sort=lambda row: row.done / row.vms if row.vms else 0.0),
    Column("Now", 38, grow=5),
    Column("Age", 4, align="right", sort=lambda row: row.created),
    Column("Endpoint", 8, grow=1, drop=1),
)


def cells(row: "DeployRow", now: datetime) -> Line:
    """One line."""
    state = sign("deployment", row.state)
    done = "ok" if row.vms and row.done == row.vms else "plain"
    return (
        (str(row.id), "dim"),
        plain(row.name),
        (str(state), state.tone),
        (f"{row.done}/{row.vms}", done),
        doing(row, now),
        (ago(row.created, now), "dim"),
        plain(row.endpoint),
    )


NARROW_BAR = 5
"""Cells of a bar in a row: with rate and time left it fits into 80 columns."""

VIEW = View(COLUMNS, lambda row: str(row.id), cells)

ENDED = ("succeeded", "failed", "cancelled")
"""States of a deployment on which nothing is done any more."""


def doing(row: "DeployRow", now: datetime) -> Cell:
    """What it is doing now; of one that has ended what came of it, a failure's reason first."""
    if row.active and row.state not in ENDED:  # its job may take a moment longer than itself
        return _under_way(row, row.detail, now)
    if row.error:
        return _why(row), "bad"
    if row.state == "succeeded" and row.ended is not None:
        told = f"in {took((row.ended - row.created).total_seconds())}, {size(row.bytes_sent)} sent"
        return (f"{told}; {row.fell_back} fell back", "warn") if row.fell_back else (told, "dim")
    if row.state == "cancelled":
        return "its VMs were removed; u resumes", "dim"
    return "-", "dim"


def _why(row: "DeployRow") -> str:
    """`zcore at powering on: no resources`: a narrow row has no room to say twice what was tried on which VM."""
    error = row.error
    head, colon, why = error.partition(": ")
    if colon and row.failed_vm and head.endswith(row.failed_vm):
        error = why
    return printable(f"{row.failed_vm.partition('.')[0]} at {row.failed_at}: {error}".strip())


def _under_way(row: "DeployRow", detail: "Detail | None", now: datetime) -> Cell:
    if row.queued:
        return "waits for its turn", "dim"
    if detail is None:
        return "-", "dim"
    if row.state in ("cancelling", "removing"):
        going = sum(vm.step == "removing" for vm in detail.vms)
        return (f"removing {going} of {len(row.made)} VMs" if going else "stopping its work"), "warn"
    paused = next((one for one in [*detail.stagings, *detail.vms] if one.step == "trying again"), None)
    if paused is not None:
        return printable(f"trying again {paused.detail}"), "warn"
    moving = [one.transfer for one in [*detail.stagings, *detail.vms] if one.transfer is not None]
    if moving:
        text, tone = upload(moving, now, NARROW_BAR)
        return f"upload {text}", tone
    words = Counter(vm.step for vm in detail.vms if vm.state == "running" and vm.step)
    words.update(one.step for one in detail.stagings if one.state == "running" and one.step)
    told = ", ".join(f"{word} {count}" for word, count in words.most_common() if word != "waiting" or len(words) == 1)
    if told:
        return told, "busy"
    last = max(detail.steps, key=lambda step: step.began, default=None)
    if last is not None and last.step == "trying again":  # the whole of it: its vCenter is away
        return printable(f"trying again {last.detail}"), "warn"
    return "looking at what is there", "busy"


# One in full


def detail(row: "DeployRow", now: datetime, width: int, advice: Callable[[str], str] = str) -> list[Line]:
    """All that is known of it, in lines of `width` cells; `advice` tells what an error says to do."""
    state = sign("deployment", row.state)
    ended = f", ended {local(row.ended)}" if row.ended else ""
    lines: list[Line] = [
        (
            (printable(row.name), "title"),
            (f"  {state}", state.tone),
            (f"  {row.done}/{row.vms} VMs on {printable(row.endpoint)}", "plain"),
        ),
        ((f"id {row.id}, created {local(row.created)}{ended}", "dim"),),
    ]
    domain = _domain(vm.name for vm in row.detail.vms) if row.detail else ""
    if domain:
        lines.append((("domain ", "dim"), (printable(domain.removeprefix(".")), "plain")))
    if not row.active and row.error and not row.failed_vm:
        lines += [((line, "bad"),) for line in wrapped(f"failed at {row.failed_at}: {advice(row.error)}", width)]
    if row.detail is None:
        return [*lines, (), (("reading ...", "dim"),)]
    if row.active:
        text, tone = doing(row, now)
        lines.append(((text, tone),))
    lines += [(), *_vms(row, row.detail.vms, now, width, advice)]
    if row.detail.stagings:
        lines += [(), (("Templates that it waits for, or had staged", "head"),)]
        for one in row.detail.stagings:
            lines += _staging(one, now, width, advice)
    if row.detail.steps:
        lines += [(), *_steps(row.detail, width)]
    return lines


def _vms(
    row: "DeployRow", vms: Sequence["VmRow"], now: datetime, width: int, advice: Callable[[str], str]
) -> list[Line]:
    domain = _domain(vm.name for vm in vms)
    name = max([4, *(len(vm.name) - len(domain) for vm in vms)])
    name, uid = min(name, 24), max([9, *(len(vm.component) for vm in vms)]) if width >= 110 else 0
    room = width - (name + 1) - 12 - 8 - (uid + 1 if uid else 0) - 8
    head = fit("VM", name + 1) + fit("State", 11) + " "
    head += fit("Component", uid) + " " if uid else ""
    lines: list[Line] = [((head + fit("Path", 7) + " " + fit("Now", room) + fit("Took", 8, "right"), "head"),)]
    for vm in vms:
        state = sign("item", vm.state)
        told, tone = _vm_now(vm, now)
        if vm.state == "pending" and not row.active:
            told = "was not begun"
        lines.append(
            (
                (fit(printable(vm.name.removesuffix(domain)), name) + " ", "plain"),
                (fit(str(state), 11) + " ", state.tone),
                *(((fit(printable(vm.component), uid) + " ", "dim"),) if uid else ()),
                (fit("direct" if _fell_back(vm) else vm.path or "-", 7) + " ", "warn" if _fell_back(vm) else "dim"),
                (fit(told, room), tone),
                (fit(_vm_took(vm, now), 8, "right"), "dim"),
            )
        )
    untold = [vm for vm in vms if _vm_now(vm, now)[0] != printable(advice(vm.reason)) or len(vm.reason) > room]
    return [*lines, *_reasons(untold, domain, width, advice)]


def _reasons(vms: Sequence["VmRow"], domain: str, width: int, advice: Callable[[str], str]) -> list[Line]:
    """Why these failed or were made otherwise, whole, and what to do; once for all that have the same."""
    reasons: dict[Cell, list[str]] = {}
    for vm in vms:
        if not vm.reason or (vm.step and not _fell_back(vm)):
            continue
        tone = "bad" if vm.state == "failed" else "warn" if _fell_back(vm) else "dim"
        reasons.setdefault((vm.reason, tone), []).append(vm.name.removesuffix(domain))
    lines: list[Line] = []
    for (reason, tone), names in reasons.items():
        first, *rest = wrapped(f"{', '.join(names)}: {advice(reason)}", width - 2)
        lines += [((first, tone),), *[((f"  {line}", tone),) for line in rest]]
    return lines


def _vm_now(vm: "VmRow", now: datetime) -> Cell:
    if vm.transfer is not None:
        return upload([vm.transfer], now)
    if vm.step:
        told = printable(f"{vm.step} {vm.detail}".strip())
        return told, "warn" if vm.step in ("trying again", "falling back", "removing") else "busy"
    if vm.reason:
        return printable(vm.reason), "bad" if vm.state == "failed" else "warn" if _fell_back(vm) else "dim"
    return "-", "dim"


def _fell_back(vm: "VmRow") -> bool:
    return vm.reason.startswith("fallback")


def _vm_took(vm: "VmRow", now: datetime) -> str:
    if vm.state == "running" and vm.began is not None:
        return took((now - vm.began).total_seconds())
    return took(vm.seconds) if vm.seconds else "-"


def _staging(one: "StagingRow", now: datetime, width: int, advice: Callable[[str], str]) -> list[Line]:
    word = {"queued": "queued", "running": "staging", "succeeded": "staged", "failed": "failed"}.get(
        one.state, "absent"
    )
    state = sign("template", word)
    told, tone = printable(f"{one.step} {one.detail}".strip()) or "-", "dim"
    if one.transfer is not None:
        told, tone = upload([one.transfer], now)
    elif one.error:
        told, tone = advice(one.error), "bad"
    first: Line = ((fit(printable(one.uid), 26) + " ", "plain"), (fit(str(state), 12) + " ", state.tone))
    if len(told) <= width - 40:
        return [(*first, (told, tone))]
    return [first, *[((f"    {line}", tone),) for line in wrapped(told, width - 4)]]


def _steps(detail: "Detail", width: int) -> list[Line]:
    """The newest first: that is what is asked for while it runs."""
    domain = _domain(vm.name for vm in detail.vms)
    names = [printable(step.item.removesuffix(domain)) for step in detail.steps]
    name = min(26, max(4, *(len(one) for one in names)) if len(names) > 1 else max(4, len(names[0])))
    head = fit("Steps", 9) + fit("of", name + 1) + fit("Step", 15) + fit("Took", 9, "right")
    lines: list[Line] = [((head, "head"),)]
    for step, item in zip(reversed(detail.steps), reversed(names), strict=True):
        bad = step.step in ("failed", "falling back", "trying again")
        lines.append(
            (
                (f"{step.began.astimezone():%H:%M:%S} ", "dim"),
                (fit(item, name) + " ", "plain"),
                (fit(step.step, 14) + " ", "warn" if bad else "plain"),
                (fit(duration(step.seconds), 9, "right") + "  ", "dim"),
                (printable(step.detail)[: max(0, width - name - 36)], "warn" if bad else "dim"),
            )
        )
    return lines


def _domain(names: Iterable[str]) -> str:
    """`.lab01.example.com` when all names end with it, "" otherwise."""
    ends = {one.partition(".")[1] + one.partition(".")[2] for one in names}
    return ends.pop() if len(ends) == 1 else ""


# Before something is done


def cancelled(rows: Sequence["DeployRow"]) -> list[Line]:
    """What cancelling these removes, and what stays."""
    lines = [line for row in rows for line in _going(row)]
    return [
        *lines,
        (),
        (("VMs that were there before, templates,", "dim"),),
        (("and stagings that others wait for stay.", "dim"),),
    ]


def removed(rows: Sequence["DeployRow"]) -> list[Line]:
    """What removing these destroys."""
    lines = [line for row in rows for line in _going(row)]
    return [*lines, (), (("They are powered off and destroyed. Nothing else goes; the records stay.", "dim"),)]


def _going(row: "DeployRow") -> list[Line]:
    if not row.made:
        head = f"{row.name} (id {row.id}) on {row.endpoint}: no VM, none was made yet"
        return [((printable(head), "plain"),)]
    goes = "1 VM goes" if len(row.made) == 1 else f"{len(row.made)} VMs go"
    head = f"{row.name} (id {row.id}) on {row.endpoint}: {goes}"
    return [((printable(head), "plain"),), *[((f"  {line}", "bad"),) for line in wrapped(", ".join(row.made), 68)]]


def several(rows: Sequence["DeployRow"]) -> str:
    """What is typed to confirm: the name, of several their number."""
    return rows[0].name if len(rows) == 1 else f"{len(rows)} deployments"


def copied(row: "DeployRow") -> str:
    """What `y` copies: the whole error, or the id."""
    return f"deployment {row.id} ({row.name}) failed at {row.failed_at}: {row.error}" if row.error else str(row.id)


REASONS = {
    "deploy.cancel": "it has ended; X removes its VMs",
    "deploy.retry": "it has not failed",
    "deploy.resume": "it was not cancelled",
    "deploy.remove": "it is under way; C cancels it",
}
"""Why an action cannot be taken on a deployment in the wrong state."""


def why_not(action: str, rows: Sequence["DeployRow"]) -> str:
    """Why the action cannot be taken on these rows, "" when it can."""
    if action == "deploy.new" or not action.startswith("deploy."):
        return ""
    if not rows:
        return "nothing was deployed yet; n deploys"
    wrong = next((row for row in rows if not _fits(action, row)), None)
    if wrong is None:
        return ""
    why = REASONS[action]
    if action in ("deploy.retry", "deploy.resume") and wrong.active:
        why = "it is under way"
    if action == "deploy.cancel" and wrong.active:
        why = "it is being cancelled or removed already"
    return why if len(rows) == 1 else f"{wrong.name}: {why}"


def _fits(action: str, row: "DeployRow") -> bool:
    match action:
        case "deploy.cancel":
            return row.active and row.state not in ("cancelling", "removing")
        case "deploy.retry":
            return not row.active and row.state == "failed"
        case "deploy.resume":
            return not row.active and row.state == "cancelled"
        case "deploy.remove":
            return not row.active
        case _:
            return True


# The log

TONES_OF_LEVELS = {"WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad"}


def log_line(text: str) -> Line:
    """A line of the worker's log: local time and what happened; the process and module are in the file."""
    stamp, _, rest = text.partition(" ")
    _process, _, rest = rest.partition(" ")
    level, _, rest = rest.partition(" ")
    _module, colon, message = rest.partition(": ")
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return ((printable(text), "plain"),)
    if not colon:
        return ((printable(text), "plain"),)
    return ((f"{moment.astimezone():%H:%M:%S} ", "dim"), (printable(message), TONES_OF_LEVELS.get(level, "plain")))


def log_lines(text: str, width: int) -> list[Line]:
    """The same, broken into lines of `width` cells."""
    *stamp, (message, tone) = log_line(text)
    room = sum(len(text) for text, _ in stamp)
    first, *rest = wrapped(message, max(20, width - room))
    return [(*stamp, (first, tone)), *[((" " * room, "dim"), (line, tone)) for line in rest]]


def log(row: "DeployRow | None") -> list[Line]:
    """The end of the worker's log of it."""
    lines = row.detail.log if row is not None and row.detail is not None else ()
    return [log_line(line) for line in lines] or [(("nothing in the worker's log", "dim"),)]


EMPTY: list[Line] = [
    (("Nothing was deployed yet.", "title"),),
    (),
    (("A deployment makes the VMs of a profile: cloned from staged templates, or", "plain"),),
    (("imported from their OVAs. It goes on when this console is closed.", "plain"),),
    (),
    (("  n", "key"), ("  deploy a profile, from a file or a form", "plain")),
]
