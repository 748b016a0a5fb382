"""The durable runner: the one module that knows DBOS (reference/durable-engine.md holds the measured facts).

A workflow is a walk through named steps (`engine.jobs.now`). DBOS records each step's result and takes a walk up again
where a dead process left it. Its own records live beside the store (`<store>.jobs`; on PostgreSQL the schema
`slipway_jobs`) and are worth nothing without it: without them every job that has not ended begins again, and its steps
look first.
"""

import json
import logging
import sqlite3
from typing import Any, Protocol

from dbos import DBOS, DBOSConfig, ScheduleInput, Serializer, SetEnqueueOptions, SetWorkflowID, _sys_db

from engine.errors import Refused
from engine.jobs.now import Now
from storage.jobs import Job, Kind
from storage.pace import Pace
from storage.store import Store

log = logging.getLogger(__name__)

# Set by us: the default, a hash of the code, would leave the jobs of any other build lying. Bump it only when the steps
# of a running workflow would come in another order; its jobs then begin again.
VERSION = "1"
SCHEMA = "slipway_jobs"
# When the sweep runs, beside the end of a worker that was started for some jobs only.
SWEEPS = "*/10 * * * *"
# Deaths of the worker in the middle of one workflow after which it is given up: it may be the one that kills it.
RECOVERIES = 20
# Workflows that wait (a VM for its template, a deployment for its VMs) hold a thread each.
THREADS = 500
# Seconds between two looks at each queue. DBOS idles at 1.2% of a core, a look each second adds 0.4: 2.7% in all.
DEPLOYMENTS_POLL, STAGINGS_POLL = 0.5, 0.8
# And between two looks at a VM that is waited for.
RESULT_POLL = 0.25

DEPLOYMENTS, STAGINGS = "deployments", "stagings"


_passes_for_dbos = _sys_db.retriable_sqlite_exception  # type: ignore[attr-defined]


def _passes(e: Exception) -> bool:
    """DBOS waits for a database that is locked or away. A full disk would end the workflow's thread for good, and its
    job would stand still until the worker ends; there is no setting for it.
    """
    name = getattr(getattr(e, "orig", None), "sqlite_errorname", "")
    return _passes_for_dbos(e) or name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY"))


_sys_db.retriable_sqlite_exception = _passes  # type: ignore[attr-defined]


class Crew(Protocol):
    """Who takes the steps: `engine.jobs.crew`."""

    def step(self, kind: str, name: str, now: Now, job_id: int, item_id: int | None, /) -> Now:
        """Take one step of a workflow of this kind (`deployment`, `vm`, `staging`). Returns where it stands then."""
        ...

    def sweep(self) -> None:
        """Clean up after crashes, on every endpoint."""
        ...


class _Crew:
    """The crew of this process: DBOS's workflows are global functions, as DBOS is."""

    at_work: Crew


class _Json(Serializer):
    """JSON only: the default is pickle, with which a write to the database is execution of code. Of an exception only
    its type is kept: its text may hold anything.
    """

    def serialize(self, data: Any) -> str:
        told = {"exception": type(data).__name__} if isinstance(data, BaseException) else data
        return json.dumps(told, default=str)  # a schedule's argument is a time

    def deserialize(self, serialized_data: str) -> Any:
        data = json.loads(serialized_data)
        return RuntimeError(data["exception"]) if isinstance(data, dict) and set(data) == {"exception"} else data

    def name(self) -> str:
        return "slipway_json"


def _step(kind: str, name: str, now: Now, job_id: int, item_id: int | None = None) -> Now:
    return DBOS.run_step({"name": name}, _Crew.at_work.step, kind, name, now, job_id, item_id)


def _walk(kind: str, first: str, job_id: int, item_id: int | None = None) -> Now:
    now: Now = {"next": first}
    while now["next"]:
        now = _step(kind, now["next"], now, job_id, item_id)
    return now


@DBOS.workflow(name="staging", max_recovery_attempts=RECOVERIES)
def _staging(job_id: int) -> Now:
    return _walk("staging", "elect", job_id)


@DBOS.workflow(name="vm", max_recovery_attempts=RECOVERIES)
def _vm(job_id: int, item_id: int) -> Now:
    return _walk("vm", "look", job_id, item_id)


@DBOS.workflow(name="deployment", max_recovery_attempts=RECOVERIES)
def _deployment(job_id: int) -> Now:
    now = _step("deployment", "plan", {}, job_id)
    if now["next"] == "vms":
        for items in now["steps"]:
            running = [DBOS.start_workflow(_vm, job_id, item) for item in items]
            ended = [one.get_result(polling_interval_sec=RESULT_POLL) for one in running]
            if any(one["state"] != "succeeded" for one in ended):
                break
        now = _step("deployment", "settle", now, job_id)
    while now["next"]:
        now = _step("deployment", now["next"], now, job_id)
    return now


