"""Every fault at every point: a staged deployment of two VMs, once with a fault that passes and once with one that
stays, then the next deployment, without it.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from engine.jobs.outcome import Result
from storage import endpoints
from tests.faults import matrix
from tests.faults.matrix import FAILED, FELL_BACK, FOR_EVER, MEANING, ON_THE_WIRE, POINTS, RETRIED, Cell
from tests.faults.matrix_ground import LAB_PASSWORD, PASSWORD, Engine, Ground, Machine, engine_in, names

CELLS = [
    pytest.param(cell, id=f"{cell.fault}-{cell.point.name}-{cell.often}".replace(" ", "_"), marks=marks)
    for cell in matrix.cells()
    for marks in [[] if cell.fast else [pytest.mark.long]]
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One for all: the durable runner is one per process."""
    with engine_in(tmp_path_factory.mktemp("matrix")) as running:
        yield running


@pytest.mark.parametrize("cell", CELLS)
def test_cell(engine: Engine, cell: Cell) -> None:
    with engine.vcenter(cell.linked) as ground:
        ground.plant(in_staging=cell.point.name != "folder")
        others = ground.machines()
        ground.admin.reset_counters()
        engine.log.take()
        with ground.trouble(cell):
            first = ground.deploy("a", "b")
            calls = ground.admin.counters().calls
        log = engine.log.take()
        came = outcome_of(first, cell.fault)
        assert came == cell.expected, (came, first, log)
        assert says(cell.fault, "\n".join(log)), "the fault never struck"
        check_attempts(cell, calls)
        check_words(first, log)
        check_nothing_half_made(cell, ground, others, first)
        check_next_run(cell, ground, others)
        check_words(first, engine.log.take())


def says(fault: str, text: str) -> bool:
    """Whether the text tells what the fault means."""
    return MEANING[fault].casefold() in text.casefold()


def outcome_of(result: Result, fault: str) -> str:
    """What became of the deployment; everything but a success must say in words what the fault means."""
    if any(item.state != "succeeded" for item in result.items):
        assert result.state == "failed", result
        told = [item.reason for item in result.items if item.state == "failed"] or [result.error]
        assert all(says(fault, reason) for reason in told), told
        return FAILED
    assert result.state == "succeeded", result
    direct = [item for item in result.items if item.path == "direct"]
    if direct:
        assert all(item.reason.startswith("fallback: ") and says(fault, item.reason) for item in direct), direct
        return FELL_BACK
    assert all(item.path == "staged" for item in result.items), result
    return RETRIED


def check_attempts(cell: Cell, calls: Counter[str]) -> None:
    """Neither a wrong password nor a lacking privilege is tried again by itself."""
    if cell.fault not in ("InvalidLogin", "NoPermission") or cell.point.name == "upload":
        return
    # Each VM makes its own; the template was reconfigured before.
    asked = {"clone": 2, "reconfigure": 3, "power on": 2}.get(cell.point.name, 1)
    assert calls[cell.point.method] == asked, calls


def check_words(result: Result, log: list[str]) -> None:
    """No traceback is shown, nothing unexpected is logged, and no secret is anywhere."""
    shown = [result.error, *(item.reason for item in result.items)]
    assert not [text for text in shown if "Traceback" in text or "\n" in text], shown
    assert not [line for line in log if line.startswith(("ERROR", "CRITICAL"))], log
    assert not [line for line in [*shown, *log] if PASSWORD in line or LAB_PASSWORD in line]


def check_nothing_half_made(cell: Cell, ground: Ground, others: dict[str, object], result: Result) -> None:
    """No claim stays, nobody else's VM is touched, every VM is there once, and half-made ones only where vCenter could
    not be asked to remove them.
    """
    there = ground.machines()
    assert ground.claims() == []
    assert {ref: machine for ref, machine in there.items() if ref in others} == others
    ours = {ref: machine for ref, machine in there.items() if ref not in others}
    wanted = {item.name: item.state == "succeeded" for item in result.items}
    uid = ground.engine.uid
    temporary = [name for name in names(ours) if name.startswith(f"{uid}.staging-")]
    assert set(names(ours)) <= {*wanted, uid, *temporary}
    assert max(names(ours).values(), default=1) == 1
    assert {machine.name for machine in ours.values() if machine.on} >= {name for name, good in wanted.items() if good}
    if cell.expected == RETRIED:
        assert temporary == []
        assert names(ours)[uid] == 1
        check_snapshots(cell, ours)
    if cell.often == FOR_EVER and cell.fault in ON_THE_WIRE:
        return
    assert not [machine for machine in ours.values() if "importing" in machine.notes]


def check_next_run(cell: Cell, ground: Ground, others: dict[str, object]) -> None:
    """The next deployment succeeds, settles what was left, and makes nothing twice."""
    if cell.fault == "InvalidLogin":
        assert endpoints.get(ground.engine.store, ground.endpoint.name).refused
        endpoints.update(ground.engine.store, ground.endpoint.name, password=PASSWORD)
    second = ground.deploy("a", "b", "c")
    assert second.state == "succeeded", second
    assert second.items[2].path == "staged", second
    there = ground.machines()
    assert {ref: machine for ref, machine in there.items() if ref in others} == others
    ours = {ref: machine for ref, machine in there.items() if ref not in others}
    made = [item.name for item in second.items]
    assert names(ours) == Counter([*made, ground.engine.uid])
    assert {machine.name for machine in ours.values() if machine.on} == set(made)
    assert {machine.name for machine in ours.values() if machine.disks == 2} == set(made)
    assert [machine.name for machine in ours.values() if machine.template] == [ground.engine.uid]
    check_snapshots(cell, ours)
    linked = {machine.name for machine in ours.values() if machine.linked and not machine.template}
    assert made[2] in linked if cell.linked else not linked
    assert ground.claims() == []
    if cell.point.name in ("rename", "clone", "reconfigure", "power on"):
        assert second.bytes_sent == 0, "what was whole is not sent again"


def check_snapshots(cell: Cell, ours: dict[str, Machine]) -> None:
    """The template has the one snapshot that linked clones stand on, where there are to be some; nothing else any."""
    found = {machine.name: machine.snapshots for machine in ours.values() if machine.snapshots}
    [uid] = [machine.name for machine in ours.values() if machine.template]
    assert found == ({uid: ("slipway-base",)} if cell.linked else {})


def test_the_table_says_why_a_cell_cannot_be() -> None:
    """A cell is left out exactly where the vSphere API, as pyVmomi declares it, cannot give the fault."""
    for fault, row in matrix.grid().items():
        for point, outcomes in zip(POINTS, row, strict=True):
            assert bool(outcomes) != bool(matrix.why_not(fault, point)), (fault, point.name)


def test_every_fault_has_one_cell_in_make_test() -> None:
    assert Counter(cell.fault for cell in matrix.cells() if cell.fast) == dict.fromkeys(matrix.grid(), 1)


def test_the_document_is_made_of_the_table() -> None:
    assert matrix.DOCUMENT.read_text() == matrix.page(), "run: python -m tests.faults.matrix"
