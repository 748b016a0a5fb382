"""HTTPS connections that another thread can end at any moment: while they connect, send, or wait for an answer."""

import http.client
import socket
import ssl
import threading
import weakref
from contextlib import suppress

from engine.vsphere.tls_stream import TlsStream

# Seconds for the connection itself: a firewall that drops port 443 of a host is the commonest failure of uploads.
CONNECT = 10.0


class Connection(http.client.HTTPConnection):
    """HTTP over a TlsStream. `timeout` is for each answer, in seconds; connecting takes at most CONNECT of them."""

    default_port = http.client.HTTPS_PORT
    timeout: float
    sock: TlsStream | None

    def __init__(self, host: str, port: int | None, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._context = context
        self._plain: socket.socket | None = None
        self.broken_off = False

    def connect(self) -> None:
        """Connect to the first of the host's addresses that answers, and shake hands. Raises OSError."""
        failure = OSError(f"{self.host} has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            plain = self._plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(min(self.timeout, CONNECT))
                self.check()
                plain.connect(address)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.check()
                self.sock = TlsStream(plain, self._context, self.host)
            except OSError as error:
                plain.close()
                failure = error
                if isinstance(error, ssl.SSLCertVerificationError):
                    break
            else:
                self.sock.settimeout(self.timeout)
                return
        raise failure

    def check(self) -> None:
        """Raise ConnectionAbortedError once the connection was broken off."""
        if self.broken_off:
            raise ConnectionAbortedError("it was broken off")

    def break_off(self) -> None:
        """End it, from another thread: what blocks there raises OSError, or finds the end of the answer."""
        self.broken_off = True
        if self._plain is not None:
            with suppress(OSError):  # it may not be connected any more, or not yet
                self._plain.shutdown(socket.SHUT_RDWR)


class Connections:
    """Those of one session: `open` makes one more, `break_off` ends them all."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._lock = threading.Lock()
        self.broken_off = False

    def open(self, host: str, port: int, context: ssl.SSLContext, timeout: float) -> Connection:
        """A connection yet to be connected. Raises ConnectionAbortedError after `break_off`."""
        connection = Connection(host, port, context, timeout)
        with self._lock:
            if self.broken_off:
                raise ConnectionAbortedError("the session was broken off")
            self._open.add(connection)
        return connection

    def break_off(self) -> None:
        """End every connection, from another thread; no other is opened then."""
        with self._lock:
            self.broken_off = True
            connections = list(self._open)
        for connection in connections:
            connection.break_off()
