"""Observing the endpoints: one thread each, with a session of its own, so that a dead one costs its own row only."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from engine.console.catalog import Catalog
from engine.errors import BadInput, CertificateRefused, Failed, LoginRefused, NotFound, SlipwayError, Unreachable
from engine.site import Site, address_of, open_site
from engine.staging.templates import Template, listing
from engine.vsphere.datastores import look_at
from engine.vsphere.session import Address
from engine.vsphere.vms import vcenter_time
from storage import endpoints
from storage.endpoints import Endpoint
from storage.pace import pace_of
from storage.store import Store

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks at an endpoint that answers."""

A_SECOND = 5
"""Looks at all endpoints together; with many of them each is looked at more seldom."""

SHARE = 20
"""A look that took long, as in a large inventory, is repeated after so many times that: it must not cost the screen
its processor."""

DEADLINE = 15.0
"""Seconds that an observer waits for an answer, where a job may wait longer: an operator wants to know."""

AT_ONCE, PATIENCE = 16, 2.0
"""So many endpoints are asked at the same time. One that has not answered for so many seconds only waits, and does not
count any more: silent ones delay nobody."""

LEAVE = 0.5
"""Seconds that leaving waits for the sessions to be closed."""

PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds until one that did not answer is tried again, the first time, the second, ..."""


class State(StrEnum):
    """How an endpoint is. `stale`: it answered before, and does not now; `missing`: it answers, and has not, or has
    twice, what the endpoint names.
    """

    CONNECTING = "connecting"
    READY = "ready"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    LOGIN_REFUSED = "login refused"
    CERTIFICATE_REFUSED = "certificate refused"
    MISSING = "missing"
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

    def __init__(self, store: Store, catalog: Catalog) -> None:
        """Observes nothing until the first `of`."""
        self.store, self.catalog = store, catalog
        self.gate = Gate()
        self._eyes: dict[int, _Eye] = {}
        self._lock = threading.Lock()
        self.news = 0
        """Grows with everything that was seen."""

    def of(self, endpoint: Endpoint) -> Observed:
        """What is known of the endpoint, as just read from the store; it is observed from now on."""
        with self._lock:
            eye = self._eyes.get(endpoint.id)
            if eye is None or eye.endpoint != _asked(endpoint):
                if eye is not None:
                    eye.close()
                eye = self._eyes[endpoint.id] = _Eye(self, endpoint)
                eye.start()
            else:
                eye.heed(endpoint.refused)
            return eye.seen

    def keep(self, known: set[int]) -> None:
        """Observe no endpoint but these ids: the others were removed."""
        with self._lock:
            for gone in self._eyes.keys() - known:
                self._eyes.pop(gone).close()

    def look_again(self, endpoint_id: int | None = None) -> None:
        """Ask every endpoint now, or that one."""
        with self._lock:
            for one, eye in self._eyes.items():
                if endpoint_id in (None, one):
                    eye.wake()

    def stop(self) -> None:
        """Observe nothing any more; waits a moment for those that only have to log out, not for one that is asking."""
        with self._lock:
            eyes = list(self._eyes.values())
            self._eyes.clear()
        for eye in eyes:
            eye.close()
        until = time.monotonic() + LEAVE
        for eye in eyes:
            eye.join(max(0.0, until - time.monotonic()))

    @property
    def count(self) -> int:
        """Endpoints that are observed."""
        return len(self._eyes)

    @property
    def down(self) -> int:
        """Those that do not answer, or refuse."""
        with self._lock:
            states = [eye.seen.state for eye in self._eyes.values()]
        return sum(state not in (State.READY, State.CONNECTING, State.MISSING) for state in states)

    def tell(self) -> None:
        """Something new was seen."""
        with self._lock:
            self.news += 1


class Gate:
    """Lets AT_ONCE ask at the same time, the others wait for their turn."""

    def __init__(self) -> None:
        """Nobody is asking."""
        self._began: list[float] = []
        self._freed = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn; who takes longer than PATIENCE keeps nobody waiting."""
        with self._freed:
            while len(asking := self._asking()) >= AT_ONCE:
                self._freed.wait(min(asking) + PATIENCE - time.monotonic())
            began = time.monotonic()
            self._began = [*asking, began]
        try:
            yield
        finally:
            with self._freed:
                if began in self._began:
                    self._began.remove(began)
                self._freed.notify()

    def _asking(self) -> list[float]:
        """Since when each of those asks that count."""
        now = time.monotonic()
        return [began for began in self._began if now < began + PATIENCE]


def _asked(endpoint: Endpoint) -> Endpoint:
    """The endpoint as far as another value means asking anew: what is learned from it does not, nor how it clones and
    what it asks of packages.
    """
    return replace(endpoint, instance_uuid=None, refused=False, linked_clones=False, signatures="")


