"""Each import contract breaks on the import that it forbids, and loading the engine loads no screen."""

import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cli", "engine", "storage", "tui")
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# contract id, module that gets the line, the line
VIOLATIONS = [
    ("floors", "engine.ova", "import cli.main"),
    ("floors", "engine.deploy", "import tui"),
    ("floors", "storage", "import engine.errors"),
    ("no-screen", "engine.deploy", "import rich.table"),
    ("no-screen", "engine.staging", "import textual.app"),
    ("no-screen", "storage", "import typer"),
    ("pyvmomi", "engine.deploy", "from pyVmomi import vim"),
    ("pyvmomi", "cli", "import pyVmomi"),
    ("no-pyvim", "engine.vsphere", "from pyVim.connect import SmartConnect"),
    ("storage-no-vsphere", "storage", "from pyVmomi import vim"),
    ("readers", "engine.ova", "import engine.vsphere"),
    ("readers", "engine.catalog", "import engine.vsphere"),
    ("ova-no-store", "engine.ova", "import storage.paths"),
    ("ova-no-store", "engine.ova", "import storage.errors"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's Python packages and contracts, in a folder that a test may spoil."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=lambda _, names: {n for n in names if "." in n and not n.endswith(".py")},
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def check_contract(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache", "--contract", contract],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("contract", "module", "line"), VIOLATIONS)
def test_a_forbidden_import_breaks_its_contract(copy: Path, contract: str, module: str, line: str) -> None:
    face = copy.joinpath(*module.split("."), "__init__.py")
    face.write_text(f"{face.read_text()}\n{line}\n")
    check = check_contract(copy, contract)
    assert check.returncode == 1
    assert "1 broken" in check.stdout


def test_the_copy_itself_keeps_the_contracts(copy: Path) -> None:
    """Else the tests above could pass for another reason than their import."""
    for contract in {contract for contract, _, _ in VIOLATIONS}:
        assert "1 kept, 0 broken" in check_contract(copy, contract).stdout


def modules_of(package: str) -> list[str]:
    walked = pkgutil.walk_packages([str(ROOT / package)], prefix=f"{package}.")
    return [package, *(found.name for found in walked if "migrations" not in found.name)]


def test_loading_engine_and_storage_loads_no_screen() -> None:
    # DBOS brings click for a command line of its own; only the worker's process loads it, and that has no screen.
    loads_dbos = {"engine.jobs.runner", "engine.jobs.crew"}
    modules = [name for name in [*modules_of("engine"), *modules_of("storage")] if name not in loads_dbos]
    assert "engine.vsphere" in modules
    assert "engine.jobs.worker" in modules
    code = "\n".join([f"import {module}" for module in modules] + ["import sys", "print(*sys.modules)"])
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    screens = {name for name in run.stdout.split() if name.split(".")[0] in ("click", "rich", "textual", "typer")}
    assert not screens
