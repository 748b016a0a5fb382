"""`slipway ova`: what an OVA or OVF holds and asks for."""

from typing import Annotated

import typer

from cli.output import examples, print_json

app = typer.Typer(
    help="OVA files: what one holds and asks for.",
    no_args_is_help=True,
    epilog=examples("slipway ova show esxi-8.0u3g.ova", "slipway ova show zcore.ovf --json"),
)


@app.callback()
def _group() -> None:
    """Keeps `show` a verb of its own while it is the only one."""


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
