"""The limits of packages as the store has them."""

from typing import Any

from engine.ova.limits import Limits
from storage.limits import REMOTE_HOSTS, remote_hosts, stored_limits
from storage.store import Store


def limits_of(store: Store) -> Limits:
    """What a package may cost now; what is not set has its default."""
    values: dict[str, Any] = {**stored_limits(store), REMOTE_HOSTS: remote_hosts(store)}
    return Limits(**values)
