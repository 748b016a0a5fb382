"""The entry of the command `slipway`: runs it, and turns what went wrong into one line (or JSON) and an exit code.

`--version` loads nothing but the standard library; without arguments it is the console.
"""

import gc
import os
import sys

# New objects until Python looks for garbage among them. Loading a command makes 125 000 that live as long as it does:
# with the default of 700, and a last look at the end, that took a third of a worker's start (1.2 s of CPU, now 0.75).
YOUNG = 20_000


def main() -> int:
    """Run the command line of this process and return its exit code (docs/cli.md)."""
    gc.set_threshold(YOUNG)
    try:
        return _run()
    finally:
        _drop_what_nobody_reads()
        gc.freeze()


def _drop_what_nobody_reads() -> None:
    """Lines that a closed pipe or terminal did not take: Python would write them again at exit, and answer 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run() -> int:
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version

        print(f"slipway {version('slipway')}")
        return 0
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # started with it closed
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r+"))
    try:
        if not sys.argv[1:] and "_SLIPWAY_COMPLETE" not in os.environ:
            return _console()
        from cli.run import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


def _console() -> int:
    """Straight to the first frame: the command tree, and what writes logs, would cost a third of its time."""
    from storage import paths
    from storage.errors import SlipwayError
    from tui.main import start
    from tui.options import Options

    try:
        return start(Options(), paths.console(), str(paths.config_file()))
    except SlipwayError as error:
        from cli.output import tell

        tell(error)
        return error.exit_code
    except Exception:
        from cli import defects

        defects.explain()
        raise
