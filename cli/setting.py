"""`slipway setting`: zPodFactory's verbs, with both of its spellings (NAME and --name)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import confirm_by_name, examples, print_json, print_table, say, warn
from cli.session import open_store, read_line
from storage.errors import BadInput

if TYPE_CHECKING:
    from storage.settings import Setting

app = typer.Typer(
    help="Settings that everybody who uses the store shares.",
    no_args_is_help=True,
    epilog=examples("slipway setting list", "slipway setting update ff_endpoint_ova_staging -v true"),
)

Name = Annotated[str | None, typer.Argument(metavar="NAME", help="The setting's name.")]
NameOption = Annotated[
    str | None, typer.Option("--name", "-n", metavar="NAME", help="The same, zPodFactory's spelling.")
]
Value = Annotated[str | None, typer.Option("--value", "-v", metavar="TEXT", help="The value; - reads a line of stdin.")]
FromStdin = Annotated[bool, typer.Option("--value-stdin", help="Read the value from stdin: for secrets.")]
Json = Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")]

MASK = "********"


@app.command(
    epilog=examples(
        'slipway setting create -n lab_contact -v "noc@lab" -d "Whom to ask"',
        'pass broadcom | slipway setting create -n zpodfactory_broadcom_download_token -d "Token" --value-stdin',
    )
)
def create(
    name: Annotated[str, typer.Option("--name", "-n", metavar="NAME", help="The name; it is lower-cased.")],
    description: Annotated[str, typer.Option("--description", "-d", metavar="TEXT", help="What it is for.")],
    value: Value = None,
    value_stdin: FromStdin = False,
    as_json: Json = False,
) -> None:
    """Add a setting."""
    from storage import settings

    given = _given(value, value_stdin)
    with open_store() as store:
        made = settings.create(store, name, given, description)
    _show(made, as_json, f"created {made.name}")


@app.command("list", epilog=examples("slipway setting list", "slipway setting list --json"))
def list_settings(as_json: Json = False) -> None:
    """Show every setting; secret values are masked."""
    from storage import settings

    with open_store() as store:
        found = settings.listing(store)
    if as_json:
        print_json([_document(one) for one in found])
    else:
        print_table(("NAME", "VALUE", "DESCRIPTION"), [(one.name, _shown(one), one.description) for one in found])


@app.command(epilog=examples("slipway setting get ff_endpoint_ova_staging", "slipway setting get lab_contact --json"))
def get(name: Name = None, name_option: NameOption = None, as_json: Json = False) -> None:
    """Print one value; a secret one is masked."""
    from storage import settings

    with open_store() as store:
        found = settings.get(store, _one_name(name, name_option))
    _show(found, as_json, _shown(found))


@app.command(
    epilog=examples(
        "slipway setting update ff_endpoint_ova_staging -v true",
        "slipway setting update --name lab_contact --value-stdin <contact.txt",
    )
)
def update(
    name: Name = None,
    name_option: NameOption = None,
    value: Value = None,
    value_stdin: FromStdin = False,
    description: Annotated[str | None, typer.Option("--description", "-d", metavar="TEXT", help="A new one.")] = None,
    as_json: Json = False,
) -> None:
    """Set a setting's value."""
    from storage import settings

    one_name = _one_name(name, name_option)
    given = _given(value, value_stdin)
    with open_store() as store:
        changed = settings.update(store, one_name, given, description)
    _show(changed, as_json, f"updated {changed.name}")
    if changed.name == settings.FLAG and changed.value not in ("true", "false") and not as_json:
        warn(f'{changed.name} is off: only the literal value "true" turns it on')


@app.command(epilog=examples("slipway setting delete lab_contact", "slipway setting delete --name lab_contact --yes"))
def delete(
    name: Name = None,
    name_option: NameOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a setting."""
    from storage import settings

    with open_store() as store:
        found = settings.get(store, _one_name(name, name_option))
        confirm_by_name("setting", found.name, yes)
        settings.delete(store, found.name)
    _show(found, as_json, f"deleted {found.name}")


def _one_name(argument: str | None, option: str | None) -> str:
    if (argument is None) == (option is None):
        raise BadInput("one name is needed", why="NAME and --name are two spellings of it", fix="give one of them")
    return argument or option or ""


def _given(value: str | None, from_stdin: bool) -> str:
    if (value is None) != from_stdin:
        raise BadInput("one value is needed", fix="give either --value or --value-stdin")
    if value is None or value == "-":
        return read_line()
    return value


def _shown(setting: "Setting") -> str:
    return MASK if setting.secret else setting.value


def _document(setting: "Setting") -> dict[str, Any]:
    return {
        "name": setting.name,
        "value": _shown(setting),
        "description": setting.description,
        "secret": setting.secret,
    }


def _show(setting: "Setting", as_json: bool, line: str) -> None:
    if as_json:
        print_json(_document(setting))
    else:
        say(line)
