"""`slipway template`: the staged templates of an endpoint."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import confirm_by_name, examples, print_json, print_table, say, warn
from cli.session import open_store
from storage.errors import Cancelled, Conflict, Failed, SlipwayError

if TYPE_CHECKING:
    from engine.staging.templates import Template

app = typer.Typer(
    help="Staged templates: OVAs that an endpoint has already.",
    no_args_is_help=True,
    epilog=examples("slipway template list", "slipway template stage esxi-8.0u3g --endpoint vc01"),
)

Uid = Annotated[str, typer.Argument(metavar="UID", help="The component's uid, name-version, or the template's name.")]
Endpoint = Annotated[str, typer.Option("--endpoint", "-e", metavar="NAME", help="The endpoint.")]
Json = Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")]


@app.command(
    epilog=examples(
        "slipway template stage esxi-8.0u3g --endpoint vc01",
        "slipway template stage nsxt-4.2.1 -e vc01 --deployment small --detach",
    )
)
def stage(
    uid: Uid,
    endpoint: Endpoint,
    deployment: Annotated[
        str | None, typer.Option("--deployment", metavar="OPTION", help="The OVF's deployment option.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Ask for it and leave; the worker does the rest.")] = False,
    as_json: Json = False,
) -> None:
    """Upload a component's OVA to the endpoint once and make it a template.

    A worker of its own does it, so that Ctrl-C or a lost connection ends the watching only.
    """
    from cli.following import command, follow_to_end, start_worker
    from cli.progress import leaving
    from engine.cancel import Cancel
    from engine.catalog.admission import check
    from engine.catalog.variants import in_variant, template_name
    from engine.fit import hardware_findings
    from engine.jobs import submit
    from engine.site import open_site
    from engine.staging.stage import component_to_stage, parked, stageable_package
    from engine.staging.templates import find

    leave = Cancel()
    with open_store() as store, leaving(leave):
        component = in_variant(component_to_stage(store, uid), deployment, None)
        uid = template_name(component)
        again = command(f"template stage {uid} --endpoint {endpoint}")
        package = stageable_package(store, component)
        with open_site(store, endpoint) as site:
            parked(site, component, package)
            warnings = check(store, site.endpoint, component, package, hardware_findings(site, package))
        if not as_json:
            for warning in warnings:
                warn(f"warning: {warning}; {warning.fix}")
        leave.check()
        job = submit.stage(store, site.endpoint, uid)
        if detach:
            start_worker(store)
            if as_json:
                print_json({"endpoint": endpoint, "uid": uid})
            else:
                say(f"staging {uid} on {endpoint} is {job.state}; watch it: {again}")
            return
        cancel_it = command(f"template cancel {uid} --endpoint {endpoint}")
        job = follow_to_end(store, job, f"staging {uid}", f"watch it: {again}; cancel it: {cancel_it}", leave)
        if job.state == "failed":
            raise Failed(job.error)
        if job.state == "cancelled":
            raise Cancelled("stopped staging", on=uid, why="it was cancelled")
        with open_site(store, endpoint) as site:
            template = find(site, uid)
    _show(endpoint, template, as_json)


@app.command(
    epilog=examples(
        "slipway template cancel esxi-8.0u3g --endpoint vc01", "slipway template cancel zcore-13.5 -e vc01 --json"
    )
)
def cancel(uid: Uid, endpoint: Endpoint, as_json: Json = False) -> None:
    """Stop staging a component; what was uploaded of it is removed."""
    from cli.following import command, follow_to_end
    from engine.jobs import submit
    from storage import endpoints

    with open_store() as store:
        job = submit.cancel_staging(store, endpoints.get(store, endpoint), uid)
        again = command(f"template cancel {uid} --endpoint {endpoint}")
        job = follow_to_end(store, job, f"cancelling the staging of {uid}", f"watch it: {again}")
    if job.state != "cancelled":
        raise Conflict("cannot cancel the staging of", on=uid, why=f"it has {job.state} meanwhile")
    if as_json:
        print_json({"endpoint": endpoint, "uid": uid})
    else:
        say(f"cancelled the staging of {uid} on {endpoint}")


@app.command("list", epilog=examples("slipway template list", "slipway template list --endpoint vc01 --json"))
def list_templates(
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", "-e", metavar="NAME", help="Only this endpoint.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the templates of every endpoint, or of one. An endpoint that does not answer costs its own rows only."""
    from engine.site import open_site
    from engine.staging.templates import listing
    from storage import components, endpoints

    with open_store() as store:
        known = components.listing(store)
        names = [endpoint] if endpoint else [one.name for one in endpoints.listing(store)]

        def templates_of(name: str) -> "list[Template] | SlipwayError":
            try:
                with open_site(store, name) as site:
                    return listing(site, known)
            except SlipwayError as error:
                return error

        with ThreadPoolExecutor(max(1, len(names))) as pool:
            found = dict(zip(names, pool.map(templates_of, names), strict=True))
    failed = {name: answer for name, answer in found.items() if isinstance(answer, SlipwayError)}
    for name, error in failed.items():
        if len(failed) == len(names) == 1:
            raise error
        warn(json.dumps({"error": {**error.as_dict(), "endpoint": name}}) if as_json else f"slipway: {name}: {error}")
    rows = [(name, one) for name, templates in found.items() if isinstance(templates, list) for one in templates]
    if as_json:
        print_json([_document(name, template) for name, template in rows])
    else:
        _print(rows)
    if failed:
        raise typer.Exit(next(iter(failed.values())).exit_code)


