"""`slipway deploy`: make the VMs of a profile."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import examples, print_json, print_table, say
from cli.session import open_store
from storage.errors import BadInput
from storage.jobs import PRIORITY

if TYPE_CHECKING:
    from engine.catalog.profiles import Profile
    from engine.deploy.plan import Plan, PlannedItem

app = typer.Typer()


@app.command(
    epilog=examples(
        "slipway deploy lab01.yaml --plan", "slipway deploy lab01.yaml --set network.portgroup=lab02-segment --detach"
    )
)
def deploy(
    profile: Annotated[Path, typer.Argument(metavar="PROFILE", help="YAML, or a zPodFactory profile in JSON.")],
    plan: Annotated[
        bool, typer.Option("--plan", help="Change nothing; print what would be done and every problem.")
    ] = False,
    power_on: Annotated[bool, typer.Option("--power-on/--no-power-on", help="Power the VMs on at the end.")] = True,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Fill or replace a field: network.portgroup=lab02."),
    ] = None,
    priority: Annotated[
        int, typer.Option("--priority", help="Of those that wait, the lower number comes first.")
    ] = PRIORITY,
    detach: Annotated[bool, typer.Option("--detach", help="Print the id and leave; the worker does the rest.")] = False,
    as_json: Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")] = False,
) -> None:
    """Deploy the VMs of a profile: cloned from staged templates, or imported directly.

    A worker of its own makes them, so that Ctrl-C or a lost connection ends the watching only.
    """
    from cli.following import hand_over
    from cli.progress import leaving
    from engine.cancel import Cancel
    from engine.deploy.planning import make_plan
    from engine.deploy.variables import read_password
    from engine.jobs import submit
    from engine.site import open_site

    wanted = profile_from(profile, overrides)
    leave = Cancel()
    with open_store() as store, leaving(leave):
        password = read_password(store, wanted.password)
        with open_site(store, wanted.endpoint) as site:
            made = make_plan(site, wanted, password, leave)
        if plan:
            _show_plan(made, as_json)
            if made.problems:
                raise typer.Exit(made.refusal().exit_code)
            return
        made.check()
        leave.check()
        deployment = submit.deploy(store, submit.Ordered(wanted, password), power_on, priority)
        warnings = [] if as_json else [f"warning: {warning}; {warning.fix}" for warning in made.warnings]
        hand_over(store, deployment.id, detach, as_json, leave, warnings=warnings)


def profile_from(path: Path, overrides: list[str] | None) -> "Profile":
    """The profile in this file, with the values of `--set`. Raises BadInput."""
    from engine.catalog.profiles import read_profile

    return read_profile(path, [_override(text) for text in overrides or []])


def _override(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals or not field:
        raise BadInput(
            "cannot use --set", on=text, why="it is not FIELD=VALUE", fix="as in --set network.portgroup=lab02"
        )
    return field, value


def _place(item: "PlannedItem") -> tuple[str, str]:
    """Its datastore and host, as far as they are chosen here."""
    return (item.place.datastore_name, item.place.host_name or "-") if item.place else ("-", "-")


def _show_plan(plan: "Plan", as_json: bool) -> None:
    from cli.units import size

    if as_json:
        print_json(plan.as_dict())
        return
    rows = [
        (item.name, item.address, item.component.uid, f"{item.way}, linked" if item.linked else item.way, *_place(item))
        for item in plan.items
    ]
    print_table(("VM", "ADDRESS", "COMPONENT", "PATH", "DATASTORE", "HOST"), rows)
    for item in plan.items:
        if item.why:
            say(f"{item.name}: {item.why}")
    say("")
    for uid in plan.to_stage:
        say(f"stage   {uid}")
    say(f"upload  {size(plan.upload_bytes)}")
    say(f"space   {size(plan.space_needed)} needed, {size(plan.space_free)} free")
    for warning in plan.warnings:
        say(f"warning {warning}; {warning.fix}")
    for problem in plan.problems:
        say(f"problem {problem}")
