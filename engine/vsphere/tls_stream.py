"""TLS that hands each block to the kernel in one call.

`ssl.SSLSocket` writes every record of 16 KiB by itself, 65,536 calls for a GiB. Encrypting into memory first and
sending the block as a whole takes 0.66 CPU seconds per GiB instead of 0.97 (AES-256-GCM on loopback, medians of 4, 2
cores), and wakes the other side less often.
"""

import io
import socket
import ssl
import sys
import time
from collections.abc import Callable
from fcntl import ioctl
from functools import partial
from termios import TIOCOUTQ
from typing import TypeVar

from engine.vsphere.trust import PinnedContext

_RECEIVE = 1 << 16

T = TypeVar("T")


class TlsStream:
    """A client's TLS connection over a connected socket, as `http.client` uses one: `sendall`, `makefile`, `close`."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        """Shake hands. Raises ssl.SSLCertVerificationError when the context does not accept the certificate."""
        self._plain = plain
        self.settimeout(plain.gettimeout() or 0)
        self._readers = 0
        self._closing = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        try:
            self._shake_hands()
            if isinstance(context, PinnedContext):
                context.check(self._tls.getpeercert(binary_form=True))
        except OSError:
            plain.close()
            raise

    def sendall(self, block: bytes | memoryview) -> None:
        """Encrypt and send the block."""
        self._tls.write(block)
        left = memoryview(self._out.read())
        while left:
            left = left[self._patiently(partial(self._plain.send, left)) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """What the other side sends, decrypted."""
        if mode != "rb":
            raise ValueError(mode)
        self._readers += 1
        return io.BufferedReader(_Received(self))

    def reader_closed(self) -> None:
        """One of `makefile`'s readers needs the connection no more."""
        self._readers -= 1
        if self._closing and not self._readers:
            self._plain.close()

    def receive_into(self, buffer: memoryview) -> int:
        """Decrypted bytes into the buffer; 0 at the end."""
        while True:
            try:
                received = self._tls.read(len(buffer))
            except ssl.SSLWantReadError:
                if not self._receive():
                    return 0
            except ssl.SSLZeroReturnError:
                return 0
            else:
                buffer[: len(received)] = received
                return len(received)

    def settimeout(self, seconds: float) -> None:
        """Seconds that a call may wait without the other side taking or sending a byte."""
        self._timeout = seconds
        self._plain.settimeout(seconds / 4)

    def close(self) -> None:
        """Close the connection, once nobody reads from it any more: `http.client` closes before it reads an answer."""
        self._closing = True
        if not self._readers:
            self._plain.close()

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._plain.sendall(self._out.read())
                if not self._receive():
                    raise ConnectionResetError("the connection was closed during the TLS handshake") from None
            else:
                self._plain.sendall(self._out.read())
                return

    def _receive(self) -> bool:
        """Take what has arrived; False when nothing comes any more."""
        encrypted = self._patiently(partial(self._plain.recv, _RECEIVE))
        if not encrypted:
            return False
        self._in.write(encrypted)
        return True

    def _patiently(self, act: Callable[[], T]) -> T:
        """What `act` gives, in however many of the socket's own timeouts. Raises TimeoutError.

        A slow line takes minutes for what the kernel has buffered, some MiB: as long as that gets less, nothing stalls.
        """
        moved = time.monotonic()
        before = 0
        while True:
            try:
                return act()
            except TimeoutError:
                now, waiting = time.monotonic(), _unacknowledged(self._plain)
                if waiting < before:
                    moved = now
                elif now - moved >= self._timeout:
                    raise
                before = waiting


def _unacknowledged(plain: socket.socket) -> int:
    """Bytes sent that the other side has not acknowledged, where the system tells (Linux: SIOCOUTQ, tcp(7)), else 0."""
    try:
        return int.from_bytes(ioctl(plain, TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0


class _Received(io.RawIOBase):
    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._stream.receive_into(memoryview(buffer))

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream.reader_closed()
