"""Endpoints as the console shows them: what the store has, and what was last seen of each."""

from dataclasses import dataclass
from datetime import datetime

from engine.console.desk import Desk
from engine.console.observer import observe_all
from engine.endpoints.hostname import joined
from storage import jobs
from storage.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint. `latency` in seconds; sizes in bytes; times UTC; None is not known yet."""

    id: int
    name: str
    server: str
    username: str
    trust: str
    datacenter: str
    resource_pool: str
    datastore: str
    vmfolder: str
    network: str | None
    state: str
    version: str
    latency: float | None
    templates: int | None
    jobs: int
    free_bytes: int | None
    capacity_bytes: int | None
    seen: datetime | None
    error: str
    fix: str
    next_try: datetime | None


def read(desk: Desk) -> tuple[EndpointRow, ...]:
    """Every endpoint by name."""
    active = jobs.active(desk.store)
    return tuple(
        EndpointRow(
            id=one.id,
            name=one.name,
            server=joined(one.host, one.port),
            username=one.username,
            trust=_trust(one),
            datacenter=one.datacenter,
            resource_pool=one.resource_pool,
            datastore=one.datastore,
            vmfolder=one.vmfolder,
            network=one.network,
            state=seen.state,
            version=seen.version,
            latency=seen.latency,
            templates=None if seen.templates is None else len(seen.templates),
            jobs=sum(job.endpoint_id == one.id for job in active),
            free_bytes=seen.free_bytes,
            capacity_bytes=seen.capacity_bytes,
            seen=seen.seen,
            error=seen.error,
            fix=seen.fix,
            next_try=seen.next_try,
        )
        for one, seen in observe_all(desk.observer, desk.store)
    )


def _trust(endpoint: Endpoint) -> str:
    if endpoint.insecure:
        return "any (insecure)"
    if endpoint.pin:
        return f"pinned to {endpoint.pin}"
    return "signed by the given authority" if endpoint.ca else "signed by an authority of this machine"
