"""`slipway doctor`: what this machine needs to do its work; each line says what is wrong and what to do about it."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import examples, print_json, say, utc
from cli.session import open_store
from storage import paths
from storage.errors import SlipwayError

if TYPE_CHECKING:
    from storage.endpoints import Endpoint
    from storage.store import Store

CLOCKS_APART = 2.0
"""Seconds between this host's clock and the database's that still do no harm to a claim's age."""

LEAST_FREE = 256 << 20
"""Bytes: store and log grow by a few MiB a year; below this the disk is full soon for other reasons."""

SMALLEST_TERMINAL = (80, 24)

REACH_SECONDS = 3.0
"""An endpoint that does not accept a connection in this time is as good as unreachable for an operator."""

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked thing: `told` says how it is, `fix` what to do when it is not `ok`."""

    name: str
    ok: bool
    told: str
    fix: str = ""


@app.command(epilog=examples("slipway doctor", "slipway doctor --json"))
def doctor(as_json: Annotated[bool, typer.Option("--json", "-j", help="One JSON document.")] = False) -> None:
    """Check store, key, clock, terminal, space, worker and endpoints.

    Exit 1 when something is wrong.
    """
    findings = list(_findings())
    fine = all(one.ok for one in findings)
    if as_json:
        checks = [{"name": one.name, "ok": one.ok, "told": one.told, "fix": one.fix} for one in findings]
        print_json({"ok": fine, "checks": checks})
    else:
        for one in findings:
            say(f"{'ok' if one.ok else 'WRONG':<6} {one.name}: {one.told}{'; ' * bool(one.fix)}{one.fix}")
    if not fine:
        raise typer.Exit(1)


def _findings() -> Iterator[Finding]:
    yield check_terminal()
    try:
        with open_store() as store:
            yield check_store(store)
            yield check_key(store)
            yield check_clock(store)
            yield check_space(store)
            yield check_worker(store)
            yield check_logout(store)
            yield from check_endpoints(store)
    except SlipwayError as error:
        yield failed("store", error)


def failed(name: str, error: SlipwayError) -> Finding:
    """The finding that an error of ours is."""
    return Finding(name, False, f"{error.what} {error.on}{': ' * bool(error.why)}{error.why}", error.fix)


def check_store(store: "Store") -> Finding:
    """Whether the store can be written, and an SQLite file is whole."""
    from sqlalchemy import text

    with store.begin() as tx:
        if tx.dialect.name == "sqlite":
            said = tx.execute(text("PRAGMA quick_check(1)")).scalar_one()
            if said != "ok":
                return Finding("store", False, f"{store.location} is damaged: {said}", "slipway store check")
    return Finding("store", True, f"{store.location} (id {store.id})")


def check_key(store: "Store") -> Finding:
    """Whether the key is there, the store's own, and closed to others."""
    from storage import secrets

    try:
        store.make_key()
    except SlipwayError as error:
        return failed("key", error)
    if paths.key().value == "keyring":
        return Finding("key", True, "in the operating system's keyring")
    path = secrets.key_file(store)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding("key", False, f"{path} can be read by others", f"chmod 600 {path}")
    return Finding("key", True, str(path))


def check_clock(store: "Store") -> Finding:
    """Whether the database's clock, which judges claims, and this host's agree."""
    with store.read() as tx:
        apart = abs((store.now(tx) - datetime.now(UTC)).total_seconds())
    told = f"{apart:.1f} s between the database's clock and this host's"
    return Finding("clock", apart <= CLOCKS_APART, told, "" if apart <= CLOCKS_APART else "set both clocks by NTP")


