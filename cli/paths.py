"""`slipway paths`: where everything is on this machine, and what said so."""

from dataclasses import replace
from typing import Annotated

import typer

from cli.output import examples, print_json, print_table
from cli.session import chosen_store

app = typer.Typer()


@app.command(epilog=examples("slipway paths", "slipway --store /srv/lab/slipway.db paths --json"))
def paths(as_json: Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")] = False) -> None:
    """Show where everything is, and what said so."""
    from storage import database
    from storage import paths as places

    store = places.store(chosen_store())
    location = database.location(database.url(store.value))
    key = places.key()
    found = places.folders() | {"store": replace(store, value=location)}
    if key.value == "keyring":
        found["key"] = replace(key, value="the operating system's keyring")
    else:
        found["key"] = replace(key, value=str(places.key_file(location, "ID")))
    if as_json:
        print_json({name: {"value": one.value, "source": one.source} for name, one in found.items()})
    else:
        print_table(("WHAT", "WHERE", "SOURCE"), [(name, one.value, one.source) for name, one in found.items()])
