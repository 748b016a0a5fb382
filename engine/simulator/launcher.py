"""Starts and stops the simulated vCenter, and stock vcsim, for tests, bench and demo.

The programs are Go (this folder, tests/stock), built by the Makefile into `.tools/bin` (`SLIPWAY_TOOLS` names another
folder). A password reaches them by environment, never by argv. They end when their standard input is closed, so a
parent that is killed leaves nothing; `stop` ends only the process that `start` started, by its pid.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from engine.errors import Failed, NotFound
from engine.simulator.admin import Admin

STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Host:
    """A simulated ESXi host: its name is its address, `port` stands for 443, `thumbprint` is SHA-1 with colons."""

    name: str
    port: int
    thumbprint: str


class Stock:
    """A running stock vcsim: govmomi's simulator as released, what the contract suite compares ours with.

    `host` and `port` are those of `url` (`https://127.0.0.1:PORT/sdk`); `fingerprint` is the certificate's SHA-256 as
    64 lower-case hex digits, the form of an endpoint's pin.
    """

    PROGRAM = "vcsim"
    PASSWORD_VARIABLE = "VCSIM_PASSWORD"  # noqa: S105

    def __init__(
        self, process: subprocess.Popen[bytes], ready: Mapping[str, Any], username: str, password: str
    ) -> None:
        self._process = process
        self._folder = str(ready["folder"])
        self.url = str(ready["url"])
        self.host = urlsplit(self.url).hostname or ""
        self.port = urlsplit(self.url).port or 443
        self.fingerprint = str(ready["fingerprint"])
        self.username = username
        self.password = password
        self.pid = process.pid

    @classmethod
    def start(cls, *, username: str, password: str, pools: int = 1, tools: Path | None = None) -> Self:
        """Start it without VMs; returns when it listens. Raises NotFound when it was not built, Failed when it ends."""
        arguments = ["-vm", "0", "-pool", str(pools)]
        process, ready = cls._launch(arguments, username, password, tools)
        return cls(process, ready, username, password)

    @classmethod
    def _launch(
        cls, arguments: Sequence[str], username: str, password: str, tools: Path | None
    ) -> tuple[subprocess.Popen[bytes], Mapping[str, Any]]:
        process = subprocess.Popen(
            [program(cls.PROGRAM, tools), "-username", username, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {cls.PASSWORD_VARIABLE: password},
            start_new_session=True,  # Ctrl-C on the terminal is the parent's business
        )
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        line = process.stdout.readline()
        ready: Mapping[str, Any] = json.loads(line) if line else {"error": "it ended without a word"}
        if "error" in ready:
            process.kill()
            process.communicate()
            raise Failed("cannot start the simulator", on=cls.PROGRAM, why=str(ready["error"]), fix="run make setup")
        return process, ready

    def stop(self) -> None:
        """End the process and remove its temporary files; again is harmless."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Simulator(Stock):
    """A running simulated vCenter (docs/simulator.md). `admin` makes it misbehave and tells what it counted.

    `hosts` are the cluster's hosts, which take the uploads.
    """

    PROGRAM = "simulator"
    PASSWORD_VARIABLE = "SLIPWAY_SIMULATOR_PASSWORD"  # noqa: S105

    def __init__(
        self, process: subprocess.Popen[bytes], ready: Mapping[str, Any], username: str, password: str
    ) -> None:
        super().__init__(process, ready, username, password)
        self.admin_url = str(ready["admin_url"])
        self.instance_uuid = str(ready["instance_uuid"])
        self.hosts = tuple(Host(**host) for host in ready["hosts"])
        self.admin = Admin(self.admin_url)

    @classmethod
    def start(  # type: ignore[override]  # noqa: PLR0913
        cls,
        *,
        username: str,
        password: str,
        clone_delay: float = 0,
        drs: bool = True,
        guest_delay: float = 0,
        lease_timeout: float = 300,
        datastore_capacity: int | None = None,
        portgroups: Sequence[str] = (),
        folders: Sequence[str] = (),
        datastores: Sequence[str] = (),
        clusters: Sequence[str] = (),
        instance_uuid: str | None = None,
        tools: Path | None = None,
    ) -> Self:
        """Start it on free loopback ports; returns when it listens.

        Delays and the lease timeout are seconds, the capacity bytes. `portgroups` are distributed portgroups beside
        `VM Network` and `DC0_DVPG0`, `folders` lie directly below the vm folder. `datastores` are further ones, of a
        single host as `NAME@HOST`; `clusters` are datastore clusters, `NAME=MEMBER,MEMBER`. Raises NotFound when it was
        not built, Failed when it ends at once.
        """
        arguments = [
            f"-clone-delay={clone_delay}s",
            f"-guest-delay={guest_delay}s",
            f"-lease-timeout={lease_timeout}s",
            f"-drs={str(drs).lower()}",
        ]
        if datastore_capacity is not None:
            arguments.append(f"-datastore-capacity={datastore_capacity}")
        if instance_uuid is not None:
            arguments.append(f"-instance-uuid={instance_uuid}")
        arguments += [f"-portgroup={name}" for name in portgroups]
        arguments += [f"-folder={name}" for name in folders]
        arguments += [f"-datastore={name}" for name in datastores]
        arguments += [f"-datastore-cluster={name}" for name in clusters]
        process, ready = cls._launch(arguments, username, password, tools)
        return cls(process, ready, username, password)


def program(name: str, tools: Path | None = None) -> Path:
    """Where a built program lies. Raises NotFound when it was not built."""
    default = Path(__file__).parents[2] / ".tools" / "bin"
    path = (tools or Path(os.environ.get("SLIPWAY_TOOLS") or default)) / name
    if not path.is_file():
        raise NotFound("not built:", on=str(path), fix="run make setup in a checkout of Slipway")
    return path
