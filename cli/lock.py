"""`slipway lock`: the claims of components being staged, and clearing one by hand."""

from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import confirm_by_name, examples, print_json, say, utc
from cli.session import open_store
from cli.units import duration

if TYPE_CHECKING:
    from engine.staging.claims import Standing

app = typer.Typer(
    help="Claims: who stages which component on which endpoint.",
    no_args_is_help=True,
    epilog=examples("slipway lock list", "slipway lock clear _ova_staging_lock_1_esxi-8.0u3g"),
)

Json = Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")]


@app.command("list", epilog=examples("slipway lock list", "slipway lock list --json"))
def list_claims(as_json: Json = False) -> None:
    """Show every claim, its holder and whether the holder is still there."""
    from engine.staging.claims import standing
    from storage import endpoints

    with open_store() as store:
        names = {one.id: one.name for one in endpoints.listing(store)}
        found = standing(store)
    if as_json:
        print_json([_document(one, names.get(one.endpoint_id)) for one in found])
        return
    if not found:
        say("no claims")
    for one in found:
        _show(one, names.get(one.endpoint_id))


@app.command(
    epilog=examples(
        "slipway lock clear _ova_staging_lock_1_esxi-8.0u3g",
        "slipway lock clear _ova_staging_lock_1_esxi-8.0u3g --force --yes",
    )
)
def clear(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The claim's name, as `lock list` shows it.")],
    force: Annotated[bool, typer.Option("--force", help="Also when its holder seems to be at work.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a claim by hand; whoever waits for it may then stage."""
    from engine.staging import claims
    from storage import endpoints

    with open_store() as store:
        found = claims.find(store, name)
        document = _document(found, {one.id: one.name for one in endpoints.listing(store)}.get(found.endpoint_id))
        confirm_by_name("claim", name, yes)
        claims.clear(store, found, force)
    if as_json:
        print_json(document)
    else:
        say(f"cleared {name} ({found.evidence})")


def _show(claim: "Standing", endpoint: str | None) -> None:
    """One claim in a block of at most 80 columns; its name alone fills half a line."""
    say(claim.name)
    _line("component", f"{claim.uid} on {endpoint or f'endpoint {claim.endpoint_id}, which is gone'}")
    _line("verdict", claim.verdict)
    if claim.holder and claim.since and claim.age is not None:
        job = "" if claim.deployment is None else f", deployment {claim.deployment}"
        _line("holder", f"{claim.holder.owner}@{claim.holder.host} pid {claim.holder.pid}{job}")
        _line("for", claim.purpose)
        _line("since", f"{utc(claim.since)} ({duration(claim.age)} ago)")
    _line("evidence", claim.evidence)


def _line(label: str, told: str) -> None:
    for line in wrap(told, 80, initial_indent=f"  {label:11}", subsequent_indent=" " * 13, break_on_hyphens=False):
        say(line)


def _document(claim: "Standing", endpoint: str | None) -> dict[str, Any]:
    holder = claim.holder
    return {
        "name": claim.name,
        "endpoint": endpoint,
        "endpoint_id": claim.endpoint_id,
        "uid": claim.uid,
        "holder": {
            "owner": holder.owner,
            "host": holder.host,
            "boot_id": holder.boot_id,
            "pid_namespace": holder.pid_ns,
            "pid": holder.pid,
            "started_ticks": holder.started,
        }
        if holder
        else None,
        "token": claim.token,
        "since": utc(claim.since) if claim.since else None,
        "age_seconds": claim.age,
        "beat": utc(claim.beat) if claim.beat else None,
        "beat_age_seconds": claim.silent,
        "for": claim.purpose,
        "deployment": claim.deployment,
        "verdict": str(claim.verdict),
        "stale": claim.stale,
        "evidence": claim.evidence,
    }
