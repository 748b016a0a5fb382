"""Stores for the tests: the same tests run on an SQLite file and on a PostgreSQL server started here."""

import multiprocessing
import os
import pwd
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest

from storage import migrations
from storage import store as stores
from storage.errors import SlipwayError
from storage.store import Store, open_store

NOBODY = 65534
ROOT = Path(__file__).parents[2]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="two users need root")

_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))


class Postgres:
    """A server of our own on a socket in its temporary folder, run by an unprivileged user."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._databases = 0
        self._user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            self._user = ["setpriv", "--reuid=postgres", f"--regid={owner.pw_gid}", "--clear-groups"]
        self._run(
            "initdb", "-D", f"{folder}/data", "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale"
        )
        rules = folder / "data" / "pg_hba.conf"
        rules.write_text("local all guarded scram-sha-256\nlocal all all trust\n")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        self._run("pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", options, "start")
        self._admin("CREATE ROLE guarded LOGIN PASSWORD 'right'")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._user, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def _admin(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user="tester", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        self._admin(f"CREATE DATABASE store{self._databases}")
        return self.url(f"store{self._databases}")

    def url(self, database: str, user: str = "tester") -> str:
        """A URL of this server."""
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    def stop(self) -> None:
        """Stop it; its connections are cut."""
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole run."""
    if not _INSTALLED:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="slipway-pg-"))
    try:
        server = Postgres(_INSTALLED[-1].parent, folder)
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The place of a store that nobody has opened yet."""
    if request.param == "sqlite":
        return str(tmp_path / "own" / "slipway.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """A new store on either database."""
    with open_store(where) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """A new store in an SQLite file."""
    with open_store(tmp_path / "own" / "slipway.db") as opened:
        yield opened


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that an unprivileged user owns, and a home beside it; pytest's own are closed to that user."""
    top = Path(tempfile.mkdtemp(prefix="slipway-test-"))
    made = top / "store"
    made.mkdir()
    # Everything is imported before the child drops its rights: the interpreter's own files may be closed to it.
    with open_store(top / "first.db") as store:
        store.encrypt("x")
    if os.geteuid() == 0:
        os.chown(top, NOBODY, NOBODY)
        os.chown(made, NOBODY, NOBODY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(top / "config"))
    yield made
    made.chmod(0o700)
    shutil.rmtree(top)


def _drop_rights_and_call(act: Callable[[], object], answer: Connection) -> None:
    if os.geteuid() == 0:  # root is not bound by permissions
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        act()
        answer.send(None)
    except SlipwayError as error:
        answer.send((type(error).__name__, str(error)))


def unprivileged(act: Callable[[], object]) -> tuple[str, str] | None:
    """Kind and text of our error that `act` raises in a process of a user without rights; None when it raises none."""
    context = multiprocessing.get_context("fork")
    answers, answer = context.Pipe(duplex=False)
    child = context.Process(target=_drop_rights_and_call, args=(act, answer))
    child.start()
    answer.close()
    told: tuple[str, str] | None = answers.recv()
    child.join()
    answers.close()
    return told


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A folder, and what makes writing there impossible: a full disk of its own, or a limit of this process.

    `told` is what is said then, a regular expression.
    """

    folder: Path
    mounted: bool

    @property
    def told(self) -> str:
        return "the disk is full" if self.mounted else "the disk is full|disk I/O error|File too large"

    @contextmanager
    def full(self) -> Iterator[None]:
        """No byte more in the block."""
        if not self.mounted:
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            return
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        assert shutil.disk_usage(self.folder).free == 0
        try:
            yield
        finally:
            filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A tmpfs of 2 MiB; without the right to mount one, a limit on the size of files (setrlimit(2))."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    yield SmallDisk(folder, mounted)
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def make_old(where: str | Path) -> None:
    """Make the store that the first release made: schema 0001."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "SCHEMA", "0001")
        patch.setattr(migrations, "SCHEMA", "0001")
        open_store(where).close()


def spoil_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"no database, no ")


def spoil_page(path: Path, table: str) -> None:
    """Overwrite the first page of a table."""
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


@contextmanager
def elsewhere(script: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run `script` in another process up to its first line of output; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()
