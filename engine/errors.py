"""The engine's own kinds of exception, below the tree's root in `storage/errors.py`."""

from storage.errors import BadInput, Cancelled, Conflict, Failed, NotFound, Refused, SlipwayError, Unreachable

__all__ = [
    "BadInput",
    "BadPackage",
    "Cancelled",
    "Conflict",
    "Failed",
    "NotFound",
    "Refused",
    "SlipwayError",
    "Unreachable",
]


class BadPackage(BadInput):
    """An OVA or OVF cannot be used: damaged archive, descriptor, manifest or digest."""
