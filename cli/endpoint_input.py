"""What `slipway endpoint add` and `update` are given: trust, password, and consent to a certificate."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import warn
from cli.session import read_line
from storage.errors import BadInput

if TYPE_CHECKING:
    from engine.vsphere.trust import Certificate


def _option(field: str) -> str:
    """What the command line calls an endpoint's field."""
    return f"--{field.replace('_', '-')}"


def fields_given(
    host: str | None,
    username: str | None,
    datacenter: str | None,
    resource_pool: str | None,
    datastore: str | None,
    vmfolder: str | None,
    host_system: str | None,
    network: str | None,
) -> dict[str, Any]:
    """The endpoint's fields that these options give, checked. Raises BadField."""
    from engine.endpoints.given import fields_of

    given = {
        "host": host,
        "username": username,
        "datacenter": datacenter,
        "resource_pool": resource_pool,
        "datastore": datastore,
        "vmfolder": vmfolder,
        "host_system": host_system,
        "network": network,
    }
    return fields_of(given, _option)


def habits_of(linked_clones: bool | None, signatures: str | None) -> dict[str, Any]:
    """How the endpoint clones and what it asks of packages; empty when the options say nothing. Raises BadField."""
    from engine.endpoints.given import fields_of

    given = fields_of({"signatures": signatures}, _option)
    return given if linked_clones is None else given | {"linked_clones": linked_clones}


def trust_of(pin: str | None, ca: Path | None, insecure: bool) -> dict[str, Any]:
    """What the options say of the certificate; empty when they say nothing."""
    from engine.endpoints.given import anything, pinned, signed

    if sum((pin is not None, ca is not None, insecure)) > 1:
        raise BadInput(
            "one trust is enough", why="--pin, --ca and --insecure exclude each other", fix="give one of them"
        )
    if pin is not None:
        return pinned(pin)
    if ca is not None:
        return signed(ca)
    return anything() if insecure else {}


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def password_of(from_stdin: bool, variable: str | None) -> str | None:
    """The password, None when it is not asked for. A terminal is asked without echo."""
    if from_stdin and variable is not None:
        raise BadInput("one password is enough", fix="give either --password-stdin or --password-env")
    if variable is not None:
        if not os.environ.get(variable):
            raise BadInput(
                "no password in", on=variable, why="the variable is not set or empty", fix=f"export {variable}"
            )
        return os.environ[variable]
    if not from_stdin:
        return None
    if _on_terminal():
        from getpass import getpass

        password = getpass("Password: ", stream=sys.stderr)
    else:
        password = read_line()
    if not password:
        raise BadInput("no password", why="it is empty", fix="give it on stdin, or name a variable with --password-env")
    return password


def consent(server: str, certificate: "Certificate") -> None:
    """Show the certificate and ask; without a terminal the fingerprint is in the error."""
    from engine.errors import CertificateRefused

    told = f"its certificate is not signed by an authority of this machine ({certificate.why_not}); its SHA-256 is"
    if _on_terminal():
        warn(f"{server}: {told}")
        warn(f"  {certificate.fingerprint}")
        question = "Is that the fingerprint shown on the server itself? Accept and pin it? [y/N] "
        print(question, end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    raise CertificateRefused(
        "cannot trust the certificate of",
        on=server,
        why=f"{told} {certificate.fingerprint}",
        fix=f"compare it with the server's own, then add --pin {certificate.fingerprint}",
        fingerprint=certificate.fingerprint,
    )
