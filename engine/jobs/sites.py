"""Open sites: one session per endpoint, shared by the jobs that work there, closed with the last of them."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from engine.site import Site, open_site
from storage import endpoints
from storage.store import Store


@dataclass(slots=True)
class _Shared:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    site: Site | None = None
    closing: ExitStack = field(default_factory=ExitStack)


class Sites:
    """The open sites of one process: nine VMs make one login, and so does a wrong password."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._shared: dict[int, _Shared] = {}

    @contextmanager
    def use(self, endpoint_id: int) -> Iterator[Site]:
        """The endpoint's site, opened if nobody has it open. Raises as `open_site`."""
        with self._guard:
            shared = self._shared.setdefault(endpoint_id, _Shared())
        with shared.lock:
            if shared.site is None:
                name = endpoints.by_id(self._store, endpoint_id).name
                shared.site = shared.closing.enter_context(open_site(self._store, name))
            shared.users += 1
            site = shared.site
        try:
            yield site
        finally:
            with shared.lock:
                shared.users -= 1
                if not shared.users:
                    shared.site = None
                    shared.closing.close()
