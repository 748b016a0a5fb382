"""Endpoints and findings as cells and lines, without a terminal."""

from datetime import timedelta

import pytest

from engine.console.endpoints import Standing
from engine.endpoints.findings import fine, missing, warning
from engine.errors import CertificateRefused
from tests.tui.conftest import NOW
from tests.tui.rows import endpoint
from tui.present import endpoints as present
from tui.present import findings
from tui.present.text import Line, broken

NOTHING = {"version": "", "latency": None, "templates": None, "free_bytes": None, "capacity_bytes": None, "seen": None}


def text(lines: list[Line]) -> str:
    return "\n".join("".join(words for words, _ in line) for line in lines)


def test_a_row_that_answers() -> None:
    row = endpoint(1, "vc-01", latency=0.0123, jobs=2, seen=NOW - timedelta(seconds=4))
    shown = [words for words, _ in present.cells(row, NOW)]
    assert shown == ["vc-01", "o ready", "8.0.3", "12ms", "14", "2", "3.1 TiB", "now"]


def test_an_old_row_keeps_its_values_and_is_grey() -> None:
    row = endpoint(1, "vc-01", "stale", seen=NOW - timedelta(minutes=4))
    cells = present.cells(row, NOW)
    assert [words for words, _ in cells][1:3] == ["~ stale", "8.0.3"]
    assert cells[7] == ("4m", "dim")
    assert cells[2][1] == "dim"


def test_a_row_that_refuses_says_what_to_press() -> None:
    row = endpoint(1, "vc-01", "login refused", **NOTHING)
    assert [words for words, _ in present.cells(row, NOW)] == ["vc-01", "! auth fail", *"-----", "e edits"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0.0004, "0ms"),
        (0.0123, "12ms"),
        (0.0199, "20ms"),
        (0.128, "120ms"),
        (0.904, "900ms"),
        (2.46, "2.5s"),
    ],
)
def test_latency_is_told_in_steps_that_do_not_flicker(seconds: float | None, shown: str) -> None:
    assert present.latency(seconds) == shown


def test_a_fingerprint_is_whole_and_in_groups() -> None:
    lines = present.fingerprint("5f1c" * 16)
    assert lines == ["5F:1C:5F:1C:5F:1C:5F:1C"] * 4


def test_the_detail_has_all_that_the_command_line_shows() -> None:
    shown = text(present.detail(endpoint(7, "vc-07", host_system="esx1.lab", network=None, vmfolder="")))
    for words in ("vc-07.example.com", "pinned", "5F:1C", "lab@vsphere.local", "DC1", "Cluster1/Resources", "vsan"):
        assert words in shown
    for words in ("the datacenter's own", "esx1.lab", "none: each profile", "8a1f24be", "id 7", "3.1 TiB of 8.0 TiB"):
        assert words in shown
    assert "why" not in shown


@pytest.mark.parametrize(
    ("state", "what_to_do", "again"),
    [
        ("stale", "check that it is up", "2026-11-21"),
        ("login refused", "e gives it the right password", "when its password has changed"),
        ("certificate refused", "shows the certificate to compare", "2026-11-21"),
    ],
)
def test_the_detail_says_why_and_what_to_do(state: str, what_to_do: str, again: str) -> None:
    row = endpoint(1, "vc-01", state, error="it says no", fix="check that it is up", next_try=NOW)
    shown = text(present.detail(row))
    assert "it says no" in shown
    assert what_to_do in " ".join(shown.split())
    assert again in shown
    assert present.error(row) == "it says no; check that it is up"


def test_what_comes_from_a_server_is_escaped() -> None:
    refused = CertificateRefused("no", on="vc\x1b[31m", why="self\x07signed", fingerprint="ab" * 32)
    shown = text(present.certificate(refused))
    assert "\x1b" not in shown
    assert "\x07" not in shown


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (Standing(0, 0, 0, 0), ""),
        (Standing(2, 9, 0, 0), ""),
        (Standing(2, 9, 1, 0), "remove vc01: 1 claim on it; 4 shows them"),
        (Standing(2, 9, 1, 3), "remove vc01: 3 jobs queued or under way there; 3 shows them"),
    ],
)
def test_what_stands_in_the_way_of_removal(standing: Standing, said: str) -> None:
    assert present.in_the_way("vc01", standing) == said


def test_what_goes_and_what_stays() -> None:
    shown = text(present.removal("vc01", Standing(2, 9, 0, 0), 0))
    assert "the records of 2 deployments" in shown
    assert "9 VMs that it made: Slipway can no longer remove them" in shown
    assert "marked" not in shown
    alone = text(present.removal("vc01", Standing(0, 0, 0, 0), 1))
    assert "no deployment's records" in alone
    assert "1 marked: only vc01, under the cursor, is removed." in alone


FOUND = [
    fine("connection", "vc01 answers"),
    warning("network", "none given: each profile must name its portgroup", "name it there"),
    missing("datastore", "no datastore named vsan", "did you mean vsan1?"),
]


def test_findings_are_lines_of_the_width_there_is() -> None:
    shown = text(findings.lines(FOUND, 40)).splitlines()
    assert shown[0] == "o ok       connection: vc01 answers"
    assert shown[1:3] == ["~ warning  network: none given: each", "           profile must name its"]
    assert "           -> did you mean vsan1?" in shown
    assert max(map(len, shown)) <= 40


def test_findings_are_counted_and_the_problems_come_first_at_the_end() -> None:
    assert text([findings.summary(FOUND, "checking ...")]) == " 1 ok  1 warning  1 missing  checking ..."
    assert [one.name for one in findings.problems_first(FOUND)] == ["datastore", "network", "connection"]


def test_findings_are_copied_whole() -> None:
    copied = findings.text("endpoint vc01", FOUND).splitlines()
    assert copied[0] == "endpoint vc01"
    assert copied[3] == "missing  datastore: no datastore named vsan; did you mean vsan1?"


def test_a_line_that_is_too_long_goes_on_below_itself() -> None:
    line: Line = (("  goes   ", "bad"), ("its address, password and trust", "plain"))
    assert broken(line, 40) == [line]
    assert text(broken(line, 30)).splitlines() == ["  goes   its address, password", "         and trust"]
    assert text(broken((("  all of it in one", "warn"),), 14)).splitlines() == ["  all of it in", "  one"]
