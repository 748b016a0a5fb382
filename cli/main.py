"""The entry of the command `slipway`: runs it, and turns what went wrong into one line (or JSON) and an exit code.

`--version` loads nothing but the standard library; without arguments it is the console.
"""

import sys


def main() -> int:
    """Run the command line of this process and return its exit code (docs/cli.md)."""
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version

        print(f"slipway {version('slipway')}")
        return 0
    if not sys.argv[1:]:
        # Straight to the first frame: the command tree costs a third of its time.
        from tui.main import start
        from tui.options import Options

        return start(Options())
    try:
        from cli.run import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130
