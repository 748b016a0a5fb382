"""Observing the endpoints: one thread each, with a session of its own, so that a dead one costs its own row only."""

import logging
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from engine.errors import CertificateRefused, LoginRefused, SlipwayError, Unreachable
from engine.site import Site, open_site
from engine.staging.templates import Template, listing
from engine.vsphere.properties import read
from engine.vsphere.vms import vcenter_time
from storage import components, endpoints
from storage.endpoints import Endpoint
from storage.store import Store

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks at an endpoint that answers."""

PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds until one that did not answer is tried again, the first time, the second, ..."""


class State(StrEnum):
    """How an endpoint is. `stale`: it answered before, and does not now."""

    CONNECTING = "connecting"
    READY = "ready"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    LOGIN_REFUSED = "login refused"
    CERTIFICATE_REFUSED = "certificate refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of an endpoint. `latency` in seconds; `seen` when it last answered, `next_try` when it is asked
    again (UTC); `templates` None until they were read once.
    """

    state: State = State.CONNECTING
    version: str = ""
    latency: float | None = None
    free_bytes: int | None = None
    capacity_bytes: int | None = None
    templates: tuple[Template, ...] | None = None
    seen: datetime | None = None
    error: str = ""
    fix: str = ""
    next_try: datetime | None = None


class Observer:
    """The threads that observe, and what they last saw."""

    def __init__(self, store: Store) -> None:
        """Observes nothing until the first `of`."""
        self._store = store
        self._eyes: dict[int, _Eye] = {}
        self._lock = threading.Lock()
        self.news = 0
        """Grows with everything that was seen."""

    def of(self, endpoint: Endpoint) -> Observed:
        """What is known of the endpoint; it is observed from now on."""
        with self._lock:
            eye = self._eyes.get(endpoint.id)
            if eye is None or eye.endpoint != _asked(endpoint):
                if eye is not None:
                    eye.close()
                eye = self._eyes[endpoint.id] = _Eye(self, self._store, endpoint)
                eye.start()
            return eye.observed

    def keep(self, known: set[int]) -> None:
        """Observe no endpoint but these ids: the others were removed."""
        with self._lock:
            for gone in self._eyes.keys() - known:
                self._eyes.pop(gone).close()

    def look_again(self) -> None:
        """Ask every endpoint now."""
        with self._lock:
            for eye in self._eyes.values():
                eye.wake()

    def stop(self) -> None:
        """Observe nothing any more; does not wait for those that are asking."""
        self.keep(set())

    @property
    def count(self) -> int:
        """Endpoints that are observed."""
        return len(self._eyes)

    @property
    def down(self) -> int:
        """Those that do not answer, or refuse."""
        with self._lock:
            states = [eye.observed.state for eye in self._eyes.values()]
        return sum(state not in (State.READY, State.CONNECTING) for state in states)

    def tell(self) -> None:
        """Something new was seen."""
        with self._lock:
            self.news += 1


def _asked(endpoint: Endpoint) -> Endpoint:
    """The endpoint as far as another value means asking anew: what is learned from it does not."""
    return replace(endpoint, instance_uuid=None, refused=False)


class _Eye:
    """One endpoint's thread."""

    def __init__(self, observer: Observer, store: Store, endpoint: Endpoint) -> None:
        self.endpoint = _asked(endpoint)
        self.observed = Observed()
        self._observer = observer
        self._store = store
        self._wake = threading.Event()
        self._closed = False

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"observe {self.endpoint.name}", daemon=True).start()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        failures = 0
        while not self._closed:
            try:
                with ExitStack() as session:
                    site = session.enter_context(open_site(self._store, self.endpoint.name))
                    while not self._closed:
                        self._see(site)
                        failures = 0
                        self._rest(EVERY)
            except SlipwayError as error:
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                self._failed(error, pause)
                self._rest(pause)

    def _rest(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def _see(self, site: Site) -> None:
        asked = time.monotonic()
        vcenter_time(site.session)
        latency = time.monotonic() - asked
        space = read(site.session, site.target.datastore, "summary.freeSpace", "summary.capacity")
        self._tell(
            Observed(
                state=State.READY,
                version=str(site.session.content.about.version),
                latency=latency,
                free_bytes=int(space["summary.freeSpace"]),
                capacity_bytes=int(space["summary.capacity"]),
                templates=tuple(listing(site, components.listing(self._store))),
                seen=datetime.now(UTC),
            )
        )

    def _failed(self, error: SlipwayError, pause: float) -> None:
        log.info("%s", error)
        known = self.observed
        match error:
            case LoginRefused():
                state = State.LOGIN_REFUSED
            case CertificateRefused():
                state = State.CERTIFICATE_REFUSED
            case Unreachable():
                state = State.STALE if known.seen else State.UNREACHABLE
            case _:
                state = State.STALE if known.seen else State.FAILED
        told = f"{error.what} {error.on}".strip() + (f": {error.why}" if error.why else "")
        next_try = datetime.now(UTC) + timedelta(seconds=pause)
        self._tell(replace(known, state=state, error=told, fix=error.fix, next_try=next_try))

    def _tell(self, observed: Observed) -> None:
        self.observed = observed
        self._observer.tell()


def observe_all(observer: Observer, store: Store) -> list[tuple[Endpoint, Observed]]:
    """Every endpoint of the store and what is known of it."""
    found = endpoints.listing(store)
    observer.keep({one.id for one in found})
    return [(one, observer.of(one)) for one in found]
