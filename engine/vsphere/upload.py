"""Sending one file of an OVA to the URL that a lease gave for it.

http.client with big blocks is the fastest plain way measured (vSphere sheet); `tls_stream` makes it faster still.
"""

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.errors import UploadFailed
from engine.ova.member import Source
from engine.vsphere.connections import Connection
from engine.vsphere.trust import Trust, certificate_refused, reason

BLOCK = 1 << 20
# Seconds to wait for an answer that came before the connection broke: it is here already, or it is lost.
EARLY = 1.0


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a lease wants a file: its URL, whose certificate to accept there, and how to send (`create`: PUT a new
    file, else POST a disk).
    """

    url: str
    trust: Trust
    create: bool


class Upload:
    """One file on its way; it may be sent again after it broke.

    `break_off` from another thread ends it at once, even while the host accepts nothing.
    """

    def __init__(self, name: str, destination: Destination, size: int, stall: float) -> None:
        """`stall`: seconds without a byte accepted by the host before a sending is given up; it has no deadline in
        total.
        """
        self.name = name
        self.size = size
        self._destination = destination
        parts = urlsplit(destination.url)
        self._host = parts.netloc
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._connection = Connection(parts.hostname or "", parts.port, destination.trust.context(), stall)

    def send(self, source: Source, progress: Callable[[int], None]) -> None:
        """Send the source, which has `size` bytes and is read to its end.

        `progress` gets the bytes of each block. Raises UploadFailed (connection lost, refused by the host, stalled,
        source of another size; `passes` says whether sending again makes sense), CertificateRefused, or what the source
        raises.
        """
        try:
            self._begin()
            self._body(source, progress)
            self._finish()
        except ssl.SSLCertVerificationError as error:
            raise certificate_refused(self._host, error) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._early_answer() or self._failed(reason(error)) from error
        finally:
            self._connection.close()

    def break_off(self) -> None:
        """End the upload from another thread, and let it begin no more."""
        self._connection.break_off()

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

    def _body(self, source: Source, progress: Callable[[int], None]) -> None:
        buffer = memoryview(bytearray(BLOCK))
        left = self.size
        while left:
            self._connection.check()
            count = source.readinto(buffer[: min(BLOCK, left)])
            if not count:
                raise self._failed(f"the file ends {left} bytes early", passes=False)
            block = buffer[:count]
            self._connection.send(block)
            progress(count)
            left -= count
        if source.readinto(buffer[:1]):  # a source knows at its end only whether it was the promised one
            raise self._failed(f"the file has more than {self.size} bytes", passes=False)

    def _finish(self) -> None:
        answer = self._connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise self._answered(answer)

    def _early_answer(self) -> UploadFailed | None:
        """What the host said before it closed the connection: an early 503 shows as a broken pipe while sending
        (vSphere sheet).
        """
        if self._connection.broken_off:
            return self._failed("it was broken off", passes=False)
        if self._connection.sock is None:
            return None
        try:
            self._connection.sock.settimeout(EARLY)
            answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException):
            return None
        return self._answered(answer) if answer.status >= 300 else None

    def _answered(self, answer: http.client.HTTPResponse) -> UploadFailed:
        """A 4xx is about the file or the lease, and sending the same again changes neither."""
        return self._failed(f"the host answered {answer.status} {answer.reason}", passes=answer.status >= 500)

    def _failed(self, why: str, passes: bool = True) -> UploadFailed:
        return UploadFailed(
            f"cannot upload {self.name} to",
            on=self._host,
            why=why,
            fix="check the network to that host, then try again",
            passes=passes,
        )
