"""`slipway lock`: the claims of components being staged, and clearing one by hand."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import confirm_by_name, examples, print_json, print_table, say, utc
from cli.session import open_store

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
        documents = [_document(one, names.get(one.endpoint_id)) for one in standing(store)]
    if as_json:
        print_json(documents)
        return
    shown = ("name", "endpoint", "since", "verdict", "evidence")
    print_table([name.upper() for name in shown], [[one[name] for name in shown] for one in documents])


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
        claims.clear(store, name, force)
    if as_json:
        print_json(document)
    else:
        say(f"cleared {name} ({found.evidence})")


def _document(claim: "Standing", endpoint: str | None) -> dict[str, Any]:
    holder = claim.holder
    return {
        "name": claim.name,
        "endpoint": endpoint,
        "endpoint_id": claim.endpoint_id,
        "uid": claim.uid,
        "holder": {"owner": holder.owner, "host": holder.host, "pid": holder.pid} if holder else None,
        "since": utc(claim.since) if claim.since else None,
        "for": claim.purpose,
        "verdict": str(claim.verdict),
        "stale": claim.stale,
        "evidence": claim.evidence,
    }
