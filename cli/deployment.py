"""`slipway deployment`: what was deployed, is being deployed, and what to do about it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.deploy import profile_from
from cli.following import command, hand_over, show_result
from cli.output import confirm_by_name, examples, print_json, print_table, say, warn
from cli.session import open_store
from storage.errors import BadInput, Conflict

if TYPE_CHECKING:
    from engine.jobs.outcome import TimedStep
    from engine.jobs.submit import Ordered
    from storage.deployments import Deployment
    from storage.store import Store

LAST_STEPS = 12
"""Of a deployment's steps, how many `show` prints; `--json` has all of them."""

app = typer.Typer(
    help="Deployments: what was deployed, is being deployed, and what to do about it.",
    no_args_is_help=True,
    epilog=examples("slipway deployment list", "slipway deployment watch 7"),
)

Id = Annotated[int, typer.Argument(metavar="ID", help="The deployment's id, as `deployment list` shows it.")]
Json = Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Detach = Annotated[bool, typer.Option("--detach", help="Ask for it and leave; the worker does the rest.")]
ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", metavar="FILE", help="The profile again, when it has property values of its own."),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="As it was given to `deploy`.")
]


@app.command("list", epilog=examples("slipway deployment list", "slipway deployment list --json"))
def list_deployments(as_json: Json = False) -> None:
    """Show every deployment whose VMs were not removed, the newest first."""
    from storage import deployments

    with open_store() as store:
        there = [one for one in deployments.listing(store) if one.state != deployments.REMOVED]
        documents = [_summary(store, one) for one in there]
    if as_json:
        print_json(documents)
    else:
        _print_list(documents)


@app.command(epilog=examples("slipway deployment show 7", "slipway deployment show 7 --json"))
def show(number: Id, as_json: Json = False) -> None:
    """Show one deployment: its VMs, why one failed, and the steps that were taken."""
    from engine.jobs.outcome import result_of, timed
    from storage import deployments, jobs, steps

    with open_store() as store:
        summary = _summary(store, deployments.get(store, number))
        result = result_of(store, number)
        mine = jobs.of_deployment(store, number)
        taken = timed(steps.listing(store, [job.id for job in mine]), mine, _now(store))
    if as_json:
        times = {name: summary[name] for name in ("created", "ended", "age_seconds")}
        print_json({**result.as_dict(), **times, "steps": [asdict(step) for step in taken]})
        return
    created = f"{summary['created'].astimezone():%Y-%m-%d %H:%M}"
    say(f"deployment {number}: {result.name} on {result.endpoint}, created {created}; its last steps:")
    _print_steps(taken[-LAST_STEPS:])
    say("")
    show_result(result, False)


@app.command(epilog=examples("slipway deployment watch 7", "slipway deployment watch 7 --json"))
def watch(number: Id, as_json: Json = False) -> None:
    """Follow a deployment until it has ended; Ctrl-C ends the watching only."""
    with open_store() as store:
        hand_over(store, number, False, as_json)


@app.command(epilog=examples("slipway deployment cancel 7", "slipway deployment cancel 7 --yes --detach"))
def cancel(number: Id, yes: Yes = False, detach: Detach = False, as_json: Json = False) -> None:
    """Stop a deployment and remove the VMs that it has made, and nothing else."""
    from engine.jobs import submit
    from storage import deployments
    from storage.jobs import State

    with open_store() as store:
        deployment = deployments.get(store, number)
        if submit.active_job(store, deployment) is not None:
            _confirm(store, deployment, yes)
        submit.cancel(store, deployment)
        hand_over(store, number, detach, as_json, wanted=State.CANCELLED)


@app.command(epilog=examples("slipway deployment retry 7", "slipway deployment retry 7 --profile lab01.yaml"))
def retry(
    number: Id, profile: ProfileFile = None, overrides: Overrides = None, detach: Detach = False, as_json: Json = False
) -> None:
    """Try the rest of a failed deployment again; the VMs that it has made stay as they are."""
    from storage import deployments
    from storage.jobs import State

    with open_store() as store:
        deployment = deployments.get(store, number)
        _check_state(store, deployment, "retry", {State.FAILED})
        _again(store, deployment, "retry", profile, overrides)
        hand_over(store, number, detach, as_json)


@app.command(epilog=examples("slipway deployment resume 7", "slipway deployment resume 7 --profile lab01.yaml"))
def resume(
    number: Id, profile: ProfileFile = None, overrides: Overrides = None, detach: Detach = False, as_json: Json = False
) -> None:
    """Take up a cancelled deployment again, or make sure that one which is under way goes on."""
    from engine.jobs import submit
    from storage import deployments
    from storage.jobs import State

    with open_store() as store:
        deployment = deployments.get(store, number)
        if submit.active_job(store, deployment) is None:
            _check_state(store, deployment, "resume", {State.CANCELLED})
            _again(store, deployment, "resume", profile, overrides)
        hand_over(store, number, detach, as_json)


