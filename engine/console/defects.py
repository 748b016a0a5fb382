"""Defects: an exception that nobody expected is told like an error; its traceback goes to the log."""

import logging

from engine.errors import SlipwayError
from storage import paths

log = logging.getLogger(__name__)


def told(error: Exception, logged: bool = False) -> SlipwayError:
    """The error itself when it is one for people; else one that says where the traceback is, or `logged` is already."""
    if isinstance(error, SlipwayError):
        return error
    kind = type(error).__name__
    if not logged:
        log.critical("unexpected %s", kind, exc_info=error)
    fix = f"report it with the last line of {paths.log_file()}"
    return SlipwayError("unexpected error", on=kind, why=str(error), fix=fix)
