"""`slipway paths`, `slipway doctor` and `slipway lock`."""

import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from engine.jobs import presence
from storage import claims, endpoints, jobs, paths, secrets, settings
from storage.endpoints import NewEndpoint
from storage.models import settings as rows
from storage.store import open_store
from tests.cli.conftest import Outcome

Slipway = Callable[..., Outcome]
Terminal = Callable[..., tuple[int, str]]


def test_paths_tell_place_and_source(slipway: Slipway, tmp_path: Path) -> None:
    found = slipway("paths", "--json", SLIPWAY_STORE=str(tmp_path / "s.db")).document
    assert found["store"] == {"value": str(tmp_path / "s.db"), "source": "SLIPWAY_STORE"}
    assert found["key"] == {"value": str(tmp_path / "s.db.key"), "source": "default"}
    assert found["log"]["value"] == str(paths.log_file())
    assert found["config"] == {"value": str(paths.config_file()), "source": "XDG_CONFIG_HOME"}
    assert not (tmp_path / "s.db").exists()
    flagged = slipway("--store", str(tmp_path / "f.db"), "paths", "--json").document
    assert flagged["store"] == {"value": str(tmp_path / "f.db"), "source": "flag"}
    lines = slipway("paths").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(found)


def test_paths_show_no_password(slipway: Slipway) -> None:
    told = slipway("--store", "postgresql://me:hunter2@db.lab/slipway", "paths")
    assert told.code == 0
    assert "postgresql+psycopg://me:***@db.lab/slipway" in told.out
    assert "hunter2" not in told.out


def test_paths_read_the_configuration(slipway: Slipway) -> None:
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text('store = "/srv/lab/slipway.db"\nkey = "keyring"\n')
    found = slipway("paths", "--json").document
    assert found["store"] == {"value": "/srv/lab/slipway.db", "source": str(paths.config_file())}
    assert found["key"] == {"value": "the operating system's keyring", "source": str(paths.config_file())}


def checks(outcome: Outcome) -> dict[str, bool]:
    assert outcome.document["ok"] == all(one["ok"] for one in outcome.document["checks"])
    assert all(one["told"] and (one["ok"] or one["fix"]) for one in outcome.document["checks"])
    return {one["name"]: one["ok"] for one in outcome.document["checks"]}


def test_a_healthy_machine(slipway: Slipway) -> None:
    found = slipway("doctor", "--json")
    assert found.code == 0
    assert checks(found) == dict.fromkeys(["terminal", "store", "key", "clock", "space", "worker", "logout"], True)
    assert [line.split()[0] for line in slipway("doctor").out.splitlines()] == ["ok"] * 7


def add_endpoint(name: str, port: int) -> int:
    new = NewEndpoint(
        name=name,
        host="127.0.0.1",
        port=port,
        username="u",
        datacenter="dc",
        resource_pool="p",
        datastore="d",
        vmfolder="f",
    )
    with open_store() as store:
        return endpoints.add(store, new, "hunter2").id


