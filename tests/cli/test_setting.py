"""`slipway setting`: both spellings, JSON, masks, values from stdin, and nothing destroyed unasked."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import audit, paths, settings
from storage.store import open_store
from tests.cli.conftest import ROOT, Outcome

Slipway = Callable[..., Outcome]
Terminal = Callable[..., tuple[int, str]]

FLAG = "ff_endpoint_ova_staging"


def test_create_list_get_update_delete(slipway: Slipway) -> None:
    assert (
        slipway("setting", "create", "-n", "Lab_Contact", "-v", "noc", "-d", "Whom to ask").out
        == "created lab_contact\n"
    )
    assert slipway("setting", "get", "lab_contact").out == "noc\n"
    assert slipway("setting", "update", "lab_contact", "-v", "desk").out == "updated lab_contact\n"
    listed = [line.split()[:2] for line in slipway("setting", "list").out.splitlines()]
    assert listed[0] == ["NAME", "VALUE"]
    assert [FLAG, "false"] in listed
    assert ["lab_contact", "desk"] in listed
    assert slipway("setting", "delete", "lab_contact", "--yes").out == "deleted lab_contact\n"
    assert slipway("setting", "get", "lab_contact").code == 3


def test_long_spellings(slipway: Slipway) -> None:
    made = slipway("setting", "create", "--name", "a", "--value", "1", "--description", "x", "--json")
    assert made.document == {"name": "a", "value": "1", "description": "x", "secret": False}
    changed = slipway("setting", "update", "--name", "a", "--value", "2", "--description", "y", "--json")
    assert changed.document == {"name": "a", "value": "2", "description": "y", "secret": False}
    assert slipway("setting", "get", "--name", "a", "-j").document == changed.document
    assert slipway("setting", "delete", "--name", "a", "--yes", "--json").document == changed.document


@pytest.mark.parametrize("option", ["--json", "-j"])
def test_list_as_json(slipway: Slipway, option: str) -> None:
    [flag] = [one for one in slipway("setting", "list", option).document if one["name"] == FLAG]
    assert set(flag) == {"name", "value", "description", "secret"}
    assert (flag["name"], flag["value"]) == (FLAG, "false")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["get", "ff_endpoint_ova"], 3, "not_found"),
        (["get"], 2, "bad_input"),
        (["get", "a", "--name", "b"], 2, "bad_input"),
        (["update", FLAG], 2, "bad_input"),
        (["update", FLAG, "-v", "true", "--value-stdin"], 2, "bad_input"),
        (["update", "absent", "-v", "true"], 3, "not_found"),
        (["create", "-n", FLAG, "-v", "x", "-d", "y"], 4, "conflict"),
        (["create", "-n", "_slipway_store", "-v", "x", "-d", "y"], 2, "bad_input"),
        (["create", "-n", "a", "-v", "x", "-d", ""], 2, "bad_input"),
        (["delete", "absent", "--yes"], 3, "not_found"),
        (["delete", "_slipway_store", "--yes"], 2, "bad_input"),
    ],
)
def test_what_cannot_be_done(slipway: Slipway, arguments: list[str], code: int, word: str) -> None:
    found = slipway("setting", *arguments)
    assert found.code == code
    assert found.line
    as_json = slipway("setting", *arguments, "--json")
    assert (as_json.code, as_json.error["code"]) == (code, word)
    assert as_json.error["what"]
    assert slipway("setting", "get", FLAG).out == "false\n"


def test_a_flag_that_only_looks_on_is_told(slipway: Slipway) -> None:
    assert (
        slipway("setting", "update", FLAG, "-v", "True").err
        == f'{FLAG} is off: only the literal value "true" turns it on\n'
    )
    assert slipway("setting", "update", FLAG, "-v", "true").err == ""


def test_an_unknown_setting_suggests_the_nearest(slipway: Slipway) -> None:
    assert slipway("setting", "get", "ff_endpoint_ova").line.endswith(f'did you mean "{FLAG}"?')


@pytest.mark.parametrize("option", [["--value-stdin"], ["--value", "-"]])
def test_a_secret_comes_by_stdin_and_is_masked(slipway: Slipway, process: Slipway, option: list[str]) -> None:
    name = "zpodfactory_broadcom_download_token"
    made = slipway("setting", "create", "-n", name, "-d", "Token", *option, "--json", given="hunter2 ☃\n")
    assert made.document["value"] == "********"
    with open_store() as store:
        assert settings.value(store, name) == "hunter2 ☃"
    for verb in (["get", name], ["get", name, "--json"], ["list"], ["list", "--json"]):
        told = slipway("setting", *verb)
        assert told.code == 0
        assert "hunter2" not in told.out
        assert "********" in told.out
    assert process("setting", "update", name, *option, given="hunter3").code == 0
    with open_store() as store:
        assert settings.value(store, name) == "hunter3"
        assert not any("hunter" in str(entry) for entry in audit.listing(store))
    for file in [*paths.data_dir().iterdir(), *paths.state_dir().glob("*")]:
        assert b"hunter" not in file.read_bytes()


def test_stdin_that_is_no_text(slipway: Slipway) -> None:
    found = slipway("setting", "update", FLAG, "--value-stdin", given=b"\xff\xfe\n", PYTHONIOENCODING="utf-8:strict")
    assert (found.code, found.line) == (2, "cannot read stdin: it is not UTF-8 text")


def test_nothing_is_deleted_without_terminal_and_yes(slipway: Slipway) -> None:
    found = slipway("setting", "delete", FLAG, given=f"{FLAG}\n")
    assert found.code == 2
    assert "--yes" in found.line
    assert slipway("setting", "delete", FLAG, "--json").error["code"] == "bad_input"
    assert slipway("setting", "get", FLAG).code == 0


def test_a_terminal_asks_for_the_name(slipway: Slipway, on_a_terminal: Terminal) -> None:
    code, shown = on_a_terminal("setting", "delete", FLAG, typed="yes\n")
    assert code == 1
    assert "another name was typed; nothing was changed" in shown
    code, _ = on_a_terminal("setting", "delete", FLAG, typed="\x04")
    assert code == 1
    assert slipway("setting", "get", FLAG).code == 0
    code, shown = on_a_terminal("setting", "delete", FLAG, typed=f"{FLAG}\n")
    assert code == 0
    assert f"Type the name of the setting to go on ({FLAG}):" in shown
    assert slipway("setting", "get", FLAG).code == 3


def test_values_arrive_unchanged_in_scripts(process: Slipway) -> None:
    value = "\x1b[31m ä\u202e \"'\\ {{ x }}"
    process("setting", "create", "-n", "odd", "-v", value, "-d", "d")
    assert process("setting", "get", "odd", "--json").document["value"] == value
    assert process("setting", "get", "odd").out == "\\x1b[31m ä\\u202e \"'\\ {{ x }}\n"


def test_two_first_commands_at_once() -> None:
    """Both find no store; both succeed, in one."""
    command = [sys.executable, "-m", "cli", "setting", "list", "--json"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)]
    told = [json.loads(process.communicate()[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert told[0] == told[1] == told[2]
    assert [path.name for path in Path(paths.data_dir()).glob("*.new")] == []
