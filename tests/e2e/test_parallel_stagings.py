"""Memory is bounded by buffers, not by OVAs (DESIGN.md rule 14)."""

from pathlib import Path

import pytest

from bench.stagings import LIMIT, measure
from engine.simulator.launcher import Simulator


@pytest.mark.long
def test_ten_stagings_at_once_stay_below_the_limit(simulator: Simulator, tmp_path: Path) -> None:
    memory = measure(simulator, tmp_path, mib=256)
    assert memory.peak < LIMIT
