"""Exceptions that nobody expected: the traceback goes to the log, one line to the user; Python exits with 1."""

import logging
import sys
import threading
from types import TracebackType

from cli import log
from cli.output import tell
from storage.errors import SlipwayError

_LOG = logging.getLogger("slipway")


def explain(as_json: bool = False) -> None:
    """From now on, in this process."""
    log.to_file()

    def told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _LOG.critical("unexpected %s", kind.__name__, exc_info=(kind, error, trace))
        fix = f"report it with the last line of {log.file_name()}"
        tell(SlipwayError("unexpected error", on=kind.__name__, why=str(error), fix=fix), as_json)

    sys.excepthook = told
    threading.excepthook = lambda one: told(one.exc_type, one.exc_value or one.exc_type(), one.exc_traceback)
