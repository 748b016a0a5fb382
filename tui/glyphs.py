"""What a terminal without UTF-8, or with few glyphs, is sent: the last step before the bytes, so nothing gets past it.

Every replacement takes the cells of what it replaces, so that columns stay where they are.
"""

import codecs
import sys
import unicodedata

from rich.cells import cell_len

LINES = {
    **dict.fromkeys("─━═╌┄▔▁", "-"),
    **dict.fromkeys("│┃║╎┆▏▕▎", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛", "+"),
    **dict.fromkeys("█▇▆▅▄▃▂▀▊▌▐░▒▓", "#"),
}
"""Lines and bars in ASCII: the Linux console's font may have none, and one character is one byte."""

FURTHER = {"…": "~", "•": "*", "●": "*", "→": ">", "←": "<", "↑": "^", "↓": "v"}

NAME = "slipway-lines"


def send_ascii() -> None:
    """From now on nothing but ASCII leaves on stdout and stderr."""
    codecs.register_error(NAME, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="ascii", errors=NAME)  # type: ignore[union-attr]  # they are text files


def send_plain_lines() -> None:
    """From now on lines and bars leave in ASCII, letters as they are."""
    codecs.register(lambda name: _CODEC if name == NAME.replace("-", "_") else None)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=NAME)  # type: ignore[union-attr]


def in_ascii(text: str) -> str:
    """The text in as many cells, in ASCII."""
    return "".join(_replaced(one) for one in text)


def _replaced(one: str) -> str:
    known = LINES.get(one) or FURTHER.get(one)
    if known or one.isascii():
        return known or one
    base = unicodedata.normalize("NFD", one)[0]  # ö is o
    return base if base.isascii() else "?" * cell_len(one)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return in_ascii(error.object[error.start : error.end]), error.end


class _Encoder(codecs.IncrementalEncoder):
    def encode(self, text: str, _final: bool = False) -> bytes:
        return _encode(text)[0]


def _encode(text: str, _errors: str = "strict") -> tuple[bytes, int]:
    return text.translate(_TABLE).encode("utf-8", "backslashreplace"), len(text)


_TABLE = str.maketrans(LINES)
_CODEC = codecs.CodecInfo(name=NAME, encode=_encode, decode=codecs.lookup("utf-8").decode, incrementalencoder=_Encoder)
