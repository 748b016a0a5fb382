"""What a command works with: the store that the command line chose."""

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING

from storage.errors import BadInput

if TYPE_CHECKING:
    from storage.store import Store

_chosen: ContextVar[str | None] = ContextVar("chosen store", default=None)


def choose_store(where: str | None) -> None:
    """Remember the global `--store`, None when it was not given."""
    _chosen.set(where)


def chosen_store() -> str | None:
    """The global `--store`."""
    return _chosen.get()


def open_store() -> "Store":
    """Open the chosen store; use it as a context manager. Raises as `storage.store.open_store`."""
    from storage import store

    return store.open_store(_chosen.get())


def read_line() -> str:
    """The first line of stdin, without its end: how a secret is given without showing in the list of processes."""
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadInput("cannot read stdin", why="it is not UTF-8 text") from error
