"""A TLS server in front of a simulated vCenter that changes what it answers: how a test shows a preflight what stock
vcsim never does (a missing privilege, a wrong clock, a dead host).
"""

import http.client
import ipaddress
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.simulator.launcher import Stock

Change = Callable[[str, str], str]
"""The answer to give instead, from (method called, answer)."""


class Proxy:
    """Listens on a port of its own with a certificate of its own; username and password are the vCenter's."""

    def __init__(
        self, vcenter: Stock, folder: Path, change: Change = lambda _, answer: answer, ipv6: bool = False
    ) -> None:
        self.host = "::1" if ipv6 else "127.0.0.1"
        self.username, self.password = vcenter.username, vcenter.password
        self.change = change
        pem = make_certificate(folder / "proxy.pem", self.host)
        self.certificate = pem
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._server = _server_class(ipv6)((self.host, 0), _handler(vcenter, self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.fingerprint = sha256(ssl.PEM_cert_to_DER_cert(certificate_of(pem))).hexdigest()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _server_class(ipv6: bool) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        if ipv6:
            address_family = AF_INET6

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that refuses the certificate hangs up: nothing to say."""

    return Server


def _handler(vcenter: Stock, proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            onward = http.client.HTTPSConnection(vcenter.host, vcenter.port, context=blind)
            headers = {key: value for key, value in self.headers.items() if key.lower() in ("cookie", "soapaction")}
            onward.request("POST", self.path, asked, {**headers, "Content-Type": "text/xml; charset=utf-8"})
            answer = onward.getresponse()
            text = answer.read().decode()
            onward.close()
            method = asked.decode().partition("<soapenv:Body>")[2].partition("<")[2].partition(" ")[0]
            changed = proxy.change(method, text).encode()
            self.send_response(answer.status)
            for key in ("Content-Type", "Set-Cookie"):
                if value := answer.getheader(key):
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(changed)))
            self.end_headers()
            self.wfile.write(changed)

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    return Handler


def make_certificate(path: Path, host: str) -> Path:
    """A self-signed certificate for an address, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a vCenter of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def certificate_of(pem: Path) -> str:
    """The certificate's text without the key: what `--ca` gets."""
    return pem.read_text().partition("-----BEGIN PRIVATE KEY-----")[0]
