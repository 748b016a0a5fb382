"""`slipway endpoint`: the vCenters, and where on them Slipway works."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.endpoint_input import consent, fields_given, habits_of, password_of, trust_of
from cli.output import confirm_by_name, examples, print_finding, print_json, print_table, say, utc, warn
from cli.session import open_store
from storage.errors import BadInput

if TYPE_CHECKING:
    from engine.endpoints.findings import Finding
    from engine.endpoints.register import Registered
    from storage.endpoints import Endpoint

app = typer.Typer(
    help="The vCenters, and where on them VMs go.",
    no_args_is_help=True,
    epilog=examples("slipway endpoint list", "slipway endpoint test vc01"),
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint's name.")]
Json = Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_HOST = typer.Option(metavar="H[:PORT]", help="vCenter's name or address; port 443 if none is given.")
_USERNAME = typer.Option(metavar="U", help="The account, e.g. slipway@vsphere.local.")
_DATACENTER = typer.Option(metavar="NAME", help="The datacenter.")
_POOL = typer.Option(metavar="NAME", help="A resource pool, or a cluster: its root pool is meant.")
_DATASTORE = typer.Option(metavar="NAME", help="The datastore or datastore cluster, in that datacenter.")
_VMFOLDER = typer.Option(metavar="PATH", help='The VM folder, a/b below the datacenter\'s own; "" is that one.')

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin; a terminal is asked without echo.")
]
PasswordEnv = Annotated[
    str | None, typer.Option("--password-env", metavar="VAR", help="Take the password from this variable.")
]
HostSystem = Annotated[
    str | None, typer.Option(metavar="ESXI", help='Place every VM on this host of the cluster; "" for none.')
]
Network = Annotated[str | None, typer.Option(metavar="NAME", help='The default portgroup; "" for none.')]
Pin = Annotated[str | None, typer.Option(metavar="SHA256", help='Accept this certificate only; "" asks again.')]
Ca = Annotated[Path | None, typer.Option(metavar="FILE", help="Accept what this authority signed (PEM).")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Accept any certificate.")]
LinkedClones = Annotated[
    bool | None,
    typer.Option("--linked-clones/--full-clones", help="What VMs are unless a profile says `linked`; full at first."),
]

SignaturesOption = Annotated[
    str | None,
    typer.Option(
        "--signatures",
        metavar="POLICY",
        help="Of OVAs that are sent there: off, warn (at first) or require a valid one.",
    ),
]


@app.command(
    epilog=examples(
        "slipway endpoint add vc01 --host vc01.example.com --username slipway@vsphere.local"
        " --datacenter dc1 --resource-pool cluster1 --datastore vsan --vmfolder labs",
        "pass vc01 | slipway endpoint add vc01 --host 10.0.0.5:8443 --username slipway --password-stdin --pin 5A:1F:.."
        " --datacenter dc1 --resource-pool labs --datastore ds1 --vmfolder labs --network lab-segment",
    )
)
def add(  # noqa: PLR0913, PLR0917 - each is an option
    name: Name,
    host: Annotated[str, _HOST],
    username: Annotated[str, _USERNAME],
    datacenter: Annotated[str, _DATACENTER],
    resource_pool: Annotated[str, _POOL],
    datastore: Annotated[str, _DATASTORE],
    vmfolder: Annotated[str, _VMFOLDER],
    password_stdin: PasswordStdin = False,
    password_env: PasswordEnv = None,
    host_system: HostSystem = None,
    network: Network = None,
    pin: Pin = None,
    ca: Ca = None,
    insecure: Insecure = False,
    linked_clones: LinkedClones = None,
    signatures: SignaturesOption = None,
    as_json: Json = False,
) -> None:
    """Add an endpoint: check its certificate, log in once, and remember it."""
    from engine.endpoints import register
    from engine.endpoints.given import usable_name
    from storage.endpoints import NewEndpoint

    fields = fields_given(host, username, datacenter, resource_pool, datastore, vmfolder, host_system, network)
    fields |= habits_of(linked_clones, signatures)
    new = NewEndpoint(name=usable_name(name), **fields, **trust_of(pin, ca, insecure))
    with open_store() as store:
        register.check_free(store, name)
        password = password_of(password_stdin or password_env is None, password_env)
        added = register.add(store, new, password or "", consent)
    _show_registered(added, as_json, f"added {name}; look at all it needs with: slipway endpoint test {name}")


@app.command(
    epilog=examples(
        "slipway endpoint update vc01 --datastore vsan2 --network lab-segment",
        "pass vc01 | slipway endpoint update vc01 --password-stdin",
    )
)
def update(  # noqa: PLR0913, PLR0917 - each is an option
    name: Name,
    host: Annotated[str | None, _HOST] = None,
    username: Annotated[str | None, _USERNAME] = None,
    datacenter: Annotated[str | None, _DATACENTER] = None,
    resource_pool: Annotated[str | None, _POOL] = None,
    datastore: Annotated[str | None, _DATASTORE] = None,
    vmfolder: Annotated[str | None, _VMFOLDER] = None,
    password_stdin: PasswordStdin = False,
    password_env: PasswordEnv = None,
    host_system: HostSystem = None,
    network: Network = None,
    pin: Pin = None,
    ca: Ca = None,
    insecure: Insecure = False,
    linked_clones: LinkedClones = None,
    signatures: SignaturesOption = None,
    as_json: Json = False,
) -> None:
    """Change what is given; another host, trust, user or password is tried before it is stored."""
    from engine.endpoints import register

    changes = fields_given(host, username, datacenter, resource_pool, datastore, vmfolder, host_system, network)
    changes |= habits_of(linked_clones, signatures) | trust_of(pin, ca, insecure)
    with open_store() as store:
        password = password_of(password_stdin, password_env)
        if not changes and password is None:
            raise BadInput("nothing to change in endpoint", on=name, fix="see: slipway endpoint update --help")
        changed = register.update(store, name, changes, password, consent)
    _show_registered(changed, as_json, f"updated {name}")


@app.command("list", epilog=examples("slipway endpoint list", "slipway endpoint list --json"))
def list_endpoints(as_json: Json = False) -> None:
    """Show every endpoint."""
    from storage import endpoints

    with open_store() as store:
        found = endpoints.listing(store)
    if as_json:
        print_json(found)
        return
    headers = ("NAME", "HOST", "DATACENTER", "POOL", "DATASTORE", "FOLDER")
    print_table(
        headers,
        [(one.name, _server(one), one.datacenter, one.resource_pool, one.datastore, one.vmfolder) for one in found],
    )


@app.command(epilog=examples("slipway endpoint show vc01", "slipway endpoint show vc01 --json"))
def show(name: Name, as_json: Json = False) -> None:
    """Show one endpoint; never its password."""
    from storage import endpoints

    with open_store() as store:
        found = endpoints.get(store, name)
    if as_json:
        print_json(found)
        return
    for label, value in _lines(found):
        say(f"{label + ':':<15}{value or '-'}")


@app.command("test", epilog=examples("slipway endpoint test vc01", "slipway endpoint test vc01 --deep --json"))
def check(
    name: Name,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also stage, clone and remove an OVA of 1 MiB: nothing stays.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check all that a deployment needs. Exit 1 when something is missing, 5 when vCenter is unreachable or refuses."""
    from cli.progress import interruptible
    from engine.cancel import Cancel
    from engine.endpoints.deep import try_out
    from engine.endpoints.preflight import check as preflight
    from engine.errors import Cancelled
    from storage import endpoints

    found: list[Finding] = []

    def report(finding: "Finding") -> None:
        found.append(finding)
        if not as_json:
            print_finding(finding.state, finding.name, finding.detail, finding.fix)

    cancel = Cancel()
    with open_store() as store:
        for finding in preflight(store, endpoints.get(store, name)):
            report(finding)
        if deep and not _unreached(found):
            with interruptible(cancel), suppress(Cancelled):
                try_out(store, name, cancel, report)
    if as_json:
        print_json(found)
    if cancel.asked:
        raise typer.Exit(130)
    if any(finding.state == "missing" for finding in found):
        raise typer.Exit(5 if _unreached(found) else 1)


