"""A session with one vCenter: connect, log in, call, and say in our own words what a fault means.

Every call to vSphere goes through `Session.call`, which logs in again once when the session has expired (an expired
session shows as NotAuthenticated and a Login on the same stub works: vSphere sheet) and turns faults into Slipway's
exceptions.
"""

import http.client
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SoapStubAdapter

from engine.errors import (
    Conflict,
    EndpointUnreachable,
    Gone,
    LoginRefused,
    NameTaken,
    NoSpace,
    NotPermitted,
    SlipwayError,
    VSphereFault,
)
from engine.vsphere.connections import Connections
from engine.vsphere.soap import keep_carriage_returns
from engine.vsphere.trust import Trust, certificate_refused, reason
from storage.pace import Pace

log = logging.getLogger(__name__)

# Spoken by every vCenter from 7.0 on; a newer server answers an older version in that version's types.
API_VERSION = "vim.version.v7_0"
# Seconds that an idle connection is kept: vCenter closes one in its own time, and a call on a closed one fails.
IDLE = 30
STANDARD = Pace()
# What a call may raise: faults, the network's errors, and what pyVmomi raises on answers that it cannot read: a proxy's
# HTML (ExpatError), a fault whose MoRef is empty (KeyError; vSphere sheet).
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


Turn: TypeAlias = Callable[[], AbstractContextManager[Address]]
"""Asked before every login: a context in which one login is tried, with the user name and password of this address.

It raises LoginRefused when they were refused before, so that nothing tries them again by itself (accounts lock).
"""


class Session:
    """A logged-in connection, usable from many threads (one stub: 64 clones from 16 threads took 1.17 s, per-thread
    stubs 1.12 s).
    """

    def __init__(self, address: Address, pace: Pace, turn: Turn) -> None:
        """Not connected yet: `connect` is the way in."""
        self.address = address
        self.pace = pace
        self.logins = 0
        """Logins tried. What belongs to a session in vCenter (views, leases) is void once it has grown."""
        self.content: Any = None  # every manager is optional in the stubs, and always there on a vCenter
        self._turn = turn
        self._logging_in = threading.Lock()
        self._failure: SlipwayError | None = None
        self._connections = Connections()
        self._services: list[Any] = []
        self._stub = self._new_stub()

    @property
    def instance_uuid(self) -> str:
        """vCenter's own identity (`about.instanceUuid`): MoRefs are valid only while it stays the same."""
        return str(self.content.about.instanceUuid)

    @property
    def broken_off(self) -> bool:
        """Whether `break_off` was called."""
        return self._connections.broken_off

    def call(self, what: str, on: str, method: Callable[..., T], *arguments: Any) -> T:
        """`method(*arguments)`, saying on failure that we could not `what` the object `on`.

        Raises LoginRefused, NotPermitted, NameTaken, NoSpace, Gone, EndpointUnreachable, CertificateRefused or
        VSphereFault.
        """
        logins = self.logins
        try:
            return method(*arguments)
        except vim.fault.NotAuthenticated:
            log.info("session with %s expired", self.address)
            self.log_in(logins)
        except FAILURES as error:
            raise translated(error, what, on, str(self.address)) from None
        try:
            return method(*arguments)
        except FAILURES as error:
            raise translated(error, what, on, str(self.address)) from None

    @contextmanager
    def service(self, path: str, version: str, spoken: str) -> Iterator[SoapStubAdapter]:
        """A stub for another service of this vCenter, such as PBM, in the same login. `version` has the types of the
        answers, vim's faults too; `spoken` is what the service is asked in.
        """
        stub: Any = self._new_stub(path, version)
        stub.versionId = f'"urn:{spoken}"'
        self._let_in(stub)
        self._services.append(stub)
        try:
            yield stub
        finally:
            self._services.remove(stub)
            stub.DropConnections()

    def _let_in(self, stub: Any) -> None:
        """vCenter's other services are told the session in the SOAP header (govmomi: soap.Client.NewServiceClient)."""
        stub.cookie = self._stub.cookie
        stub.requestContext = {"vcSessionCookie": _session_id(str(self._stub.cookie))}

    def managed(self, kind: type[T], moid: str) -> T:
        """The managed object of a stored MoRef id."""
        return kind(moid, self._stub)  # type: ignore[call-arg]

    def log_in(self, logins: int) -> None:
        """Log in, unless somebody has since there were that many logins: one login, and one refusal, is for all who
        wait. Raises as `connect`.
        """
        with self._logging_in:
            if self.logins == logins:
                try:
                    self._failure = self._log_in()
                finally:  # not before: a call that begins meanwhile belongs to the session that ended
                    self.logins += 1
            if self._failure is not None:
                raise copy(self._failure)

    def break_off(self) -> None:
        """End every call that waits for an answer, from another thread, and let none begin: they raise
        EndpointUnreachable. Whether vCenter carries out what was under way is not known then.
        """
        self._connections.break_off()

    def close(self) -> None:
        """Log out and drop the connections; a server that is gone does not matter any more."""
        try:
            if self.logins and self._failure is None:
                self.content.sessionManager.Logout()
        except FAILURES as error:
            log.debug("logout from %s: %s", self.address, type(error).__name__)
        self._stub.DropConnections()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _log_in(self) -> SlipwayError | None:
        """Why it failed, None when it did not."""
        try:
            with self._turn() as now:
                what, server = f"log in as {now.username} at", str(self.address)
                if str(now) != server:  # a password is for the server that it was given for
                    raise Conflict(f"cannot {what}", on=server, why=f"the endpoint is {now} now", fix="start again")
                try:
                    if self.logins:
                        self._log_in_anew(now, server)
                    else:
                        self.content.sessionManager.Login(now.username, now.password, None)
                except FAILURES as error:
                    raise translated(error, what, server, server) from None
        except SlipwayError as error:
            return error
        return None

    def _log_in_anew(self, now: Address, server: str) -> None:
        """On a stub of its own: a session that is alive after all refuses a second login as InvalidLogin, and the other
        threads' calls must not touch the cookie meanwhile.

        Raises Conflict when another vCenter answers by now: every MoRef that we hold is void (DESIGN.md rule 6).
        """
        stub = self._new_stub()
        try:
            content: Any = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
            if content.about.instanceUuid != self.instance_uuid:
                raise Conflict("cannot go on at", on=server, why="it is another vCenter than before", fix="start again")
            content.sessionManager.Login(now.username, now.password, None)
            self._stub.cookie = stub.cookie
            for service in [*self._services]:
                self._let_in(service)
        finally:
            stub.DropConnections()

    def _new_stub(self, path: str = "/sdk", version: str = API_VERSION) -> SoapStubAdapter:
        stub: Any = SoapStubAdapter(
            host=self.address.host,
            port=self.address.port,
            path=path,
            version=version,
            sslContext=self.address.trust.context(),
            httpConnectionTimeout=self.pace.call_deadline_seconds,
            poolSize=16,
            connectionPoolTimeout=IDLE,
        )
        stub.scheme = self._connections.open
        keep_carriage_returns(stub)
        made: SoapStubAdapter = stub
        return made


