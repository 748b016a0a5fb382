"""Looking at the OVAs' files in a thread of its own: a network mount that hangs costs this knowledge and no page."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import BadPackage
from engine.ova.limits import DEFAULT, Limits

EVERY = 10.0
"""Seconds between two looks at a file."""

AT_ONCE = 0.2
"""Seconds that the first look is waited for: a local disk has answered by then, and the page is painted once."""


@dataclass(frozen=True, slots=True)
class FileSeen:
    """What is known of a file: its bytes and when it was changed, or why it cannot be read; neither before the first
    look. Of an OVA: `licence` is the digest of its licence texts, "" when it has none; `options` are its deployment
    options, id and label; `problem` says why it cannot be used, as far as opening it tells.
    """

    size: int | None = None
    error: str = ""
    changed: int = 0
    licence: str = ""
    options: tuple[tuple[str, str], ...] = ()
    problem: str = ""


class Files:
    """What was last seen of each file that somebody asked for."""

    def __init__(self) -> None:
        """Looks at nothing until the first `of`."""
        self._seen: dict[str, FileSeen] = {}
        self._looked = float("-inf")
        self._looking = False
        self._limits = DEFAULT
        self._lock = threading.Lock()
        self.news = 0
        """Grows with everything that was seen and is new."""

    def of(self, paths: Iterable[str], limits: Limits) -> dict[str, FileSeen]:
        """What is known of these files within limits; they are looked at, again when the last look is old."""
        wanted = set(paths)
        looking = None
        with self._lock:
            unknown = any(path not in self._seen for path in wanted)
            if not self._looking and (unknown or time.monotonic() - self._looked > EVERY):
                self._looking = True
                looking = threading.Thread(target=self._look, args=(wanted, limits), name="files", daemon=True)
                looking.start()
        if unknown and looking is not None:
            looking.join(AT_ONCE)
        with self._lock:
            return {path: self._seen.get(path, FileSeen()) for path in wanted}

    def look_again(self) -> None:
        """The last look is old from now on."""
        self._looked = float("-inf")

    def _look(self, paths: set[str], limits: Limits) -> None:
        before = self._seen if limits == self._limits else {}
        seen = {path: _seen(path, before.get(path, FileSeen()), limits) for path in paths}
        self._limits = limits
        with self._lock:
            self.news += seen != self._seen
            self._seen, self._looked, self._looking = seen, time.monotonic(), False


def _seen(path: str, before: FileSeen, limits: Limits) -> FileSeen:
    """An OVA is opened once, and again when it or a limit was changed."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError) as error:
        return FileSeen(error=getattr(error, "strerror", None) or "no such name")
    if (before.size, before.changed) == (status.st_size, status.st_mtime_ns):
        return before
    return _opened(path, FileSeen(status.st_size, "", status.st_mtime_ns), limits)


def _opened(path: str, seen: FileSeen, limits: Limits) -> FileSeen:
    from engine.catalog.licences import digest_of, texts_in
    from engine.ova.package import open_package

    try:
        package = open_package(path, limits)
    except BadPackage as error:
        return replace(seen, problem=error.why or error.what)
    options = tuple((one.id, one.label or one.description) for one in package.descriptor.deployment_options)
    return replace(seen, licence=digest_of(texts_in(package)), options=options)
