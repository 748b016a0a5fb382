"""The simulated vCenter that the benches work on."""

import secrets

from engine.simulator.launcher import Simulator
from storage.endpoints import NewEndpoint, Signatures


def vcenter() -> Simulator:
    """One that runs until the context ends."""
    return Simulator.start(username="bench", password=secrets.token_urlsafe(12))


def place(simulator: Simulator, name: str) -> NewEndpoint:
    """The simulator as an endpoint of that name."""
    return NewEndpoint(
        name=name,
        host=simulator.host,
        port=simulator.port,
        username=simulator.username,
        datacenter="DC0",
        resource_pool="DC0_C0",
        datastore="LocalDS_0",
        vmfolder="",
        network="VM Network",
        pin=simulator.fingerprint,
        signatures=Signatures.OFF,
    )
