"""`slipway endpoint test`: what it finds on stock vcsim, and behind a proxy what stock vcsim never shows."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.endpoints.privileges import DEFINE_ATTRIBUTE, NEEDED
from engine.simulator.launcher import Stock
from engine.vsphere.properties import read
from engine.vsphere.session import Address, connect
from engine.vsphere.trust import Trust
from storage import endpoints
from storage.store import open_store
from tests.cli.conftest import Outcome
from tests.endpoints.conftest import PASSWORD
from tests.endpoints.proxy import Proxy

Slipway = Callable[..., Outcome]


@pytest.fixture
def open_port() -> Iterator[int]:
    """A port of this host that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def found(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The findings by name; no name twice, and whatever is not well says what to do."""
    rows = outcome.document
    assert all(set(row) == {"name", "state", "detail", "fix"} for row in rows)
    assert all(bool(row["fix"]) != (row["state"] == "ok") for row in rows)
    by_name = {row["name"]: row for row in rows}
    assert len(by_name) == len(rows)
    return by_name


def states(outcome: Outcome) -> dict[str, str]:
    return {name: row["state"] for name, row in found(outcome).items()}


def with_hosts(*ports: int) -> Callable[[str, str], str]:
    """Gives the cluster's hosts names with these ports of this host, as our simulator's hosts have."""

    def change(_: str, answer: str) -> str:
        for number, port in enumerate(ports):
            answer = answer.replace(f">DC0_C0_H{number}<", f">127.0.0.1:{port}<")
        return answer

    return change


def test_everything_is_well(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path, open_port: int) -> None:
    with Proxy(vcenter, tmp_path, with_hosts(open_port, open_port, open_port)) as proxy:
        add(proxy, "--network", "VM Network")
        people = slipway("endpoint", "test", "vc01")
        assert people.code == 0, people.out
        assert people.err == ""
        lines = people.out.splitlines()
        assert {line.split()[0] for line in lines} == {"ok"}
        told = ("connection", "certificate", "login", "clock", "datacenter", "resource pool", "datastore", "VM folder")
        for name in (*told, "network", "privileges on VM folder", "DRS", "components-staging", "host 127.0.0.1"):
            assert any(name in line for line in lines), name
    assert PASSWORD not in people.out


def test_hosts_that_cannot_be_reached(
    slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path, open_port: int, closed_port: int
) -> None:
    """One dead host is its own finding; the others, and all else, are looked at."""
    with Proxy(vcenter, tmp_path, with_hosts(open_port, closed_port)) as proxy:
        add(proxy)
        outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 1
    rows = found(outcome)
    assert rows[f"host 127.0.0.1:{open_port}"]["state"] == "ok"
    assert rows[f"host 127.0.0.1:{closed_port}"]["state"] == "missing"
    assert "refused" in rows[f"host 127.0.0.1:{closed_port}"]["detail"]
    assert rows["host DC0_C0_H2"]["state"] == "missing"
    assert rows["privileges on VM folder"]["state"] == "ok"


def test_a_host_that_vcenter_lost_is_not_asked(
    slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path, open_port: int
) -> None:
    def change(method: str, answer: str) -> str:
        return with_hosts(open_port, open_port, open_port)(method, answer).replace(
            'HostSystemConnectionState">connected<', 'HostSystemConnectionState">notResponding<', 1
        )

    with Proxy(vcenter, tmp_path, change) as proxy:
        add(proxy)
        outcome = slipway("endpoint", "test", "vc01")
    assert outcome.code == 0
    assert "notResponding" in outcome.out


def test_names_that_are_wrong(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    """Each is named with its nearest, and none hides another."""
    add(vcenter)
    wrong = ("--resource-pool", "DC0_C1", "--datastore", "LocalDS_1", "--vmfolder", "labs", "--network", "VM Netwrk")
    assert slipway("endpoint", "update", "vc01", *wrong).code == 0
    outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 1
    rows = found(outcome)
    for name, near in (
        ("resource pool", "DC0_C0"),
        ("datastore", "LocalDS_0"),
        ("VM folder", ""),
        ("network", "VM Network"),
    ):
        assert rows[name]["state"] == "missing"
        assert near in rows[name]["fix"]
        assert "slipway endpoint update vc01 --" in rows[name]["fix"]
    assert rows["datacenter"]["state"] == "ok"


def test_a_datacenter_that_is_not_there(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    slipway("endpoint", "update", "vc01", "--datacenter", "DC7")
    outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 1
    assert states(outcome)["datacenter"] == "missing"
    assert states(outcome)["clock"] == "ok"


def test_the_host_system(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter, "--host-system", "DC0_C0_H1")
    assert states(slipway("endpoint", "test", "vc01", "--json"))["host system"] == "ok"
    slipway("endpoint", "update", "vc01", "--host-system", "DC0_H0")  # another cluster's
    assert states(slipway("endpoint", "test", "vc01", "--json"))["host system"] == "missing"


def test_a_host_on_its_own_needs_no_drs(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    slipway("endpoint", "update", "vc01", "--resource-pool", "DC0_H0")
    row = found(slipway("endpoint", "test", "vc01", "--json"))["DRS"]
    assert row["state"] == "ok"
    assert "DC0_H0" in row["detail"]  # where VMs go
    assert "vapp:" in row["detail"]


def test_a_missing_privilege_is_named_with_its_object(
    slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path
) -> None:
    def change(method: str, answer: str) -> str:
        if method != "HasPrivilegeOnEntities":
            return answer
        for denied in ("VApp.Import", "Network.Assign", "Global.ManageCustomFields"):
            answer = re.sub(rf"(<privId>{denied}</privId>\s*<isGranted>)true", r"\1false", answer)
        return answer

    with Proxy(vcenter, tmp_path, change) as proxy:
        add(proxy, "--network", "VM Network")
        outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 1
    rows = found(outcome)
    denied = {
        "root": "Global.ManageCustomFields",
        "VM folder": "VApp.Import",
        "resource pool": "VApp.Import",
        "network": "Network.Assign",
    }
    for kind, privilege in denied.items():
        row = rows[f"privileges on {kind}"]
        assert row["state"] == "missing"
        assert row["detail"].endswith(f"operator lacks {privilege}")
        assert kind in row["fix"]
    assert rows["privileges on datastore"]["state"] == "ok"


def test_a_silent_answer_grants_nothing(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    def change(method: str, answer: str) -> str:
        return (
            re.sub(r"<returnval>.*</returnval>", "", answer, flags=re.DOTALL)
            if method.startswith("HasPriv")
            else answer
        )

    with Proxy(vcenter, tmp_path, change) as proxy:
        add(proxy)
        rows = found(slipway("endpoint", "test", "vc01", "--json"))
    assert rows["privileges on datastore"]["state"] == "missing"
    assert all(privilege in rows["privileges on datastore"]["detail"] for privilege in NEEDED["datastore"])


def test_every_privilege_exists_in_vcenter(vcenter: Stock) -> None:
    """The simulator's roles were taken from a vCenter: a misspelt privilege would be missing for ever."""
    trust = Trust(pin=vcenter.fingerprint)
    with connect(Address(vcenter.host, vcenter.port, vcenter.username, PASSWORD, trust)) as session:
        roles = read(session, session.content.authorizationManager, "roleList")["roleList"]
    [administrator] = [set(role.privilege) for role in roles if role.name == "Admin"]
    assert {privilege for needed in (*NEEDED.values(), DEFINE_ATTRIBUTE) for privilege in needed} <= administrator


def test_a_clock_that_is_wrong(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    def change(method: str, answer: str) -> str:
        return re.sub(r">\d{4}-\d\d-\d\dT", ">2031-01-01T", answer) if method == "CurrentTime" else answer

    with Proxy(vcenter, tmp_path, change) as proxy:
        add(proxy)
        row = found(slipway("endpoint", "test", "vc01", "--json"))["clock"]
    assert row["state"] == "warning"
    assert "ahead" in row["detail"]


def test_a_datastore_that_is_full_or_gone(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    state = {"freeSpace": "1024"}

    def change(_: str, answer: str) -> str:
        for tag, value in state.items():
            answer = re.sub(rf"<{tag}>[^<]*</{tag}>", f"<{tag}>{value}</{tag}>", answer)
        return answer

    with Proxy(vcenter, tmp_path, change) as proxy:
        add(proxy)
        assert states(slipway("endpoint", "test", "vc01", "--json"))["datastore space"] == "warning"
        state["accessible"] = "false"
        assert states(slipway("endpoint", "test", "vc01", "--json"))["datastore space"] == "missing"


def test_another_vcenter_behind_the_name(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    state = {"uuid": "b9dfb337"}
    with Proxy(vcenter, tmp_path, lambda _, answer: answer.replace("b9dfb337-", f"{state['uuid']}-")) as proxy:
        add(proxy)
        assert "identity" not in states(slipway("endpoint", "test", "vc01", "--json"))
        state["uuid"] = "00000000"
        assert states(slipway("endpoint", "test", "vc01", "--json"))["identity"] == "warning"


def test_insecure_is_warned_of(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter, "--insecure")
    assert states(slipway("endpoint", "test", "vc01", "--json"))["certificate"] == "warning"


def test_vcenter_is_unreachable(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    with Proxy(vcenter, tmp_path) as proxy:
        add(proxy)
    outcome = slipway("endpoint", "test", "vc01", "--deep", "--json")
    assert outcome.code == 5
    assert states(outcome) == {"connection": "missing"}


def test_the_certificate_changed(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    with Proxy(vcenter, tmp_path) as proxy:
        add(vcenter)
        move("vc01", port=proxy.port)
        outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 5
    row = found(outcome)["certificate"]
    assert row["state"] == "missing"
    assert proxy.fingerprint in row["detail"]


def test_the_password_was_changed(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    with Stock.start(username="operator", password="another") as other:
        move("vc01", port=other.port, pin=other.fingerprint)
        outcome = slipway("endpoint", "test", "vc01", "--json")
    assert outcome.code == 5
    assert states(outcome) == {"login": "missing"}
    assert PASSWORD not in outcome.out


def move(name: str, **changes: Any) -> None:
    """Put another server behind a stored endpoint, which the command itself would try first."""
    with open_store() as store:
        endpoints.update(store, name, **changes)
