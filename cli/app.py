"""The command tree. A group's module is imported only when its name is on the command line (or for the help)."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command as build

from cli import session
from cli.output import examples
from storage.errors import BadInput
from storage.nearest import suggestion

GROUPS = ("endpoint", "component", "template", "deployment", "ova", "setting", "lock", "store")
"""Modules whose `app` holds verbs: `slipway endpoint add`."""

SINGLES = ("console", "deploy", "worker", "demo", "doctor", "paths")
"""Modules whose `app` holds one command: `slipway deploy`."""

NAMES = (*GROUPS, *SINGLES)


class _Root(TyperGroup):
    def list_commands(self, _ctx: Any) -> list[str]:
        return list(NAMES)

    def get_command(self, _ctx: Any, name: str) -> Any:
        return load(name) if name in NAMES else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if not args[0].startswith("-") and args[0] not in NAMES:
            fix = suggestion(args[0], NAMES) or "see: slipway --help"
            raise BadInput("no command", on=f'"{args[0]}"', fix=fix)
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """The command of that name, its module imported."""
    module = import_module(f"cli.{name}")
    shell = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    if name in SINGLES:
        shell.registered_commands = module.app.registered_commands
        found = build(shell)
        found.name = name
        return found
    shell.add_typer(module.app, name=name)
    return build(shell).commands[name]  # type: ignore[attr-defined]


def command() -> Any:
    """The command `slipway`, to be run by its `main`."""
    root = typer.Typer(
        cls=_Root,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.callback(
        invoke_without_command=True,
        epilog=examples("slipway endpoint list", "slipway --store /srv/lab/slipway.db deploy lab01.yaml --plan"),
    )(_slipway)
    return build(root)


def _slipway(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(metavar="PATH|URL", help="The store: an SQLite file or a PostgreSQL URL (SLIPWAY_STORE)."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Upload an OVA to a vSphere endpoint once, stage it as a template, clone it for every deployment."""
    session.choose_store(store)
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"slipway {installed('slipway')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from cli.console import console

        console()
