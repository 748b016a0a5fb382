"""Where the demo happens: a folder with a store of its own, simulated vCenters, the sample OVAs in the catalog."""

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.cancel import Cancel
from engine.catalog.components import import_components
from engine.catalog.supply import set_file
from engine.demo.labs import PASSWORD_SETTING, Lab
from engine.demo.samples import APPLIANCES, LIBRARY, SampleOva, make_sample
from engine.deploy.planning import make_plan
from engine.deploy.variables import read_password
from engine.jobs import outcome, presence, submit
from engine.jobs.follow import follow
from engine.jobs.outcome import Result
from engine.progress import Watcher
from engine.simulator.launcher import Simulator
from engine.site import open_site
from engine.staging.holder import is_gone
from engine.vsphere.ovf_import import upload_bytes
from storage import components, endpoints, settings
from storage.components import Component
from storage.endpoints import NewEndpoint, Signatures
from storage.store import Store, open_store

VM_FOLDER = "labs"

# Seconds in which the worker that was told to stop is gone: its steps have 8 to reach a safe point.
STOPPING = 15.0


@dataclass(frozen=True, slots=True)
class Ground:
    """All that is there before the first deployment, by endpoint's name: the simulators, and what each says it is.

    `lab_password` is the one that the VMs get.
    """

    store: Store
    simulators: dict[str, Simulator]
    products: dict[str, str]
    samples: tuple[SampleOva, ...]
    catalog: tuple[Component, ...]
    lab_password: str = field(repr=False)

    def received(self, endpoint: str) -> int:
        """Bytes that the endpoint's simulated hosts received in all leases, by their own count."""
        return self.simulators[endpoint].admin.counters().bytes_received


@dataclass(frozen=True, slots=True)
class Run:
    """One lab, deployed. `received_bytes` is the simulator's count, `direct_bytes` what importing each VM's OVA
    directly would have sent.
    """

    lab: Lab
    result: Result
    received_bytes: int
    direct_bytes: int


@contextmanager
def prepared(folder: Path, labs: Sequence[Lab], cancel: Cancel) -> Iterator[Ground]:
    """Make everything in the folder, which the caller removes; the simulators and the worker end with the context.

    Store, key, OVAs and component files stay in the folder, for tests that search them. Raises NotFound when the
    simulator was not built, Cancelled.
    """
    with ExitStack() as stack:
        store = stack.enter_context(open_store(folder / "slipway.db"))
        simulators, products = {}, {}
        for name in dict.fromkeys(lab.endpoint for lab in labs):
            cancel.check()
            portgroups = [lab.portgroup for lab in labs if lab.endpoint == name]
            simulators[name] = stack.enter_context(_simulator(portgroups))
            _add_endpoint(store, name, simulators[name])
            with open_site(store, name) as site:
                products[name] = str(site.session.content.about.fullName)
        samples = tuple(make_sample(folder, appliance, cancel) for appliance in APPLIANCES)
        import_components(store, [LIBRARY, *(sample.component_file for sample in samples)])
        for sample in samples:
            set_file(store, sample.uid, sample.ova, cancel, lambda read: None)
        password = secrets.token_urlsafe(12)
        settings.create(store, PASSWORD_SETTING, password, "The password of the demo's VMs")
        settings.update(store, settings.FLAG, "true")
        stack.enter_context(_worker(store, folder))
        yield Ground(store, simulators, products, samples, tuple(components.listing(store)), password)


def run_lab(ground: Ground, lab: Lab, watcher: Watcher, cancel: Cancel) -> Run:
    """Deploy the lab as `slipway deploy` does. Raises the plan's problems, and as `open_site`."""
    before = ground.received(lab.endpoint)
    profile = lab.profile
    password = read_password(ground.store, profile.password)
    with open_site(ground.store, lab.endpoint) as site:
        plan = make_plan(site, profile, password, cancel)
    plan.check()
    deployment = submit.deploy(ground.store, submit.Ordered(profile, password))
    job = submit.active_job(ground.store, deployment)
    if job is not None:
        follow(ground.store, job, presence.Starter(ground.store), watcher, cancel)
    result = outcome.result_of(ground.store, deployment.id)
    direct = sum(upload_bytes(item.package) for item in plan.items if item.package)
    return Run(lab, result, ground.received(lab.endpoint) - before, direct)


@contextmanager
def _worker(store: Store, folder: Path) -> Iterator[None]:
    """A worker from the beginning to the end, with its log in the folder: none may write there when it is removed."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder)
    try:
        presence.Starter(store).ensure()
        _wait(lambda: presence.find(store) is not None, presence.STARTING)
        yield
    finally:
        _end_worker(store)
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


def _end_worker(store: Store) -> None:
    worker = presence.find(store)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if worker is not None and not is_gone(worker.holder):
            with suppress(ProcessLookupError):
                os.kill(worker.holder.pid, number)
            _wait(lambda: is_gone(worker.holder), STOPPING)


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def _simulator(portgroups: Sequence[str]) -> Simulator:
    return Simulator.start(
        username="demo@vsphere.local",
        password=secrets.token_urlsafe(12),
        portgroups=portgroups,
        folders=[VM_FOLDER],
    )


def _add_endpoint(store: Store, name: str, simulator: Simulator) -> None:
    new = NewEndpoint(
        name=name,
        host=simulator.host,
        port=simulator.port,
        username=simulator.username,
        datacenter="DC0",
        resource_pool="DC0_C0",
        datastore="LocalDS_0",
        vmfolder=VM_FOLDER,
        network="VM Network",
        pin=simulator.fingerprint,
        signatures=Signatures.OFF,
    )
    endpoints.add(store, new, simulator.password)
