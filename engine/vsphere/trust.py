"""TLS trust: which certificate a connection accepts.

pyVmomi's `thumbprint=` is checked only after a failed normal verification, so a wrong pin connects (vSphere sheet).
Pins are therefore checked here, in the SSL context itself, right after the handshake and before the first byte of
HTTP.
"""

import hashlib
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from engine.errors import CertificateRefused, EndpointUnreachable


@dataclass(frozen=True, slots=True)
class Trust:
    """What to accept: a pinned SHA-256 (or, for an upload host, SHA-1) fingerprint, a CA's PEM text, anything, or the
    system's roots.
    """

    pin: str | None = None
    ca: str | None = None
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """A client context that enforces this trust; a refused certificate raises `ssl.SSLCertVerificationError` in
        the handshake.
        """
        if self.pin:
            return PinnedContext.for_pin(self.pin)
        if self.insecure:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        return ssl.create_default_context(cadata=self.ca) if self.ca else ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows: its SHA-256 fingerprint (64 lower-case hex digits) and whether the system's roots vouch
    for it.
    """

    fingerprint: str
    trusted: bool
    why_not: str


class PinnedContext(ssl.SSLContext):
    """Accepts exactly one certificate, whoever signed it."""

    _digest: str

    @classmethod
    def for_pin(cls, pin: str) -> "PinnedContext":
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context._digest = normal_fingerprint(pin)
        return context

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        connection = super().wrap_socket(*args, **kwargs)
        try:
            self.check(connection.getpeercert(binary_form=True))
        except ssl.SSLCertVerificationError:
            connection.close()
            raise
        return connection

    def check(self, certificate: bytes | None) -> None:
        """Raise ssl.SSLCertVerificationError unless this (DER) is the pinned certificate."""
        algorithm = hashlib.sha1 if len(self._digest) == 40 else hashlib.sha256
        if algorithm(certificate or b"").hexdigest() != self._digest:
            found = hashlib.sha256(certificate or b"").hexdigest()
            raise ssl.SSLCertVerificationError(f"the certificate is not the pinned one; its SHA-256 is {found}")


def normal_fingerprint(text: str) -> str:
    """Lower-case hex digits without separators, as `AA:BB:..` and `aabb..` both mean the same."""
    return text.replace(":", "").replace(" ", "").strip().lower()


def shown_certificate(host: str, port: int, timeout: float = 10) -> Certificate:
    """The certificate that `host:port` shows. Raises EndpointUnreachable when nothing answers TLS there."""
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    name = f"{host}:{port}"
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            blind.wrap_socket(plain, server_hostname=host) as tls,
        ):
            certificate = tls.getpeercert(binary_form=True) or b""
    except (OSError, ValueError) as error:
        raise EndpointUnreachable(
            "cannot reach", on=name, why=reason(error), fix="check the name, the port and the firewall"
        ) from error
    why_not = ""
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host),
        ):
            pass
    except ssl.SSLCertVerificationError as error:
        why_not = error.verify_message
    except OSError as error:
        raise EndpointUnreachable("cannot reach", on=name, why=reason(error), fix="try again") from error
    return Certificate(hashlib.sha256(certificate).hexdigest(), not why_not, why_not)


def reason(error: BaseException) -> str:
    """The error's own words in one line, never empty."""
    if isinstance(error, TimeoutError):
        return "no answer within the deadline"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "the name is not known"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def certificate_refused(host: str, error: ssl.SSLCertVerificationError) -> CertificateRefused:
    """The refusal as our own error, for `host` (with its port)."""
    why = getattr(error, "verify_message", "") or str(error.args[-1] if error.args else error)
    return CertificateRefused(
        "the certificate is refused by",
        on=host,
        why=" ".join(why.split()),
        fix="compare the fingerprint on the server; if it is right: slipway endpoint update NAME --pin FINGERPRINT",
    )
