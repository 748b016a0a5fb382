"""`slipway demo`: the main job against two simulated vCenters, with numbers."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import examples, print_json, print_table, say, warn
from cli.progress import INTERRUPTED, Progress, interruptible
from cli.units import duration, size
from engine.cancel import Cancel
from engine.errors import Cancelled

if TYPE_CHECKING:
    from engine.demo.ground import Ground, Run
    from engine.demo.labs import Lab

app = typer.Typer()


@app.command(epilog=examples("slipway demo", "slipway demo --headless --json"))
def demo(
    headless: Annotated[  # noqa: ARG001 - there is no console yet that a terminal could open
        bool, typer.Option("--headless", help="Deploy and print; never open the console.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")] = False,
) -> None:
    """Deploy nine VMs twice on each of two simulated vCenters, and show what was sent.

    Needs no vCenter and touches no settings: everything is made in a temporary folder, and removed at the end.
    """
    from engine.demo.ground import prepared
    from engine.demo.labs import LABS

    cancel = Cancel()
    runs: list[Run] = []
    with (
        suppress(Cancelled),
        interruptible(cancel, ["stopping: everything is removed again"]),
        TemporaryDirectory(prefix="slipway-demo-") as name,
        logging_to(Path(name)),
    ):
        warn("Starting two simulated vCenters, making three sample OVAs ...")
        with prepared(Path(name), LABS, cancel) as ground:
            _introduce(ground)
            for lab in LABS:
                warn("")
                warn(f"Deploying {lab.name}: nine VMs on {lab.endpoint}")
                runs.append(_run(ground, lab, cancel))
                if runs[-1].result.state != "succeeded":
                    break
    warn("")
    warn("Everything that the demo made was removed again.")
    warn("")
    if as_json:
        print_json(_document(runs))
    elif runs:
        _show(runs)
    if cancel.asked:
        raise typer.Exit(INTERRUPTED)
    if any(run.result.state != "succeeded" for run in runs):
        raise typer.Exit(1)


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Log to `slipway.log` in this folder, not to the user's log."""
    root = logging.getLogger()
    before = root.handlers[:]
    own = logging.FileHandler(folder / "slipway.log", encoding="utf-8")
    root.handlers[:] = [own]
    try:
        yield
    finally:
        root.handlers[:] = before
        own.close()


def _introduce(ground: "Ground") -> None:
    for name, product in ground.products.items():
        warn(f"{name} is a {product}")
    for sample in ground.samples:
        warn(f"{sample.uid}.ova holds {size(sample.disk_bytes)} of random bytes")
    warn(f"The catalog has {len(ground.catalog)} component files; staging is switched on")


class _Briefly(Progress):
    """Uploads and clones only: four labs of nine VMs take some 200 steps."""

    def began(self, item: str, step: str, detail: str = "") -> None:
        """A line for a step that moves bytes, on either side."""
        if step in ("uploading", "cloning", "importing", "falling back", "failed"):
            super().began(item, step, detail)


def _run(ground: "Ground", lab: "Lab", cancel: Cancel) -> "Run":
    from engine.demo.ground import run_lab

    progress = _Briefly()
    try:
        return run_lab(ground, lab, progress, cancel)
    finally:
        progress.finish()


def _show(runs: Sequence["Run"]) -> None:
    """Per VM the path it took in each lab, then the bytes."""
    paths = [[(item.path or item.state) for item in run.result.items] for run in runs]
    rows = zip([_host(item.name) for item in runs[0].result.items], *paths, strict=True)
    print_table(("VM", *(run.lab.name for run in runs)), rows)
    for run in runs:
        for item in run.result.items:
            if item.reason:
                say(f"{item.name}: {item.reason}")
    say("")
    print_table(
        ("LAB", "ENDPOINT", "VMS", "TIME", "SENT", "RECEIVED", "DIRECT IMPORT", "RATIO"),
        [*(_row(run) for run in runs), _total(runs)],
    )
    say("")
    say("SENT: disks that Slipway uploaded. RECEIVED: the same by the simulators' count.")
    say("DIRECT IMPORT: what importing the OVA of every single VM would have sent.")


def _host(vm: str) -> str:
    return vm.partition(".")[0]


def _row(run: "Run") -> tuple[object, ...]:
    return (
        run.lab.name,
        run.lab.endpoint,
        len(run.result.items),
        duration(run.result.seconds),
        size(run.result.bytes_sent),
        size(run.received_bytes),
        size(run.direct_bytes),
        _shown_ratio(run.direct_bytes, run.result.bytes_sent),
    )


def _total(runs: Sequence["Run"]) -> tuple[object, ...]:
    sent, direct = _sums(runs)
    return (
        "total",
        "",
        sum(len(run.result.items) for run in runs),
        duration(sum(run.result.seconds for run in runs)),
        size(sent),
        size(sum(run.received_bytes for run in runs)),
        size(direct),
        _shown_ratio(direct, sent),
    )


def _sums(runs: Sequence["Run"]) -> tuple[int, int]:
    """Bytes sent, and bytes that direct imports would have sent."""
    return sum(run.result.bytes_sent for run in runs), sum(run.direct_bytes for run in runs)


def _shown_ratio(direct: int, sent: int) -> str:
    return f"1 : {direct / sent:.1f}" if sent else ""


def _document(runs: Sequence["Run"]) -> dict[str, Any]:
    """The stable JSON form (docs/cli.md). `ratio` is null when nothing was sent."""
    sent, direct = _sums(runs)
    return {
        "runs": [
            {
                "endpoint": run.lab.endpoint,
                "name": run.lab.name,
                "bytes_received": run.received_bytes,
                "bytes_direct": run.direct_bytes,
                **run.result.as_dict(),
            }
            for run in runs
        ],
        "bytes_sent": sent,
        "bytes_direct": direct,
        "ratio": round(direct / sent, 3) if sent else None,
    }
