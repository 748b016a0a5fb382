"""Starting the console: which kind of terminal is it, and then the console for it."""

import os
import re
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tui.config import configured
from tui.options import Options

NO_SCREEN = ("", "dumb", "unknown")
"""TERM of what has no cursor to move; Textual would send true colour even there."""

SIMPLE = ("linux", "vt", "ansi", "screen", "cons")
"""Beginnings of TERM of terminals that print what they do not know of newer protocols."""

SLOW_BAUD = 57_600


def start(given: Options, table: Mapping[str, Any], file: str) -> int:
    """Run the console until it is left; the exit code. Line by line where there is no terminal that can do more.

    `table` is the `[console]` of config.toml, `file` its path. Raises BadInput for what cannot be used in it, and
    without a terminal as `storage.store.open_store`.
    """
    options = configured(given, table, file)
    if options.plain or os.environ.get("TERM", "") in NO_SCREEN or not _on_terminal():
        from tui.plain import show

        return show(options)
    return _on_screen(replace(options, slow=options.slow or _is_slow_line()))


def _on_screen(options: Options) -> int:
    from tui import glyphs, hangup

    hangup.block()
    _quieten_textual()
    if not glyphs.speaks_utf8():
        glyphs.send_ascii()
    elif options.slow or os.environ["TERM"] == "linux":
        glyphs.send_plain_lines()
    from tui import theme

    os.environ["TEXTUAL_THEME"] = theme.default_theme(options.theme)
    from tui.app import Console
    from tui.feed import StoreFeed

    console = Console(StoreFeed(options.store, options.slow), options, lambda: datetime.now(UTC))
    hangup.watch(console)
    asked = options.mouse if options.mouse is not None else "SSH_CONNECTION" not in os.environ
    console.mouse = asked and not options.slow
    try:
        console.run(mouse=console.mouse)
    finally:
        console.feed.stop()
        hangup.ended()
    return console.return_code or 0


def _quieten_textual() -> None:
    """Nothing moves by itself, and nothing is scrolled smoothly: that is bytes over SSH. Textual reads this once."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    if os.environ["TERM"].startswith(SIMPLE):
        os.environ["TEXTUAL_DISABLE_KITTY_KEY"] = "1"


def _on_terminal() -> bool:
    """Whether keys come from a terminal and the screen is one; Textual writes to stderr."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def _is_slow_line() -> bool:
    """Whether the terminal is a serial line of at most 57,600 baud. A pty says 38,400, always."""
    with suppress(OSError, termios.error):
        return is_slow(os.ttyname(sys.stdin.fileno()), termios.tcgetattr(sys.stdin.fileno())[5])
    return False


def is_slow(name: str, speed: int) -> bool:
    """Whether the terminal of that name is a serial line of at most 57,600 baud; `speed` as termios codes it."""
    serial = re.fullmatch(r"/dev/tty[A-Z]+\d+", name)
    bauds = (int(one[1:]) for one in dir(termios) if re.fullmatch(r"B\d+", one))
    return bool(serial) and speed in {getattr(termios, f"B{baud}") for baud in bauds if baud <= SLOW_BAUD}