def check_terminal() -> Finding:
    """Whether the console can draw here; without a terminal nothing is asked of it."""
    if not sys.stdout.isatty():
        return Finding("terminal", True, "none: output goes to a file or another program")
    columns, lines = shutil.get_terminal_size()
    kind, encoding = os.environ.get("TERM", ""), sys.stdout.encoding
    told = f"{columns}x{lines}, TERM={kind}, {encoding}"
    if kind in ("", "dumb"):
        return Finding("terminal", False, told, "set TERM to the terminal's kind, as xterm-256color")
    if encoding.lower().replace("-", "") != "utf8":
        return Finding("terminal", False, told, "use a UTF-8 locale: export LANG=C.UTF-8")
    if columns < SMALLEST_TERMINAL[0] or lines < SMALLEST_TERMINAL[1]:
        return Finding("terminal", False, told, "make the window at least 80x24")
    return Finding("terminal", True, told)


def check_space(store: "Store") -> Finding:
    """Free space of the file system that holds an SQLite store."""
    if "://" in store.location:
        return Finding("space", True, "the database server's own")
    folder = Path(store.location).parent
    free = shutil.disk_usage(folder).free
    told = f"{free / (1 << 30):.1f} GiB free in {folder}"
    return Finding("space", free >= LEAST_FREE, told, "" if free >= LEAST_FREE else "free some space there")


def check_worker(store: "Store") -> Finding:
    """Whether jobs are being worked on: none waits without a worker, and the worker shows that it is alive."""
    from cli.following import command
    from engine.jobs import presence
    from storage import jobs

    found = presence.find(store)
    if found is None:
        waiting = 0 if presence.is_there(store) else len(jobs.active(store))
        if waiting:
            told = f"none runs, and {waiting} {'job waits' if waiting == 1 else 'jobs wait'}"
            return Finding("worker", False, told, f"{command('worker --until-idle')}, or watch one of them")
        return Finding("worker", True, "none runs; commands that need one start it")
    told = f"{found}, since {utc(found.since)}"
    if found.hung:
        told += f", no sign of life for {found.silent:.0f} s"
        return Finding("worker", False, told, f"kill -KILL {found.holder.pid} there; any command starts another")
    return Finding("worker", True, f"{told}, log {paths.worker_log_file(store.id)}")


def check_logout(store: "Store") -> Finding:
    """Whether the worker, or the one that this session would start, outlives the session."""
    from engine.jobs import logout, presence
    from engine.staging.holder import is_here

    found = presence.find(store)
    pid = found.holder.pid if found is not None and is_here(found.holder) else "self"
    if logout.ends_jobs(pid=pid):
        return Finding("logout", False, logout.SAYS, logout.FIX)
    return Finding("logout", True, "jobs go on when you log out")


def check_endpoints(store: "Store") -> list[Finding]:
    """Whether each endpoint accepts a TCP connection; all are tried at once."""
    import threading
    import time

    from storage import endpoints

    known = endpoints.listing(store)
    told: dict[str, str] = {}
    tries = [threading.Thread(target=_reach, args=(endpoint, told), daemon=True) for endpoint in known]
    for one in tries:
        one.start()
    # A name server may answer later than a connection is given up: the line waits for neither.
    end = time.monotonic() + REACH_SECONDS
    for one in tries:
        one.join(max(0.0, end - time.monotonic()))
    answers = [(endpoint, told.get(endpoint.name, "no answer")) for endpoint in known]
    return [_reached(endpoint, why) for endpoint, why in answers]


def _reach(endpoint: "Endpoint", told: dict[str, str]) -> None:
    import socket

    try:
        socket.create_connection((endpoint.host, endpoint.port), timeout=REACH_SECONDS).close()
    except OSError as error:
        told[endpoint.name] = error.strerror or str(error)
    else:
        told[endpoint.name] = ""


def _reached(endpoint: "Endpoint", why: str) -> Finding:
    where = f"{endpoint.host}:{endpoint.port}"
    if not why:
        return Finding(
            f"endpoint {endpoint.name}",
            True,
            f"the port of {where} is open; slipway endpoint test {endpoint.name} looks at the rest",
        )
    fix = f"check name, network and firewall; then: slipway endpoint test {endpoint.name}"
    return Finding(f"endpoint {endpoint.name}", False, f"{where}: {why}", fix)