def _print(rows: "list[tuple[str, Template]]") -> None:
    from cli.units import size

    print_table(
        ("ENDPOINT", "UID", "STATE", "SIZE", "CHILDREN", "STAGED AT", "WHY"),
        [(name, one.uid, one.state, size(one.size_bytes), one.children, _moment(one), one.why) for name, one in rows],
    )


@app.command(
    epilog=examples(
        "slipway template show esxi-8.0u3g --endpoint vc01", "slipway template show zcore-13.5 -e vc01 --json"
    )
)
def show(uid: Uid, endpoint: Endpoint, as_json: Json = False) -> None:
    """Show one template."""
    from engine.site import open_site
    from engine.staging.templates import find

    with open_store() as store, open_site(store, endpoint) as site:
        template = find(site, uid)
    _show(endpoint, template, as_json)


@app.command(
    epilog=examples(
        "slipway template verify esxi-8.0u3g --endpoint vc01", "slipway template verify zcore-13.5 -e vc01 --json"
    )
)
def verify(uid: Uid, endpoint: Endpoint, as_json: Json = False) -> None:
    """Compare a template with its identity and its OVA; exit 1 when it is not usable."""
    from engine.site import open_site
    from engine.staging.templates import verify as run

    with open_store() as store, open_site(store, endpoint) as site:
        template = run(site, uid)
    _show(endpoint, template, as_json)
    if not template.usable:
        raise typer.Exit(1)


@app.command(
    epilog=examples(
        "slipway template remove esxi-8.0u3g --endpoint vc01", "slipway template remove zcore-13.5 -e vc01 --yes"
    )
)
def remove(
    uid: Uid,
    endpoint: Endpoint,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Destroy a template. Its full clones stay; with linked clones it is refused."""
    from engine.site import open_site
    from engine.staging.remove import remove as run

    confirm_by_name("template", uid, yes)
    with open_store() as store, open_site(store, endpoint) as site:
        template = run(site, uid)
    if as_json:
        print_json(_document(endpoint, template))
    else:
        say(f"removed {template.path}")


def _show(endpoint: str, template: "Template", as_json: bool) -> None:
    from cli.units import size

    document = _document(endpoint, template)
    if as_json:
        print_json(document)
        return
    lines = {
        "endpoint": endpoint,
        "uid": template.uid,
        "state": f"{template.state}: {template.why}" if template.why else template.state,
        "digest": template.digest,
        "size": size(template.size_bytes),
        "path": template.path,
        "staged at": _moment(template),
        "children": template.children,
    }
    for name, value in lines.items():
        say(f"{name + ':':10} {value if value not in (None, '') else '-'}")


def _document(endpoint: str, template: "Template") -> dict[str, Any]:
    """The stable JSON form (docs/cli.md)."""
    return {
        "endpoint": endpoint,
        "uid": template.uid,
        "state": template.state,
        "digest": template.digest,
        "size_bytes": template.size_bytes,
        "path": template.path,
        "staged_at": template.staged_at,
        "children": template.children,
    }


def _moment(template: "Template") -> str:
    return template.staged_at.astimezone().strftime("%Y-%m-%d %H:%M") if template.staged_at else ""
