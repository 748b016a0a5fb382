"""What the worker's log says of one deployment."""

import os
import re
from collections.abc import Iterable

from engine.console.desk import Desk
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
    """The same of the deployment with every attempt, and every staging that was begun for it. Raises NotFound."""
    deployment = deployments.get(desk.store, deployment_id)
    uids = {item.component_uid for item in deployments.items(desk.store, deployment_id)}
    joined = [
        job
        for job in jobs.active(desk.store)
        if job.kind is Kind.STAGE and job.endpoint_id == deployment.endpoint_id and job.component_uid in uids
    ]
    mine = [*jobs.of_deployment(desk.store, deployment_id), *joined]
    return lines(desk, deployment_id, {job.id for job in mine}, last)
