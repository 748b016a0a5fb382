"""The filter's words, without a terminal."""

import pytest

from tui.present.filter import Filter

ROW = {"name": "esxi-8.0u3g", "state": "o staged", "endpoint": "vc01.lab:8443", "note": ""}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", True),
        ("   ", True),
        ("esxi", True),
        ("ESXI", True),
        ("esxi staged", True),
        ("esxi failed", False),
        ("state:staged", True),
        ("State:STAGED", True),
        ("state:esxi", False),
        ("name:esxi state:staged", True),
        ("!failed", True),
        ("!staged", False),
        ("!state:staged", False),
        ("!name:staged", True),
        ("vc01.lab:8443", True),
        ("10:30", False),
        ("state:", True),
        ("!", True),
        ("!state:", True),
        ("note:x", False),
        ("[a-z]*", False),
    ],
)
def test_words_of_a_filter(text: str, shown: bool) -> None:
    assert Filter(text).lets(ROW) is shown


def test_a_filter_of_blanks_is_none() -> None:
    assert not Filter("  ")
    assert Filter("x")
