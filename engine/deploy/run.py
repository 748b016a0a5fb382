"""Running a deployment: the steps of a profile in order, the items of a step in parallel, every state kept in the
store.
"""

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.cancel import Cancel
from engine.catalog.profiles import Profile
from engine.deploy.make import Made, Maker, StagedOnce, make
from engine.deploy.plan import Plan, PlannedItem
from engine.errors import Cancelled, SlipwayError
from engine.progress import Watcher
from engine.site import Site
from engine.staging.identity import Identity
from engine.vsphere import vms
from engine.vsphere.refs import TaskRef, moid
from engine.vsphere.vapps import make_vapp
from engine.vsphere.vms import Vm
from storage import audit, deployments
from storage.deployments import Item

log = logging.getLogger(__name__)

# VMs made at the same time: vCenter runs 8 clones per host or datastore and queues the rest.
PARALLEL = 8


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How one VM ended. `state`: succeeded, failed, cancelled, or pending (an earlier step failed); `path`: staged,
    direct, skipped or "".
    """

    name: str
    state: str
    path: str = ""
    template: str = ""
    vm: str = ""
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How a deployment ended. `bytes_sent` counts the bytes of disks sent to leases."""

    id: int
    state: str
    seconds: float
    bytes_sent: int
    items: tuple[ItemResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """The stable JSON form (docs/cli.md)."""
        return asdict(self)


class _Counting:
    """Passes everything on, writes each step to the log and adds up the bytes."""

    def __init__(self, watcher: Watcher, deployment: int) -> None:
        self._watcher = watcher
        self._deployment = deployment
        self._lock = threading.Lock()
        self.bytes = 0

    def began(self, item: str, step: str, detail: str = "") -> None:
        log.info("deployment %d: %s %s%s", self._deployment, item, step, f": {detail}" if detail else "")
        self._watcher.began(item, step, detail)

    def expects(self, item: str, size: int) -> None:
        self._watcher.expects(item, size)

    def sent(self, item: str, count: int) -> None:
        with self._lock:
            self.bytes += count
        self._watcher.sent(item, count)


def deploy(site: Site, plan: Plan, power_on: bool, watcher: Watcher, cancel: Cancel) -> Result:
    """Make every VM of the plan. Failures are in the result; it raises only what keeps the whole deployment from
    starting.
    """
    started = time.monotonic()
    store = site.store
    planned = list(plan.items)
    row = deployments.create(
        store,
        plan.profile.name,
        site.endpoint.id,
        _without_properties(plan.profile),
        [(item.name, item.component.uid) for item in planned],
    )
    counting = _Counting(watcher, row.id)
    results: dict[str, ItemResult] = {}
    try:
        run = _Run(
            site,
            plan,
            power_on,
            counting,
            cancel,
            {item.name: item for item in deployments.items(store, row.id)},
            row.id,
        )
        for step in plan.steps:
            with ThreadPoolExecutor(PARALLEL, thread_name_prefix="item") as pool:
                results |= {result.name: result for result in pool.map(run.item, step)}
            if any(results[item.name].state != "succeeded" for item in step):
                break
    finally:
        state = _state(results, len(planned))
        deployments.update(store, row.id, state=state, ended=_now(site), bytes_sent=counting.bytes)
        audit.record(store, f"deployment {state}", f"{site.endpoint.name}/{plan.profile.name}", f"deployment {row.id}")
    ended = tuple(
        results.get(item.name) or ItemResult(item.name, "pending", reason="an earlier step did not succeed")
        for item in planned
    )
    return Result(row.id, state, round(time.monotonic() - started, 3), counting.bytes, ended)


class _Run:
    """One deployment under way: where its VMs go and what its items share."""

    def __init__(
        self,
        site: Site,
        plan: Plan,
        power_on: bool,
        watcher: Watcher,
        cancel: Cancel,
        rows: dict[str, Item],
        deployment: int,
    ) -> None:
        self._site, self._watcher, self._cancel, self._power_on, self._rows = site, watcher, cancel, power_on, rows
        self._deployment = deployment
        vapp = plan.profile.vapp
        # Rows of this deployment must not hide those of the interrupted one, so they are read before any is written.
        self._earlier = {name: deployments.latest_item(site.store, site.endpoint.id, name) for name in rows}
        self._maker = Maker(
            site=site,
            vapp=make_vapp(site.session, site.target, vapp) if vapp else None,
            staged=StagedOnce(site, watcher, cancel),
            watcher=watcher,
            cancel=cancel,
            note_task=self._note_task,
            earlier_task=self._earlier_task,
            finished=self._finished,
        )

    def item(self, item: PlannedItem) -> ItemResult:
        """Make one VM and keep how it went."""
        started = time.monotonic()
        row = self._rows[item.name]
        store = self._site.store
        deployments.update_item(store, row.id, state="running", instance_uuid=self._site.session.instance_uuid)
        try:
            self._cancel.check()
            made = make(self._maker, item, self._identity(item, row))
            vm = moid(made.vm)
            deployments.update_item(store, row.id, vm=vm, path=made.way, template=made.template, reason=made.reason)
            if self._power_on and not vms.look(self._site.session, made.vm).powered_on:
                self._watcher.began(item.name, "powering on")
                vms.power_on(self._site.session, made.vm, item.name, self._cancel)
            result = _succeeded(item, made, vm, started)
        except Cancelled as error:
            result = ItemResult(item.name, "cancelled", seconds=_since(started), reason=str(error))
        except SlipwayError as error:
            log.warning("%s: %s", item.name, error, exc_info=error)
            state = "cancelled" if self._cancel.asked else "failed"
            result = ItemResult(item.name, state, seconds=_since(started), reason=str(error))
        deployments.update_item(store, row.id, state=result.state, reason=result.reason, seconds=result.seconds)
        self._watcher.began(item.name, result.state, result.reason)
        return result

    def _identity(self, item: PlannedItem, row: Item) -> Identity:
        return Identity(
            store=self._site.store.id,
            component=item.component.uid,
            digest=item.component.checksum,
            created=_now(self._site).isoformat(timespec="seconds").replace("+00:00", "Z"),
            deployment=self._deployment,
            item=row.id,
            address=item.address,
        )

    def _note_task(self, item: PlannedItem, task: TaskRef) -> None:
        deployments.update_item(self._site.store, self._rows[item.name].id, task=moid(task))

    def _earlier_item(self, item: PlannedItem) -> Item | None:
        """What an earlier deployment of this VM noted, if it was in this very vCenter (MoRefs are void in another)."""
        row = self._earlier.get(item.name)
        return row if row and row.instance_uuid == self._site.session.instance_uuid else None

    def _earlier_task(self, item: PlannedItem) -> TaskRef | None:
        """The clone task that an interrupted deployment may have left running."""
        row = self._earlier_item(item)
        return self._site.session.managed(TaskRef, row.task) if row and row.task and not row.vm else None

    def _finished(self, item: PlannedItem, vm: Vm) -> bool:
        """Whether an earlier deployment made this VM to the end: then it is its users', and left as it is."""
        row = self._earlier_item(item)
        return row is not None and row.vm == vm.moid and row.state == "succeeded"


def _without_properties(profile: Profile) -> str:
    """The profile as JSON, for the records. An entry's own property values may be secrets and are left out."""
    steps = tuple(tuple(replace(entry, properties={}) for entry in step) for step in profile.steps)
    return json.dumps(replace(profile, steps=steps).as_dict())


def _succeeded(item: PlannedItem, made: Made, vm: str, started: float) -> ItemResult:
    return ItemResult(item.name, "succeeded", str(made.way), made.template, vm, _since(started), made.reason)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _state(results: dict[str, ItemResult], planned: int) -> str:
    states = {result.state for result in results.values()}
    if "cancelled" in states:
        return "cancelled"
    return "succeeded" if len(results) == planned and states <= {"succeeded"} else "failed"


def _now(site: Site) -> Any:
    with site.store.read() as tx:
        return site.store.now(tx)
