"""One command run: its errors for people or scripts, its exit code, its log."""

import errno
import json
import logging
import os
import stat
import sys
import threading
from contextlib import suppress
from types import TracebackType

import typer

from cli import log
from cli.app import command
from cli.output import printable
from storage.errors import BadInput, Cancelled, SlipwayError

_LOG = logging.getLogger("slipway")


def run(arguments: list[str]) -> int:
    """Run `slipway` with `arguments` and return its exit code; every SlipwayError becomes one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal without UTF-8
    as_json = "--json" in arguments or "-j" in arguments
    log.to_file()
    _explain_defects(as_json)
    try:
        _refuse_undecodable(arguments)
        outcome = command().main(arguments, prog_name="slipway", standalone_mode=False)
        sys.stdout.flush()
    except SlipwayError as error:
        _LOG.info("%s", error, exc_info=error.__cause__)
        _tell(error, as_json)
        return error.exit_code
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
            print(error.format_message(), file=sys.stderr)
            return BadInput.exit_code
        _tell(_usage_error(error), as_json)
        return BadInput.exit_code
    except typer.Abort:
        _tell(Cancelled("stopped", why="the input ended"), as_json)
        return Cancelled.exit_code
    except OSError as error:
        if not _reader_has_gone(error):
            raise
        # Nothing left to say, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if outcome == 130:  # typer's answer to KeyboardInterrupt
        _tell(Cancelled("interrupted"), as_json)
    return outcome if isinstance(outcome, int) else 0


def _reader_has_gone(error: OSError) -> bool:
    """Whether nobody reads our output any more: a pipe without reader, or a closed terminal (SIGHUP ignored)."""
    closed = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(sys.stdout.fileno()).st_mode)
    return isinstance(error, BrokenPipeError) or closed


def _refuse_undecodable(arguments: list[str]) -> None:
    for argument in arguments:
        if not argument.isascii() and any("\udc80" <= one <= "\udcff" for one in argument):
            raise BadInput("unusable argument", on=f'"{argument}"', why="it is not UTF-8 text")


def _tell(error: SlipwayError, as_json: bool) -> None:
    line = json.dumps({"error": error.as_dict()}) if as_json else f"slipway: {printable(str(error))}"
    with suppress(OSError):  # a terminal that has gone away
        print(line, file=sys.stderr)


def _usage_error(error: typer.TyperException) -> BadInput:
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "slipway"
    message = " ".join(error.format_message().split()).rstrip(".")
    if type(error).__name__ == "NoArgsIsHelpError":
        message = "missing command"
    if getattr(error, "option_name", "") == "--store":
        return BadInput(message, fix="it goes before the command: slipway --store PATH|URL COMMAND")
    return BadInput(message[:1].lower() + message[1:], fix=f"see: {where} --help")


def _explain_defects(as_json: bool) -> None:
    """An exception that nobody expected: the traceback goes to the log, one line to the user; Python exits with 1."""

    def explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _LOG.critical("unexpected %s", kind.__name__, exc_info=(kind, error, trace))
        fix = f"report it with the last line of {log.file_name()}"
        _tell(SlipwayError("unexpected error", on=kind.__name__, why=str(error), fix=fix), as_json)

    sys.excepthook = explain
    threading.excepthook = lambda told: explain(told.exc_type, told.exc_value or told.exc_type(), told.exc_traceback)
