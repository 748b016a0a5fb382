"""What every test gets: a home of its own, nothing from the machine's settings; and in CI a skip is a failure."""

import gc
import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Collecting 3,500 tests makes objects that live as long as the run: looking for garbage among them cost each worker 2 s
# of 4.6 s CPU time. What tests leave behind is still looked for, and an unclosed resource is still an error.
gc.set_threshold(20_000)

# The same examples on every run and no deadline: a slow machine is not a defect.
settings.register_profile("slipway", deadline=None, derandomize=True)
settings.load_profile("slipway")

# What the developer may say to the tests; every other SLIPWAY_* is a setting of the machine and taken away.
SAID_TO_TESTS = ("SLIPWAY_TEST_VCENTER", "SLIPWAY_TOOLS")
# Variables that change what a program prints.
OUTPUT = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS")
XDG = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()


# Values of many kilobytes would be the names of their tests, sent between the processes with every report.
LONGEST_ID = 200


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    return argname if isinstance(val, str | bytes) and len(val) > LONGEST_ID else None


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches the commands that tests start, also in tests that run as a background job, which ignores it."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of all homes; the environment that fixtures of wider scope than a test see is its first."""
    folder = tmp_path_factory.mktemp("homes")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name in OUTPUT or (name.startswith("SLIPWAY_") and name not in SAID_TO_TESTS):
                patch.delenv(name)
        move_home(patch, folder)
        yield folder


@pytest.fixture(autouse=True)
def home(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME and the XDG folders of this test alone, empty at its start."""
    return move_home(monkeypatch, homes)


def move_home(patch: pytest.MonkeyPatch, homes: Path) -> Path:
    home = Path(tempfile.mkdtemp(dir=homes))
    patch.setenv("HOME", str(home))
    for name in XDG:
        patch.setenv(name, str(home / name.lower()))
    return home


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_skip_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_skip_in_ci(report)
    return report


def fail_skip_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI everything that a test needs is installed (make system-deps), so a skip hides a defect."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"a skip is a failure in CI: {reason}"
