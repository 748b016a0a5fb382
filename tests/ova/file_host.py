"""A host of files on loopback, over HTTPS."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.endpoints.proxy import make_certificate

DATA = bytes(range(256)) * 1000


@dataclass
class Host:
    """A host of files: what it answers, and what it was asked. `stalls`: in the TLS "handshake", before the "answer",
    or in the middle of the "body".
    """

    port: int
    status: int = 200
    body: bytes = DATA
    length: int | None = len(DATA)
    stalls: str = ""
    stalled: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/disks/disk.vmdk"

    def pass_by(self, place: str) -> None:
        """Wait there until all is over, if it stalls there."""
        if self.stalls == place:
            self.stalled.set()
            self.over.wait()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """On loopback, with a certificate that this machine trusts."""
    certificate = make_certificate(tmp_path / "host.pem", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(self.path)
            known.pass_by("answer")
            self.send_response(known.status)
            if known.length is not None:
                self.send_header("Content-Length", str(known.length))
            self.end_headers()
            with suppress(OSError):  # who does not want the body closes the connection
                half = len(known.body) // 2
                self.wfile.write(known.body[:half])
                known.pass_by("body")
                self.wfile.write(known.body[half:])

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def finish_request(self, *request: Any) -> None:
            known.pass_by("handshake")
            super().finish_request(*request)

        def handle_error(self, *_: object) -> None:
            """Who does not trust the certificate hangs up."""

    server = Server(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    known = Host(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield known
    known.over.set()
    server.shutdown()
    thread.join()
    server.server_close()
