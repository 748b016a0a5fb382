"""`slipway console`: the console with options; `slipway` alone is the same without any."""

from typing import Annotated

import typer

from cli.output import examples
from cli.session import chosen_store

app = typer.Typer()


@app.command(epilog=examples("slipway console --read-only", "slipway console --plain"))
def console(
    read_only: Annotated[bool, typer.Option("--read-only", help="Nothing can be changed from here.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Line by line: for screen readers and pipes.")] = False,
    slow: Annotated[bool, typer.Option("--slow", help="For a line under 20 KB/s: fewer updates, no mouse.")] = False,
) -> None:
    """Watch and work: endpoints, templates, deployments, claims, settings, on the whole terminal."""
    from storage import paths
    from tui.main import start
    from tui.options import Options

    given = Options(store=chosen_store(), read_only=read_only, plain=plain, slow=slow)
    raise typer.Exit(start(given, paths.console(), str(paths.config_file())))
