"""Reading on while vCenter is away: what was begun there goes on without us."""

import time
from typing import Any

from engine.errors import SlipwayError
from engine.vsphere.properties import Values, read
from engine.vsphere.session import Session
from engine.vsphere.transient import passes

# Polling grows from the first to the second (seconds): a reconfigure takes some 30 ms, a full clone minutes.
FIRST_POLL, SLOWEST_POLL = 0.02, 0.5


class Patience:
    """Reads of one object, one after another, through failures that pass (`engine.vsphere.transient`).

    `poll` is how long to wait before the next, in seconds.
    """

    def __init__(self, session: Session, obj: Any) -> None:
        self.poll = FIRST_POLL
        self._session = session
        self._object = obj
        self._heard = time.monotonic()

    def read(self, *paths: str) -> Values:
        """The properties; nothing while vCenter does not answer.

        Raises as `properties.read`; a failure that passes only when the session was broken off, or has lasted for
        the pace's `task_silence_seconds`.
        """
        self.poll = min(self.poll * 1.5, SLOWEST_POLL)
        try:
            found = read(self._session, self._object, *paths)
        except SlipwayError as error:
            silence = time.monotonic() - self._heard
            if not passes(error) or self._session.broken_off or silence > self._session.pace.task_silence_seconds:
                raise
            return {}
        self._heard = time.monotonic()
        return found
