"""The identity line in a VM's notes."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from engine.staging.identity import Identity, notes_with, parse, text_of

MINE = Identity(store="a1b2c3", component="esxi-8.0u3g", digest="sha256:00", created="2026-11-21T09:30:00Z")


def test_the_text_before_the_line_is_kept() -> None:
    notes = notes_with("Nested ESXi\nsecond line", MINE)
    assert notes.startswith("Nested ESXi\nsecond line\nslipway:{")
    assert text_of(notes) == "Nested ESXi\nsecond line"
    assert parse(notes) == MINE


def test_an_older_line_is_replaced() -> None:
    other = Identity(store="ffffff", component="zcore-13.5", digest="", created="2026-01-01T00:00:00Z", deployment=3)
    notes = notes_with(notes_with("text", MINE), other)
    assert notes.count("slipway:") == 1
    assert parse(notes) == other


def test_a_line_that_is_not_last_or_not_whole_is_nobodys() -> None:
    assert parse(notes_with("", MINE) + "\nadded by hand") is None
    assert parse("slipway:{not json") is None
    assert parse('slipway:["a list"]') is None
    assert parse('slipway:{"store":"a1b2c3"}') is None
    assert parse("slipway:" + "[" * 100_000) is None
    wrong = {"created": "yesterday", "shape": [1], "store": 3, "item": "x", "importing": True, "token": "7"}
    for field, value in {**wrong, "removing": "yes"}.items():
        line = {"store": "a1b2c3", "component": "x", "digest": "", "created": "2026-11-21T09:30:00Z", field: value}
        assert parse(f"slipway:{json.dumps(line)}") is None, field
    assert parse("") is None


def test_a_newer_slipways_fields_are_ignored() -> None:
    line = notes_with("", MINE).replace("{", '{"colour":"blue",', 1)
    assert parse(line) == MINE


@given(st.text(), st.text(max_size=30), st.integers(min_value=1), st.booleans())
def test_what_is_written_is_read(notes: str, uid: str, number: int, importing: bool) -> None:
    mine = Identity(
        "a1b2c3", uid, "sha256:00", "2026-11-21T09:30:00Z", deployment=number, importing={"pid": 1} if importing else {}
    )
    mine = replace(mine, token=number, removing=importing)
    assert parse(notes_with(notes, mine)) == mine
