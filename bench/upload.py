"""Slipway's import against `govc import.ova`: the same OVA, the same simulated vCenter, turn and turn about.

Both log in, create the VM, upload and complete the lease; the VM is destroyed between two measurements. govc's time is
its process's; Slipway's is that of its calls, without Python's start, because the engine's process is there before an
upload. The OVAs are of random bytes and in the page cache. With digests both check the OVA's manifest: Slipway hashes
what it sends, govc compares with what the host hashed (SHA-1, the only digest that the simulated host computes).

    python -m bench.upload [--rounds 7] [--mib 1024] [--record]
"""

import argparse
import os
import platform
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.report import cores, keep, markdown
from bench.vcenter import place, vcenter
from engine.cancel import Cancel
from engine.ova.package import open_package
from engine.ova.samples import build_ova
from engine.simulator.launcher import Simulator, program
from engine.vsphere.inventory import target_of
from engine.vsphere.ovf_import import ImportRequest, import_vm
from engine.vsphere.session import Address, connect
from engine.vsphere.trust import Trust
from engine.vsphere.vms import destroy
from storage.endpoints import Endpoint

MIB = 1 << 20
VM = "bench"


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison. `target` is what Slipway promises: its throughput divided by govc's."""

    title: str
    disks: int
    digests: bool
    target: float


CASES = (
    Case("one disk", 1, False, 1.0),
    Case("two disks", 2, False, 1.5),
    Case("one disk, digests", 1, True, 1.0),
    Case("two disks, digests", 2, True, 1.0),
)


