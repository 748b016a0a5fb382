"""Limits of packages, from settings that everybody with this store shares: what an OVA may cost before it is refused.

engine/ova/limits.py says what each is for and has the defaults.
"""

import re
from collections.abc import Mapping

from sqlalchemy import select

from storage.models import settings
from storage.store import Store

# The most each may be set to, so that opening a package stays below 2 s of one core and 256 MiB, whatever is in it. The
# worst archives and descriptors known (tests/ova/test_hostile.py) cost at most 1.5 s and 100 MiB with all of these:
# 10,000 entries take 0.2 s and 7 MiB; 8 MiB of descriptor 1.0 s (a line break every second character) or 112 MiB (one
# character beyond the BMP); depth costs nothing by itself, but whoever walks the tree stays far from Python's 1,000
# frames. 4,096 is PATH_MAX. Deflate cannot expand more than 1,032 times, and what it expands to is streamed: such a
# ratio allows everything.
MOST: Mapping[str, int] = {
    "ova_entries": 10_000,
    "ova_name_bytes": 4_096,
    "ova_descriptor_bytes": 8 * 1024 * 1024,
    "ova_xml_depth": 256,
    "ova_gzip_ratio": 1_032,
}

REMOTE_HOSTS = "ova_remote_hosts"
"""Names in small letters with a blank between two."""

_HOSTS = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?( |$))*")


def stored_limits(store: Store) -> dict[str, int]:
    """Those that are set now; one that is not set, or cannot be read, keeps its default."""
    with store.read() as tx:
        rows = tx.execute(select(settings.c.name, settings.c.value).where(settings.c.name.in_(MOST))).all()
    return {name: int(value) for name, value in rows if not problem_with(name, value)}


def remote_hosts(store: Store) -> frozenset[str]:
    """The hosts that a package's files may lie on."""
    with store.read() as tx:
        value = tx.execute(select(settings.c.value).where(settings.c.name == REMOTE_HOSTS)).scalar_one_or_none() or ""
    return frozenset() if problem_with(REMOTE_HOSTS, value) else frozenset(value.split())


def problem_with(name: str, value: str) -> str:
    """Why the value is none for that setting, "" when it is, or when the name is none of these."""
    if name == REMOTE_HOSTS:
        return "" if _HOSTS.fullmatch(value) else "it must be names of hosts in small letters, a blank between two"
    if name not in MOST:
        return ""
    try:
        number = int(value)
    except ValueError:
        return "it is not a whole number"
    return "" if 1 <= number <= MOST[name] else f"it must be from 1 to {MOST[name]}"
