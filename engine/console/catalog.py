"""The catalog, read once: again only when the audit trail has grown, in which every change of a component is."""

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
        self._as_of = -1
        self._known: tuple[Component, ...] = ()

    def listing(self) -> tuple[Component, ...]:
        """Every component by uid; the same object as before when none has changed."""
        with self._lock:
            newest = audit.newest(self._store)
            if newest != self._as_of:
                found = tuple(components.listing(self._store))
                if found != self._known:
                    self._known = found
                self._as_of = newest
            return self._known
