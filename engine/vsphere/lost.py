"""Answers that were lost: the call was carried out, and the caller does not know."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.errors import Cancelled, Refused, SlipwayError

log = logging.getLogger(__name__)


@contextmanager
def unless(done: Callable[[], bool]) -> Iterator[None]:
    """A failure in here is none when what was asked is done: the answer was lost, or an earlier attempt did it."""
    try:
        yield
    except (Cancelled, Refused):
        raise
    except SlipwayError as error:
        if not _is_so(done):
            raise
        log.info("%s; it is done all the same", error)


def _is_so(done: Callable[[], bool]) -> bool:
    try:
        return done()
    except SlipwayError as error:
        log.info("cannot look: %s", error)
        return False
