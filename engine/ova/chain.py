"""Whether a signer's certificate leads to a trusted root and may sign packages (RFC 5280)."""

import re
import ssl
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import Certificate, ExtensionNotFound
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

BROKEN = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.AttributeNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for certificates that are not what they should be; their parts are read when asked for."""

# A folder of roots is searched by OpenSSL for these names only: the hash of a subject, and a number.
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
_LONGEST_NAME = 160
_no_candidate = "no interior errors"
_warnings = threading.Lock()


class State(StrEnum):
    """What the signature of a package proves; only a valid one proves who made it."""

    UNSIGNED = "unsigned"
    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    SELF_SIGNED = "self-signed"
    UNTRUSTED = "untrusted issuer"
    TAMPERED = "tampered"
    UNREADABLE = "unreadable"


@contextmanager
def quiet() -> Iterator[None]:
    """cryptography warns of each odd certificate on stderr, of two in Debian's own roots too; ours is told in words.
    Warning filters are the process's: one thread at a time.
    """
    with _warnings, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def system_roots() -> tuple[bytes, ...]:
    """The roots that OpenSSL trusts on this machine (SSL_CERT_FILE and SSL_CERT_DIR are heeded), as DER."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        files = [Path(paths.cafile)]
    else:
        folder = Path(paths.capath or "/nowhere")
        files = [one for one in folder.glob("*.*") if _HASHED.fullmatch(one.name)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for file in files:
        try:
            context.load_verify_locations(cafile=file)
        except (OSError, ssl.SSLError):  # one of many that is damaged, or a link to nothing, trusts nobody
            continue
    return tuple(context.get_ca_certs(binary_form=True))


def verdict(chain: Sequence[Certificate], roots: Sequence[bytes], now: datetime) -> tuple[State, str]:
    """What the first of `chain` proves, the signer's, and why no more; the rest of it may lead to one of `roots` (DER).

    A signer among the roots is trusted as it is. Raises what BROKEN lists.
    """
    signer, trusted = chain[0], _loaded(roots)
    if signer in trusted:
        return _dated(signer, now)
    if _signed_itself(signer):
        return State.SELF_SIGNED, f"nobody but {named(signer.subject)} itself says who that is"
    why = _not_for_packages(signer) or _refusal(chain, trusted, now)
    if not why:
        return State.VALID, ""
    for one in chain:
        state, when = _dated(one, now)
        moment = one.not_valid_after_utc if state is State.EXPIRED else one.not_valid_before_utc
        if state is not State.VALID and not _not_for_packages(signer) and not _refusal(chain, trusted, moment):
            return state, when
    return State.UNTRUSTED, why


def named(name: x509.Name) -> str:
    """A subject or issuer as `'CN=.., O=..'`, cut where it is long."""
    text = name.rfc4514_string()
    return f"'{text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + '...'}'"


def _loaded(roots: Sequence[bytes]) -> list[Certificate]:
    found = []
    for root in roots:
        try:
            found.append(x509.load_der_x509_certificate(root))
        except BROKEN:  # one of many that cryptography does not take vouches for nobody
            continue
    return found


def _dated(one: Certificate, now: datetime) -> tuple[State, str]:
    if now > one.not_valid_after_utc:
        return State.EXPIRED, f"the certificate of {named(one.subject)} ended on {one.not_valid_after_utc:%Y-%m-%d}"
    if now < one.not_valid_before_utc:
        begins = f"{one.not_valid_before_utc:%Y-%m-%d}"
        return State.NOT_YET_VALID, f"the certificate of {named(one.subject)} begins on {begins}"
    return State.VALID, ""


def _signed_itself(one: Certificate) -> bool:
    if one.issuer != one.subject:
        return False
    try:
        one.verify_directly_issued_by(one)
    except InvalidSignature:
        return False
    return True


def _not_for_packages(signer: Certificate) -> str:
    """Why the certificate may not sign packages, "" when it may. The roots of a machine vouch for every web server:
    theirs must not do.
    """
    try:
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if not {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(purposes):
            return f"the certificate of {named(signer.subject)} is not for signing code"
    except ExtensionNotFound:
        pass
    try:
        usage = signer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature or usage.content_commitment):
            return f"the certificate of {named(signer.subject)} is not for signatures"
    except ExtensionNotFound:
        pass
    return ""


def _refusal(chain: Sequence[Certificate], roots: Sequence[Certificate], moment: datetime) -> str:
    """Why the chain leads to no root at that moment, "" when it does."""
    if not roots:
        return "this machine has no trusted roots"
    verifier = (
        PolicyBuilder()
        .store(Store(list(roots)))
        .time(moment)
        .extension_policies(ca_policy=_authority_policy(), ee_policy=ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except VerificationError as error:
        if _no_candidate in str(error):
            return f"{named(chain[-1].issuer)} is none of the trusted roots"
        said = str(error).removeprefix("validation failed: ").removeprefix("candidates exhausted: ")
        return f"no trusted root vouches for {named(chain[0].subject)}: {said.partition(' (encountered')[0]}"
    return ""


def _authority_policy() -> ExtensionPolicy:
    """Of those between signer and root: authorities, as private ones write their certificates too."""
    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    )


def _is_authority(_policy: Policy, _certificate: Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("a certificate between is not an authority's")


def _signs_certificates(_policy: Policy, _certificate: Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("a certificate between is not for signing certificates")
