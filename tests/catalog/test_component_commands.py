"""`slipway component`, run as a user runs it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.ova.samples import build_ova

ROOT = Path(__file__).parents[2]
FILES = Path(__file__).parent / "files"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def component(tmp_path: Path) -> Run:
    """Runs `slipway component` with these arguments on a store of the test's own."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", "--store", str(tmp_path / "s.db"), "component", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    return run


def test_import_list_show_and_switch(component: Run) -> None:
    imported = component("import", FILES)
    assert (imported.returncode, imported.stderr) == (0, "")
    assert imported.stdout == "imported 4 components (1 ISO, 1 L1, 1 L2, 1 unsupported): 4 new, 0 renewed\n"
    again = json.loads(component("import", FILES / "core-1.0.json", "--json").stdout)
    assert [(one["uid"], one["new"]) for one in again] == [("core-1.0", False)]

    assert component("disable", "core-1.0").stdout == "core-1.0 is disabled\n"
    listed = component("list").stdout.splitlines()
    assert listed[0].split() == ["UID", "KIND", "ENABLED", "SIZE", "OVA"]
    assert [line.split()[:3] for line in listed[1:]] == [
        ["centre-8.0", "ISO", "yes"],
        ["cloud-3", "unsupported", "yes"],
        ["core-1.0", "L1", "no"],
        ["node-2.1a", "L2", "yes"],
    ]
    assert json.loads(component("enable", "core-1.0", "--json").stdout)["enabled"] is True

    shown = component("show", "core-1.0").stdout
    assert "obstacle: it has no local file, and downloads are not there yet; supply its OVA" in shown
    assert "guestinfo.password  {{zpod_password}}" in shown
    details = json.loads(component("show", "node-2.1a", "--json").stdout)
    assert details == {
        "uid": "node-2.1a",
        "name": "node",
        "version": "2.1a",
        "type": "node",
        "kind": "L2",
        "enabled": True,
        "size": "12 MB",
        "checksum": "sha256:" + "ab" * 32,
        "ova_path": None,
        "description": "Nested node",
        "url": "",
        "download_engine": "https",
        "download_file": "node-2.1a.ova?mirror=1",
        "obstacle": details["obstacle"],
        "spec": json.loads((FILES / "node-2.1a.json").read_text())["component_deploy_govc_spec"],
        "licence_accepted_by": "",
        "licence_accepted_at": None,
    }
    assert set(json.loads(component("list", "--json").stdout)[0]) < set(details)


def test_set_file_tells_what_it_checks_and_what_it_took(component: Run, tmp_path: Path) -> None:
    component("import", FILES)
    ova = build_ova(tmp_path / "core.ova", name="core").path
    taken = component("set-file", "core-1.0", ova)
    assert (taken.returncode, taken.stdout) == (0, f"core-1.0 is at {ova}\n")
    assert taken.stderr.endswith(f"core-1.0  checking: {ova}\n")
    refused = component("set-file", "node-2.1a", ova, "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert json.loads(refused.stderr)["error"]["object"] == str(ova)
    absent = component("set-file", "core-1.0", tmp_path / "absent.ova", "--json")
    assert absent.returncode == 2
    assert json.loads(absent.stderr)["error"]["code"] == "bad_input"


def test_a_bad_file_is_one_line_and_exit_code_2(component: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    refused = component("import", FILES, tmp_path / "bad.json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(
        f"slipway: cannot import components: {tmp_path}/bad.json: component_name: is missing"
    )
    assert refused.stderr.count("\n") == 1
    assert component("list", "--json").stdout == "[]\n"


def test_an_unknown_uid_suggests_the_nearest(component: Run) -> None:
    component("import", FILES)
    for arguments in (["show", "core-1"], ["enable", "core-1"], ["disable", "core-1"], ["set-file", "core-1", "x.ova"]):
        refused = component(*arguments)
        assert refused.returncode == 3
        assert 'did you mean "core-1.0"?' in refused.stderr
