"""Which kind of terminal this is, as far as the environment and the line say. Loads nothing of Textual."""

import os
import re
import sys
import termios
from contextlib import suppress

DARK, LIGHT, SIXTEEN = "slipway-dark", "slipway-light", "ansi-dark"
"""`ansi-dark` is Textual's own: the terminal's 16 colours, and with NO_COLOR none at all."""

NAMES = {"dark": DARK, "light": LIGHT, "16": SIXTEEN}
"""What config.toml and the key `t` call the themes."""

NO_SCREEN = ("", "dumb", "unknown")
"""TERM of what has no cursor to move; Textual would send true colour even there."""

SIMPLE = ("linux", "vt", "ansi", "cons")
"""Beginnings of TERM: lines are sent in ASCII there, and nothing of newer protocols, which some of them print."""

SLOW_BAUD = 57_600


def has_screen() -> bool:
    """Whether keys come from a terminal, and the screen is one with a cursor; Textual writes to stderr."""
    terminals = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    return terminals and os.environ.get("TERM", "") not in NO_SCREEN


def is_simple() -> bool:
    """Whether it is a terminal of the old kind."""
    return os.environ.get("TERM", "").startswith(SIMPLE)


def speaks_utf8() -> bool:
    """Whether it takes UTF-8: the first of LC_ALL, LC_CTYPE and LANG says so."""
    # In the C locale, or one that this machine does not have, Python sets LC_CTYPE itself; it says nothing then.
    own = os.environ.get("LC_CTYPE", "") if not sys.flags.utf8_mode else ""
    said = os.environ.get("LC_ALL") or own or os.environ.get("LANG", "")
    return "utf8" in said.lower().replace("-", "")


def default_theme(choice: str | None) -> str:
    """The theme to start with: the chosen one, 16 colours where the terminal has no more, else dark."""
    if "NO_COLOR" in os.environ:
        return SIXTEEN  # only a theme of the terminal's own colours can do without (tui sheet, fact 7)
    if choice:
        return NAMES[choice]
    return SIXTEEN if is_simple() or os.environ.get("TERM") == "screen" else DARK


def is_slow_line() -> bool:
    """Whether it is a serial line of at most 57,600 baud. A pty says 38,400, always."""
    with suppress(OSError, termios.error):
        return is_slow(os.ttyname(sys.stdin.fileno()), termios.tcgetattr(sys.stdin.fileno())[5])
    return False


def is_slow(name: str, speed: int) -> bool:
    """Whether the terminal of that name is a serial line of at most 57,600 baud; `speed` as termios codes it."""
    serial = re.fullmatch(r"/dev/tty[A-Z]+\d+", name)
    bauds = (int(one[1:]) for one in dir(termios) if re.fullmatch(r"B\d+", one))
    return bool(serial) and speed in {getattr(termios, f"B{baud}") for baud in bauds if baud <= SLOW_BAUD}
