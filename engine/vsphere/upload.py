"""Sending one file of an OVA to the URL that a lease gave for it.

http.client with big blocks is the fastest plain way measured (vSphere sheet); `tls_stream` makes it faster still.
"""

import hashlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from engine.errors import UploadFailed
from engine.vsphere.tls_stream import TlsStream
from engine.vsphere.trust import Trust, certificate_refused, reason

BLOCK = 1 << 20
# Seconds without a byte accepted by the host before the upload is given up; there is no deadline in total.
STALL = 60.0
# Seconds for the connection itself: a firewall that drops port 443 of a host is the commonest failure of uploads.
CONNECT = 10.0


class Source(Protocol):
    """The bytes of one file."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer as far as possible; 0 at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a lease wants a file: its URL, whose certificate to accept there, and how to send (`create`: PUT a new
    file, else POST a disk).
    """

    url: str
    trust: Trust
    create: bool


class _Connection(http.client.HTTPConnection):
    """HTTP over a TlsStream."""

    default_port = http.client.HTTPS_PORT
    sock: TlsStream | None

    def __init__(self, host: str, port: int | None, context: ssl.SSLContext) -> None:
        super().__init__(host, port)
        self._context = context

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), CONNECT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = TlsStream(plain, self._context, self.host)
        self.sock.settimeout(STALL)


class Upload:
    """One upload; `break_off` from another thread ends it at once, even while the host accepts nothing."""

    def __init__(self, name: str, destination: Destination, size: int) -> None:
        self.name = name
        self.size = size
        self._destination = destination
        parts = urlsplit(destination.url)
        self._host = parts.netloc
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._connection = _Connection(parts.hostname or "", parts.port, destination.trust.context())
        self._broken_off = threading.Event()

    def send(self, source: Source, progress: Callable[[int], None], algorithm: str) -> str:
        """Send `size` bytes of the source; returns the hex digest of what was sent, "" when `algorithm` is "".

        `progress` gets the bytes of each block. Raises UploadFailed (connection lost, refused by the host, stalled for
        STALL seconds, source too short) or CertificateRefused.
        """
        digest = hashlib.new(algorithm) if algorithm else None
        try:
            self._begin()
            self._body(source, digest.update if digest else None, progress)
            self._finish()
        except ssl.SSLCertVerificationError as error:
            raise certificate_refused(self._host, error) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(self._early_answer() or reason(error)) from error
        finally:
            self._connection.close()
        return digest.hexdigest() if digest else ""

    def break_off(self) -> None:
        """End the upload from another thread."""
        self._broken_off.set()
        stream = self._connection.sock
        if stream is not None:
            with suppress(OSError):  # it may not be connected any more
                stream.shutdown()

    def _begin(self) -> None:
        self._connection.connect()
        method = "PUT" if self._destination.create else "POST"
        self._connection.putrequest(method, self._path, skip_accept_encoding=True)
        content = "application/octet-stream" if self._destination.create else "application/x-vnd.vmware-streamVmdk"
        self._connection.putheader("Content-Type", content)
        self._connection.putheader("Content-Length", str(self.size))
        if self._destination.create:
            self._connection.putheader("Overwrite", "t")
        self._connection.endheaders()

    def _body(
        self, source: Source, digest: Callable[[memoryview], object] | None, progress: Callable[[int], None]
    ) -> None:
        buffer = memoryview(bytearray(BLOCK))
        left = self.size
        while left:
            if self._broken_off.is_set():
                raise self._failed("it was broken off")
            count = source.readinto(buffer[: min(BLOCK, left)])
            if not count:
                raise self._failed(f"the file ends {left} bytes early")
            block = buffer[:count]
            self._connection.send(block)
            if digest:
                digest(block)
            progress(count)
            left -= count

    def _finish(self) -> None:
        answer = self._connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise self._failed(f"the host answered {answer.status} {answer.reason}")

    def _early_answer(self) -> str:
        """What the host said before it closed the connection: an early 503 shows as a broken pipe while sending
        (vSphere sheet).
        """
        if self._broken_off.is_set():
            return "it was broken off"
        try:
            if self._connection.sock is None:
                return ""
            self._connection.sock.settimeout(CONNECT)
            answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException):
            return ""
        return f"the host answered {answer.status} {answer.reason}" if answer.status >= 300 else ""

    def _failed(self, why: str) -> UploadFailed:
        return UploadFailed(
            f"cannot upload {self.name} to",
            on=self._host,
            why=why,
            fix="check the network to that host, then try again",
        )
