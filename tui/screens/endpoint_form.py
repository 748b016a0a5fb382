"""Adding and changing an endpoint: a form, and consent to a certificate that nobody vouches for."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from engine.errors import (
    BadField,
    CertificateRefused,
    Conflict,
    EndpointUnreachable,
    LoginRefused,
    SlipwayError,
    VSphereFault,
)
from tui.present import endpoints as present
from tui.present.text import Line
from tui.screens.confirm import Confirm
from tui.screens.form import Field, Form

if TYPE_CHECKING:
    from engine.console.desk import Desk
    from engine.console.endpoints import EndpointRow, Saved
    from tui.screens.page import Page

    Save = Callable[[Desk, Mapping[str, str], str], Saved]

ANY = "any"
TRUST = {
    "an authority of this machine, else ask": "ask",
    "this fingerprint only": "pin",
    "this authority's file": "ca",
    "any certificate (insecure)": ANY,
}
"""What a form offers -> what the engine calls it."""

SIGNATURES = ("warn", "require", "off")
"""What is asked of the signature of an OVA that is sent there; the first is a new endpoint's."""

CLONES = ("full", "linked")
"""What VMs are unless a profile says otherwise; the first is a new endpoint's."""

WORD = "trust"
"""What is typed to consent: a letter too many in a form must not."""

FIELD_AT_FAULT: tuple[tuple[type[SlipwayError], str], ...] = (
    (Conflict, "name"),
    (EndpointUnreachable, "host"),
    (VSphereFault, "host"),
    (CertificateRefused, "proof"),
    (LoginRefused, "password"),
)


def add(page: "Page") -> None:
    """Ask for a new endpoint."""

    def save(desk: "Desk", given: Mapping[str, str], consented: str) -> "Saved":
        from engine.console import endpoints

        return endpoints.add(desk, given, consented)

    agreed: set[str] = set()

    def submit(form: Form, given: Mapping[str, str]) -> None:
        _send(page, form, {**given, "trust": TRUST[given["trust"]]}, save, "added", agreed)

    page.app.push_screen(Form("Add an endpoint", _fields(), submit))


def edit(page: "Page", row: "EndpointRow") -> None:
    """Ask what is to be changed of one."""
    fields = _fields(row)
    agreed: set[str] = set()

    def save(desk: "Desk", given: Mapping[str, str], consented: str) -> "Saved":
        from engine.console import endpoints

        return endpoints.update(desk, row.name, given, consented)

    def submit(form: Form, given: Mapping[str, str]) -> None:
        changed = {field.name: given[field.name] for field in fields if given[field.name] != field.value}
        if "trust" in changed:
            changed["trust"] = TRUST[changed["trust"]]
        if changed:
            _send(page, form, changed, save, "changed", agreed)
        else:
            form.wrong("Nothing is different; esc leaves it as it is.")

    page.app.push_screen(Form(f"Edit {row.name}", fields, submit))


def _fields(row: "EndpointRow | None" = None) -> list[Field]:
    """The form's; of an endpoint that is there with its values, but without its name, which stays."""

    def value(name: str) -> str:
        return str(getattr(row, name, None) or "")

    trusts = (*(() if row is None else (f"as it is: {row.trust}",)), *TRUST)
    fields = [] if row is not None else [Field("name", "name", hint="what you call it: vc01")]
    return [
        *fields,
        Field("host", "host", value("server"), "name or address of vCenter, with :PORT if not 443"),
        Field("username", "username", value("username"), "slipway@vsphere.local"),
        Field("password", "password", hint="as it is" if row else "it is not shown", secret=True),
        Field("datacenter", "datacenter", value("datacenter"), "where VMs go"),
        Field("resource_pool", "resource pool", value("resource_pool"), "or a cluster: its root pool is meant"),
        Field("datastore", "datastore", value("datastore"), "or datastore cluster, in that datacenter"),
        Field("vmfolder", "VM folder", value("vmfolder"), "a/b below the datacenter's own; empty is that one"),
        Field("host_system", "host system", value("host_system"), "every VM on this ESXi host; may be empty"),
        Field("network", "network", value("network"), "the default portgroup; may be empty"),
        Field("trust", "trust", trusts[0], choices=trusts),
        Field("proof", "pin or file", hint="the fingerprint (SHA-256), or the PEM file's path"),
        Field("signatures", "signatures", value("signatures") or SIGNATURES[0], choices=SIGNATURES),
        Field("clones", "clones", value("clones") or CLONES[0], choices=CLONES),
    ]


def _send(
    page: "Page", form: Form, given: Mapping[str, str], save: "Save", did: str, agreed: set[str], consented: str = ""
) -> None:
    """Let the engine try it and store it; the form stays until it was stored. `agreed`: the fingerprints that this form
    was told to trust; nobody is asked again because the password was wrong as well.
    """

    def done(saved: "Saved") -> None:
        absent = "; ".join(saved.missing)
        page.say(
            f"{did} {saved.name}" + (f"; vCenter lacks {absent}" if absent else ": c checks all that it needs"),
            "warn" if absent else "ok",
        )
        form.done()

    def consent(title: str, lines: list[Line], to: str) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                agreed.add(to)
                _send(page, form, given, save, did, agreed, to)
            else:
                form.wrong("The certificate is not trusted: nothing was stored.", "host")

        page.app.push_screen(Confirm(title, lines, WORD), answered)

    def refused(error: SlipwayError) -> None:
        if not form.is_current:  # it was left meanwhile
            page.refused(error)
        elif isinstance(error, CertificateRefused) and error.fingerprint in agreed - {consented}:
            _send(page, form, given, save, did, agreed, error.fingerprint)
        elif isinstance(error, CertificateRefused) and error.fingerprint:
            consent("Is this the right vCenter?", present.certificate(error), error.fingerprint)
        else:
            form.wrong(error, _field_of(error, form))

    if given.get("trust") == ANY and consented != ANY:
        consent("Trust any certificate?", present.ANYBODY, ANY)
    else:
        fingerprint = "" if consented == ANY else consented
        page.app.feed.ask(lambda desk: save(desk, given, fingerprint), done, refused)


def _field_of(error: SlipwayError, form: Form) -> str:
    """The field of this form that the error is about, "" for none."""
    if isinstance(error, BadField):
        return error.field if error.field in form.values else ""
    found = next((field for kind, field in FIELD_AT_FAULT if isinstance(error, kind)), "")
    return found if found in form.values else ""
