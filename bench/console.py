"""The console on a pty, beside an empty Textual app and one with a DataTable of the same rows, turn and turn about.

Every number is of what arrived on the pty: a key is answered when the bytes that show it are there, and bytes are
counted, not estimated. The store is a real one, with two simulated vCenters where clients load, and with 50 or 50,000
components where rows are many.

    python -m bench.console [--rounds 5] [--rows 50000] [--record]
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import insert

from bench.pty import Pty
from bench.report import cores, keep, markdown
from bench.vcenter import place, vcenter
from storage import components, endpoints, models
from storage.components import Component, Kind
from storage.store import open_store

WIDTH, HEIGHT = 80, 24
BAUD = 57_600
IDLE = 20.0
"""Seconds of an idle screen."""

FEW = 50
EMPTY = [sys.executable, "-m", "bench.console_apps", "empty"]
CONSOLE = [str(Path(sys.executable).with_name("slipway"))]
POSTING = [str(Path(__file__).parents[1] / ".tools" / "peers" / "bin" / "posting")]
"""A well-known Textual application, where somebody has installed it (METHOD)."""

STARTED = "quit"
"""The last word of the first frame."""

LOADED = r"o ready.*o ready"
MOUSE = ("mouse on", "mouse off")
"""What `m` answers, in turn; over SSH the mouse is off at first."""


WORDS = {True: "met", False: "MISSED", None: ""}


@dataclass(slots=True)
class Samples:
    """What was measured of one thing: seconds, bytes, ..."""

    values: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        self.values.append(value)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        return sorted(self.values)[int(len(self.values) * 0.95)]

    @property
    def worst(self) -> float:
        return max(self.values)


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores are: one with two vCenters, one with few components, one with many."""

    clients: Path
    few: Path
    many: Path
    rows: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result."""

    what: str
    target: str
    measured: str
    beside: str
    met: bool | None
    """None where nothing was promised."""


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description="The console on a pty, beside Textual's own.")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (5)")
    parser.add_argument("--rows", type=int, default=50_000, help="rows of the long table (50000)")
    parser.add_argument("--record", action="store_true", help="keep the result in docs/evidence/console-bench.md")
    given = parser.parse_args()
    facts = machine(given.rounds)
    print("\n".join(facts), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder, prepared(Path(folder), given.rows) as stores:
        rows = measured(stores, given.rounds)
    table = markdown(
        [
            ["", "target", "measured", "beside it", ""],
            *[[one.what, one.target, one.measured, one.beside, WORDS[one.met]] for one in rows],
        ]
    )
    print(f"\n{table}")
    if given.record:
        keep("console-bench.md", "The console, measured on a pty", "bench-console", facts, table, METHOD)


def measured(stores: Stores, rounds: int) -> list[Row]:
    """Every row of the result, in the order of the promise."""
    told: list[Row] = []
    for part in (starts, loading, keys, bytes_sent, idle, shared, slow_line):
        for row in part(stores, rounds):
            print(f"{row.what}: {row.measured} ({row.target}; {row.beside})", flush=True)
            told.append(row)
    return told


def starts(stores: Stores, rounds: int) -> Iterator[Row]:
    """First frame and first rows."""
    empty, frame, rows, posting = Samples(), Samples(), Samples(), Samples()
    for number in range(rounds + 1):  # the first warms the caches
        with run(EMPTY) as peer:
            bare = peer.painted(WIDTH * HEIGHT * 9 // 10, peer.began)
        with run(CONSOLE, stores.clients) as console:
            first, real = console.seen(STARTED, console.began), console.seen("vc-bench-1", console.began)
        if Path(POSTING[0]).exists():
            with run(POSTING) as peer:
                posting.add(peer.seen("Enter a URL", peer.began))
        if number:
            empty.add(bare)
            frame.add(first)
            rows.add(real)
    beside = f"empty app {ms(empty.median)}"
    other = f"; posting {ms(posting.median)}" if posting.values else "; posting is not installed here"
    yield times("first frame", frame.median, empty.median, 1.4, beside + other)
    yield times("first real rows", rows.median, empty.median, 4, beside)


def loading(stores: Stores, rounds: int) -> Iterator[Row]:
    """Keys from the first frame on until both vCenters have answered, and the same keys afterwards."""
    busy, quiet = Samples(), Samples()
    for _ in range(rounds):
        with run(CONSOLE, stores.clients) as console:
            console.seen(STARTED, console.began)
            began = time.perf_counter()
            count = 0
            while time.perf_counter() < began + 2 or count < 20:
                busy.add(answered(console, "m", MOUSE[count % 2]))
                count += 1
                time.sleep(0.02)
            console.seen(LOADED, console.began)
            console.quiet(1.0)
            for more in range(count):
                quiet.add(answered(console, "m", MOUSE[(count + more) % 2]))
                time.sleep(0.02)
    beside = f"idle p95 {ms(quiet.p95)}, p50 {ms(quiet.median)}; loading p50 {ms(busy.median)}, worst {ms(busy.worst)}"
    yield times("key p95 while store and clients load", busy.p95, quiet.p95, 5, beside)


def keys(stores: Stores, rounds: int) -> Iterator[Row]:
    """Cursor keys down the table, two thirds of them scroll it; and the worst that a key can meet."""
    few, many, worst, coming = Samples(), Samples(), Samples(), Samples()
    for number in range(rounds):
        for store, rows, into in ((stores.few, FEW, few), (stores.many, stores.rows, many)):
            with run(CONSOLE, store) as console:
                console.seen(STARTED, console.began)
                console.quiet()
                began = console.press("9")
                if store is stores.many:
                    turn = 0
                    while uid(0).encode() not in console.text_since(began):
                        coming.add(answered(console, "m", MOUSE[turn % 2]))
                        turn += 1
                        time.sleep(0.02)
                console.seen(uid(0), began)
                settle(console)
                for row in range(1, min(rows, 49)):
                    into.add(answered(console, "j", uid(row)))
                    console.quiet(0.03)
        if number < 2:  # takes most of a minute
            worst.add(datatable_worst(stores.many))
    beside = f"at {FEW} rows p95 {ms(few.p95)}, p50 {ms(few.median)}; p50 {ms(many.median)}"
    yield times(f"key p95 at {stores.rows:,} rows", many.p95, few.p95, 1.5, beside)
    yield Row(
        f"key p95 at {stores.rows:,} rows",
        "<= 1/100 of DataTable's worst",
        f"1/{worst.worst / many.p95:.0f} ({ms(many.p95)})",
        f"DataTable's worst {worst.worst:.1f} s; ours while the rows come {ms(coming.worst)}",
        many.p95 <= worst.worst / 100,
    )


def datatable_worst(store: Path) -> float:
    """The longest that a key waits while a DataTable takes the rows."""
    with run(datatable(store)) as peer:
        peer.seen("waiting", peer.began)
        waited = Samples()
        began, turn = peer.now(), 0
        while uid(0).encode() not in peer.text_since(began):
            turn += 1
            waited.add(answered(peer, "x", rf"counted {turn}\.", 300))
            time.sleep(0.05)
        waited.add(answered(peer, "x", rf"counted {turn + 1}\.", 300))
        return waited.worst


def bytes_sent(stores: Stores, rounds: int) -> Iterator[Row]:
    """What a changed cell and a message cost on the line."""
    cell, message, peers = Samples(), Samples(), Samples()
    with open_store(stores.few) as store, run(CONSOLE, stores.few) as console, run(datatable(stores.few)) as peer:
        open_components(console)
        peer.seen(uid(0), peer.began)
        peer.quiet()
        for number in range(rounds):
            mark = console.now()
            components.update(store, uid(5), enabled=bool(number % 2))
            console.seen("o enabled" if number % 2 else "- disabled", mark)
            settle(console)
            cell.add(console.bytes_since(mark))
            mark = console.press("m")
            console.complete(MOUSE[number % 2], mark)
            message.add(console.bytes_since(mark))
            mark = peer.press("u")
            peer.complete("enabled" if number % 2 else "failed", mark)
            peers.add(peer.bytes_since(mark))
        components.update(store, uid(5), enabled=True)
    yield most("bytes per cell update", cell.median, 300, f"DataTable {peers.median:,.0f}")
    yield most("bytes per message", message.median, 500, "the mouse's four switches included")


def idle(stores: Stores, rounds: int) -> Iterator[Row]:
    """An idle screen: bytes, CPU, memory."""
    sent, used, held, many, peers = (Samples() for _ in range(5))
    for _ in range(max(1, rounds // 2)):
        with run(CONSOLE, stores.clients) as console, run(CONSOLE, stores.many) as large:
            console.seen(LOADED, console.began)
            large.seen(STARTED, large.began)
            open_components(large)
            settle(console)
            mark, before = console.now(), console.cpu
            time.sleep(IDLE)
            sent.add(console.bytes_since(mark) / IDLE)
            used.add((console.cpu - before) / IDLE * 100)
            held.add(console.rss / (1 << 20))
            many.add(large.rss / (1 << 20))
    with run(datatable(stores.many)) as peer:
        peer.seen(uid(0), peer.began, 300)
        peer.quiet(1.0)
        peers.add(peer.rss / (1 << 20))
    yield most("idle bytes per second", sent.median, 200, f"{IDLE:.0f} s beside two vCenters")
    yield most("idle CPU, %", used.median, 3, "one core is 100", 1)
    yield most("RSS, MiB", held.median, 120, "two vCenters, pyVmomi loaded")
    yield Row(f"RSS at {stores.rows:,} rows, MiB", "", f"{many.median:.0f}", f"DataTable {peers.median:.0f}", None)


def shared(stores: Stores, rounds: int) -> Iterator[Row]:
    """Two consoles on one store."""
    late = Samples()
    with run(CONSOLE, stores.few) as one, run(CONSOLE, stores.few) as other:
        for console in (one, other):
            open_components(console)
        for number in range(2 * rounds):
            before = other.now()
            one.press("d")
            late.add(other.seen("o enabled" if number % 2 else "- disabled", before))
            settle(one)
            settle(other)
    yield Row(
        "what one console does the other shows",
        "<= 1 s",
        f"{late.worst:.2f} s",
        f"the longest of {2 * rounds}, from the key; median {late.median:.2f} s",
        late.worst <= 1,
    )


def slow_line(stores: Stores, rounds: int) -> Iterator[Row]:
    """57,600 baud: from the bytes, and measured on a pty that is read at that speed."""
    inside, scrolled, first, again = (Samples() for _ in range(4))
    took: dict[str, Samples] = {name: Samples() for name in ("inside", "scrolled", "first", "again")}
    for _ in range(rounds):
        with run(CONSOLE, stores.few, baud=BAUD) as console:
            console.seen(STARTED, console.began)
            settle(console)

            def one(key: str, pattern: str, into: Samples, name: str, pty: Pty = console) -> None:
                mark = pty.press(key)
                took[name].add(pty.complete(pattern, mark))
                settle(pty)
                into.add(pty.bytes_since(mark) * 10 / BAUD)

            one("9", uid(0), first, "first")
            for row in range(1, 9):
                one("j", uid(row), inside, "inside")
            one("1", "1 Endpoints", again, "again")
            one("9", uid(0), again, "again")
            settle(console)
            console.press("j" * 11)
            settle(console)
            for row in range(20, 26):
                one("j", uid(row), scrolled, "scrolled")
    for what, samples, name, limit in (
        ("cursor key", inside, "inside", 0.3),
        ("cursor key that scrolls", scrolled, "scrolled", 0.3),
        ("screen change", again, "again", 1.5),
        ("screen change, the first to a page", first, "first", 1.5),
    ):
        yield Row(
            f"57,600 baud: {what}",
            f"<= {limit} s",
            f"{samples.median:.2f} s",
            f"{samples.median * BAUD / 10:,.0f} B; on the throttled pty {took[name].median:.2f} s",
            samples.median <= limit,
        )


# What happens on a pty


def run(command: list[str], store: Path | None = None, baud: int = 0) -> Pty:
    """The program on a terminal as it is over SSH."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    environment = kept | {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    if store is not None:
        environment |= {"SLIPWAY_STORE": str(store), "XDG_STATE_HOME": str(store.parent)}
    return Pty(command, environment, (WIDTH, HEIGHT), baud)


