"""`slipway ova`: what an OVA or OVF holds and asks for."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import examples, print_json

app = typer.Typer(
    help="OVA files: what one holds and asks for.",
    no_args_is_help=True,
    epilog=examples("slipway ova show esxi-8.0u3g.ova", "slipway ova check zcore.ovf --endpoint vc01"),
)


@app.command(epilog=examples("slipway ova show esxi-8.0u3g.ova", "slipway ova show zcore.ovf --json"))
def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An .ova, or an .ovf; its disks may be absent.")],
    as_json: Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")] = False,
) -> None:
    """Show an OVA: product, size, files, disks, networks, properties, options, hardware, manifest, what is wrong."""
    from cli.package_view import document, print_package
    from engine.ova.package import open_package

    package = open_package(file)
    if as_json:
        print_json(document(package))
    else:
        print_package(package)


@app.command(
    epilog=examples(
        "slipway ova check esxi-8.0u3g.ova", "slipway ova check zcore.ova --profile lab01.yaml --endpoint vc01"
    )
)
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An .ova, or an .ovf whose files lie beside it.")],
    profile: Annotated[
        Path | None, typer.Option("--profile", "-p", metavar="PROFILE", help="The values that its VMs would get.")
    ] = None,
    endpoint: Annotated[
        str, typer.Option("--endpoint", "-e", metavar="NAME", help="Whether it fits there: hardware, networks, space.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")] = False,
) -> None:
    """List everything that is wrong with an OVA, every digest compared. Exit 2 when it would be refused."""
    from cli import checking

    checking.check(file, profile, endpoint, as_json)
