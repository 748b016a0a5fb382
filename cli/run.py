"""One command run: its errors for people or scripts, its exit code, its log."""

import errno
import logging
import os
import stat
import sys

import typer

from cli import defects
from cli.app import command
from cli.output import tell
from storage.errors import BadInput, Cancelled, SlipwayError

_LOG = logging.getLogger("slipway")


def run(arguments: list[str]) -> int:
    """Run `slipway` with `arguments` and return its exit code; every SlipwayError becomes one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal without UTF-8
    as_json = "--json" in arguments or "-j" in arguments
    defects.explain(as_json)
    try:
        _refuse_undecodable(arguments)
        outcome = command().main(arguments, prog_name="slipway", standalone_mode=False)
        sys.stdout.flush()
    except SlipwayError as error:
        _LOG.info("%s", error, exc_info=error.__cause__)
        tell(error, as_json)
        return error.exit_code
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
            print(error.format_message(), file=sys.stderr)
            return BadInput.exit_code
        tell(_usage_error(error), as_json)
        return BadInput.exit_code
    except typer.Abort:
        tell(Cancelled("stopped", why="the input ended"), as_json)
        return Cancelled.exit_code
    except OSError as error:
        if not _reader_has_gone(error):
            raise
        return 1
    if outcome == 130:  # typer's answer to KeyboardInterrupt
        tell(Cancelled("interrupted"), as_json)
    return outcome if isinstance(outcome, int) else 0


def _reader_has_gone(error: OSError) -> bool:
    """Whether nobody reads our output any more: a pipe without reader, or a closed terminal (SIGHUP ignored)."""
    closed = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(sys.stdout.fileno()).st_mode)
    return isinstance(error, BrokenPipeError) or closed


def _refuse_undecodable(arguments: list[str]) -> None:
    for argument in arguments:
        if not argument.isascii() and any("\udc80" <= one <= "\udcff" for one in argument):
            raise BadInput("unusable argument", on=f'"{argument}"', why="it is not UTF-8 text")


def _usage_error(error: typer.TyperException) -> BadInput:
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "slipway"
    message = " ".join(error.format_message().split()).rstrip(".")
    if type(error).__name__ == "NoArgsIsHelpError":
        message = "missing command"
    if getattr(error, "option_name", "") == "--store":
        return BadInput(message, fix="it goes before the command: slipway --store PATH|URL COMMAND")
    return BadInput(message[:1].lower() + message[1:], fix=f"see: {where} --help")
