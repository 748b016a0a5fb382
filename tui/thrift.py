"""Frames with fewer bytes: colours that hold already are not said again, and a frame is not sent twice in a row.

Textual says both colours in full before every run of text, some 35 bytes in 24 bits, and takes them back after it; and
it paints a page twice that is shown for the first time.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_COLOURS = re.compile(r"\x1b\[([0-9;]*)m")
"""Select Graphic Rendition (ECMA-48, 8.3.117)."""

_MOVES = re.compile(r"(?:\x1b\[\d+;\d+H|\r|\n)*")
"""What shows nothing: the colours of the moment do not matter to it."""

_FRAME = re.compile(r"\x1b\[\d+;\d+H")
"""How a frame begins: with a place on the screen, so that painting it again changes nothing."""


_AROUND = ("\x1b[?2026h", "\x1b[?2026l")
"""What stands around a frame, so that the terminal shows it at once."""


@dataclass(frozen=True, slots=True)
class _Look:
    """How text looks: parameters as in the sequence, "" for the terminal's own colour."""

    attributes: frozenset[str] = frozenset()
    front: str = ""
    back: str = ""


_PLAIN = _Look()


class Thrift:
    """What was sent to one terminal."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._last = ""

    def forget(self) -> None:
        """What was sent last is not on the screen any more."""
        self._last = ""

    def of(self, written: str) -> str:
        """What is sent in place of this; "" when it was sent just now."""
        if _FRAME.match(written) is None:
            if written not in _AROUND:  # the terminal may have been somebody else's meanwhile
                self.forget()
            return written
        if written == self._last:
            return ""
        self._last = written
        return _fewer(written)


def _fewer(frame: str) -> str:
    text, *rest = _COLOURS.split(frame)
    sent = [text]
    wanted = said = _PLAIN
    for parameters, shown in zip(rest[::2], rest[1::2], strict=True):
        look = _applied(wanted, parameters)
        if look is None:  # something that we do not know: as it is
            return frame
        wanted = look
        if _MOVES.fullmatch(shown) is None:
            sent.append(_between(said, wanted))
            said = wanted
        sent.append(shown)
    sent.append(_between(said, wanted))
    return "".join(sent)


@lru_cache(maxsize=1024)
def _applied(look: _Look, parameters: str) -> _Look | None:
    """The look after the sequence, None when it says what we do not know."""
    attributes, front, back = look.attributes, look.front, look.back
    codes = iter(parameters.split(";"))
    for code in codes:
        if code in ("", "0"):
            attributes, front, back = frozenset(), "", ""
        elif code in ("38", "48"):
            kind = next(codes, "")
            colour = ";".join((code, kind, *(next(codes, "") for _ in range({"2": 3, "5": 1}.get(kind, 0)))))
            front, back = (colour, back) if code == "38" else (front, colour)
        elif re.fullmatch(r"3[0-79]|9[0-7]", code):
            front = code if code != "39" else ""
        elif re.fullmatch(r"4[0-79]|10[0-7]", code):
            back = code if code != "49" else ""
        elif re.fullmatch(r"[1-9]", code):
            attributes |= {code}
        else:
            return None
    return _Look(attributes, front, back)


@lru_cache(maxsize=1024)
def _between(before: _Look, after: _Look) -> str:
    """What changes the look, the shortest way."""
    if before == after:
        return ""
    anew = ["0", *sorted(after.attributes), *filter(None, (after.front, after.back))]
    ways = [anew] if after != _PLAIN else [[]]
    if before.attributes <= after.attributes:
        further = sorted(after.attributes - before.attributes)
        further += [after.front or "39"] if after.front != before.front else []
        further += [after.back or "49"] if after.back != before.back else []
        ways.append(further)
    shortest = min((";".join(way) for way in ways), key=len)
    return f"\x1b[{shortest or '0'}m"
