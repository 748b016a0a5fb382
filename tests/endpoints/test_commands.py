"""`slipway endpoint add list show update remove`: what is stored, what is refused, and where the password never is."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.simulator.launcher import Stock
from storage import endpoints
from storage.claims import claim_name, insert
from storage.store import open_store
from tests.cli.conftest import Outcome
from tests.endpoints.conftest import PASSWORD, arguments, converse
from tests.endpoints.proxy import Proxy, certificate_of

Slipway = Callable[..., Outcome]

FIELDS = {
    "id",
    "name",
    "host",
    "port",
    "username",
    "datacenter",
    "resource_pool",
    "datastore",
    "vmfolder",
    "host_system",
    "network",
    "pin",
    "ca",
    "insecure",
    "signatures",
    "linked_clones",
    "instance_uuid",
    "refused",
    "created",
}


def stored() -> list[endpoints.Endpoint]:
    with open_store() as store:
        return endpoints.listing(store)


def stored_password(name: str = "vc01") -> str:
    with open_store() as store:
        return endpoints.password(store, endpoints.get(store, name))


def test_add_without_trust_or_terminal_tells_the_fingerprint(slipway: Slipway, store: Path, vcenter: Stock) -> None:
    outcome = slipway(*arguments(vcenter, "--password-env", "VC_PASSWORD"))
    assert outcome.code == 5
    assert vcenter.fingerprint in outcome.line
    assert "--pin" in outcome.line
    assert stored() == []


def test_add_tells_the_fingerprint_in_json(slipway: Slipway, store: Path, vcenter: Stock) -> None:
    outcome = slipway(*arguments(vcenter, "--password-env", "VC_PASSWORD", "--json"))
    assert outcome.code == 5
    assert outcome.error["code"] == "refused"
    assert vcenter.fingerprint in outcome.error["why"]


def test_add_with_the_pin(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    colons = ":".join(vcenter.fingerprint[at : at + 2].upper() for at in range(0, 64, 2))
    add(vcenter, "--pin", colons, "--network", "VM Network")
    [made] = stored()
    assert (made.host, made.port, made.pin) == (vcenter.host, vcenter.port, vcenter.fingerprint)
    assert made.instance_uuid
    assert (made.network, made.host_system, made.vmfolder) == ("VM Network", None, "")
    assert stored_password() == PASSWORD
    shown = slipway("endpoint", "show", "vc01", "--json").document
    assert set(shown) == FIELDS
    assert shown["created"].endswith("Z")
    assert slipway("endpoint", "list", "--json").document == [shown]


def test_add_hints_at_what_is_missing(slipway: Slipway, store: Path, vcenter: Stock) -> None:
    more = ("--pin", vcenter.fingerprint, "--password-env", "VC_PASSWORD", "--network", "lab-segmnt")
    outcome = slipway(*arguments(vcenter, *more))
    assert outcome.code == 0
    assert "lab-segmnt" in outcome.err
    assert "slipway endpoint test vc01" in outcome.out
    assert len(stored()) == 1


def test_add_with_a_password_on_stdin(slipway: Slipway, store: Path, vcenter: Stock) -> None:
    more = ("--pin", vcenter.fingerprint, "--password-stdin", "--json")
    outcome = slipway(*arguments(vcenter, *more), given=f"{PASSWORD}\r\nmore\n")
    assert outcome.code == 0
    assert set(outcome.document) == FIELDS
    assert stored_password() == PASSWORD


def test_add_trusts_an_authority(add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    with Proxy(vcenter, tmp_path) as proxy:
        ca = tmp_path / "ca.pem"
        ca.write_text(certificate_of(proxy.certificate))
        add(proxy, "--ca", str(ca))
    [made] = stored()
    assert made.ca == ca.read_text()
    assert made.pin is None


def test_add_refuses_what_another_authority_signed(
    slipway: Slipway, store: Path, vcenter: Stock, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with Proxy(vcenter, tmp_path) as proxy, Proxy(vcenter, other) as stranger:
        ca = tmp_path / "ca.pem"
        ca.write_text(certificate_of(stranger.certificate))
        outcome = slipway(*arguments(proxy, "--ca", str(ca), "--password-env", "VC_PASSWORD"))
    assert outcome.code == 5
    assert stored() == []


def test_add_over_ipv6(add: Slipway, slipway: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    if not has_ipv6():
        pytest.skip("this host has no IPv6 loopback")
    with Proxy(vcenter, tmp_path, ipv6=True) as proxy:
        add(proxy)
        assert f"[::1]:{proxy.port}" in slipway("endpoint", "list").out
        outcome = slipway("endpoint", "test", "vc01", "--json")
    assert {found["name"]: found["state"] for found in outcome.document}["login"] == "ok"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--pin", "0" * 64), "not the pinned one"),
        (("--insecure", "--username", "nobody"), "wrong user name or password"),
    ],
)
def test_add_refused_stores_nothing(
    slipway: Slipway, store: Path, vcenter: Stock, more: tuple[str, ...], told: str
) -> None:
    outcome = slipway(*arguments(vcenter, *more, "--password-env", "VC_PASSWORD"))
    assert outcome.code == 5
    assert told in outcome.line
    assert "nothing was stored" in outcome.line
    assert stored() == []


def test_add_with_a_wrong_password_asks_once(slipway: Slipway, store: Path, vcenter: Stock, tmp_path: Path) -> None:
    logins = []

    def count(method: str, answer: str) -> str:
        logins.extend([method] * (method == "Login"))
        return answer

    with Proxy(vcenter, tmp_path, count) as proxy:
        outcome = slipway(*arguments(proxy, "--pin", proxy.fingerprint, "--password-stdin"), given="wr0ng!\n")
    assert outcome.code == 5
    assert "wr0ng!" not in outcome.err
    assert logins == ["Login"]  # accounts lock
    assert stored() == []


@pytest.mark.parametrize("trust", [(), ("--insecure",)])
def test_add_an_unreachable_endpoint(
    slipway: Slipway, store: Path, vcenter: Stock, closed_port: int, trust: tuple[str, ...]
) -> None:
    outcome = slipway(
        *arguments(vcenter, "--host", f"127.0.0.1:{closed_port}", "--password-env", "VC_PASSWORD", *trust)
    )
    assert outcome.code == 5
    assert f"127.0.0.1:{closed_port}" in outcome.line
    assert "connection refused" in outcome.line
    assert stored() == []


def test_add_a_name_that_is_taken(slipway: Slipway, add: Slipway, vcenter: Stock, closed_port: int) -> None:
    add(vcenter)
    again = arguments(vcenter, "--host", f"127.0.0.1:{closed_port}", "--password-env", "VC_PASSWORD", "--json")
    outcome = slipway(*again)
    assert outcome.code == 4
    assert outcome.error["code"] == "conflict"
    assert len(stored()) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--host", "https://vc01/sdk"), "URL"),
        (("--host", "vc01:70000"), "port"),
        (("--pin", "abcd"), "64 hex digits"),
        (("--pin", "ab" * 20), "SHA-1"),
        (("--pin", "0" * 64, "--insecure"), "exclude each other"),
        (("--ca", "/nonexistent/ca.pem"), "No such file"),
        (("--ca", "/dev/null"), "no PEM certificate"),
        (("--ca", "/"), "Is a directory"),
        (("--datastore", ""), "--datastore"),
        (("--username", " "), "--username"),
        (("--password-stdin",), "one password"),
        (("--password-env", "NOT_SET"), "NOT_SET"),
        (("--password", "x"), "no such option"),
    ],
)
def test_bad_input_stores_nothing(
    slipway: Slipway, store: Path, vcenter: Stock, more: tuple[str, ...], told: str
) -> None:
    outcome = slipway(*arguments(vcenter, "--password-env", "VC_PASSWORD", *more))
    assert outcome.code == 2
    assert told in outcome.line
    assert stored() == []


@pytest.mark.parametrize("name", ["", "-vc", "v c", "vc\x1b[2J", "v" * 65])
def test_bad_names(slipway: Slipway, store: Path, vcenter: Stock, name: str) -> None:
    add = arguments(vcenter, "--password-env", "VC_PASSWORD", "--insecure", name="X")
    outcome = slipway(*add[:2], "--json", *add[3:], "--", name)
    assert outcome.code == 2
    assert stored() == []


def test_an_empty_password_is_refused(slipway: Slipway, store: Path, vcenter: Stock) -> None:
    assert slipway(*arguments(vcenter, "--insecure"), given="\n").code == 2
    assert stored() == []


def test_a_terminal_is_asked_for_password_and_consent(store: Path, vcenter: Stock) -> None:
    code, shown = converse(*arguments(vcenter), answers=(("Password:", PASSWORD), ("[y/N]", "y")))
    assert code == 0, shown
    assert vcenter.fingerprint in shown
    assert PASSWORD not in shown  # no echo
    [made] = stored()
    assert made.pin == vcenter.fingerprint
    assert stored_password() == PASSWORD


def test_a_terminal_that_says_no(store: Path, vcenter: Stock) -> None:
    code, shown = converse(*arguments(vcenter), answers=(("Password:", PASSWORD), ("[y/N]", "n")))
    assert code == 5
    assert vcenter.fingerprint in shown
    assert stored() == []


def test_list_and_show_for_people(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    assert slipway("endpoint", "list").out.splitlines() == ["NAME  HOST  DATACENTER  POOL  DATASTORE  FOLDER"]
    add(vcenter)
    header, row = slipway("endpoint", "list").out.splitlines()
    assert header.split()[:2] == ["NAME", "HOST"]
    assert row.split()[:3] == ["vc01", f"{vcenter.host}:{vcenter.port}", "DC0"]
    shown = slipway("endpoint", "show", "vc01").out
    assert f"pinned to {vcenter.fingerprint}" in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize("verb", [("show",), ("test",), ("remove", "--yes"), ("update", "--datastore", "x")])
def test_an_unknown_endpoint(slipway: Slipway, add: Slipway, vcenter: Stock, verb: tuple[str, ...]) -> None:
    add(vcenter)
    outcome = slipway("endpoint", *verb, "vc02", "--json")
    assert outcome.code == 3
    assert outcome.error["code"] == "not_found"
    assert "vc01" in outcome.error["fix"]


def test_update_of_a_name_needs_no_vcenter(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    with Proxy(vcenter, tmp_path) as proxy:
        add(proxy, "--network", "VM Network", "--host-system", "DC0_C0_H0")
    changed = slipway("endpoint", "update", "vc01", "--datastore", "other", "--vmfolder", "/a/b/", "--network", "")
    assert changed.code == 0
    [made] = stored()
    assert (made.datastore, made.vmfolder, made.network, made.host_system) == ("other", "a/b", None, "DC0_C0_H0")
    assert made.pin == proxy.fingerprint
    assert stored_password() == PASSWORD


def test_update_of_a_name_notes_what_is_missing(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    changed = slipway("endpoint", "update", "vc01", "--datastore", "nosuch")
    assert changed.code == 0
    assert "note: datastore: no datastore named nosuch" in changed.err


def test_update_of_the_host_needs_consent_again(slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path) -> None:
    add(vcenter)
    with Proxy(vcenter, tmp_path) as proxy:
        moved = ("endpoint", "update", "vc01", "--host", f"127.0.0.1:{proxy.port}")
        refused = slipway(*moved, "--json")
        assert refused.code == 5
        assert proxy.fingerprint in refused.error["why"]
        assert stored()[0].port == vcenter.port
        assert slipway(*moved, "--pin", proxy.fingerprint).code == 0
    [made] = stored()
    assert (made.port, made.pin) == (proxy.port, proxy.fingerprint)


def test_the_old_hosts_insecure_does_not_carry_over(
    slipway: Slipway, add: Slipway, vcenter: Stock, tmp_path: Path
) -> None:
    add(vcenter, "--insecure")
    with Proxy(vcenter, tmp_path) as proxy:
        assert slipway("endpoint", "update", "vc01", "--host", f"127.0.0.1:{proxy.port}").code == 5
    assert (stored()[0].port, stored()[0].insecure) == (vcenter.port, True)


def test_a_new_trust_replaces_the_old_one(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter, "--insecure")
    wrong = slipway("endpoint", "update", "vc01", "--pin", "0" * 64)
    assert wrong.code == 5
    assert "nothing was changed" in wrong.line
    assert stored()[0].insecure
    assert slipway("endpoint", "update", "vc01", "--pin", vcenter.fingerprint).code == 0
    assert (stored()[0].pin, stored()[0].insecure) == (vcenter.fingerprint, False)
    asked = slipway("endpoint", "update", "vc01", "--pin", "")
    assert asked.code == 5
    assert vcenter.fingerprint in asked.line
    assert stored()[0].pin == vcenter.fingerprint


def test_update_of_the_password_tries_it_first(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    wrong = slipway("endpoint", "update", "vc01", "--password-stdin", given="wr0ng!\n")
    assert wrong.code == 5
    assert stored_password() == PASSWORD
    assert slipway("endpoint", "update", "vc01", "--username", "nobody").code == 5
    assert stored()[0].username == "operator"
    assert slipway("endpoint", "update", "vc01", "--password-stdin", given=f"{PASSWORD}\n").code == 0
    assert stored_password() == PASSWORD


def test_update_of_nothing(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    assert slipway("endpoint", "update", "vc01").code == 2


def test_remove_asks(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    assert slipway("endpoint", "remove", "vc01").code == 2
    code, _ = converse("endpoint", "remove", "vc01", answers=(("(vc01):", "vc02"),))
    assert code == 1
    assert len(stored()) == 1
    code, _ = converse("endpoint", "remove", "vc01", answers=(("(vc01):", "vc01"),))
    assert code == 0
    assert stored() == []


def test_remove_for_scripts(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    assert slipway("endpoint", "remove", "vc01", "--yes", "--json").document["name"] == "vc01"
    assert stored() == []


def test_remove_while_somebody_stages(slipway: Slipway, add: Slipway, vcenter: Stock) -> None:
    add(vcenter)
    claim = claim_name(stored()[0].id, "esxi-8.0")
    with open_store() as open_:
        assert insert(open_, claim, "1")
    outcome = slipway("endpoint", "remove", "vc01", "--yes", "--json")
    assert outcome.code == 4
    assert claim in outcome.error["why"]
    assert len(stored()) == 1


def test_the_password_is_nowhere(process: Slipway, store: Path, vcenter: Stock) -> None:
    """Not in what commands print, nor in any file that they leave: store, WAL, log, home."""
    trust = ("--pin", vcenter.fingerprint)
    outcomes = [
        process(*arguments(vcenter, *trust), given=f"{PASSWORD}\n"),
        process(*arguments(vcenter, *trust, "--json", name="vc02"), given="wr0ng-p4ss\n"),
        process("endpoint", "show", "vc01", "--json"),
        process("endpoint", "list", "--json"),
        process("endpoint", "test", "vc01"),
        process("endpoint", "update", "vc01", "--password-stdin", given="wr0ng-p4ss\n"),
        process("endpoint", "update", "vc01", "--password-stdin", "--json", given=f"{PASSWORD}\n"),
    ]
    assert [outcome.code for outcome in outcomes] == [0, 5, 0, 0, 1, 5, 0]
    left = [path for home in (store, Path(os.environ["HOME"])) for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "slipway.log" for path in left)
    assert any(path.name == "slipway.db" for path in left)
    written = [outcome.out.encode() + outcome.err.encode() for outcome in outcomes] + [
        path.read_bytes() for path in left
    ]
    for secret in (PASSWORD, "wr0ng-p4ss"):
        for form in (secret.encode(), secret.encode("unicode_escape"), secret.encode("utf-16-le")):
            assert not [text for text in written if form in text]
