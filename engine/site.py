"""A site: one endpoint with an open session, and where its VMs go. What staging and deploying work on."""

import logging
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from engine.errors import LoginRefused, NotFound, SlipwayError
from engine.vsphere.hosts import placement_host, roomiest
from engine.vsphere.inventory import Target, drs_enabled, target_of
from engine.vsphere.refs import DatastoreRef, HostRef, NetworkRef
from engine.vsphere.session import Address, Session, connect
from engine.vsphere.trust import Trust
from storage import endpoints
from storage.endpoints import Endpoint
from storage.pace import Pace, pace_of
from storage.store import Store

log = logging.getLogger(__name__)

# One per endpoint: of many who would log in with the same wrong password, one does.
_turns: dict[int, threading.Lock] = {}


@dataclass(frozen=True, slots=True)
class Site:
    """`host` is named to vCenter when a VM is placed: None with DRS, which chooses itself."""

    store: Store
    endpoint: Endpoint
    session: Session
    target: Target
    drs: bool
    host: HostRef | None

    @property
    def folder_path(self) -> str:
        """The endpoint's VM folder as govc writes it."""
        return "/".join(part for part in (f"/{self.endpoint.datacenter}/vm", self.endpoint.vmfolder.strip("/")) if part)

    def at(self, datastore: DatastoreRef, host: HostRef | None) -> "Site":
        """The same site for a VM that goes to this datastore and host."""
        return replace(self, target=replace(self.target, datastore=datastore), host=host)

    def with_most_room(self, networks: Collection[NetworkRef] = ()) -> "Site":
        """The same site with that member of its datastore cluster which has the most room now, and the host to name
        for it and these networks. Raises VSphereFault when a host must be named and none can be.
        """
        target = replace(self.target, datastore=roomiest(self.session, self.target))
        return replace(self, target=target, host=placement_host(self.session, target, self.drs, networks))


def address_of(store: Store, endpoint: Endpoint) -> Address:
    """Where and as whom to log in, the password decrypted."""
    return Address(
        host=endpoint.host,
        port=endpoint.port,
        username=endpoint.username,
        password=endpoints.password(store, endpoint),
        trust=Trust(pin=endpoint.pin, ca=endpoint.ca, insecure=endpoint.insecure),
    )


@contextmanager
def login_turn(store: Store, endpoint_id: int, *, by_hand: bool = False) -> Iterator[Address]:
    """The endpoint's turn to log in (`session.Turn`): one login is tried in here, and the store learns of a refusal.

    Raises LoginRefused when this user name and password were refused before: only somebody who asks `by_hand` may try
    them again, and success clears the refusal. Raises NotFound, Refused (the password cannot be decrypted).
    """
    with _turns.setdefault(endpoint_id, threading.Lock()):
        endpoint = endpoints.by_id(store, endpoint_id)
        if not by_hand:
            _check_not_refused(endpoint)
        address = address_of(store, endpoint)
        try:
            yield address
        except LoginRefused as error:
            try:
                _note_refusal(store, endpoint_id, address)
            except SlipwayError as unwritten:  # whoever tried must learn of the refusal all the same
                log.warning("the refused login is not noted: %s", unwritten)
            error.fix = f"slipway endpoint update {endpoint.name} --password-stdin; it is not retried by itself"
            raise
        if endpoint.refused:
            endpoints.update(store, endpoint.name, refused=False)


def _check_not_refused(endpoint: Endpoint) -> None:
    if endpoint.refused:
        raise LoginRefused(
            f"cannot log in as {endpoint.username} to",
            on=endpoint.name,
            why="vCenter refused this user name and password before",
            fix=f"slipway endpoint update {endpoint.name} --password-stdin, or to try the same again: "
            f"slipway endpoint test {endpoint.name}",
        )


def _note_refusal(store: Store, endpoint_id: int, tried: Address) -> None:
    """Unless the endpoint has got another password meanwhile, or is gone."""
    with suppress(NotFound):
        endpoint = endpoints.by_id(store, endpoint_id)
        if address_of(store, endpoint) == tried and not endpoint.refused:
            endpoints.update(store, endpoint.name, refused=True)


@contextmanager
def open_site(store: Store, name: str, pace: Pace | None = None) -> Iterator[Site]:
    """Connect to the endpoint, resolve its names, and remember which vCenter it is. `pace`: another than the store's.

    Raises NotFound (endpoint, or an object it names), LoginRefused (also when it was refused before: nothing is tried
    then), EndpointUnreachable, CertificateRefused.
    """
    endpoint = endpoints.get(store, name)
    _check_not_refused(endpoint)
    with connect(
        address_of(store, endpoint), pace or pace_of(store), lambda: login_turn(store, endpoint.id)
    ) as session:
        if endpoint.instance_uuid != session.instance_uuid:
            endpoint = endpoints.update(store, name, instance_uuid=session.instance_uuid)
        target = target_of(session, endpoint)
        yield Site(store, endpoint, session, target, drs_enabled(session, target.compute), None).with_most_room()
