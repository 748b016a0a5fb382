"""A store of the test's own, the files beside this one, and the real library when it is there."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.store import Store, open_store

FILES = Path(__file__).parent / "files"
LIBRARY = Path(__file__).parents[3] / "shared/corpus/library"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "slipway.db") as opened:
        yield opened


@pytest.fixture
def library() -> Path:
    if not LIBRARY.is_dir():
        pytest.skip("the corpus of real component files is not here")
    return LIBRARY


@pytest.fixture
def component_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes files/core-1.0.json with fields changed (None takes one away), under any name."""

    def write(file_name: str = "core.json", **changes: Any) -> Path:
        document = json.loads((FILES / "core-1.0.json").read_text())
        document |= {f"component_{name}": value for name, value in changes.items()}
        path = tmp_path / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))
        return path

    return write
