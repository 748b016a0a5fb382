"""A site: one endpoint with an open session, and where its VMs go. What staging and deploying work on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.vsphere.inventory import Target, drs_enabled, placement_host, target_of
from engine.vsphere.refs import HostRef
from engine.vsphere.session import Address, Session, connect
from engine.vsphere.trust import Trust
from storage import endpoints
from storage.endpoints import Endpoint
from storage.store import Store


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
def open_site(store: Store, name: str) -> Iterator[Site]:
    """Connect to the endpoint, resolve its names, and remember which vCenter it is.

    Raises NotFound (endpoint, or an object it names), LoginRefused, EndpointUnreachable, CertificateRefused.
    """
    endpoint = endpoints.get(store, name)
    with connect(address_of(store, endpoint)) as session:
        if endpoint.instance_uuid != session.instance_uuid:
            endpoint = endpoints.update(store, name, instance_uuid=session.instance_uuid)
        target = target_of(session, endpoint)
        drs = drs_enabled(session, target.compute)
        yield Site(store, endpoint, session, target, drs, placement_host(session, target, drs))
