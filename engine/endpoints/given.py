"""What an operator gives for an endpoint, as text: the same checks for the command line and the console."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.endpoints.hostname import split_port
from engine.endpoints.register import TRUST, ca_of, pin_of
from engine.errors import BadField, BadInput
from storage.endpoints import Signatures

MAY_BE_NONE = ("host_system", "network")
"""Fields that an empty text means none for."""


FULL, LINKED = CLONES = ("full", "linked")
"""What an endpoint's VMs are unless a profile says otherwise."""


def usable_name(name: str) -> str:
    """The endpoint's name. Raises BadField for one that could not be typed or shown well."""
    if not 0 < len(name) <= 64 or name.startswith("-") or any(one.isspace() or not one.isprintable() for one in name):
        why = "a name has 1 to 64 characters, none of them a space, and no leading -"
        raise BadField("name", "cannot name an endpoint", on=f'"{name}"', why=why, fix="choose another name")
    return name


def fields_of(given: Mapping[str, str | None], called: Callable[[str], str]) -> dict[str, Any]:
    """The given texts as an endpoint's fields; what is None was not given. `called`: what people call a field.

    Raises BadField.
    """
    fields: dict[str, Any] = {}
    for field, text in given.items():
        if text is None:
            continue
        value = text.strip()
        if field == "host":
            with _named(field):
                fields["host"], fields["port"] = split_port(value)
        elif field == "vmfolder":
            fields[field] = value.strip("/")
        elif field == "signatures":
            fields[field] = _policy(value, called(field))
        elif field == "clones":
            fields["linked_clones"] = _linked(value, called(field))
        elif field in MAY_BE_NONE:
            fields[field] = value or None
        elif value:
            fields[field] = value
        else:
            raise BadField(field, "cannot use", on=called(field), why="it is empty", fix="give a name")
    return fields


def pinned(fingerprint: str) -> dict[str, Any]:
    """The trust in one certificate; an empty fingerprint takes every trust away, so that it is asked for again."""
    with _named("proof"):
        return TRUST | {"pin": pin_of(fingerprint) if fingerprint else None}


def signed(authority: Path) -> dict[str, Any]:
    """The trust in what the authority of this PEM file signed."""
    with _named("proof"):
        return TRUST | {"ca": ca_of(authority)}


def anything() -> dict[str, Any]:
    """No check at all."""
    return TRUST | {"insecure": True}


def _linked(text: str, called: str) -> bool:
    if text not in CLONES:
        raise BadField("clones", "cannot use", on=called, why=f'"{text}" is none', fix=f"give {' or '.join(CLONES)}")
    return text == LINKED


def _policy(text: str, called: str) -> Signatures:
    try:
        return Signatures(text)
    except ValueError:
        fix = f"give {', '.join(Signatures)}"
        raise BadField("signatures", "cannot use", on=called, why=f'"{text}" is none', fix=fix) from None


@contextmanager
def _named(field: str) -> Iterator[None]:
    """Refusals in here are that field's."""
    try:
        yield
    except BadInput as error:
        raise BadField(field, error.what, on=error.on, why=error.why, fix=error.fix) from error
