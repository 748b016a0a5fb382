"""`slipway ova check`: the list, its exit code, its document."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.ova.samples import build_ova
from tests.cli.conftest import Outcome
from tests.ova.archives import envelope, member, write_ova

Slipway = Callable[..., Outcome]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    text = envelope('<DiskSection><Disk ovf:diskId="d" ovf:fileRef="none" ovf:capacity="1"/></DiskSection>')
    disk = member("disk1.vmdk", b"d")
    return write_ova(tmp_path / "bad.ova", member("box.ovf", text), member("box.mf", "x\n"), disk, disk)


def test_a_good_one(slipway: Slipway, tmp_path: Path) -> None:
    path = build_ova(tmp_path / "box.ova", name="box", disks=[3000]).path
    outcome = slipway("ova", "check", str(path))
    assert (outcome.code, outcome.out) == (0, "note     box.ova: is not signed\n1 note\n")
    assert outcome.err.endswith("box.ova  comparing digests\n")


def test_all_problems_of_a_broken_one(slipway: Slipway, broken: Path) -> None:
    outcome = slipway("ova", "check", str(broken))
    assert (outcome.code, outcome.err) == (2, "")
    lines = outcome.out.splitlines()
    assert lines[:2] == [
        "error    bad.ova: two members are named 'disk1.vmdk'",
        "         -> get the package again, or another one from who made it",
    ]
    assert "error    box.mf line 1: 'x' is not 'SHA256(file)= digest'" in lines
    assert "error    box.ovf line 1: Disk 'd': refers to the File 'none', which is missing" in lines
    assert lines[-1] == "3 errors, 1 warning, 1 note"


def test_its_document(slipway: Slipway, broken: Path, tmp_path: Path) -> None:
    outcome = slipway("ova", "check", str(broken), "--json")
    assert outcome.code == 2
    told = outcome.document
    assert (told["file"], told["ok"], len(told["findings"])) == (str(broken), False, 5)
    assert told["findings"][2] == {
        "severity": "error",
        "where": "box.ovf line 1: Disk 'd'",
        "what": "refers to the File 'none', which is missing",
        "fix": "correct the descriptor, or ask who made the package for another one",
    }
    missing = slipway("ova", "check", str(tmp_path / "none.ova"), "--json")
    assert (missing.code, missing.document["ok"]) == (2, False)
    assert missing.document["findings"][0]["where"] == "none.ova"


def test_a_digest_that_differs(slipway: Slipway, tmp_path: Path) -> None:
    path = build_ova(tmp_path / "box.ova", name="box", disks=[3000]).path
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1  # within the disk, the archive's last member
    path.write_bytes(data)
    outcome = slipway("ova", "check", str(path))
    assert outcome.code == 2
    assert outcome.out.startswith("error    box-disk1.vmdk: is damaged: its SHA256 is ")


def test_what_is_shown_moves_no_cursor(slipway: Slipway, tmp_path: Path) -> None:
    text = envelope(files='<File ovf:id="\u009b31m" ovf:href="gone"/>')
    outcome = slipway("ova", "check", str(write_ova(tmp_path / "box.ova", member("box.ovf", text))))
    assert r"File '\x9b31m'" in outcome.out