def datatable(store: Path) -> list[str]:
    """The command of the app with the DataTable."""
    return [sys.executable, "-m", "bench.console_apps", "datatable", str(store)]


def answered(pty: Pty, key: str, pattern: str, seconds: float = 60) -> float:
    """Seconds from the key to what answers it."""
    return pty.seen(pattern, pty.press(key), seconds)


def open_components(console: Pty) -> None:
    """Go to page 9, until its rows are there."""
    console.seen(STARTED, console.began)
    console.quiet()
    console.seen(uid(0), console.press("9"))
    settle(console)


def settle(pty: Pty) -> None:
    """Wait until what was under way has been painted."""
    pty.quiet(0.7)


# The stores


@contextmanager
def prepared(folder: Path, rows: int) -> Iterator[Stores]:
    """The stores in the folder, and the vCenters of the first."""
    stores = Stores(
        folder / "clients" / "slipway.db", folder / "few" / "slipway.db", folder / "many" / "slipway.db", rows
    )
    for path, count in ((stores.clients, FEW), (stores.few, FEW), (stores.many, rows)):
        path.parent.mkdir()
        fill(path, count)
    with vcenter() as one, vcenter() as two, open_store(stores.clients) as store:
        for name, simulator in (("vc-bench-1", one), ("vc-bench-2", two)):
            endpoints.add(store, place(simulator, name), simulator.password)
        yield stores


