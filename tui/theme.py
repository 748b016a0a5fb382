"""Colours: the themes, and what each tone of `present.text.TONES` looks like in all of them. No colour elsewhere."""

import os

from textual.theme import Theme

DARK, LIGHT, SIXTEEN = "slipway-dark", "slipway-light", "ansi-dark"
"""`ansi-dark` is Textual's own: the terminal's 16 colours, and with NO_COLOR none at all."""

NAMES = {"dark": DARK, "light": LIGHT, "16": SIXTEEN}
"""What config.toml and the key `t` call them."""

THEMES = (
    Theme(
        name=DARK,
        primary="#5fafff",
        secondary="#4e6a85",
        success="#87d787",
        warning="#ffd75f",
        error="#ff8787",
        accent="#5fd7ff",
        foreground="#d0d0d0",
        background="#121212",
        surface="#121212",
        panel="#262626",
        dark=True,
        variables={"dim": "#949494", "cursor": "#264f78", "cursor-text": "#ffffff"},
    ),
    Theme(
        name=LIGHT,
        primary="#005faf",
        secondary="#5f87af",
        success="#006f00",
        warning="#875f00",
        error="#af0000",
        accent="#005f87",
        foreground="#202020",
        background="#ffffff",
        surface="#ffffff",
        panel="#e4e4e4",
        dark=False,
        variables={"dim": "#626262", "cursor": "#add6ff", "cursor-text": "#000000"},
    ),
)

FALLBACK = {"dim": "ansi_default", "cursor": "ansi_white", "cursor-text": "ansi_black"}
"""Our own variables in Textual's 16-colour theme."""

CSS = """
.paint--plain { color: $foreground; }
.paint--dim { color: $dim; }
.paint--ok { color: $success; }
.paint--busy { color: $accent; }
.paint--warn { color: $warning; }
.paint--bad { color: $error; text-style: bold; }
.paint--key { color: $primary; text-style: bold; }
.paint--title { color: $foreground; text-style: bold; }
.paint--head { color: $dim; text-style: bold; }
.paint--cursor { color: $cursor-text; background: $cursor; text-style: bold; }
"""


def default_theme(choice: str | None) -> str:
    """The theme to start with: the chosen one, 16 colours where the terminal has no more, else dark."""
    if choice:
        return NAMES[choice]
    # These have 16 colours; NO_COLOR is pure only in a theme of the terminal's own colours (tui sheet, fact 7).
    few = os.environ.get("TERM", "") in ("linux", "vt100", "vt220", "screen", "ansi")
    return SIXTEEN if few or "NO_COLOR" in os.environ else DARK
