"""A password that vCenter refused is tried once, whoever asks, until somebody changes it: accounts lock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from engine.endpoints import register
from engine.endpoints.findings import State
from engine.endpoints.preflight import check
from engine.errors import LoginRefused
from engine.simulator.launcher import Simulator
from engine.site import Site, login_turn, open_site
from engine.vsphere.vms import vcenter_time
from storage import endpoints
from storage.endpoints import NewEndpoint
from storage.store import Store, open_store
from tests.cli.conftest import Outcome

PASSWORD, WRONG = "right", "changed meanwhile"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.start(username="admin", password=PASSWORD) as running:
        yield running


@pytest.fixture
def opened(simulator: Simulator, store: Path) -> Iterator[Store]:
    """A store whose endpoint vc01 has the right password."""
    with open_store() as opened:
        place = NewEndpoint(
            name="vc01",
            host=simulator.host,
            port=simulator.port,
            username="admin",
            datacenter="DC0",
            resource_pool="DC0_C0",
            datastore="LocalDS_0",
            vmfolder="",
            pin=simulator.fingerprint,
        )
        endpoints.add(opened, place, PASSWORD)
        yield opened


def logins(simulator: Simulator) -> int:
    return simulator.admin.counters().calls.get("Login", 0)


def refused(store: Store) -> bool:
    return endpoints.get(store, "vc01").refused


def test_a_refused_password_is_not_tried_again(simulator: Simulator, opened: Store) -> None:
    endpoints.update(opened, "vc01", password=WRONG)
    with pytest.raises(LoginRefused, match="wrong user name or password; slipway endpoint update vc01"), _site(opened):
        pass
    assert refused(opened)
    for _ in range(3):
        with pytest.raises(LoginRefused, match="refused this user name and password before") as again, _site(opened):
            pass
    assert "slipway endpoint update vc01 --password-stdin" in again.value.fix
    assert logins(simulator) == 1
    endpoints.update(opened, "vc01", password=PASSWORD)
    with _site(opened):
        assert logins(simulator) == 2


def test_many_at_once_make_one_attempt(simulator: Simulator, opened: Store) -> None:
    endpoints.update(opened, "vc01", password=WRONG)

    def enter(_: int) -> None:
        with pytest.raises(LoginRefused), _site(opened):
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(8)))
    assert logins(simulator) == 1


def test_a_running_session_makes_one_attempt_and_heeds_a_new_password(simulator: Simulator, opened: Store) -> None:
    with _site(opened) as one, _site(opened) as other:
        endpoints.update(opened, "vc01", password=WRONG)
        before = logins(simulator)
        simulator.admin.expire_sessions()
        for site in (one, other, one, other):
            with pytest.raises(LoginRefused):
                vcenter_time(site.session)
        assert logins(simulator) == before + 1
        assert refused(opened)
        endpoints.update(opened, "vc01", password=PASSWORD)
        vcenter_time(one.session)
        vcenter_time(other.session)
        assert logins(simulator) == before + 3


def test_a_session_sends_no_password_to_another_server_than_its_own(simulator: Simulator, opened: Store) -> None:
    with _site(opened) as site:
        endpoints.update(opened, "vc01", host="vc02.lab", password="of vc02")
        before = logins(simulator)
        simulator.admin.expire_sessions()
        with pytest.raises(Exception, match=r"the endpoint is vc02\.lab"):
            vcenter_time(site.session)
        assert logins(simulator) == before
        assert not refused(opened)


def test_the_refusal_of_an_old_password_says_nothing_of_the_new(opened: Store) -> None:
    turn = login_turn(opened, endpoints.get(opened, "vc01").id)
    turn.__enter__()
    endpoints.update(opened, "vc01", password="newer")
    refusal = LoginRefused("cannot log in")
    assert not turn.__exit__(LoginRefused, refusal, None)
    assert not refused(opened)


def test_a_test_by_hand_tries_it_and_clears_the_refusal(simulator: Simulator, opened: Store) -> None:
    endpoints.update(opened, "vc01", password=WRONG)
    findings = list(check(opened, endpoints.get(opened, "vc01")))
    assert [(finding.name, finding.state) for finding in findings] == [("login", State.MISSING)]
    assert refused(opened)
    list(check(opened, endpoints.get(opened, "vc01")))
    assert logins(simulator) == 2
    # The account was unlocked, or its password set back: what is stored is right again.
    endpoints.update(opened, "vc01", password=PASSWORD)
    endpoints.update(opened, "vc01", refused=True)
    with pytest.raises(LoginRefused), _site(opened):
        pass
    assert "connection" in {finding.name for finding in check(opened, endpoints.get(opened, "vc01"))}
    assert not refused(opened)
    with _site(opened):
        pass


def test_an_update_by_hand(simulator: Simulator, opened: Store) -> None:
    """Of the trust: the stored password is tried. Of a name: it is not, there is no need."""
    endpoints.update(opened, "vc01", refused=True)
    register.update(opened, "vc01", {"datastore": "LocalDS_1"}, None, lambda name, certificate: None)
    assert logins(simulator) == 0
    register.update(opened, "vc01", {"pin": simulator.fingerprint}, None, lambda name, certificate: None)
    assert (logins(simulator), refused(opened)) == (1, False)


def test_the_operator_sees_it(slipway: Callable[..., Outcome], opened: Store) -> None:
    assert "refused" not in slipway("endpoint", "show", "vc01").out
    endpoints.update(opened, "vc01", refused=True)
    assert "admin (vCenter refused the login)" in slipway("endpoint", "show", "vc01").out


def _site(store: Store) -> AbstractContextManager[Site]:
    return open_site(store, "vc01")
