"""Following a job of the worker from the command line: its progress, and leaving it to go on alone."""

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from cli.output import print_json, print_table, say, warn
from cli.progress import Progress, leaving
from cli.session import chosen_store
from engine.cancel import Cancel
from engine.errors import Cancelled

if TYPE_CHECKING:
    from engine.jobs.outcome import Result
    from engine.jobs.presence import Starter
    from storage.jobs import Job
    from storage.store import Store


def hand_over(
    store: "Store",
    number: int,
    detach: bool,
    as_json: bool,
    leave: Cancel | None = None,
    wanted: str = "succeeded",
    warnings: Iterable[str] = (),
) -> None:
    """Leave what the deployment's job does to the worker: follow it to its end and show the result, or only say how.

    The warnings are told first. Exit code 1 when it did not end as wanted.
    """
    from engine.jobs.outcome import result_of, state_of
    from engine.jobs.submit import active_job
    from storage import deployments, jobs
    from storage.jobs import Kind

    deployment = deployments.get(store, number)
    job = active_job(store, deployment)
    if job is not None and detach:
        start_worker(store, warnings)
        if as_json:
            print_json({"id": number})
        else:
            state = job.state if job.state == "queued" else state_of(store, deployment)
            say(f"deployment {number} {state}; watch it: {command(f'deployment watch {number}')}")
        return
    if job is not None:
        ways = f"watch it: {command(f'deployment watch {number}')}"
        if job.kind is Kind.DEPLOY and not job.cancel:
            ways += f"; cancel it: {command(f'deployment cancel {number}')}"
        ended = follow_to_end(store, job, f"deployment {number}", ways, leave, warnings)
    else:
        attempts = [one for one in jobs.of_deployment(store, number) if one.kind is not Kind.STAGE]
        ended = attempts[-1] if attempts else deployment  # of an older Slipway, which knew no jobs
    show_result(result_of(store, number), as_json)
    if ended.state != wanted:
        raise typer.Exit(1)


def show_result(result: "Result", as_json: bool) -> None:
    """What became of the deployment."""
    from cli.units import duration, size

    if as_json:
        print_json(result.as_dict())
        return
    rows = [(item.name, item.state, item.path, item.template, duration(item.seconds)) for item in result.items]
    print_table(("VM", "STATE", "PATH", "TEMPLATE", "TIME"), rows)
    for item in result.items:
        if item.reason:
            say(f"{item.name}: {item.reason}")
    if result.error:
        say(result.error)
    say(f"deployment {result.id} {result.state} in {duration(result.seconds)}, {size(result.bytes_sent)} sent")


def follow_to_end(
    store: "Store", job: "Job", name: str, commands: str, leave: Cancel | None = None, warnings: Iterable[str] = ()
) -> "Job":
    """Show what the job does until it has ended; the job as it ended.

    Raises Cancelled with exit code 130 when somebody wants to leave: `name` goes on, and `commands` say how to see
    it again. `leave` is that of a `leaving` which is open already.
    """
    from engine.jobs.follow import follow

    leave = leave or Cancel()
    progress = Progress()
    with leaving(leave):
        try:
            starter = start_worker(store, warnings)
            leave.check()
            return follow(store, job, starter, progress, leave)
        except Cancelled:
            raise Cancelled(f"{name} goes on", fix=commands) from None
        finally:
            progress.finish()


def start_worker(store: "Store", warnings: Iterable[str] = ()) -> "Starter":
    """Make sure that somebody works on what was asked for; then tell the warnings.

    In that order: a terminal that nobody reads (Ctrl-S, a dead line) holds whoever writes to it, and must not hold the
    job.
    """
    from engine.jobs.presence import Starter

    first = logout_warnings(store)
    starter = Starter(store)
    starter.ensure()
    for warning in (*first, *warnings):
        warn(warning)
    return starter


def logout_warnings(store: "Store") -> list[str]:
    """Before this user's first worker of the store: that it ends at logout, where that is so."""
    from engine.jobs import logout
    from storage import paths

    is_first = not paths.worker_log_file(store.id).exists()
    return [f"{logout.SAYS}; {logout.FIX}"] if is_first and logout.ends_jobs() else []


def command(words: str) -> str:
    """`slipway deployment watch 7`, with the store that this command line chose."""
    from storage import database

    chosen = chosen_store()
    store = f"--store {shlex.quote(database.location(database.url(chosen)))} " if chosen else ""
    return f"slipway {store}{words}"
