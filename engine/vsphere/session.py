"""A session with one vCenter: connect, log in, call, and say in our own words what a fault means.

Every call to vSphere goes through `Session.call`, which logs in again once when the session has expired (an expired
session shows as NotAuthenticated and a Login on the same stub works: vSphere sheet) and turns faults into Slipway's
exceptions.
"""

import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SoapStubAdapter

from engine.errors import (
    EndpointUnreachable,
    Gone,
    LoginRefused,
    NameTaken,
    NoSpace,
    NotPermitted,
    SlipwayError,
    VSphereFault,
)
from engine.vsphere.trust import Trust, certificate_refused, reason

log = logging.getLogger(__name__)

# Spoken by every vCenter from 7.0 on; a newer server answers an older version in that version's types.
API_VERSION = "vim.version.v7_0"
# One call's deadline in seconds. Tasks and uploads have none in total, only one for no progress (DESIGN.md rule 12).
CALL_DEADLINE = 60
# Seconds that an idle connection is kept: vCenter closes one in its own time, and a call on a closed one fails.
IDLE = 30
# What a call may raise: faults, the network's errors, and what pyVmomi raises on answers that it cannot read: a 503's
# HTML
# (ExpatError), a fault whose MoRef is empty (KeyError; vSphere sheet).
FAILURES = (vmodl.MethodFault, OSError, http.client.HTTPException, ExpatError, KeyError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a vCenter is and as whom to log in."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    trust: Trust = field(default_factory=Trust)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Session:
    """A logged-in connection, usable from many threads (one stub: 64 clones from 16 threads took 1.17 s, per-thread
    stubs 1.12 s).
    """

    def __init__(self, address: Address, stub: SoapStubAdapter, content: vim.ServiceInstanceContent) -> None:
        self.address = address
        self.content: Any = content  # every manager is optional in the stubs, and always there on a vCenter
        self._stub = stub
        self._login = threading.Lock()

    @property
    def instance_uuid(self) -> str:
        """vCenter's own identity (`about.instanceUuid`): MoRefs are valid only while it stays the same."""
        return str(self.content.about.instanceUuid)

    def call(self, what: str, on: str, method: Callable[..., T], *arguments: Any) -> T:
        """`method(*arguments)`, saying on failure that we could not `what` the object `on`.

        Raises LoginRefused, NotPermitted, NameTaken, NoSpace, Gone, EndpointUnreachable, CertificateRefused or
        VSphereFault.
        """
        cookie = self._stub.cookie
        try:
            return method(*arguments)
        except vim.fault.NotAuthenticated:
            self._log_in_again(cookie)
        except FAILURES as error:
            raise translated(error, what, on, str(self.address)) from None
        try:
            return method(*arguments)
        except FAILURES as error:
            raise translated(error, what, on, str(self.address)) from None

    def managed(self, kind: type[T], moid: str) -> T:
        """The managed object of a stored MoRef id."""
        return kind(moid, self._stub)  # type: ignore[call-arg]

    def close(self) -> None:
        """Log out and drop the connections; a server that is gone does not matter any more."""
        try:
            self.content.sessionManager.Logout()
        except (vmodl.MethodFault, OSError, http.client.HTTPException, ExpatError) as error:
            log.debug("logout from %s: %s", self.address, error)
        self._stub.DropConnections()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _log_in_again(self, expired_cookie: str) -> None:
        with self._login:
            if self._stub.cookie != expired_cookie:
                return
            log.info("session with %s expired: logging in again", self.address)
            self._stub.DropConnections()
            _log_in(self.address, self.content)


def connect(address: Address, deadline: float = CALL_DEADLINE) -> Session:
    """Open a session. Raises EndpointUnreachable, CertificateRefused, LoginRefused (never retried), or VSphereFault
    when it is no vCenter.
    """
    try:
        with socket.create_connection((address.host, address.port), min(deadline, 10)):
            pass
        stub = SoapStubAdapter(
            host=address.host,
            port=address.port,
            version=API_VERSION,
            sslContext=address.trust.context(),
            httpConnectionTimeout=deadline,
            poolSize=16,
            connectionPoolTimeout=IDLE,
        )
    except FAILURES as error:
        raise translated(error, "connect to", str(address), str(address)) from None
    try:
        return _logged_in(address, stub)
    except SlipwayError:
        stub.DropConnections()
        raise


def _logged_in(address: Address, stub: SoapStubAdapter) -> Session:
    try:
        content = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
    except FAILURES as error:
        raise translated(error, "connect to", str(address), str(address)) from None
    if content.about.apiType != "VirtualCenter":
        raise VSphereFault(
            "cannot use",
            on=str(address),
            why=f"it is a {content.about.fullName}, not a vCenter",
            fix="give the vCenter's address",
        )
    _log_in(address, content)
    return Session(address, stub, content)


def _log_in(address: Address, content: Any) -> None:
    try:
        content.sessionManager.Login(address.username, address.password, None)
    except FAILURES as error:
        raise translated(error, f"log in as {address.username} at", str(address), str(address)) from None


def translated(error: Exception, what: str, on: str, server: str) -> SlipwayError:
    """The exception of our tree that says what `error`, raised while trying to `what` the object `on`, means.

    Raise it `from None`: pyVmomi prints every field of a fault, and some hold a property's value. The type is logged.
    """
    said = f"cannot {what}"
    log.info("%s %s: %s", what, on, type(error).__name__)
    if isinstance(error, vmodl.MethodFault):
        return translated_fault(error, what, on)
    if isinstance(error, ssl.SSLCertVerificationError):
        return certificate_refused(server, error)
    if isinstance(error, (OSError, http.client.HTTPException)):
        fix = "check that it is up and reachable from here"
        if on == server:
            return EndpointUnreachable(said, on=on, why=reason(error), fix=fix)
        return EndpointUnreachable(said, on=on, why=f"vCenter {server} does not answer ({reason(error)})", fix=fix)
    log.warning("%s %s: %s answered something that cannot be read", what, on, server, exc_info=error)
    return EndpointUnreachable(
        said, on=on, why=f"{server} gave an answer that cannot be read", fix="check that it is a vCenter in good health"
    )


def translated_fault(fault: vmodl.MethodFault, what: str, on: str) -> SlipwayError:
    """The exception of our tree that says what vSphere's `fault` means for the object `on`."""
    said = f"cannot {what}"
    name = type(fault).__name__.rsplit(".", 1)[-1]
    match fault:
        case vim.fault.InvalidLogin():
            return LoginRefused(
                said,
                on=on,
                why="wrong user name or password",
                fix="slipway endpoint update NAME --password-stdin; it is not retried by itself",
            )
        case vim.fault.NoPermission():
            return NotPermitted(
                said,
                on=on,
                why=f"the account lacks the privilege {fault.privilegeId}",
                fix="grant it, or see: slipway endpoint test NAME",
            )
        case vim.fault.DuplicateName() | vim.fault.FileAlreadyExists():
            return NameTaken(said, on=on, why="the name is taken", fix="choose another name or remove that object")
        case vim.fault.NoDiskSpace() | vim.fault.InsufficientStorageSpace():
            datastore = getattr(fault, "datastore", None) or ""
            return NoSpace(
                said,
                on=on,
                why=f"the datastore {datastore} is full".replace("  ", " "),
                fix="free space or choose another datastore",
            )
        case vmodl.fault.ManagedObjectNotFound():
            return Gone(said, on=on, why="it was removed from vCenter meanwhile", fix="look again")
        case vmodl.fault.HostNotConnected() | vmodl.fault.HostNotReachable():
            return VSphereFault(
                said, on=on, why="its ESXi host is not connected", fix="reconnect the host in vCenter", fault=name
            )
    why = ": ".join(part for part in (name, message_of(fault), detail_of(fault)) if part)
    return VSphereFault(said, on=on, why=why, fix="see the task in vCenter for more", fault=name)


def message_of(fault: vmodl.MethodFault) -> str:
    """vCenter's own words in one line. Not those on a vApp property: they may repeat its value, a password."""
    if isinstance(fault, vim.fault.VAppPropertyFault):
        return f"the value of the property {fault.id} is not accepted (its type is {fault.type})"
    return " ".join(str(getattr(fault, "msg", None) or "").split())


def detail_of(fault: vmodl.MethodFault) -> str:
    """What a generic fault's detail adds (`reason` of GenericVmConfigFault and SystemError, `invalidProperty` of
    InvalidArgument).
    """
    for attribute in ("reason", "invalidProperty", "existingState"):
        value = getattr(fault, attribute, None)
        if value:
            return str(value)
    return ""
