"""The catalog, read once: again only when the audit trail has grown: every change of a component is in it."""

import threading

from storage import audit, components
from storage.components import Component
from storage.store import Store


class Catalog:
    """The components of a store, for many readers; tens of thousands take a second to read."""

    def __init__(self, store: Store) -> None:
        """Reads nothing until it is asked."""
        self._store = store
        self._lock = threading.Lock()
        self._as_of = (-1, 0)
        self._known: tuple[Component, ...] = ()

    def listing(self) -> tuple[Component, ...]:
        """Every component by uid; the same object as before when none has changed."""
        with self._lock:
            now = audit.version(self._store)
            if now != self._as_of:
                found = tuple(components.listing(self._store))
                if found != self._known:
                    self._known = found
                self._as_of = now
            return self._known
