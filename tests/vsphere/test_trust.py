"""TLS trust, against a real TLS server."""

import ssl

import pytest

from engine.errors import CertificateRefused, EndpointUnreachable, LoginRefused
from engine.simulator.launcher import Simulator
from engine.vsphere.session import Address, connect
from engine.vsphere.trust import Trust, normal_fingerprint, shown_certificate


@pytest.fixture(scope="module")
def simulator():
    with Simulator.start(username="admin", password="secret") as running:
        yield running


def address(simulator: Simulator, trust: Trust, password: str = "secret") -> Address:
    return Address(simulator.host, simulator.port, "admin", password, trust)


def test_the_shown_certificate(simulator: Simulator) -> None:
    shown = shown_certificate(simulator.host, simulator.port)
    assert (shown.fingerprint, shown.trusted) == (simulator.fingerprint, False)
    assert shown.why_not


def test_the_right_pin_connects(simulator: Simulator) -> None:
    spelled = ":".join(simulator.fingerprint[at : at + 2] for at in range(0, 64, 2)).upper()
    with connect(address(simulator, Trust(pin=spelled))) as session:
        assert session.instance_uuid == simulator.instance_uuid


@pytest.mark.parametrize("trust", [Trust(pin="0" * 64), Trust()], ids=["wrong pin", "system roots"])
def test_another_certificate_is_refused_before_any_password_is_sent(simulator: Simulator, trust: Trust) -> None:
    before = simulator.admin.counters().calls.get("Login", 0)
    with pytest.raises(CertificateRefused):
        connect(address(simulator, trust))
    assert simulator.admin.counters().calls.get("Login", 0) == before


def test_a_wrong_password_is_tried_once(simulator: Simulator) -> None:
    before = simulator.admin.counters().calls.get("Login", 0)
    with pytest.raises(LoginRefused, match="wrong user name or password"):
        connect(address(simulator, Trust(pin=simulator.fingerprint), "wrong"))
    assert simulator.admin.counters().calls["Login"] == before + 1


def test_nobody_answers() -> None:
    with pytest.raises(EndpointUnreachable, match="refused"):
        connect(Address("127.0.0.1", 1, "admin", "secret"))
    with pytest.raises(EndpointUnreachable):
        shown_certificate("127.0.0.1", 1)


def test_an_address_tells_no_password() -> None:
    assert "secret" not in repr(Address("127.0.0.1", 1, "admin", "secret"))


def test_fingerprints_are_compared_without_their_spelling() -> None:
    assert normal_fingerprint("AA:bb:0C") == normal_fingerprint("aabb0c") == "aabb0c"


def test_a_pinned_context_checks_in_the_handshake() -> None:
    context = Trust(pin="0" * 64).context()
    assert isinstance(context, ssl.SSLContext)
    assert not context.check_hostname
