"""The project's conftest turns skips into failures when CI is set, and only then."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SKIPS = {
    "mark": "import pytest\n\n@pytest.mark.skipif(True, reason='no tmux')\ndef test_it(): pass\n",
    "call": "import pytest\n\ndef test_it(): pytest.skip('no tmux')\n",
    "fixture": "import pytest\n\n@pytest.fixture\ndef tmux(): pytest.skip('no tmux')\n\ndef test_it(tmux): pass\n",
    "module": "import pytest\n\npytest.skip('no tmux', allow_module_level=True)\n",
}
EXPECTED_FAILURE = "import pytest\n\n@pytest.mark.xfail\ndef test_it(): assert False\n"


def run_pytest(folder: Path, test: str, **environment: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder)
    (folder / "test_skip.py").write_text(f"{test}\n\ndef test_other(): pass\n")
    outside = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={folder / 'temp'}", str(folder)],
        cwd=folder,
        env=outside | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("test", SKIPS.values(), ids=SKIPS)
def test_a_skip_fails_in_ci(tmp_path: Path, test: str) -> None:
    run = run_pytest(tmp_path, test, CI="true")
    assert run.returncode != 0
    assert "a skip is a failure in CI" in run.stdout
    assert "no tmux" in run.stdout


def test_a_skip_passes_elsewhere(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, SKIPS["mark"])
    assert run.returncode == 0
    assert "1 passed, 1 skipped" in run.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, EXPECTED_FAILURE, CI="true")
    assert run.returncode == 0
    assert "1 passed, 1 xfailed" in run.stdout
