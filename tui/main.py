"""Starting the console: which kind of terminal is it, and then the console for it."""

import os
import sys
from datetime import UTC, datetime

from tui.options import Options


def start(options: Options) -> int:
    """Run the console until it is left; the exit code. Line by line where there is no terminal that can do more."""
    if options.plain or os.environ.get("TERM", "dumb") in ("dumb", "unknown", "") or not _on_terminal():
        from tui.plain import show

        return show(options)
    from tui import hangup

    hangup.block()
    # Nothing moves by itself, and nothing is scrolled smoothly: that is bytes over SSH.
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    from tui import theme

    os.environ.setdefault("TEXTUAL_THEME", theme.default_theme(options.theme))
    from tui.app import Console
    from tui.feed import StoreFeed

    console = Console(StoreFeed(options.store, options.slow), options, lambda: datetime.now(UTC))
    hangup.watch(console)
    mouse = options.mouse if options.mouse is not None else "SSH_CONNECTION" not in os.environ
    console.mouse = mouse and not options.slow
    try:
        console.run(mouse=console.mouse)
    finally:
        console.feed.stop()
        hangup.ended()
    return console.return_code or 0


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