@DBOS.workflow(name="removal", max_recovery_attempts=RECOVERIES)
def _removal(job_id: int) -> Now:
    return _walk("deployment", "take back", job_id)


@DBOS.workflow(name="sweep", max_recovery_attempts=RECOVERIES)
def _sweep(_at: Any, _context: Any) -> None:
    DBOS.run_step({"name": "sweep"}, _Crew.at_work.sweep)


def launch(store: Store, pace: Pace, crew: Crew) -> None:
    """Start DBOS in this process: recovers what a dead worker was at, and takes from the queues. Raises Refused when
    its file is damaged.
    """
    _Crew.at_work = crew
    DBOS(config=_config(store))
    DBOS.launch()
    sweeping: ScheduleInput = {"schedule_name": "sweep", "workflow_fn": _sweep, "schedule": SWEEPS, "context": None}
    DBOS.apply_schedules([sweeping])
    _make_queue(DEPLOYMENTS, pace.deployments_per_endpoint, pace.deployments_at_once, DEPLOYMENTS_POLL)
    _make_queue(STAGINGS, pace.stagings_per_endpoint, pace.stagings_at_once, STAGINGS_POLL)


def _make_queue(name: str, per_endpoint: int, at_once: int, poll: float) -> None:
    DBOS.register_queue(
        name,
        partition_concurrency=min(per_endpoint, at_once),
        global_concurrency=at_once,
        polling_interval_sec=poll,
        on_conflict="always_update",
    )


def submit(job: Job) -> None:
    """Put the job on its queue; one that is there already stays as it is."""
    partition = str(job.endpoint_id)
    with SetWorkflowID(workflow_id(job)), SetEnqueueOptions(priority=job.priority, queue_partition_key=partition):
        if job.kind is Kind.STAGE:
            DBOS.enqueue_workflow(STAGINGS, _staging, job.id)
        elif job.kind is Kind.DEPLOY:
            DBOS.enqueue_workflow(DEPLOYMENTS, _deployment, job.id)
        else:
            DBOS.enqueue_workflow(DEPLOYMENTS, _removal, job.id)


def broken(job: Job) -> str:
    """Why the job's workflow ended though the job has not, "" while it is queued or running. One whose records are
    gone is queued again.
    """
    status = DBOS.get_workflow_status(workflow_id(job))
    if status is None:
        submit(job)
    if status is None or status.status in ("ENQUEUED", "DELAYED", "PENDING"):
        return ""
    if status.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return f"the worker died {RECOVERIES} times at it"
    return f"it ended unexpectedly ({status.error or status.status}); the worker's log says more"


def dequeue(job: Job) -> None:
    """Take a job that has not begun off its queue."""
    DBOS.cancel_workflow(workflow_id(job))


def workflow_id(job: Job) -> str:
    """The id of the job's workflow."""
    return f"job-{job.id}"


def tidy() -> None:
    """Delete the records of workflows that have ended: they grow without end otherwise."""
    over = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
    ended = DBOS.list_workflows(status=over, has_parent=False, load_input=False, load_output=False)
    DBOS.delete_workflows([one.workflow_id for one in ended], delete_children=True)


def stop() -> None:
    """End DBOS in this process. Steps that still run are taken up again by the next one."""
    DBOS.destroy()


def _config(store: Store) -> DBOSConfig:
    config: DBOSConfig = {
        "name": "slipway",
        "application_version": VERSION,
        # One engine per store (engine.jobs.presence), so the next one recovers the jobs of the one before.
        "executor_id": "slipway",
        "serializer": _Json(),
        "max_executor_threads": THREADS,
        "log_level": "WARNING",
        "console_log_level": "CRITICAL",
        "use_listen_notify": False,
    }
    if store.engine.dialect.name == "sqlite":
        path = f"{store.address}.jobs"
        _prepare(path)
        config["system_database_url"] = f"sqlite:///{path}"
    else:
        config["system_database_url"] = store.address
        config["dbos_system_schema"] = SCHEMA
    return config


def _prepare(path: str) -> None:
    """Raises Refused when the file is no database: it would break every worker at its start."""
    try:
        sqlite3.connect(path).execute("PRAGMA journal_mode = WAL").connection.close()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, read-only, full: not the file's fault
            raise
        fix = "move it away: jobs that have not ended then begin again, and look first at what is there"
        raise Refused("cannot read the durable runner's records", on=path, why=str(error), fix=fix) from error
