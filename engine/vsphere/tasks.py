"""Waiting for a vCenter task. A task has no deadline: it is done when vCenter says so (DESIGN.md rule 12)."""

import logging
from collections.abc import Callable
from typing import Any

from pyVmomi import vim

from engine.cancel import Cancel
from engine.errors import Gone, VSphereFault
from engine.vsphere.patience import SLOWEST_POLL, Patience
from engine.vsphere.properties import read
from engine.vsphere.session import Session, translated_fault

log = logging.getLogger(__name__)


def wait(
    session: Session,
    task: vim.Task,
    what: str,
    on: str,
    cancel: Cancel,
    progress: Callable[[int], None] = lambda percent: None,
) -> Any:
    """The task's result once it has succeeded; `progress` gets its percent.

    A cancel asked for meanwhile leaves the task to vCenter and raises Cancelled. Raises what the task failed with, and
    EndpointUnreachable when vCenter is silent for the pace's `task_silence_seconds`: the task goes on.
    """
    patience = Patience(session, task, cancel)
    while True:
        info = patience.read("info.state", "info.progress", "info.error", "info.result")
        match info.get("info.state"):
            case vim.TaskInfo.State.success:
                return info.get("info.result")
            case vim.TaskInfo.State.error:
                fault = info.get("info.error")
                if fault is None:
                    raise VSphereFault(f"cannot {what}", on=on, why="the task failed and vCenter does not say why")
                raise translated_fault(fault, what, on)
        progress(info.get("info.progress") or 0)
        patience.pause()


def cancel(session: Session, task: vim.Task, on: str) -> None:
    """Ask vCenter to cancel the task; one that has ended, or cannot be cancelled, is left as it is."""
    try:
        session.call("cancel the task of", on, task.CancelTask)
    except (Gone, VSphereFault) as error:
        log.info("%s", error)


def settle(session: Session, entity: Any, cancel: Cancel) -> None:
    """Wait until no task of `entity` is queued or running: one may be ours, begun by a call whose answer was lost.

    Raises Gone when the entity was removed, EndpointUnreachable, Cancelled.
    """
    while still_running(session, entity):
        cancel.pause(SLOWEST_POLL)


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
