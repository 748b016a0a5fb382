"""Each target for 20 s, a million inputs in `make test-long`; `FUZZ=17` begins with seed 17."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.campaign import ROOT, TARGETS, campaign, run

pytest.importorskip("atheris", reason="there is no atheris for this platform")
SEED = int(os.environ.get("FUZZ", "7"))


@pytest.mark.parametrize("target", TARGETS)
def test_20_seconds(tmp_path: Path, target: str) -> None:
    done = run(target, tmp_path, SEED, seconds=20)
    assert not done.defect, f"seed {SEED}: {done.defect}"
    assert done.inputs > 100


@pytest.mark.parametrize(
    ("defect", "says"),
    [
        ("data.decode()", "UnicodeDecodeError"),
        ("bytearray(300 << 20)", "MemoryError"),
        ("sum(range(200_000_000))", "s for one input"),
    ],
)
def test_a_defect_is_found_and_its_input_kept(tmp_path: Path, defect: str, says: str) -> None:
    """The harness itself: an exception that is not ours, too much memory, too much time."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/one").write_bytes(b"\xff")
    script = f"from tests.fuzz.harness import main\nmain(lambda data: {defect}, [])"
    options = ["--folder", tmp_path, "--inputs", "3"]
    done = subprocess.run(
        [sys.executable, "-c", script, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert says in done.stdout + done.stderr
    assert list(tmp_path.glob("crash-*"))


@pytest.mark.long
def test_a_million_inputs(tmp_path: Path) -> None:
    tallies = campaign(1_000_000, SEED, tmp_path)
    assert sum(tally.inputs for tally in tallies.values()) >= 1_000_000
