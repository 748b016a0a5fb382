"""`slipway store`: check, backup and restore, as an operator types them."""

import fcntl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage import paths, secrets, settings
from storage.backup import read
from storage.models import SCHEMA
from storage.store import open_store
from tests.cli.conftest import Outcome

Slipway = Callable[..., Outcome]
Terminal = Callable[..., tuple[int, str]]


@pytest.fixture
def path() -> Path:
    """The default store, with one secret in it."""
    with open_store() as store:
        settings.create(store, "lab_password", "hunter2", "d")
        return Path(store.location)


def value(name: str) -> str:
    with open_store() as store:
        return settings.value(store, name)


def back_up(slipway: Slipway) -> str:
    found: str = slipway("store", "backup", "--json").document["file"]
    return found


def test_a_sound_store(slipway: Slipway, path: Path) -> None:
    found = slipway("store", "check", "--json")
    assert found.code == 0
    with open_store() as store:
        sound = {"ok": True, "store": str(path), "id": store.id, "schema": SCHEMA, "problems": []}
    assert found.document == sound
    assert slipway("store", "check").out == f"ok {path} (id {sound['id']}, schema {SCHEMA})\n"


def test_each_problem_is_a_line(slipway: Slipway, path: Path) -> None:
    Path(f"{path}.key").unlink()
    shown = slipway("store", "check")
    assert shown.code == 1
    [line] = shown.out.splitlines()
    assert line.startswith("WRONG key: ")
    assert f"{path}.key is missing; put the store's own key back" in line
    found = slipway("store", "check", "--json")
    assert (found.code, found.document["ok"]) == (1, False)
    assert [set(one) for one in found.document["problems"]] == [{"check", "told", "fix"}]


def test_a_store_that_does_not_open_is_a_problem(slipway: Slipway, path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"no database, no ")
    found = slipway("store", "check", "--json")
    assert (found.code, found.document["id"]) == (1, None)
    [problem] = found.document["problems"]
    assert problem["check"] == "open"
    assert f"cannot use the store {path}: file is not a database" in problem["told"]
    assert "slipway store restore" in problem["fix"]


def test_a_backup_and_where_its_key_is(slipway: Slipway, path: Path, tmp_path: Path) -> None:
    shown = slipway("store", "backup", str(tmp_path / "x.db"))
    assert shown.code == 0
    assert shown.out.splitlines() == [
        f"backed up {path} to {tmp_path / 'x.db'}",
        f"keep its key as well, apart from it: {path}.key",
    ]
    with open_store() as store:
        assert read(tmp_path / "x.db").store_id == store.id
        key = secrets.key_file(store).read_bytes().strip()
    content = (tmp_path / "x.db").read_bytes()
    assert key not in content
    assert b"hunter2" not in content
    again = slipway("store", "backup", str(tmp_path / "x.db"), "--json")
    assert (again.code, again.error["code"]) == (4, "conflict")


def test_a_backup_without_a_name_is_beside_the_store(slipway: Slipway, path: Path) -> None:
    found = slipway("store", "backup", "--json").document
    assert set(found) == {"file", "store", "id", "key"}
    assert Path(found["file"]).parent == path.parent
    assert found["file"].startswith(f"{path}.backup-2")
    assert found["key"] == f"{path}.key"


def test_restore(slipway: Slipway, path: Path) -> None:
    made = back_up(slipway)
    slipway("setting", "update", settings.FLAG, "-v", "true")
    found = slipway("store", "restore", made, "--yes", "--json")
    assert found.code == 0
    assert set(found.document) == {"store", "id", "from", "kept", "problems"}
    assert (found.document["store"], found.document["from"]) == (str(path), made)
    assert found.document["problems"] == []
    assert value(settings.FLAG) == "false"
    assert value("lab_password") == "hunter2"
    back = slipway("store", "restore", found.document["kept"], "--yes")
    assert back.code == 0
    assert back.out.startswith(f"restored {path} from {found.document['kept']}\n")
    assert value(settings.FLAG) == "true"


def test_restore_tells_that_the_key_is_lost(slipway: Slipway, path: Path) -> None:
    made = back_up(slipway)
    Path(f"{path}.key").unlink()
    found = slipway("store", "restore", made, "--yes")
    assert found.code == 0
    assert f"{path}.key is missing" in found.err


def test_restore_asks_first(slipway: Slipway, on_a_terminal: Terminal, path: Path) -> None:
    made = back_up(slipway)
    slipway("setting", "update", settings.FLAG, "-v", "true")
    unasked = slipway("store", "restore", made)
    assert (unasked.code, value(settings.FLAG)) == (2, "true")
    code, shown = on_a_terminal("store", "restore", made, typed="other.db\n")
    assert (code, value(settings.FLAG)) == (1, "true")
    assert "Type the name of the store to go on (slipway.db)" in shown
    code, _ = on_a_terminal("store", "restore", made, typed=f"{path.name}\n")
    assert (code, value(settings.FLAG)) == (0, "false")


def test_restore_is_refused_while_a_worker_runs(process: Slipway, path: Path) -> None:
    made = back_up(process)
    with closing(Path(f"{path}.worker").open("wb")) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = process("store", "restore", made, "--yes", "--json")
    assert (found.code, found.error["code"]) == (4, "conflict")
    assert "its worker is at work" in found.error["why"]
    assert process("store", "restore", made, "--yes").code == 0


def test_a_damaged_store_is_restored_by_force(slipway: Slipway, path: Path) -> None:
    made = back_up(slipway)
    with path.open("r+b") as file:
        file.write(b"no database, no ")
    refused = slipway("store", "restore", made, "--yes")
    assert refused.code == 4
    assert "--force" in refused.line
    assert slipway("store", "restore", made, "--yes", "--force").code == 0
    assert value("lab_password") == "hunter2"


def test_what_is_no_backup_is_told_before_anything_is_asked(slipway: Slipway, path: Path) -> None:
    found = slipway("store", "restore", "absent.db")
    assert (found.code, found.line.split(":")[0]) == (3, f"no backup {Path('absent.db').absolute()}")
    assert slipway("store", "restore", str(paths.config_file())).code == 3


@pytest.mark.parametrize("arguments", [("backup",), ("restore", "x.db", "--yes")])
def test_a_server_has_its_own_tools(slipway: Slipway, arguments: tuple[str, ...]) -> None:
    found = slipway("--store", "postgresql://me:hunter2@db.lab/slipway", "store", *arguments)
    assert found.code == 2
    assert "use pg_dump and pg_restore" in found.line
    assert "hunter2" not in found.err
