"""What the worker's log says of one deployment."""

import os
import re
from collections.abc import Iterable

from engine.console.desk import Desk
from engine.jobs.needs import templates_needed
from engine.jobs.outcome import stagings_of
from storage import deployments, jobs, paths
from storage.jobs import Kind

TAIL = 1 << 20
"""Bytes from the log's end that are looked through at most: some 10,000 lines."""

PER_LINE = 4096
"""And for each line that is wanted: most of them are of other deployments."""


def lines(desk: Desk, deployment_id: int, job_ids: Iterable[int], last: int) -> tuple[str, ...]:
    """The last lines of the log about this deployment and these jobs; () when there is no log."""
    numbers = "|".join(str(number) for number in job_ids)
    about = re.compile(rf"\b(?:deployment {deployment_id}|job (?:{numbers or 'none'}))\b")
    try:
        with paths.worker_log_file(desk.store.id).open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            start = max(0, end - min(TAIL, last * PER_LINE))
            file.seek(start)
            text = file.read(end - start).decode(errors="backslashreplace")
    except OSError:
        return ()
    whole = text.splitlines()[1 if start else 0 :]
    return tuple([line for line in whole if about.search(line)][-last:])


def of_deployment(desk: Desk, deployment_id: int, last: int) -> tuple[str, ...]:
    """The same of the deployment with every attempt, and every staging that was begun for it or that it waits for.

    Raises NotFound.
    """
    needed = set(templates_needed(desk.store, deployments.get(desk.store, deployment_id)).values())
    mine = jobs.of_deployment(desk.store, deployment_id)
    attempts = [job for job in mine if job.kind is not Kind.STAGE]
    stagings = stagings_of(attempts[-1], mine, jobs.active(desk.store), needed) if attempts else []
    return lines(desk, deployment_id, {job.id for job in [*mine, *stagings]}, last)
