"""Files that a descriptor names by URL (DSP0243 7.1: an href is a URI): fetched while they travel, by HTTPS from hosts
that the operator allows. No other address is ever asked for anything, and no redirection is followed.
"""

import http.client
import re
import socket
import ssl
import string
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from engine.cancel import Cancel
from engine.errors import UploadFailed
from engine.ova.descriptor import File
from engine.ova.member import Source

# A URI with a host or of a file, or a host's share; a name with a colon is a name.
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:|//|\\\\")
# Seconds without a byte after which a host is given up, and for the connection itself; the upload is then tried again.
_SILENCE, _CONNECT = 30.0, 10.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """The URL, and the bytes that the descriptor says are there."""

    url: str
    size: int


def lies_elsewhere(href: str) -> bool:
    """Whether a File's href names something on another host, or outside of every package."""
    return _ELSEWHERE.match(href) is not None


def remote_file(file: File, allowed: Collection[str]) -> RemoteFile | str:
    """What to fetch for the File, or why it is not fetched. `allowed` are host names in lower case."""
    parts = _parts(file.href)
    if parts is None or parts.scheme.lower() != "https" or not parts.hostname or parts.username is not None:
        return "only https://host/path is ever fetched"
    if parts.hostname not in allowed:
        return f"the setting ova_remote_hosts does not name {parts.hostname}"
    if file.size is None:
        return "the descriptor does not say its size"
    if file.chunk_size or file.compression:
        return "chunks and compressed files are not fetched"
    return RemoteFile(file.href, file.size)


@contextmanager
def fetched(file: RemoteFile, cancel: Cancel) -> Iterator[Source]:
    """The bytes at the URL, as many as the descriptor says. Raises UploadFailed, also while they are read, and at once
    when a cancel is asked for, however silent the host is.
    """
    parts = urlsplit(file.url)
    line = _Line(parts.hostname or "", parts.port, timeout=_SILENCE)
    # Some hrefs have characters that no URI has (RFC 3986), and an HTTP request neither.
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=string.punctuation)
    with cancel.waking(line.break_off), closing(line), _answer(line, path, file) as answer:
        if answer.status != http.HTTPStatus.OK:
            why = f"the host answered {answer.status} {answer.reason}"
            raise _failed(file, why, passes=answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR)
        if answer.length != file.size:
            has = "an unknown number of" if answer.length is None else answer.length
            raise _failed(file, f"it has {has} bytes, the descriptor says {file.size}", passes=False)
        yield _Body(answer, file)


class _Line(http.client.HTTPConnection):
    """An HTTPS connection that another thread can end at any moment after the host's name is resolved."""

    default_port = http.client.HTTPS_PORT
    _plain: socket.socket | None = None
    _broken_off = False

    def connect(self) -> None:
        """Connect to the first of the host's addresses that answers, and shake hands. Raises OSError."""
        failure = OSError("it has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            with closing(socket.socket(family, kind, protocol)) as plain:
                plain.settimeout(_CONNECT)
                self._use(plain)
                try:
                    plain.connect(address)
                except OSError as error:
                    failure = error
                    continue
                plain.settimeout(self.timeout)
                self.sock = ssl.create_default_context().wrap_socket(
                    plain, server_hostname=self.host, do_handshake_on_connect=False
                )
                self._use(self.sock)
                return self.sock.do_handshake()
        raise failure

    def break_off(self) -> None:
        """End it, from another thread: what blocks there raises OSError, or finds the end of the answer."""
        self._broken_off = True
        if self._plain is not None:
            with suppress(OSError):  # it may not be connected any more, or not yet
                # Not the TLS layer's own shutdown, which takes that layer away from whoever reads.
                socket.socket.shutdown(self._plain, socket.SHUT_RDWR)

    def _use(self, plain: socket.socket) -> None:
        self._plain = plain
        if self._broken_off:
            raise ConnectionAbortedError("it was broken off")


def _answer(line: _Line, path: str, file: RemoteFile) -> http.client.HTTPResponse:
    try:
        line.request("GET", path, headers={"Accept-Encoding": "identity"})
        return line.getresponse()
    except ssl.SSLCertVerificationError as error:
        raise _failed(file, f"its certificate is not trusted: {error.verify_message}", passes=False) from error
    except (OSError, http.client.HTTPException) as error:
        raise _failed(file, str(error)) from error


class _Body:
    """The body of an answer."""

    def __init__(self, answer: http.client.HTTPResponse, file: RemoteFile) -> None:
        self._answer = answer
        self._file = file
        self._left = file.size

    def readinto(self, buffer: memoryview, /) -> int:
        try:
            count = self._answer.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            raise _failed(self._file, str(error)) from error
        self._left -= count
        if not count and self._left:
            raise _failed(self._file, f"the connection ended {self._left} bytes early")
        return count


def _parts(href: str) -> SplitResult | None:
    if not href.partition("//")[2].partition("/")[0].isascii():
        return None  # nobody allows such a host, and urlsplit would normalise its name, in quadratic time
    try:
        parts = urlsplit(href)
        _ = parts.port  # refuses what is no number
    except ValueError:
        return None
    return parts


def _failed(file: RemoteFile, why: str, passes: bool = True) -> UploadFailed:
    return UploadFailed("cannot fetch", on=file.url, why=why, fix="try again when it is there", passes=passes)
