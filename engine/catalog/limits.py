"""The limits of packages as the store has them."""

from engine.ova.limits import Limits
from storage.limits import stored_limits
from storage.store import Store


def limits_of(store: Store) -> Limits:
    """What a package may cost now; what is not set has its default."""
    return Limits(**stored_limits(store))