def test_endpoints_are_reached_or_named(slipway: Slipway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # bound, not listening: refuses, and nobody else can take the port
        add_endpoint("vc01", listening.getsockname()[1])
        add_endpoint("vc02", deaf.getsockname()[1])
        found = slipway("doctor", "--json")
    assert found.code == 1
    assert {name for name, ok in checks(found).items() if not ok} == {"endpoint vc02"}
    assert "hunter2" not in found.out


def test_a_lost_and_an_open_key_are_told(slipway: Slipway) -> None:
    add_endpoint("vc01", 1)
    with open_store() as store:
        key = secrets.key_file(store)
    key.chmod(0o644)
    assert checks(slipway("doctor", "--json"))["key"] is False
    key.unlink()
    told = slipway("doctor", "--json")
    assert (told.code, checks(told)["key"], checks(told)["store"]) == (1, False, True)


def test_a_store_that_cannot_be_opened_is_a_finding(slipway: Slipway, tmp_path: Path) -> None:
    found = slipway("--store", str(tmp_path), "doctor", "--json")
    assert found.code == 1
    assert checks(found) == {"terminal": True, "store": False}
    shown = slipway("--store", str(tmp_path), "doctor")
    assert "WRONG" in shown.out
    assert "name a file in it" in shown.out


def worker_check(slipway: Slipway) -> tuple[bool, str, str]:
    [found] = [one for one in slipway("doctor", "--json").document["checks"] if one["name"] == "worker"]
    return found["ok"], found["told"], found["fix"]


def test_the_worker_is_told(slipway: Slipway) -> None:
    endpoint_id = add_endpoint("vc01", 1)
    with open_store() as store:
        with presence.holding(store):
            fine, told, _ = worker_check(slipway)
            assert fine
            assert told.startswith(f"pid {os.getpid()} of ")
            long_ago = datetime.now(UTC) - timedelta(seconds=presence.SILENT + 1)
            said = json.loads(settings.value(store, presence.ROW)) | {"beat": long_ago.isoformat()}
            with store.begin() as tx:
                tx.execute(update(rows).where(rows.c.name == presence.ROW).values(value=json.dumps(said)))
            fine, told, fix = worker_check(slipway)
            assert not fine
            assert "no sign of life for 3" in told
            assert f"kill -KILL {os.getpid()}" in fix
        assert worker_check(slipway)[0]
        jobs.create_stage(store, endpoint_id, "esxi-8.0u3g")
        fine, told, fix = worker_check(slipway)
        assert (fine, told) == (False, "none runs, and 1 job waits")
        assert "slipway worker --until-idle" in fix


@pytest.mark.parametrize(
    ("variables", "fine"),
    [
        ({"COLUMNS": "120", "LINES": "40"}, True),
        ({"COLUMNS": "60", "LINES": "40"}, False),
        ({"COLUMNS": "120", "LINES": "10"}, False),
        ({"COLUMNS": "120", "LINES": "40", "TERM": "dumb"}, False),
        ({"COLUMNS": "120", "LINES": "40", "PYTHONIOENCODING": "latin-1"}, False),
    ],
)
def test_the_terminal_is_looked_at(on_a_terminal: Terminal, variables: dict[str, str], fine: bool) -> None:
    code, shown = on_a_terminal("doctor", typed="", **variables)
    assert code == (0 if fine else 1)
    [line] = [line for line in shown.splitlines() if " terminal: " in line]
    assert line.split()[0] == ("ok" if fine else "WRONG")


def test_claims_are_listed_and_cleared(slipway: Slipway) -> None:
    endpoint_id = add_endpoint("vc01", 1)
    name = claims.claim_name(endpoint_id, "esxi-8.0u3g")
    with open_store() as store:
        claims.insert(store, name, "1")
    [found] = slipway("lock", "list", "--json").document
    assert (found["name"], found["endpoint"], found["uid"], found["holder"]) == (name, "vc01", "esxi-8.0u3g", None)
    shown = slipway("lock", "list").out
    assert shown.splitlines() == [
        name,
        "  component  esxi-8.0u3g on vc01",
        "  verdict    foreign",
        "  evidence   not written by Slipway, age unknown",
    ]
    assert slipway("lock", "clear", name).code == 2
    assert slipway("lock", "clear", "absent", "--yes").code == 3
    assert len(slipway("lock", "list", "--json").document) == 1
    assert slipway("lock", "clear", name, "--yes", "--json").document == found
    assert slipway("lock", "list", "--json").document == []
    assert slipway("lock", "list").out == "no claims\n"


def test_a_live_claim_is_cleared_by_force_only(slipway: Slipway) -> None:
    from engine.staging.claims import take

    endpoint_id = add_endpoint("vc01", 1)
    with open_store() as store:
        claim = take(store, endpoint_id, "esxi-8.0u3g", "staging", deployment=7)
        assert claim is not None
    [found] = slipway("lock", "list", "--json").document
    assert (found["stale"], found["for"], found["deployment"]) == (False, "staging", 7)
    assert (found["holder"]["pid"], found["token"]) == (os.getpid(), claim.token)
    assert found["since"].endswith("Z")
    assert found["beat_age_seconds"] <= found["age_seconds"]
    shown = slipway("lock", "list").out
    for told in ("esxi-8.0u3g on vc01", "live", f"pid {os.getpid()}, deployment 7", found["since"], "last heartbeat"):
        assert told in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    refused = slipway("lock", "clear", claim.name, "--yes", "--json")
    assert (refused.code, refused.error["code"]) == (4, "conflict")
    assert slipway("lock", "clear", claim.name, "--yes", "--force").code == 0
    assert slipway("lock", "list", "--json").document == []
