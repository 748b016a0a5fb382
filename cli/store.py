"""`slipway store`: whether the store is sound, a backup of it, and putting one back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import confirm_by_name, examples, print_json, say, warn
from cli.session import chosen_store, open_store
from storage.errors import SlipwayError

if TYPE_CHECKING:
    from storage.check import Problem
    from storage.store import Store

app = typer.Typer(
    help="The store: checking it, backing it up, restoring it.",
    no_args_is_help=True,
    epilog=examples("slipway store check", "slipway store backup /srv/backup/slipway.db"),
)

Json = Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")]


@app.command(epilog=examples("slipway store check", "slipway --store /srv/lab/slipway.db store check --json"))
def check(as_json: Json = False) -> None:
    """Look for damage, wrong references, missing tables, and secrets that the key does not open.

    Exit 1 when something is wrong.
    """
    from storage import paths
    from storage.database import location, url
    from storage.models import SCHEMA

    where = location(url(paths.store(chosen_store()).value))
    store_id, problems = _checked()
    if as_json:
        found = {"ok": not problems, "store": where, "id": store_id, "schema": SCHEMA, "problems": problems}
        print_json(found)
    else:
        for one in problems:
            say(f"WRONG {one.check}: {one.told}; {one.fix}")
        if not problems:
            say(f"ok {where} (id {store_id}, schema {SCHEMA})")
    if problems:
        raise typer.Exit(1)


def _checked() -> "tuple[str | None, list[Problem]]":
    """The store's id, None when it cannot be opened, and what is wrong with it."""
    from storage.check import Problem, problems

    store_id = None
    try:
        with open_store() as store:
            store_id = store.id
            return store_id, problems(store)
    except SlipwayError as error:
        return store_id, [Problem("open", f"{error.what} {error.on}: {error.why}", error.fix)]


@app.command(epilog=examples("slipway store backup", "slipway store backup /srv/backup/slipway.db --json"))
def backup(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A new file; beside the store, with the time, when not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy the store into one file, also while it is in use. The key is not in it: keep the key file too."""
    from storage import paths
    from storage.backup import make, sqlite_file

    sqlite_file(paths.store(chosen_store()).value)  # a server need not answer to be told that it is the wrong kind
    with open_store() as store:
        made = make(store, file)
        key = _key_place(store)
    if as_json:
        print_json({"file": made, "store": store.location, "id": store.id, "key": key})
    else:
        say(f"backed up {store.location} to {made}")
        say(f"keep its key as well, apart from it: {key}")


@app.command(
    epilog=examples(
        "slipway store restore slipway.db.backup-20261121T093000.123Z",
        "slipway --store /srv/lab/slipway.db store restore /srv/backup/slipway.db --yes",
    )
)
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup, made by `store backup`.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also over another store, or one that cannot be read.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the store's place. The present store is kept beside it; nobody may have it open."""
    from storage import paths
    from storage.backup import read, sqlite_file
    from storage.backup import restore as put_back

    path = sqlite_file(paths.store(chosen_store()).value)
    found = read(file)
    confirm_by_name("store", path.name, yes)
    kept = put_back(found, path, force)
    _, problems = _checked()
    if as_json:
        print_json({"store": path, "id": found.store_id, "from": found.path, "kept": kept, "problems": problems})
    else:
        say(f"restored {path} from {found.path}")
        if kept:
            say(f"the store before is kept: {kept}")
        for one in problems:
            warn(f"slipway: {one.check}: {one.told}; {one.fix}")


def _key_place(store: "Store") -> str:
    from storage import paths, secrets

    if paths.key().value == "keyring":
        return "the operating system's keyring"
    return str(secrets.key_file(store))
