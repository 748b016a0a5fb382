"""`slipway deploy`: make the VMs of a profile."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import examples, print_json, print_table, say
from cli.session import open_store
from storage.errors import BadInput

if TYPE_CHECKING:
    from engine.deploy.plan import Plan
    from engine.deploy.run import Result

app = typer.Typer()


@app.command(
    epilog=examples(
        "slipway deploy lab01.yaml --plan", "slipway deploy lab01.yaml --set network.portgroup=lab02-segment --json"
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
    as_json: Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")] = False,
) -> None:
    """Deploy the VMs of a profile: cloned from staged templates, or imported directly."""
    from cli.progress import INTERRUPTED, Progress, interruptible
    from engine.cancel import Cancel
    from engine.catalog.profiles import read_profile
    from engine.deploy.plan import make_plan
    from engine.deploy.run import deploy as run
    from engine.deploy.variables import read_password
    from engine.site import open_site

    wanted = read_profile(profile, [_override(text) for text in overrides or []])
    cancel = Cancel()
    with open_store() as store:
        password = read_password(store, wanted.password)
        with interruptible(cancel), open_site(store, wanted.endpoint) as site:
            made = make_plan(site, wanted, password, cancel)
            if plan:
                _show_plan(made, as_json)
                if made.problems:
                    raise typer.Exit(made.refusal().exit_code)
                return
            made.check()
            progress = Progress()
            try:
                result = run(site, made, power_on, progress, cancel)
            finally:
                progress.finish()
    _show_result(result, as_json)
    if result.state != "succeeded":
        raise typer.Exit(INTERRUPTED if cancel.asked else 1)


def _override(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals or not field:
        raise BadInput(
            "cannot use --set", on=text, why="it is not FIELD=VALUE", fix="as in --set network.portgroup=lab02"
        )
    return field, value


def _show_plan(plan: "Plan", as_json: bool) -> None:
    from cli.units import size

    if as_json:
        print_json(plan.as_dict())
        return
    rows = [(item.name, item.address, item.component.uid, item.way) for item in plan.items]
    print_table(("VM", "ADDRESS", "COMPONENT", "PATH"), rows)
    for item in plan.items:
        if item.why:
            say(f"{item.name}: {item.why}")
    say("")
    for uid in plan.to_stage:
        say(f"stage   {uid}")
    say(f"upload  {size(plan.upload_bytes)}")
    say(f"space   {size(plan.space_needed)} needed, {size(plan.space_free)} free")
    for problem in plan.problems:
        say(f"problem {problem}")


def _show_result(result: "Result", as_json: bool) -> None:
    from cli.units import duration, size

    if as_json:
        print_json(result.as_dict())
        return
    rows = [(item.name, item.state, item.path, item.template, duration(item.seconds)) for item in result.items]
    print_table(("VM", "STATE", "PATH", "TEMPLATE", "TIME"), rows)
    for item in result.items:
        if item.reason:
            say(f"{item.name}: {item.reason}")
    say(f"deployment {result.id} {result.state} in {duration(result.seconds)}, {size(result.bytes_sent)} sent")
