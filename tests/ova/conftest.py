"""What the tests of the package format share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import BadPackage
from engine.ova.package import open_package
from tests.ova.archives import write_ova

CORPUS = Path(__file__).parents[3] / "shared/corpus/ovf"


@pytest.fixture
def corpus() -> Path:
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real descriptors is not here")
    return CORPUS


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """The message with which an archive of these parts is refused; it names the archive."""

    def refuse(*parts: bytes) -> str:
        path = write_ova(tmp_path / "bad.ova", *parts)
        with pytest.raises(BadPackage) as caught:
            open_package(path)
        message = str(caught.value)
        assert str(path) in message
        return message

    return refuse
