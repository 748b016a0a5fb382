"""Frames with fewer bytes look the same: both are read as a terminal would, character by character."""

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.thrift import Thrift

PIECES = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(.)", re.DOTALL)

PLAIN: tuple[frozenset[str], str, str] = (frozenset(), "", "")

COLOURS = st.sampled_from([None, "#5fafff", "#121212", "red", "bright_blue", "default", "color(200)"])
STYLES = st.builds(
    Style, color=COLOURS, bgcolor=COLOURS, bold=st.booleans(), italic=st.booleans(), reverse=st.booleans()
)
LINES = st.lists(st.lists(st.tuples(st.text("ab 模", max_size=4), STYLES), max_size=6), min_size=1, max_size=5)


def painted(lines: list[list[tuple[str, Style]]], system: str = "truecolor") -> str:
    """A frame as Textual renders it."""
    console = Console(color_system=system, force_terminal=True, legacy_windows=False)
    return "\r\n".join(
        f"\x1b[{number + 1};1H" + Strip([Segment(*one) for one in line]).render(console)
        for number, line in enumerate(lines)
    )


def seen(frame: str) -> tuple[list[object], object]:
    """Every character and every move, with the look that holds there; and the look that is left."""
    shown: list[object] = []
    look = PLAIN
    for parameters, kind, character in PIECES.findall(frame):
        if kind == "m":
            look = changed(look, parameters)
        else:
            shown.append((character, look) if character.isprintable() and character else parameters + kind + character)
    return shown, look


def changed(look: tuple[frozenset[str], str, str], parameters: str) -> tuple[frozenset[str], str, str]:
    attributes, front, back = look
    for code in re.findall(r"[34]8;2;\d+;\d+;\d+|[34]8;5;\d+|\d+", parameters):
        if code == "0":
            attributes, front, back = PLAIN
        elif len(code) == 1:
            attributes |= {code}
        elif code[0] in "39":
            front = "" if code == "39" else code
        else:
            back = "" if code == "49" else code
    return attributes, front, back


@given(LINES, st.sampled_from(["truecolor", "256", "standard"]))
def test_fewer_bytes_look_the_same(lines: list[list[tuple[str, Style]]], system: str) -> None:
    frame = painted(lines, system)
    fewer = Thrift().of(frame)
    assert seen(fewer) == seen(frame)
    assert len(fewer) <= len(frame)


def test_colours_that_hold_are_not_said_again() -> None:
    plain, green = Style.parse("#d0d0d0 on #121212"), Style.parse("#87d787 on #121212")
    fewer = Thrift().of(painted([[("a ", plain), ("ok", green), (" b", plain)], [("c", plain)]]))
    assert fewer.count("48;2;18;18;18") == 1
    assert fewer.count("\x1b[0m") == 1


def test_a_frame_is_not_sent_twice_in_a_row() -> None:
    thrift = Thrift()
    one, other = painted([[("a", Style())]]), painted([[("b", Style())]])
    assert thrift.of(one)
    assert thrift.of("\x1b[?2026l") == "\x1b[?2026l"
    assert thrift.of(one) == ""
    assert thrift.of(other)
    assert thrift.of(one)


def test_after_anything_else_was_written_it_is_sent_again() -> None:
    thrift = Thrift()
    frame = painted([[("a", Style())]])
    assert thrift.of(frame)
    assert thrift.of("\x1b[?1049h") == "\x1b[?1049h"
    assert thrift.of(frame)


def test_after_the_terminal_was_resized_it_is_sent_again() -> None:
    thrift = Thrift()
    frame = painted([[("a", Style())]])
    assert thrift.of(frame)
    thrift.forget()
    assert thrift.of(frame)


def test_what_is_no_frame_or_not_understood_is_sent_as_it_is() -> None:
    for written in ("\x07", "\x07", "\x1b]52;c;YQ==\x07", "\x1b[1;1H\x1b[58;5;1mx\x1b[0m", "\x1b[?25l"):
        assert Thrift().of(written) == written
