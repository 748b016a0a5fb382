"""A simulated vCenter, a session that gives up within seconds, and calls whose answers are lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.ova.package import open_package
from engine.simulator.launcher import Simulator
from engine.vsphere.inventory import Target, find_network
from engine.vsphere.ovf_import import ImportRequest, import_vm
from engine.vsphere.session import Address, Session
from engine.vsphere.trust import Trust
from engine.vsphere.vms import Vm, vms_in_folder
from storage.endpoints import Endpoint
from storage.pace import Pace

USERNAME, PASSWORD = "admin", "secret"
# Patient with vCenter, quick to send again.
PACE = Pace(retry_attempts=3, retry_seconds=0.05, upload_stall_seconds=2)
MIB = 1 << 20


def address(vcenter: Simulator, password: str = PASSWORD) -> Address:
    return Address(vcenter.host, vcenter.port, USERNAME, password, Trust(pin=vcenter.fingerprint))


def endpoint(vcenter: Simulator) -> Endpoint:
    """The simulator as an endpoint that no store holds."""
    return Endpoint(
        id=0,
        name="vc01",
        host=vcenter.host,
        port=vcenter.port,
        username=USERNAME,
        datacenter="DC0",
        resource_pool="DC0_C0",
        datastore="LocalDS_0",
        vmfolder="zpods",
        instance_uuid=None,
        refused=False,
        created=datetime.now(UTC),
    )


@dataclass
class Ground:
    """Where a test imports: `sent` is what the progress was told, block by block."""

    vcenter: Simulator
    session: Session
    target: Target
    ova: Path
    cancel: Cancel
    sent: list[int]

    def request(self, name: str = "vm1") -> ImportRequest:
        package = open_package(self.ova)
        network = find_network(self.session, self.target.datacenter, "VM Network")
        return ImportRequest(
            name, package, f"notes of {name}", {known.name: network for known in package.descriptor.networks}
        )

    def bring(self, name: str = "vm1") -> Any:
        """Import the OVA."""
        target = self.target
        progress: Callable[[int], None] = self.sent.append
        return import_vm(
            self.session, target, self.request(name), target.folder, target.pool, None, self.cancel, progress
        )

    def vms(self) -> dict[str, Vm]:
        return {vm.name: vm for vm in vms_in_folder(self.session, self.target.folder)}

    def calls(self, method: str) -> int:
        return self.vcenter.admin.counters().calls.get(method, 0)

    @property
    def received(self) -> int:
        return self.vcenter.admin.counters().bytes_received

    def pace(self, **changes: float) -> None:
        """Another pace from now on."""
        self.session.pace = replace(self.session.pace, **changes)  # type: ignore[arg-type]


@contextmanager
def lost_answers(session: Session, method: str, times: int = 1, before: bool = False) -> Iterator[list[str]]:
    """Calls of that method are carried out and their answers lost; with `before` they never arrive. Yields them."""
    stub: Any = session._stub
    invoke = stub.InvokeMethod
    lost: list[str] = []

    def losing(mo: Any, info: Any, args: Any, outer: Any = None) -> Any:
        struck = info.wsdlName == method and len(lost) < times
        if not (struck and before):
            answer = invoke(mo, info, args, outer)
        if struck:
            lost.append(method)
            raise ConnectionResetError(104, "Connection reset by peer")
        return answer

    stub.InvokeMethod = losing
    try:
        yield lost
    finally:
        del stub.InvokeMethod


def until(so: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition, generously."""
    deadline = time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            pytest.fail("it did not come")
        time.sleep(0.01)
