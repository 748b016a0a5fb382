"""Authorities that are trusted to sign packages, beside those of the machine: a setting that names a PEM file.

The file lies on each machine that plans or works with this store.
"""

import ssl
from pathlib import Path

from sqlalchemy import select

from storage.errors import BadInput
from storage.models import settings
from storage.store import Store

ROOTS = "signature_roots"
_MOST = 4 * 1024 * 1024  # bytes; a machine's own 144 roots have 220 KiB


def configured_roots(store: Store) -> tuple[bytes, ...]:
    """The authorities of the file that is set now, as DER; none when no file is set. Raises BadInput naming it."""
    with store.read() as tx:
        path = tx.execute(select(settings.c.value).where(settings.c.name == ROOTS)).scalar_one_or_none() or ""
    return roots_in(path) if path else ()


def roots_in(path: str) -> tuple[bytes, ...]:
    """The authorities' certificates in a PEM file, as DER. Raises BadInput when it cannot be read or has none."""
    file = Path(path)
    try:
        if not file.is_file():
            raise _unusable(path, "it is not a file" if file.exists() else "it does not exist")
        if file.stat().st_size > _MOST:
            raise _unusable(path, f"it has more than {_MOST} bytes")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=file.read_text(encoding="ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise _unusable(path, "it is not a PEM file of certificates") from error
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    found = context.get_ca_certs(binary_form=True)
    if not found:
        raise _unusable(path, "none of its certificates is an authority's")
    return tuple(found)


def problem_with(name: str, value: str) -> str:
    """Why the value is none for that setting, "" when it is, or when the name is another."""
    if name != ROOTS or not value:
        return ""
    if not Path(value).is_absolute():
        return "it must be the whole path of a PEM file, from / on"
    try:
        roots_in(value)
    except BadInput as error:
        return error.why
    return ""


def _unusable(path: str, why: str) -> BadInput:
    fix = f"give a PEM file of authorities: slipway setting update {ROOTS} -v FILE"
    return BadInput("cannot use the trusted roots in", on=path, why=why, fix=fix)
