"""Starting the console: which kind of terminal is it, and then the console for it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tui import terminal
from tui.config import configured
from tui.options import Options


def start(given: Options, table: Mapping[str, Any], file: str) -> int:
    """Run the console until it is left; the exit code. Line by line where there is no terminal that can do more.

    `table` is the `[console]` of config.toml, `file` its path. Raises BadInput for what cannot be used in it, and
    without a terminal as `storage.store.open_store`.
    """
    options = configured(given, table, file)
    if options.plain or not terminal.has_screen():
        from tui.plain import show

        return show(options)
    return _on_screen(replace(options, slow=options.slow or terminal.is_slow_line()))


def _on_screen(options: Options) -> int:
    from tui import glyphs, hangup

    hangup.block()
    if not terminal.speaks_utf8():
        glyphs.send_ascii()
    elif options.slow or terminal.is_simple():
        glyphs.send_plain_lines()
    _prepare_textual(options)
    from tui.app import Console
    from tui.feed import StoreFeed

    console = Console(StoreFeed(options.store, options.slow), options, lambda: datetime.now(UTC))
    hangup.watch(console)
    asked = options.mouse if options.mouse is not None else "SSH_CONNECTION" not in os.environ
    console.mouse = asked and not options.slow
    try:
        console.run(mouse=console.mouse)
    finally:
        hangup.ended()
        console.feed.stop()
    return console.return_code or 0


def _prepare_textual(options: Options) -> None:
    """Textual reads this when it is imported: the theme it begins with decides what NO_COLOR means to it, and nothing
    moves by itself or is scrolled smoothly, which would be bytes over SSH.
    """
    os.environ["TEXTUAL_THEME"] = terminal.default_theme(options.theme)
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    if terminal.is_simple():
        os.environ["TEXTUAL_DISABLE_KITTY_KEY"] = "1"