@dataclass(frozen=True, slots=True)
class Import:
    """One import: throughput in MiB/s, and the CPU seconds per GiB of who sent it and of the simulated host."""

    rate: float
    client_cpu: float
    host_cpu: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Every round of one comparison."""

    case: Case
    slipway: list[Import]
    govc: list[Import]

    @property
    def ratio(self) -> float:
        """Slipway's median throughput divided by govc's."""
        return statistics.median(one.rate for one in self.slipway) / statistics.median(one.rate for one in self.govc)


def main() -> None:
    """Measure every case and print it."""
    parser = argparse.ArgumentParser(description="Slipway's import against govc import.ova.")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each (7)")
    parser.add_argument("--mib", type=int, default=1024, help="size of the OVA's disks together (1024)")
    parser.add_argument("--record", action="store_true", help="keep the result in docs/evidence/upload-bench.md")
    given = parser.parse_args()
    facts = machine(given.mib, given.rounds)
    print("\n".join(facts), end="\n\n")
    rows = [["", "Slipway MiB/s", "govc MiB/s", "Slipway CPU", "govc CPU", "ratio", "target", ""]]
    with (
        tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder,
        vcenter() as simulator,
    ):
        for case in CASES:
            rows.append(row(measure(simulator, Path(folder), case, given.mib, given.rounds)))
            print(f"{case.title}: {rows[-1][5]} times govc's throughput", flush=True)
    table = markdown(rows)
    print(f"\n{table}")
    if given.record:
        keep("upload-bench.md", "Upload: Slipway and govc", "bench", facts, table, METHOD)


def measure(simulator: Simulator, folder: Path, case: Case, mib: int, rounds: int) -> Measured:
    """Import the case's OVA with both, in turn; who begins changes every round."""
    ova = folder / "bench.ova"
    manifest = "sha1" if case.digests else None
    build_ova(ova, name=VM, disks=[mib * MIB // case.disks] * case.disks, manifest=manifest, checksum=False)
    os.sync()  # or writing it back would compete with the measurement
    importers: list[Callable[[], float]] = [
        lambda: by_slipway(simulator, ova),
        lambda: by_govc(simulator, ova, case.digests),
    ]
    rounds_of: list[list[Import]] = [[], []]
    for round_ in range(rounds + 1):
        for which in (0, 1) if round_ % 2 else (1, 0):
            client, host = client_cpu(), host_cpu(simulator)
            seconds = importers[which]()
            gib = mib / 1024
            made = Import(mib / seconds, (client_cpu() - client) / gib, (host_cpu(simulator) - host) / gib)
            if round_:  # the first round warms both up
                rounds_of[which].append(made)
    return Measured(case, *rounds_of)


def client_cpu() -> float:
    """CPU seconds of this process and of those that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def host_cpu(simulator: Simulator) -> float:
    """CPU seconds of the simulated vCenter and host (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{simulator.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def by_slipway(simulator: Simulator, ova: Path) -> float:
    """Seconds of one import by Slipway."""
    address = Address(
        simulator.host, simulator.port, simulator.username, simulator.password, Trust(pin=simulator.fingerprint)
    )
    now = datetime.now(UTC)
    endpoint = Endpoint(**asdict(place(simulator, VM)), id=0, instance_uuid=None, refused=False, created=now)
    started = time.perf_counter()
    with connect(address) as session:
        target = target_of(session, endpoint)
        package = open_package(ova)
        request = ImportRequest(VM, package, "", {known.name: target.network for known in package.descriptor.networks})
        vm = import_vm(session, target, request, target.folder, target.pool, None, Cancel(), lambda count: None)
        took = time.perf_counter() - started
        destroy(session, vm, VM)
    return took


def by_govc(simulator: Simulator, ova: Path, digests: bool) -> float:
    """Seconds of one import by govc."""
    options = ["-m"] if digests else []
    started = time.perf_counter()
    govc(simulator, "import.ova", *options, "-name", VM, "-ds", "LocalDS_0", "-pool", "DC0_C0/Resources", str(ova))
    took = time.perf_counter() - started
    govc(simulator, "vm.destroy", VM)
    return took


def govc(simulator: Simulator, *arguments: str) -> str:
    """Run govc; its output."""
    environment = os.environ | {
        "GOVC_URL": simulator.url,
        "GOVC_USERNAME": simulator.username,
        "GOVC_PASSWORD": simulator.password,
        "GOVC_INSECURE": "true",
        "GOVC_PERSIST_SESSION": "false",
    }
    done = subprocess.run([program("govc"), *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def row(measured: Measured) -> list[str]:
    """The case's line of the table."""
    case = measured.case
    return [
        case.title,
        spread(measured.slipway),
        spread(measured.govc),
        cpu(measured.slipway),
        cpu(measured.govc),
        f"{measured.ratio:.2f}",
        f">= {case.target}",
        "met" if measured.ratio >= case.target else "MISSED",
    ]


def spread(imports: list[Import]) -> str:
    """Median throughput, and the range."""
    rates = [one.rate for one in imports]
    return f"{statistics.median(rates):.0f} ({min(rates):.0f}-{max(rates):.0f})"


def cpu(imports: list[Import]) -> str:
    """Median CPU seconds of client and host."""
    client = statistics.median(one.client_cpu for one in imports)
    host = statistics.median(one.host_cpu for one in imports)
    return f"{client:.2f} + {host:.2f}"


def machine(mib: int, rounds: int) -> list[str]:
    """What the numbers depend on."""
    return [
        f"{cores()}, shared by client and simulator",
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, govc of govmomi {govmomi()}",
        f"{mib} MiB of random bytes per OVA, medians of {rounds} rounds (range in brackets)",
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"load average {os.getloadavg()[0]:.1f} before (other work on these cores blurs the ratios)",
    ]


def govmomi() -> str:
    """The version that govc and the simulator are built from."""
    text = (Path(__file__).parents[1] / "tests" / "stock" / "go.mod").read_text()
    return next(line.split()[-1] for line in text.splitlines() if "vmware/govmomi" in line)


METHOD = """## How
Both log in, create the VM, upload over TLS and complete the lease; the VM is destroyed between two measurements. They
take turns, and who begins changes every round; a first round is thrown away. govc's time is its process's; Slipway's is
that of its calls, without Python's start, because the engine's process is there before an upload. The OVA lies in the
page cache. With digests both check the OVA's manifest (`govc import.ova -m`): Slipway hashes what it sends, govc
compares with what the host hashed, so Slipway's bytes are hashed twice.

CPU is seconds per GiB of client and host together on the cores named above. Where that sum divided by the cores comes
near the time of an import, the machine is the limit and not the client: more load, or fewer cores, and the sum alone
decides; a host of its own, and only the client's part does.
"""


if __name__ == "__main__":
    main()
