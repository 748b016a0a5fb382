"""Sending a file to an upload host: a real TLS server of the standard library on loopback."""

import datetime as dt
import hashlib
import http.server
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.errors import CertificateRefused, UploadFailed
from engine.vsphere.trust import Trust
from engine.vsphere.upload import Destination, Upload

# Seconds, as Slipway has it unless it is set otherwise.
STALL = 60.0
DATA = bytes(range(256)) * 20_000  # not a whole number of blocks


@dataclass
class Host:
    """What the server saw, and how it behaves: `refuse` answers early, `stall` reads no body until `go_on`."""

    url: str
    certificate: bytes
    pem: str
    refuse: int = 0
    stall: bool = False
    slow: bool = False
    received: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def pin(self) -> str:
        return hashlib.sha1(self.certificate, usedforsecurity=False).hexdigest()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "host.pem").write_bytes(private + pem)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # What the client's kernel sent waits there and not here.
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "host.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    found = Host(
        f"https://127.0.0.1:{server.server_port}/nfc/disk", ssl.PEM_cert_to_DER_cert(pem.decode()), pem.decode()
    )
    server.host = found  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    found.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes uploads as the host says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        host: Host = self.server.host  # type: ignore[attr-defined]
        host.reached.set()
        if host.refuse:
            self.send_response(host.refuse)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            return
        if host.stall:
            host.go_on.wait(60)
        size = int(self.headers["Content-Length"])
        body = b"".join(self.slowly(size)) if host.slow else self.rfile.read(size)
        host.received.append((self.command, dict(self.headers), body))
        answer = b"thanks"
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    def slowly(self, size: int) -> Iterator[bytes]:
        """Some 2 MiB/s, a little at a time."""
        while size:
            time.sleep(0.03)
            block = self.rfile.read(min(size, 1 << 16))
            size -= len(block)
            yield block

    do_PUT = do_POST  # noqa: N815 - the names that BaseHTTPRequestHandler calls

    def log_message(self, *_: object) -> None:
        """Silent."""


def upload(host: Host, trust: Trust, create: bool = False, size: int = len(DATA)) -> Upload:
    return Upload("disk1.vmdk", Destination(host.url, trust, create), size, STALL)


@pytest.mark.parametrize("create", [False, True])
def test_every_byte_arrives(host: Host, create: bool) -> None:
    seen: list[int] = []
    upload(host, Trust(pin=host.pin), create).send(io.BytesIO(DATA), seen.append)
    [(method, headers, body)] = host.received
    assert body == DATA
    assert sum(seen) == len(DATA)
    assert (method, headers.get("Overwrite")) == (("PUT", "t") if create else ("POST", None))


def test_a_trusted_authority_will_do(host: Host) -> None:
    upload(host, Trust(ca=host.pem)).send(io.BytesIO(DATA), lambda count: None)
    assert len(host.received) == 1


@pytest.mark.parametrize("trust", [Trust(pin="0" * 40), Trust(pin="0" * 64), Trust()], ids=["sha1", "sha256", "roots"])
def test_another_certificate_gets_no_byte(host: Host, trust: Trust) -> None:
    with pytest.raises(CertificateRefused):
        upload(host, trust).send(io.BytesIO(DATA), lambda count: None)
    assert not host.reached.is_set()


def test_an_early_refusal_is_told(host: Host) -> None:
    host.refuse = 503
    with pytest.raises(UploadFailed, match="503"):
        upload(host, Trust(pin=host.pin), size=len(DATA) * 10).send(io.BytesIO(DATA * 10), lambda count: None)


def test_a_file_that_is_too_short(host: Host) -> None:
    with pytest.raises(UploadFailed, match="ends 1000 bytes early"):
        upload(host, Trust(pin=host.pin), size=len(DATA) + 1000).send(io.BytesIO(DATA), lambda count: None)


def test_a_file_that_is_too_long(host: Host) -> None:
    with pytest.raises(UploadFailed, match=f"more than {len(DATA)} bytes"):
        upload(host, Trust(pin=host.pin)).send(io.BytesIO(DATA + b"x"), lambda count: None)


def test_a_stalled_upload_is_broken_off_at_once(host: Host) -> None:
    host.stall = True
    stalled = upload(host, Trust(pin=host.pin), size=1 << 30)
    failures: list[UploadFailed] = []

    def send() -> None:
        try:
            stalled.send(Endless(), lambda count: None)
        except UploadFailed as error:
            failures.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    assert host.reached.wait(60)
    stalled.break_off()
    thread.join(60)
    assert not thread.is_alive()
    assert "broken off" in str(failures[0])


def test_a_slow_host_is_not_a_stalled_one(host: Host) -> None:
    """What the kernel has buffered takes longer than a stall may last; it gets less all the time."""
    host.slow = True
    data = DATA * 2
    destination = Destination(host.url, Trust(pin=host.pin), create=False)
    Upload("disk1.vmdk", destination, len(data), 0.5).send(io.BytesIO(data), lambda count: None)
    assert host.received[0][2] == data


def test_a_host_that_takes_nothing_is_given_up(host: Host) -> None:
    host.stall = True
    destination = Destination(host.url, Trust(pin=host.pin), create=False)
    with pytest.raises(UploadFailed, match="no answer within the deadline") as failed:
        Upload("disk1.vmdk", destination, 1 << 30, 0.5).send(Endless(), lambda count: None)
    assert failed.value.passes


def test_nobody_listens() -> None:
    destination = Destination("https://127.0.0.1:1/nfc/disk", Trust(insecure=True), create=False)
    with pytest.raises(UploadFailed, match="refused"):
        Upload("disk1.vmdk", destination, 10, STALL).send(io.BytesIO(b"0123456789"), lambda count: None)


class Endless:
    """A source that never ends."""

    def readinto(self, buffer: memoryview) -> int:
        return len(buffer)
