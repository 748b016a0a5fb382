"""What a command works with: the store that the command line chose."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.store import Store

_chosen: str | None = None


def choose_store(where: str | None) -> None:
    """Remember the global `--store`, None when it was not given."""
    global _chosen
    _chosen = where


def chosen_store() -> str | None:
    """The global `--store`."""
    return _chosen


def open_store() -> "Store":
    """Open the chosen store; use it as a context manager. Raises as `storage.store.open_store`."""
    from storage import store

    return store.open_store(_chosen)
