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
from engine.errors import EndpointUnreachable, Gone, SlipwayError, UploadFailed, VSphereFault
from engine.vsphere.patience import Patience
from engine.vsphere.properties import read
from engine.vsphere.session import Session, translated_fault
from engine.vsphere.transient import passes, pauses
from engine.vsphere.trust import Trust
from engine.vsphere.upload import Destination
from engine.vsphere.vms import is_gone

log = logging.getLogger(__name__)

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
        self._logins = session.logins
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

    def complete(self, cancel: Cancel) -> None:
        """Say that every file has arrived: the VM is whole. Said again, as often as the pace says, after a failure that
        passes; a lost answer is none.
        """
        more = pauses(self._session.pace)
        lost = False
        while True:
            try:
                self._session.call("complete the import of", self._name, self._lease.HttpNfcLeaseComplete)
            except SlipwayError as error:
                lost = lost or isinstance(error, EndpointUnreachable)
                if self._is_done(lost):
                    return
                pause = next(more, None)
                if pause is None or not passes(error):
                    raise
                log.warning("%s; said again in %s s", error, pause)
                cancel.pause(pause)
            else:
                return

    def ended(self) -> SlipwayError | None:
        """Why the lease is over (full datastore, no progress heard), None while it stands or nobody can tell."""
        try:
            found = read(self._session, self._lease, "state", "error")
        except Gone:
            why = "vCenter knows its lease no more: the session ended, or vCenter was started again"
            return UploadFailed("cannot import", on=self._name, why=why, fix="try again")
        except SlipwayError as error:
            return None if passes(error) else error
        if found.get("state") != vim.HttpNfcLease.State.error:
            return None
        return translated_fault(found["error"], "import", self._name)

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
            except SlipwayError as error:
                log.warning("%s", error)
                self.lost = self.ended()
                if self.lost is not None:
                    return

    def _is_done(self, lost: bool) -> bool:
        """Whether vCenter has completed the lease. It may then know the lease no more, which after a lost answer in the
        same session says so if the VM is there: a lease that ended otherwise took it away.
        """
        try:
            state = read(self._session, self._lease, "state").get("state")
        except Gone:
            return lost and self._session.logins == self._logins and not is_gone(self._session, self.vm)
        except SlipwayError as error:
            log.info("%s", error)
            return False
        return bool(state == vim.HttpNfcLease.State.done)


def open_lease(session: Session, lease: vim.HttpNfcLease, name: str, cancel: Cancel) -> Lease:
    """Wait until the lease is ready. Raises what vCenter says when it cannot create the VM (NameTaken, NoSpace, ..)."""
    patience = Patience(session, lease, cancel)
    try:
        while True:
            found = patience.read("state", "error", "info")
            match found.get("state"):
                case vim.HttpNfcLease.State.ready:
                    return Lease(session, lease, found["info"], name)
                case vim.HttpNfcLease.State.error:
                    raise translated_fault(found["error"], "import", name)
            patience.pause()
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
