"""`slipway component`: the catalog of OVAs, from zPodLibrary files."""

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import examples, print_json, print_table, say, utc
from cli.session import open_store

if TYPE_CHECKING:
    from storage.components import Component

app = typer.Typer(
    help="The catalog of components: the OVAs that can be staged and deployed.",
    no_args_is_help=True,
    epilog=examples("slipway component import zPodLibrary", "slipway component list"),
)

Uid = Annotated[str, typer.Argument(metavar="UID", help="The component's uid, name-version.")]
Json = Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")]


@app.command(
    "import",
    epilog=examples(
        "slipway component import zPodLibrary", "slipway component import esxi/8.0u3g.json zcore/13.5.json"
    ),
)
def import_files(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="zPodLibrary files, or folders of them.")],
    as_json: Json = False,
) -> None:
    """Add components to the catalog, or renew them: all of the files, or nothing when one cannot be used."""
    from engine.catalog.components import import_components

    with open_store() as store:
        imported = import_components(store, paths)
    if as_json:
        print_json([{**_summary(one.component), "new": one.new} for one in imported])
        return
    new = sum(one.new for one in imported)
    kinds = Counter(one.component.kind for one in imported)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    say(f"imported {len(imported)} components ({counts}): {new} new, {len(imported) - new} renewed")


@app.command("list", epilog=examples("slipway component list", "slipway component list --json"))
def list_components(as_json: Json = False) -> None:
    """Show every component of the catalog."""
    from storage import components

    with open_store() as store:
        found = components.listing(store)
    if as_json:
        print_json([_summary(one) for one in found])
        return
    rows = [(one.uid, one.kind, "yes" if one.enabled else "no", one.size_text, one.ova_path) for one in found]
    print_table(("UID", "KIND", "ENABLED", "SIZE", "OVA"), rows)


@app.command(epilog=examples("slipway component show esxi-8.0u3g", "slipway component show zcore-13.5 --json"))
def show(uid: Uid, as_json: Json = False) -> None:
    """Show one component: what it is, where its OVA comes from, what it asks for."""
    from storage import components

    with open_store() as store:
        found = components.get(store, uid)
    if as_json:
        print_json(_details(found))
        return
    told = _details(found)
    spec = told.pop("spec")
    for name, value in told.items():
        if value not in ("", None):
            say(f"{name.replace('_', ' ')}: {'yes' if value is True else 'no' if value is False else value}")
    for name in ("Deployment", "DiskProvisioning", "IPAllocationPolicy", "IPProtocol", "Annotation"):
        if spec.get(name):
            say(f"{name}: {spec[name]}")
    if spec.get("PropertyMapping"):
        say("")
        print_table(("PROPERTY", "VALUE"), [(each["Key"], each["Value"]) for each in spec["PropertyMapping"]])
    if spec.get("NetworkMapping"):
        say("")
        print_table(("NETWORK", "PORTGROUP"), [(each["Name"], each["Network"]) for each in spec["NetworkMapping"]])


@app.command(epilog=examples("slipway component enable esxi-8.0u3g", "slipway component enable zcore-13.5 --json"))
def enable(uid: Uid, as_json: Json = False) -> None:
    """Let the component be deployed again."""
    _switch(uid, True, as_json)


@app.command(epilog=examples("slipway component disable esxi-8.0u3g", "slipway component disable zcore-13.5 --json"))
def disable(uid: Uid, as_json: Json = False) -> None:
    """Keep the component from being deployed; templates that are staged stay."""
    _switch(uid, False, as_json)


@app.command(
    "set-file",
    epilog=examples(
        "slipway component set-file esxi-8.0u3g /srv/ova/Nested_ESXi8.0u3g.ova",
        "slipway component set-file zcore-13.5 zcore-13.5.ova --json",
    ),
)
def set_file(
    uid: Uid,
    ova: Annotated[Path, typer.Argument(metavar="OVA", help="The OVA on this machine; it stays where it is.")],
    as_json: Json = False,
) -> None:
    """Supply a component's OVA by hand; it must be a package and have the component's checksum."""
    from cli.progress import Progress, interruptible
    from engine.cancel import Cancel
    from engine.catalog import supply
    from engine.catalog.licences import licence_of

    cancel, progress = Cancel(), Progress()
    if not as_json:
        progress.began(uid, "checking", str(ova))
        with suppress(OSError):  # a file that is not there is told below
            progress.expects(uid, ova.stat().st_size)
    with open_store() as store, interruptible(cancel):
        try:
            component = supply.set_file(store, uid, ova, cancel, lambda count: progress.sent(uid, count))
        finally:
            progress.finish()
        waits = licence_of(store, uid).waits
    _tell(component, as_json, f"{uid} is at {component.ova_path}")
    if waits and not as_json:
        say(f"its licence must be accepted before it is used: slipway component eula {uid}")


@app.command(epilog=examples("slipway component eula esxi-8.0u3g", "slipway component eula esxi-8.0u3g | less"))
def eula(uid: Uid, as_json: Json = False) -> None:
    """Show the licence texts of a component's OVA, and whether they were accepted."""
    from engine.catalog.licences import licence_of

    with open_store() as store:
        licence = licence_of(store, uid)
    component = licence.component
    accepted = bool(licence.texts) and not licence.waits
    if as_json:
        print_json(
            {
                "uid": uid,
                "texts": licence.texts,
                "sha256": licence.digest,
                "accepted": accepted,
                "accepted_by": component.eula_by if accepted else "",
                "accepted_at": component.eula_at if accepted else None,
            }
        )
        return
    for text in licence.texts:
        for line in text.splitlines():
            say(line)
        say("")
    if accepted and component.eula_at is not None:
        say(f"accepted by {component.eula_by} on {utc(component.eula_at)}")
    elif licence.texts:
        say(f"not accepted yet: slipway component accept-eula {uid}")
    else:
        say(f"the OVA of {uid} has no licence")


@app.command(
    "accept-eula",
    epilog=examples("slipway component accept-eula esxi-8.0u3g", "slipway component accept-eula zcore-13.5 --json"),
)
def accept_eula(uid: Uid, as_json: Json = False) -> None:
    """Accept the licence of a component's OVA: who and when is recorded. Another OVA's licence is accepted anew."""
    from engine.catalog.licences import accept

    with open_store() as store:
        component = accept(store, uid)
    _tell(component, as_json, f"accepted the licence of {uid} as {component.eula_by}")


def _switch(uid: str, enabled: bool, as_json: bool) -> None:
    from storage import components

    with open_store() as store:
        component = components.update(store, uid, enabled=enabled)
    _tell(component, as_json, f"{uid} is {'enabled' if enabled else 'disabled'}")


def _tell(component: "Component", as_json: bool, line: str) -> None:
    if as_json:
        print_json(_summary(component))
    else:
        say(line)


def _summary(component: "Component") -> dict[str, Any]:
    return {
        "uid": component.uid,
        "name": component.name,
        "version": component.version,
        "type": component.type,
        "kind": component.kind,
        "enabled": component.enabled,
        "size": component.size_text,
        "checksum": component.checksum,
        "ova_path": component.ova_path,
    }


def _details(component: "Component") -> dict[str, Any]:
    from engine.catalog.supply import obstacle

    return {
        **_summary(component),
        "description": component.description,
        "url": component.url,
        "download_engine": component.download_engine,
        "download_file": component.download_file,
        "obstacle": obstacle(component),
        "licence_accepted_by": component.eula_by,
        "licence_accepted_at": utc(component.eula_at) if component.eula_at else None,
        "spec": component.spec,
    }