@app.command(epilog=examples("slipway endpoint remove vc01", "slipway endpoint remove vc01 --yes"))
def remove(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Forget an endpoint and its deployments' records; nothing is touched in vCenter."""
    from storage import endpoints

    with open_store() as store:
        found = endpoints.get(store, name)
        confirm_by_name("endpoint", name, yes)
        endpoints.remove(store, name)
    if as_json:
        print_json(found)
    else:
        say(f"removed {name}")


def _show_registered(registered: "Registered", as_json: bool, line: str) -> None:
    for finding in registered.missing:
        warn(f"note: {_line(finding)}")
    if as_json:
        print_json(registered.endpoint)
    else:
        say(line)


def _server(endpoint: "Endpoint") -> str:
    from engine.endpoints.hostname import joined

    return joined(endpoint.host, endpoint.port)


def _lines(one: "Endpoint") -> list[tuple[str, str | None]]:
    if one.insecure:
        trust = "any certificate (insecure)"
    elif one.pin:
        trust = f"pinned to {one.pin}"
    else:
        trust = "signed by the given authority" if one.ca else "signed by an authority of this machine"
    return [
        ("name", one.name),
        ("id", str(one.id)),
        ("host", _server(one)),
        ("certificate", trust),
        ("username", f"{one.username} (vCenter refused the login)" if one.refused else one.username),
        ("datacenter", one.datacenter),
        ("resource pool", one.resource_pool),
        ("datastore", one.datastore),
        ("VM folder", one.vmfolder),
        ("host system", one.host_system),
        ("network", one.network),
        ("clones", "linked" if one.linked_clones else "full"),
        ("signatures", one.signatures),
        ("vCenter", one.instance_uuid),
        ("created", utc(one.created)),
    ]


def _line(finding: "Finding") -> str:
    return f"{finding.name}: {finding.detail}" + (f"; {finding.fix}" if finding.fix else "")


def _unreached(found: "list[Finding]") -> bool:
    """Whether vCenter could not be reached, or refused the login: nothing else was looked at then."""
    from engine.endpoints.preflight import REACHING

    return any(finding.state == "missing" and finding.name in REACHING for finding in found)