def fill(path: Path, count: int) -> None:
    """A store with so many components; one file stands for all their OVAs."""
    ova = path.with_name("appliance.ova")
    ova.write_bytes(b"\0" * 2048)
    with open_store(path) as store, store.begin() as tx:
        tx.execute(insert(models.components), [asdict(component(number, ova)) for number in range(count)])


def uid(number: int) -> str:
    """The uid of a component: as long as the column at 80 columns, so that it is never cut."""
    return f"app-{number:05d}-8.{number % 10}"


def component(number: int, ova: Path) -> Component:
    """A component of the catalog."""
    return Component(
        uid=uid(number),
        name=f"app-{number:05d}",
        version=f"8.{number % 10}",
        type="esxi",
        description=f"Appliance {number}",
        url="",
        download_engine="customerconnect",
        download_file=f"app-{number:05d}.ova",
        checksum=f"sha256:{number:064x}",
        size_text=f"{100 + number % 900} MB",
        kind=Kind.L1,
        ova_path=str(ova),
    )


# The result


def times(what: str, ours: float, theirs: float, limit: float, beside: str) -> Row:
    """A row whose target is a multiple of what is beside it."""
    ratio = ours / theirs
    return Row(what, f"<= {limit} x", f"{ratio:.2f} x ({ms(ours)})", beside, ratio <= limit)


