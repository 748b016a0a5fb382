"""Waiting for a vCenter task. A task has no deadline: it is done when vCenter says so (DESIGN.md rule 12)."""

import time
from collections.abc import Callable
from typing import Any

from pyVmomi import vim

from engine.cancel import Cancel
from engine.errors import EndpointUnreachable, Gone, VSphereFault
from engine.vsphere.properties import read
from engine.vsphere.session import Session, translated_fault

# Polling grows from the first to the second (seconds): a reconfigure takes some 30 ms, a full clone minutes.
FIRST_POLL, SLOWEST_POLL = 0.02, 0.5
# Seconds without any answer of vCenter before a waiter gives up on its task.
SILENCE = 60.0


def wait(
    session: Session,
    task: vim.Task,
    what: str,
    on: str,
    cancel: Cancel,
    progress: Callable[[int], None] = lambda percent: None,
) -> Any:
    """The task's result once it has succeeded; `progress` gets its percent.

    A cancel asked for meanwhile leaves the task to vCenter and raises Cancelled. Raises what the task failed with.
    """
    poll = FIRST_POLL
    heard = time.monotonic()
    while True:
        try:
            info = read(session, task, "info.state", "info.progress", "info.error", "info.result")
            heard = time.monotonic()
        except EndpointUnreachable:
            # The task goes on in vCenter while the network is away.
            if time.monotonic() - heard > SILENCE:
                raise
            info = {}
        match info.get("info.state"):
            case vim.TaskInfo.State.success:
                return info.get("info.result")
            case vim.TaskInfo.State.error:
                fault = info.get("info.error")
                if fault is None:
                    raise VSphereFault(f"cannot {what}", on=on, why="the task failed and vCenter does not say why")
                raise translated_fault(fault, what, on)
        progress(info.get("info.progress") or 0)
        cancel.pause(poll)
        poll = min(poll * 1.5, SLOWEST_POLL)


def still_running(session: Session, entity: Any) -> bool:
    """Whether any task of `entity` is queued or running. Raises Gone when the entity was removed."""
    tasks = read(session, entity, "recentTask").get("recentTask") or []
    for task in tasks:
        try:
            state = read(session, task, "info.state").get("info.state")
        except Gone:
            continue
        if state in (vim.TaskInfo.State.queued, vim.TaskInfo.State.running):
            return True
    return False