def _session_id(cookie: str) -> str:
    """The value in `vmware_soap_session="52ab.."; Path=/; ..`, which a simulator does not quote."""
    return cookie.partition("=")[2].partition(";")[0].strip('" ')


def connect(address: Address, pace: Pace = STANDARD, turn: Turn | None = None) -> Session:
    """Open a session. Raises EndpointUnreachable, CertificateRefused, LoginRefused (never retried), or VSphereFault
    when it is no vCenter.
    """
    server = str(address)
    try:
        session = Session(address, pace, turn or _one_refusal(address))
        session.content = session.managed(vim.ServiceInstance, "ServiceInstance").RetrieveContent()
    except FAILURES as error:
        raise translated(error, "connect to", server, server) from None
    try:
        about = session.content.about
        if about.apiType != "VirtualCenter":
            why = f"it is a {about.fullName}, not a vCenter"
            raise VSphereFault("cannot use", on=server, why=why, fix="give the vCenter's address")
        session.log_in(0)
    except SlipwayError:
        session.close()
        raise
    return session


def _one_refusal(address: Address) -> Turn:
    """The turn of somebody who has no store: the address as it is, until it is refused."""
    refusals: list[LoginRefused] = []

    @contextmanager
    def turn() -> Iterator[Address]:
        if refusals:
            raise copy(refusals[0])
        try:
            yield address
        except LoginRefused as error:
            refusals.append(error)
            raise

    return turn


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
        case vim.fault.NotAuthenticated():  # pyVmomi has it below NoPermission
            why = "its session ended again at once"
            return VSphereFault(said, on=on, why=why, fix="try again", fault=name)
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