def most(what: str, value: float, limit: float, beside: str, places: int = 0) -> Row:
    """A row whose target is a number."""
    return Row(what, f"<= {limit:,}", f"{value:,.{places}f}", beside, value <= limit)


def ms(seconds: float) -> str:
    """Milliseconds."""
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.02 else f"{seconds * 1000:.1f} ms"


def machine(rounds: int) -> list[str]:
    """What the numbers depend on."""
    return [
        cores(),
        f"Python {platform.python_version()}, Textual {version('textual')}",
        f"pty of {WIDTH}x{HEIGHT}, xterm-256color with 24-bit colours and frames at once (mode 2026)",
        f"medians of {rounds} rounds, peers in turn; bytecode cached",
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"load average {os.getloadavg()[0]:.1f} before, niceness {os.nice(0)}: other work blurs times, not bytes",
    ]


METHOD = """## How
Each program runs on a pty of its own with nothing but PATH, HOME and a terminal's variables. A time is from just before
the key (or the start of the process) until the bytes that show the answer have arrived; the reader takes them as they
come. First frame: the footer's last word is there; of the empty app: nine tenths of the cells. Real rows: an endpoint's
name, read from the store.

Keys: `j` down the page of components (a real page on a real store), each until the next row's uid has arrived, two
thirds of them scroll. While the store and the clients load there are no rows to move in, so the key is `m`, answered on
the message line, pressed from the first frame on for 2 s, in which the engine, SQLAlchemy and pyVmomi are imported, the
store is opened, and two simulated vCenters are logged in to; afterwards the same keys again.

The DataTable's rows are the same, read from the same store in a thread; its worst is a key that counts itself in a line
of its own. A changed cell is a component switched off in the store by another process, the reading of the page
included; the DataTable's is one `update_cell`.

57,600 baud is 5,760 bytes a second: the bytes counted, divided, are what is promised. Beside it the same keys on a pty
that is read 64 bytes at a time at that speed: there the time that the console itself takes is in it, with the import
and the first reading of a page that was never shown before.

A page that was never shown before is sent empty, then with its rows: 6.5 KB. Where the rows come late, on a loaded
machine, Textual paints the empty page twice: 9.2 KB.

posting is measured where `.tools/peers` has it (`python -m venv .tools/peers; .tools/peers/bin/pip install posting`).
harlequin installs there as well, but ends at its start with the Textual that it is given.
"""


if __name__ == "__main__":
    main()