class _Eye:
    """One endpoint's thread."""

    def __init__(self, observer: Observer, endpoint: Endpoint) -> None:
        self.endpoint = _asked(endpoint)
        self.observed = Observed()
        self._observer = observer
        self._store = observer.store
        self._wake = threading.Event()
        self._closed = False
        self._failures = 0
        self._tried: Address | None = None
        self._refused: Address | None = None
        self._refusal: LoginRefused | None = None
        self._known_refused = False
        # A daemon: a vCenter that never answers must not keep the console from ending.
        self._thread = threading.Thread(target=self._run, name=f"observe {endpoint.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def heed(self, refused: bool) -> None:
        """The store says whether the login was refused: when it no longer is, somebody has put that right."""
        if self._known_refused and not refused:
            self._refused = None
            self.wake()
        self._known_refused = refused

    @property
    def seen(self) -> Observed:
        """What was seen. A session that lives on does not make up for a login that was refused meanwhile: jobs fail."""
        if self._known_refused and self.observed.state is State.READY:
            why = "its user name and password were refused; this console's session is older"
            return replace(self.observed, state=State.LOGIN_REFUSED, error=f"nobody can log in any more: {why}")
        return self.observed

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._closed:
            try:
                self._watch()
            except SlipwayError as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - a defect of ours costs this row only, too
                kind = type(error).__name__
                told = Failed("cannot observe", on=self.endpoint.name, why=kind, fix="see the log: page 8")
                self._failed(told, defect=error)

    def _watch(self) -> None:
        """Look again and again in one session, as long as it answers."""
        patience = pace_of(self._store)
        pace = replace(patience, call_deadline_seconds=min(DEADLINE, patience.call_deadline_seconds))
        with ExitStack() as session:
            with self._observer.gate.turn():
                if self._closed:
                    return
                self._check_other_than_refused()
                site = session.enter_context(open_site(self._store, self.endpoint.name, pace))
            while not self._closed:
                try:
                    with self._observer.gate.turn():
                        took = self._see(site)
                except Unreachable:
                    site.session.break_off()  # no logout from a server that does not answer
                    raise
                self._rest(max(EVERY, took * SHARE, self._observer.count / A_SECOND))

    def _check_other_than_refused(self) -> None:
        """The store remembers a refused login, unless it cannot be written to: a full disk must not lock an account."""
        self._tried = address_of(self._store, endpoints.get(self._store, self.endpoint.name))
        if self._refusal is not None and self._tried == self._refused:
            raise copy(self._refusal)

    def _rest(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def _see(self, site: Site) -> float:
        """Look, and tell; how many seconds it took."""
        asked = time.monotonic()
        vcenter_time(site.session)
        latency = time.monotonic() - asked
        datastores = look_at(site.session, site.target.datastores)
        templates = tuple(listing(site, self._observer.catalog.listing()))
        self._failures = 0
        self._tell(
            Observed(
                state=State.READY,
                version=str(site.session.content.about.version),
                latency=latency,
                free_bytes=sum(one.free for one in datastores),
                capacity_bytes=sum(one.capacity for one in datastores),
                templates=templates,
                seen=datetime.now(UTC),
            )
        )
        return time.monotonic() - asked

    def _failed(self, error: SlipwayError, defect: Exception | None = None) -> None:
        """Tell why, and wait until it is tried again."""
        known = self.observed
        match error:
            case LoginRefused():
                state, self._refused, self._refusal = State.LOGIN_REFUSED, self._tried, error
            case CertificateRefused():
                state = State.CERTIFICATE_REFUSED
            case Unreachable():
                state = State.STALE if known.seen else State.UNREACHABLE
            case NotFound() | BadInput():
                state = State.MISSING
            case _:
                state = State.FAILED
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        told = f"{error.what} {error.on}".strip() + (f": {error.why}" if error.why else "")
        if told != known.error:  # for days it would fill the log
            log.log(logging.ERROR if defect else logging.INFO, "%s", error, exc_info=defect)
        next_try = datetime.now(UTC) + timedelta(seconds=pause)
        self._tell(replace(known, state=state, error=told, fix=error.fix, next_try=next_try))
        self._rest(pause)

    def _tell(self, observed: Observed) -> None:
        self.observed = observed
        self._observer.tell()


def observe_all(observer: Observer, store: Store) -> list[tuple[Endpoint, Observed]]:
    """Every endpoint of the store and what is known of it."""
    found = endpoints.listing(store)
    observer.keep({one.id for one in found})
    return [(one, observer.of(one)) for one in found]
