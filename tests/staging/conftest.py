"""A store of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "slipway.db") as opened:
        yield opened
