"""An import lease (HttpNfcLease): vCenter's permission to upload the disks of one VM that it has just created.

The lease must hear of progress at least every third of `info.leaseTimeout`, also when the percent stands still, or
vCenter ends it.
"""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from pyVmomi import vim

from engine.cancel import Cancel
from engine.errors import EndpointUnreachable, SlipwayError, VSphereFault
from engine.vsphere.properties import read
from engine.vsphere.session import Session, translated_fault
from engine.vsphere.trust import Trust
from engine.vsphere.upload import Destination

log = logging.getLogger(__name__)

POLL = 0.01
# The progress is told at least this often (seconds), so that an operator watching vCenter sees the task move.
SLOWEST_BEAT = 5.0


class Lease:
    """One import lease that is ready. As a context it tells vCenter the progress until it ends."""

    def __init__(self, session: Session, lease: vim.HttpNfcLease, info: vim.HttpNfcLease.Info, name: str) -> None:
        self.vm: Any = info.entity
        self._session = session
        self._lease = lease
        self._info = info
        self._name = name
        self._over = threading.Event()
        self._percent: Callable[[], int] = lambda: 0
        self._beat = threading.Thread(target=self._tell_progress, name=f"lease {name}", daemon=True)
        self.lost: SlipwayError | None = None

    def destination(self, item: vim.OvfManager.FileItem) -> Destination:
        """Where the file goes. The upload host is pinned to its own thumbprint; vCenter's pin is for vCenter only
        (DESIGN.md rule 11).
        """
        for device in self._info.deviceUrl:
            if device.importKey == item.deviceId:
                address = self._session.address
                url = device.url.replace("*", str(address), 1) if "://*" in device.url else device.url
                parts = urlsplit(url)
                at_vcenter = (parts.hostname, parts.port or 443) == (address.host, address.port)
                if device.sslThumbprint:
                    trust = Trust(pin=device.sslThumbprint)
                else:
                    trust = address.trust if at_vcenter or address.trust.insecure else Trust()
                return Destination(url, trust, create=bool(item.create) or not device.disk)
        raise VSphereFault("cannot upload", on=item.path, why="the lease has no URL for it", fix="try again")

    def keep(self, percent: Callable[[], int]) -> "Lease":
        """Tell vCenter this percent from now on."""
        self._percent = percent
        return self

    def __enter__(self) -> "Lease":
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._beat.join(1)  # it may wait for a vCenter that does not answer, and ends by itself then

    def complete(self) -> None:
        """Say that every file has arrived: the VM is whole."""
        self._session.call("complete the import of", self._name, self._lease.HttpNfcLeaseComplete)

    def error(self) -> SlipwayError | None:
        """Why vCenter ended the lease (full datastore, no progress heard), None while it stands."""
        try:
            found = read(self._session, self._lease, "state", "error")
        except SlipwayError as error:
            return self.lost or error
        fault = found.get("error")
        return translated_fault(fault, "import", self._name) if fault is not None else None

    def abort(self) -> None:
        """Give up."""
        abort(self._session, self._lease, self._name)

    def _tell_progress(self) -> None:
        every = min(self._info.leaseTimeout / 3, SLOWEST_BEAT)
        while not self._over.wait(every):
            try:
                self._session.call(
                    "tell the progress of", self._name, self._lease.HttpNfcLeaseProgress, self._percent()
                )
            except EndpointUnreachable as error:
                log.warning("%s", error)
            except SlipwayError as error:
                self.lost = error
                return


def open_lease(session: Session, lease: vim.HttpNfcLease, name: str, cancel: Cancel) -> Lease:
    """Wait until the lease is ready. Raises what vCenter says when it cannot create the VM (NameTaken, NoSpace, ..)."""
    try:
        while True:
            found = read(session, lease, "state", "error")
            match found.get("state"):
                case vim.HttpNfcLease.State.ready:
                    return Lease(session, lease, read(session, lease, "info")["info"], name)
                case vim.HttpNfcLease.State.error:
                    raise translated_fault(found["error"], "import", name)
            cancel.pause(POLL)
    except SlipwayError:
        abort(session, lease, name)
        raise


def abort(session: Session, lease: vim.HttpNfcLease, name: str) -> None:
    """Give the lease up. Without a fault: with one the simulator drops the connection (vSphere sheet). One that is
    gone already is no error.
    """
    try:
        session.call("abort the import of", name, lease.HttpNfcLeaseAbort)
    except SlipwayError as error:
        log.info("%s", error)