@app.command(epilog=examples("slipway deployment remove 7", "slipway deployment remove 7 --yes --json"))
def remove(number: Id, yes: Yes = False, detach: Detach = False, as_json: Json = False) -> None:
    """Remove the VMs that a deployment made, and nothing else; its records stay."""
    from engine.jobs import submit
    from storage import deployments
    from storage.jobs import State

    with open_store() as store:
        deployment = deployments.get(store, number)
        _check_state(store, deployment, "remove", {State.SUCCEEDED, State.FAILED, State.CANCELLED})
        _confirm(store, deployment, yes)
        submit.remove(store, deployment)
        hand_over(store, number, detach, as_json)


def _summary(store: "Store", deployment: "Deployment") -> dict[str, Any]:
    """The stable JSON form of `list` (docs/cli.md)."""
    from engine.jobs.outcome import state_of
    from storage import deployments, endpoints, steps

    items = deployments.items(store, deployment.id)
    return {
        "id": deployment.id,
        "name": deployment.name,
        "endpoint": endpoints.by_id(store, deployment.endpoint_id).name,
        "state": state_of(store, deployment),
        "vms_done": sum(item.state == "succeeded" for item in items),
        "vms": len(items),
        "created": deployment.created,
        "ended": deployment.ended,
        "age_seconds": round((_now(store) - deployment.created).total_seconds(), 3),
        "bytes_sent": steps.bytes_sent(store, deployment.id),
    }


def _print_list(documents: Sequence[dict[str, Any]]) -> None:
    from cli.units import duration, size

    print_table(
        ("ID", "NAME", "ENDPOINT", "STATE", "VMS", "CREATED", "AGE", "SENT"),
        [
            (
                one["id"],
                one["name"],
                one["endpoint"],
                one["state"],
                f"{one['vms_done']}/{one['vms']}",
                one["created"].astimezone().strftime("%Y-%m-%d %H:%M"),
                duration(one["age_seconds"]),
                size(one["bytes_sent"]),
            )
            for one in documents
        ],
    )


def _print_steps(timed: "Sequence[TimedStep]") -> None:
    from cli.units import duration

    print_table(
        ("TIME", "ITEM", "STEP", "TOOK", "DETAIL"),
        [
            (f"{one.began.astimezone():%H:%M:%S}", one.item, one.step, duration(one.seconds), one.detail)
            for one in timed
        ],
    )


def _now(store: "Store") -> datetime:
    with store.read() as tx:
        return store.now(tx)


def _confirm(store: "Store", deployment: "Deployment", yes: bool) -> None:
    from storage import deployments

    made = [item.name for item in deployments.items(store, deployment.id) if item.vm and item.path != "skipped"]
    if not yes:
        warn(f"Removed will be: {', '.join(made) or 'no VM, none was made yet'}")
    confirm_by_name("deployment", deployment.name, yes)


def _check_state(store: "Store", deployment: "Deployment", verb: str, states: set[Any]) -> None:
    """Raise Conflict, with the command that fits, when the deployment is not in one of these states."""
    from engine.jobs.outcome import state_of
    from engine.jobs.submit import active_job

    state = state_of(store, deployment)
    active = active_job(store, deployment) is not None
    if not active and state in states:
        return
    fits = "watch" if active else {"failed": "retry", "cancelled": "resume"}.get(state)
    fix = f"see: {command(f'deployment {fits} {deployment.id}')}" if fits else ""
    raise Conflict(f"cannot {verb} deployment", on=str(deployment.id), why=f"it is {state}", fix=fix)


def _again(
    store: "Store", deployment: "Deployment", verb: str, profile: Path | None, overrides: list[str] | None
) -> None:
    from engine.jobs import submit

    submit.again(store, deployment, _ordered(store, deployment, verb, profile, overrides))


def _ordered(
    store: "Store", deployment: "Deployment", verb: str, path: Path | None, overrides: list[str] | None
) -> "Ordered":
    """What the deployment is to make: as recorded, or as the file says when that is the same profile."""
    from engine.deploy.variables import read_password
    from engine.jobs import submit

    if path is not None:
        profile = submit.the_same(deployment, profile_from(path, overrides), verb, str(path))
    elif submit.needs_values(deployment):
        raise BadInput(
            f"cannot {verb} deployment",
            on=str(deployment.id),
            why="the property values of its profile were deleted when it ended",
            fix="add --profile FILE",
        )
    else:
        profile = submit.recorded_profile(deployment)
    return submit.Ordered(profile, read_password(store, profile.password))
