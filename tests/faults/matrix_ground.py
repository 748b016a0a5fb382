"""One engine in this process for all cells of the matrix, and for each cell a simulated vCenter of its own.

What is in vCenter is read with govc, which is not ours.
"""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.profiles import profile_of
from engine.deploy import make
from engine.jobs import outcome, runner, submit, vm
from engine.jobs.crew import Crew
from engine.jobs.outcome import Result
from engine.jobs.submit import Ordered
from engine.simulator.admin import Admin
from engine.simulator.launcher import Simulator
from engine.vsphere import lease
from storage import claims, endpoints, jobs, settings
from storage.endpoints import Endpoint, NewEndpoint
from storage.pace import pace_of
from storage.store import Store, open_store
from tests.e2e.lab import Lab, Place, snapshots_of
from tests.faults.matrix import EXTRA, FOR_EVER, ONCE, Cell

KIB = 1 << 10
DISK = 256 * KIB
READ = ("name", "config.annotation", "config.template", "config.hardware.device", "runtime.powerState", "snapshot")
# Plain characters, so that they are found however they are quoted.
PASSWORD, LAB_PASSWORD = "Vc-7hT3kYq9mXw", "Lab-4pR8sJd2nGvB"
# Minutes are seconds here. A fault that passes after 0.1 s finds attempts left, one that stays uses them up.
PACE = {
    "retry_attempts": "3",
    "retry_seconds": "0.2",
    "call_deadline_seconds": "2",
    "task_silence_seconds": "1",
    "upload_stall_seconds": "2",
}
GONE_SECONDS = 0.1
PATIENCE = 240.0
# Fault -> its fields that cannot be left out.
DETAIL = {
    "TaskInProgress": {"task": {"type": "Task", "value": "task-1"}},
    "NoPermission": {"privilegeId": "Some.Privilege"},
    "DuplicateName": {"name": "taken", "object": {"type": "VirtualMachine", "value": "vm-0"}},
}
# A call whose task has a name of its own.
TASK = {"ImportVApp": "ImportVAppLRO"}
WIRE: dict[str, dict[str, Any]] = {
    "503": {"mode": "503"},
    "dropped before": {"mode": "drop"},
    "dropped after": {"mode": "drop", "after": True},
    "stalled": {"mode": "stall"},
    "gone": {"mode": "gone"},
}
UPLOAD: dict[str, dict[str, Any]] = {
    "503": {"mode": "status", "status": 503},
    "dropped before": {"mode": "drop", "after_bytes": DISK // 2},
    "dropped after": {"mode": "drop", "after": True},
    "stalled": {"mode": "stall", "after_bytes": DISK // 2},
}


class Log(logging.Handler):
    """What was logged since the last `take`, a line each with its level."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def take(self) -> list[str]:
        """The lines, which are forgotten."""
        taken, self._lines = self._lines, []
        return taken


@dataclass
class Engine:
    """The store, the component that all cells deploy, and what the engine logged."""

    store: Store
    folder: Path
    uid: str
    log: Log
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def vcenter(self, linked: bool = False) -> Iterator["Ground"]:
        """A vCenter of its own with VMs of others, and an endpoint row for it; `linked`: its VMs are linked clones."""
        name = f"vc{next(self.numbers)}"
        with Simulator.start(username="admin", password=PASSWORD, folders=["zpods"]) as running:
            place = Place()
            new = NewEndpoint(
                name=name,
                host=running.host,
                port=running.port,
                username=running.username,
                datacenter=place.datacenter,
                resource_pool=place.pool,
                datastore=place.datastore,
                vmfolder=place.vmfolder,
                network=place.network,
                pin=running.fingerprint,
                linked_clones=linked,
            )
            endpoint = endpoints.add(self.store, new, PASSWORD)
            yield Ground(self, running, Lab(running, self.folder, place, name), endpoint)


@contextmanager
def engine_in(folder: Path) -> Iterator[Engine]:
    """The engine at work in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, seconds in (
            (runner, "DEPLOYMENTS_POLL", 0.2),
            (runner, "STAGINGS_POLL", 0.2),
            (runner, "RESULT_POLL", 0.1),
            (vm, "POLL", 0.1),
            (lease, "SLOWEST_BEAT", 0.3),
            (make, "RESERVED_POLL", 0.1),
            (make, "RESERVED_DEADLINE", 5.0),
        ):
            patch.setattr(module, name, seconds)
        store = open_store(folder / "slipway.db")
        for name, value in {settings.FLAG: "true", **PACE}.items():
            settings.update(store, name, value)
        uid, _ = Lab(None, folder).add_sample("esxi", [DISK])
        log = Log()
        logging.getLogger().addHandler(log)
        level = logging.getLogger().level
        logging.getLogger().setLevel(logging.INFO)
        crew = Crew(store, pace_of(store))
        runner.launch(store, crew.pace, crew)
        over = threading.Event()
        loop = threading.Thread(target=_look_after, args=(crew, over), daemon=True)
        loop.start()
        try:
            yield Engine(store, folder, uid, log)
        finally:
            over.set()
            loop.join()
            runner.stop()
            logging.getLogger().removeHandler(log)
            logging.getLogger().setLevel(level)
            store.engine.dispose()


def _look_after(crew: Crew, over: threading.Event) -> None:
    """What the worker's main thread does."""
    for turn in count():
        if over.wait(0.15):
            return
        crew.look()
        crew.flush()
        if turn % 20 == 0:
            crew.inspect()


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM or template, as govc reads it. `linked`: a disk of it stands on another."""

    name: str
    notes: str
    template: bool
    on: bool
    disks: int
    linked: bool
    snapshots: tuple[str, ...]
    whole: str  # everything that was read


@dataclass
class Ground:
    """One cell's vCenter."""

    engine: Engine
    running: Simulator
    lab: Lab
    endpoint: Endpoint

    @property
    def admin(self) -> Admin:
        """What goes wrong."""
        return self.running.admin

    def plant(self, in_staging: bool) -> None:
        """VMs of somebody else, one beside the deployment's, one beside the template."""
        place = self.lab.place
        folder = f"/{place.datacenter}/vm/{place.vmfolder}"
        where = ["-pool", f"{place.pool}/Resources", "-ds", place.datastore, "-net", place.network]
        self.lab.govc("vm.create", "-on=false", "-folder", folder, *where, "somebodys")
        if in_staging:
            self.lab.govc("folder.create", f"{folder}/components-staging")
            self.lab.govc("vm.create", "-on=false", "-folder", f"{folder}/components-staging", *where, "somebodys-too")

    def machines(self) -> dict[str, Machine]:
        """By MoRef value."""
        text = self.lab.govc("object.collect", "-json", "-type", "m", "/", *READ)
        found: dict[str, Machine] = {}
        decoder = json.JSONDecoder()
        while text := text.lstrip():
            one, end = decoder.raw_decode(text)
            values: dict[str, Any] = {change["name"]: change["val"] for change in one["changeSet"]}
            text = text[end:]
            devices = json.dumps(values.get("config.hardware.device"))
            found[one["obj"]["value"]] = Machine(
                name=values["name"],
                notes=values.get("config.annotation") or "",
                template=values["config.template"],
                on=values["runtime.powerState"] == "poweredOn",
                disks=devices.count('"capacityInKB"'),
                linked='"parent": {' in devices,
                snapshots=tuple(snapshots_of(values)),
                whole=json.dumps(values, sort_keys=True),
            )
        return found

    def deploy(self, *hosts: str) -> Result:
        """Deploy VMs of these names side by side, with a disk added to each, and wait for the end of all jobs."""
        steps = [
            [
                {"component_uid": self.engine.uid, "hostname": host, "host_id": number, "vdisks": [1]}
                for number, host in enumerate(hosts, 11)
            ]
        ]
        document = {
            "name": "lab",
            "endpoint": self.endpoint.name,
            "domain": f"{self.endpoint.name}.example.com",
            "network": {"portgroup": "DC0_DVPG0", "subnet": "10.96.42.0/24", "gateway": "10.96.42.1"},
            "password": {"env": "LAB_PASSWORD"},
            "components": steps,
        }
        store = self.engine.store
        made = submit.deploy(store, Ordered(profile_of(document, "lab"), LAB_PASSWORD))
        until(lambda: not [job for job in jobs.active(store) if job.endpoint_id == self.endpoint.id])
        return outcome.result_of(store, made.id)

    def claims(self) -> list[str]:
        """Names of claims on this endpoint."""
        return [row.name for row in claims.listing(self.engine.store) if row.endpoint_id == self.endpoint.id]

    @contextmanager
    def trouble(self, cell: Cell) -> Iterator[None]:
        """The cell's fault, in force within."""
        over = threading.Event()
        watcher = threading.Thread(target=self._strike(cell), args=(over,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            self.admin.listen(True)
            self.admin.clear_faults()
            self.admin.clear_nfc()
            self.admin.settings(lease_timeout=300, datastore_capacity=1 << 42)

    def _strike(self, cell: Cell) -> Callable[[threading.Event], None]:
        """Order the fault; returns what is still to be done meanwhile."""
        admin, point, fault = self.admin, cell.point, cell.fault
        times = 1 if cell.often == ONCE else 0
        if point.name == "upload":
            if fault in UPLOAD:
                admin.nfc(**UPLOAD[fault], times=times)
                return _nothing
            # Slow enough that vCenter hears of the progress, three times a second, before the end.
            admin.nfc(mode="slow", bytes_per_second=DISK)
            if fault == "Timedout":
                admin.settings(lease_timeout=1)
            if fault == "slow upload":
                return _nothing
            if fault == "NoDiskSpace":
                return lambda over: self._fill(cell.often, over)
        if fault in WIRE:
            delay = GONE_SECONDS if fault == "gone" and cell.often == ONCE else 0
            admin.fault(point.method, object=point.of, times=times, delay=delay, **WIRE[fault])
            return _nothing
        # The account is looked at when it calls, not when the task runs.
        in_task = point.in_task and fault not in ("NoPermission", "NotAuthenticated")
        method = TASK.get(point.method, point.method) if in_task else point.method
        if fault == "DuplicateName" and point.name in EXTRA:
            method = EXTRA[point.name].method
        admin.fault(method, fault, object=point.of, times=times, in_task=in_task, detail=DETAIL.get(fault))
        return _nothing

    def _fill(self, often: str, over: threading.Event) -> None:
        """Fill the datastore once something of the upload has arrived, with room again after the first victim."""
        self._await(lambda: self.admin.counters().bytes_received > 0, over)
        self.admin.settings(datastore_capacity=1)
        if often == FOR_EVER:
            return
        self._await(lambda: any(lease.state == "error" for lease in self.admin.counters().leases), over)
        self.admin.settings(datastore_capacity=1 << 42)

    def _await(self, condition: Callable[[], bool], over: threading.Event) -> None:
        while not condition() and not over.wait(0.02):
            pass


def _nothing(_over: threading.Event) -> None:
    """Everything was ordered before."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def names(machines: dict[str, Machine]) -> Counter[str]:
    """How many there are of each name."""
    return Counter(machine.name for machine in machines.values())
