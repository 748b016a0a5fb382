"""Reading on while vCenter is away: what was begun there goes on without us."""

import time
from typing import Any

from engine.cancel import Cancel
from engine.errors import SlipwayError
from engine.vsphere.properties import Values, read
from engine.vsphere.session import Session
from engine.vsphere.transient import passes

# Polling grows from the first to the second (seconds): a reconfigure takes some 30 ms, a full clone minutes.
FIRST_POLL, SLOWEST_POLL = 0.02, 0.5


class Patience:
    """Reads of one object, one after another, through failures that pass (`engine.vsphere.transient`)."""

    def __init__(self, session: Session, obj: Any, cancel: Cancel) -> None:
        self._session = session
        self._object = obj
        self._cancel = cancel
        self._poll = FIRST_POLL
        self._heard = time.monotonic()

    def read(self, *paths: str) -> Values:
        """The properties; nothing while vCenter does not answer.

        Raises as `properties.read`; a failure that passes only when the session was broken off, or has lasted for
        the pace's `task_silence_seconds`. A cancel comes before any failure.
        """
        try:
            found = read(self._session, self._object, *paths)
        except SlipwayError as error:
            self._cancel.check()
            silence = time.monotonic() - self._heard
            if not passes(error) or self._session.broken_off or silence > self._session.pace.task_silence_seconds:
                raise
            return {}
        self._heard = time.monotonic()
        return found

    def pause(self) -> None:
        """Wait before the next read. Raises Cancelled."""
        self._cancel.pause(self._poll)
        self._poll = min(self._poll * 1.5, SLOWEST_POLL)
