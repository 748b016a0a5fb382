"""Colours: the themes, and what each tone of `present.text.TONES` looks like in all of them. No colour elsewhere."""

from textual.theme import Theme

from tui.terminal import DARK, LIGHT, NAMES, SIXTEEN, default_theme

__all__ = ["CSS", "FALLBACK", "NAMES", "SIXTEEN", "THEMES", "default_theme"]

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
