"""The simulated vCenter's admin port: what it should do wrong, and what it counted (engine/simulator/admin.go)."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from engine.errors import BadInput, Unreachable

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FileCount:
    """One file of a lease: how many times it came whole, the SHA-1 of what came whole last, the bytes received, also of
    uploads that broke off.
    """

    name: str
    complete: int
    bytes: int
    sha1: str = ""


@dataclass(frozen=True, slots=True)
class LeaseCount:
    """One import lease: the machine's name, the lease's state, the bytes received, also of files that broke off."""

    name: str
    state: str
    bytes: int
    files: tuple[FileCount, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningTask:
    """A task that has not ended: its method (`CloneVM_Task`) and the name of the object it was called on."""

    task: str
    object: str


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the start or `reset_counters`.

    `calls` is by SOAP method; `broken_children` are the machines there now whose parent was destroyed.
    """

    bytes_received: int
    leases: tuple[LeaseCount, ...]
    calls: Mapping[str, int]
    broken_children: int
    live_sessions: int
    running: tuple[RunningTask, ...] = ()


class Admin:
    """Calls of the admin port at `url`. All raise Unreachable when it does not answer, BadInput when it refuses."""

    def __init__(self, url: str) -> None:
        self.url = url

    def fault(  # noqa: PLR0913 - each is one choice about the fault
        self,
        method: str,
        fault: str = "",
        *,
        message: str = "",
        object: str = "",  # noqa: A002 - the word of the vSphere API
        detail: Mapping[str, object] | None = None,
        in_task: bool = False,
        skip: int = 0,
        times: int = 0,
        delay: float = 0,
        mode: Literal["", "503", "drop", "stall", "gone"] = "",
        after: bool = False,
    ) -> None:
        """Let SOAP `method` (`*` for all) fail with the vSphere type `fault`, or only come late when that is empty.

        `object` is part of the name of the object called, or of what the call makes. `detail` are fields of the fault
        by their vSphere names. `times` faults (0: all) come after `skip` calls that go well; `delay` is seconds. With
        `in_task` the call succeeds and its task fails: methods that docs/simulator.md lists.

        With `mode` the call gets no fault, it is lost on the wire: answered with 503, its connection reset (`drop`),
        held for `delay` or until `clear_faults` (`stall`), reset while the port refuses connections for `delay` or
        until `listen(True)` (`gone`). `after`: it is carried out first, only its answer is lost.
        """
        self._call(
            "POST",
            "/fault",
            {
                "method": method,
                "object": object,
                "fault": fault,
                "message": message,
                "detail": dict(detail or {}),
                "in_task": in_task,
                "skip": skip,
                "times": times,
                "delay": delay,
                "mode": mode,
                "after": after,
            },
        )

    def clear_faults(self) -> None:
        """Forget all faults and delays; calls that are held go on."""
        self._call("DELETE", "/fault")

    def nfc(
        self,
        mode: Literal["drop", "stall", "slow", "status"],
        *,
        match: str = "",
        after_bytes: int = 0,
        bytes_per_second: int = 0,
        status: int = 500,
        skip: int = 0,
        times: int = 0,
        after: bool = False,
    ) -> None:
        """Let uploads go wrong: reset or stall the connection `after_bytes`, take `bytes_per_second`, answer `status`.

        `after` (drop, status): the whole file is taken first, only the answer is lost. `match` is part of the file's or
        the machine's name. `times` uploads (0: all) after `skip` that go well.
        """
        self._call(
            "POST",
            "/nfc",
            {
                "mode": mode,
                "match": match,
                "after_bytes": after_bytes,
                "bytes_per_second": bytes_per_second,
                "status": status,
                "skip": skip,
                "times": times,
                "after": after,
            },
        )

    def clear_nfc(self) -> None:
        """Let uploads go well again; one that stalls goes on."""
        self._call("DELETE", "/nfc")

    def settings(
        self,
        *,
        clone_delay: float | None = None,
        guest_delay: float | None = None,
        lease_timeout: float | None = None,
        session_idle: float | None = None,
        keep_partial: bool | None = None,
        datastore_capacity: int | None = None,
    ) -> None:
        """Change what is given: seconds, bytes of every datastore.

        With `keep_partial` the half machine of a lease that was aborted or timed out stays, as on stock vcsim. A lease
        that is open gets a new timeout with its next progress. A session without any call for `session_idle` seconds
        ends (0, the default: never); uploads to the hosts are no calls.
        """
        given = {
            "clone_delay": clone_delay,
            "guest_delay": guest_delay,
            "lease_timeout": lease_timeout,
            "session_idle": session_idle,
            "keep_partial": keep_partial,
            "datastore_capacity": datastore_capacity,
        }
        self._call("POST", "/settings", {name: value for name, value in given.items() if value is not None})

    def deny(self, privilege: str, object: str = "*") -> None:  # noqa: A002 - the word of the vSphere API
        """Take a privilege away on the object of that name (`*`: on all): the calls that it guards get NoPermission."""
        self._call("POST", "/privilege", {"privilege": privilege, "object": object, "granted": False})

    def grant(self, privilege: str, object: str = "*") -> None:  # noqa: A002 - the word of the vSphere API
        """Give back what `deny` took, with the same arguments."""
        self._call("POST", "/privilege", {"privilege": privilege, "object": object, "granted": True})

    def expire_sessions(self) -> None:
        """End every session: the next call of each gets NotAuthenticated."""
        self._call("DELETE", "/sessions")

    def http503(self, times: int = 1) -> None:
        """Answer the next `times` requests to vCenter's port with 503."""
        self._call("POST", "/http503", {"times": times})

    def listen(self, open: bool) -> None:  # noqa: A002 - the word of the admin port
        """Let vCenter's port refuse connections, after a reset of those there are, or take them again (same port).

        Inventory, tasks, leases and sessions stay; the hosts' ports stay open.
        """
        self._call("POST", "/listen", {"open": open})

    def disconnect_host(self, name: str) -> None:
        """Disconnect a host (`127.0.0.1`), and with it the machines that lie on it."""
        self._call("POST", "/host", {"name": name, "connected": False})

    def connect_host(self, name: str) -> None:
        """Connect a host again."""
        self._call("POST", "/host", {"name": name, "connected": True})

    def maintain_datastore(self, name: str, maintenance: bool = True) -> None:
        """Put a datastore into maintenance, or end that."""
        self._call("POST", "/datastore", {"name": name, "maintenance": maintenance})

    def counters(self) -> Counters:
        """What was counted."""
        answer = self._call("GET", "/counters")
        return Counters(
            bytes_received=answer["bytes_received"],
            leases=tuple(
                LeaseCount(**lease | {"files": tuple(FileCount(**file) for file in lease["files"])})
                for lease in answer["leases"]
            ),
            calls=answer["calls"],
            broken_children=answer["broken_children"],
            live_sessions=answer["live_sessions"],
            running=tuple(RunningTask(**task) for task in answer["running"]),
        )

    def reset_counters(self) -> None:
        """Count from zero; leases that ended are forgotten."""
        self._call("DELETE", "/counters")

    def _call(self, method: str, path: str, document: Mapping[str, object] | None = None) -> Any:
        # http.client: no proxy of the environment comes between
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, json.dumps(document or {}))
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable("the simulator's admin port does not answer:", on=self.url, why=str(error)) from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise BadInput("the simulator refuses", on=path, why=str(answer["error"]))
        return answer
