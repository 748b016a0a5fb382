"""Where an SQLite store may be: on a local disk, and in the hands of one user of the operating system.

SQLite's write-ahead log is shared memory and POSIX locks, which network file systems do not give to several hosts
(sqlite.org/wal.html, sqlite.org/howtocorrupt.html). A second user's -wal file would lock the first one out.
"""

import os
import pwd
import re
from pathlib import Path

from storage import paths
from storage.errors import Refused

NETWORK = frozenset(
    (
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "lustre",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
    )
)
"""File systems of several hosts, as Linux names them. Not 9p and overlay: sandboxes and containers are on them."""

_MOUNTS = Path("/proc/self/mountinfo")


def check(path: Path) -> None:
    """Raises Refused when no SQLite store may be at `path`, OSError when that cannot be seen.

    Only looks: nothing is opened or made there.
    """
    _refuse_another_users(path)
    _refuse_a_network(path)


def kind(path: Path, mountinfo: str) -> str:
    """The type of the file system that holds the resolved `path`; "" when `mountinfo` (proc(5)) has none for it."""
    holder, found = "", ""
    for line in mountinfo.split("\n"):
        mount, separator, source = line.partition(" - ")
        if not separator:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), mount.split(" ")[4])
        # Of two mounts on one point the later one hides the other.
        if path.is_relative_to(point) and len(point) >= len(holder):
            holder, found = point, source.split(" ")[0]
    return found


def _refuse_a_network(path: Path) -> None:
    if paths.network_filesystem().value == "allow":
        return
    real = path.resolve()
    try:
        mountinfo = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:  # no Linux, or no /proc: nothing says what it is
        return
    found = kind(real, mountinfo)
    if found in NETWORK:
        raise Refused(
            "cannot use the store",
            on=str(path),
            why=f"it is on a network file system ({found}), where SQLite loses data",
            fix="use a local disk, or PostgreSQL to share it; SLIPWAY_NETWORK_FILESYSTEM=allow at your own risk",
        )


def _refuse_another_users(path: Path) -> None:
    place, owner, closed = _nearest(path)
    # What root owns and has opened to others (/tmp, /srv, a volume) is a place for anybody's store.
    if owner == os.geteuid() or (owner == 0 and place != path and not closed):
        return
    name = _name(owner)
    raise Refused(
        "cannot use the store",
        on=str(path),
        why=f"{'it' if place == path else place} belongs to {name}, and this is {_name(os.geteuid())}",
        fix=f"one OS user per SQLite store: run as {name}, give another with --store, or use PostgreSQL to share",
    )


def _nearest(place: Path, closed: bool = False) -> tuple[Path, int, bool]:
    """`place` or the first folder above it that can be seen, its owner, and whether it is closed to us."""
    try:
        return place, place.stat().st_uid, closed
    except (FileNotFoundError, NotADirectoryError):
        return _nearest(place.parent, closed)
    except PermissionError:
        return _nearest(place.parent, True)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user without a name
        return f"user {uid}"
