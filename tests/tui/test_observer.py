"""The observer: what is known of each vCenter, whatever the others do."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from engine.console import endpoints as console_endpoints
from engine.console import observer as module
from engine.console.catalog import Catalog
from engine.console.desk import Desk
from engine.console.observer import AT_ONCE, Gate, Observed, Observer, State, observe_all
from engine.errors import Refused
from engine.simulator.launcher import Simulator
from engine.site import login_turn
from engine.staging import templates
from storage import endpoints
from storage.changes import Watch
from storage.endpoints import Endpoint, NewEndpoint
from storage.store import Store

PASSWORD, WRONG = "of the lab", "of another lab"


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator.start(username="admin", password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture
def vcenter(running: Simulator) -> Iterator[Simulator]:
    """A vCenter that does nothing wrong, before and after."""
    yield running
    running.admin.clear_faults()
    running.admin.listen(True)


@pytest.fixture
def observer(store: Store) -> Iterator[Observer]:
    made = Observer(store, Catalog(store))
    yield made
    made.stop()


def add(store: Store, vcenter: Simulator, name: str = "vc01", password: str = PASSWORD, **other: Any) -> Endpoint:
    known: dict[str, Any] = {
        "name": name,
        "host": vcenter.host,
        "port": vcenter.port,
        "username": "admin",
        "datacenter": "DC0",
        "resource_pool": "DC0_C0",
        "datastore": "LocalDS_0",
        "vmfolder": "",
        "pin": vcenter.fingerprint,
    }
    return endpoints.add(store, NewEndpoint(**(known | other)), password)


def look(observer: Observer, name: str = "vc01") -> Observed:
    """What a page would show of it now."""
    return next(seen for one, seen in observe_all(observer, observer.store) if one.name == name)


def becomes(observer: Observer, state: State, name: str = "vc01") -> Observed:
    wait(lambda: look(observer, name).state is state, f"{name} {state}, it is {look(observer, name)}")
    return look(observer, name)


def wait(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not come within {seconds} s: {what}")
        time.sleep(0.01)


def logins(vcenter: Simulator) -> int:
    return vcenter.admin.counters().calls.get("Login", 0)


def eyes() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("observe ")]


def test_one_that_answers(store: Store, vcenter: Simulator, observer: Observer) -> None:
    add(store, vcenter)
    news = observer.news
    seen = becomes(observer, State.READY)
    assert seen.version == "8.0.3"
    assert seen.latency is not None
    assert seen.free_bytes is not None
    assert seen.templates == ()
    assert (observer.count, observer.down) == (1, 0)
    assert observer.news > news


def test_a_cut_network_leaves_the_last_values_and_passes_by_itself(
    store: Store, vcenter: Simulator, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.1,))
    add(store, vcenter)
    ready = becomes(observer, State.READY)
    vcenter.admin.listen(False)
    observer.look_again()
    stale = becomes(observer, State.STALE)
    assert (stale.seen, stale.version, stale.free_bytes) == (ready.seen, ready.version, ready.free_bytes)
    assert "does not answer" in stale.error or "cannot" in stale.error
    assert stale.next_try is not None
    assert observer.down == 1
    vcenter.admin.listen(True)
    back = becomes(observer, State.READY)
    assert back.seen is not None
    assert ready.seen is not None
    assert back.seen > ready.seen
    assert (back.error, back.next_try) == ("", None)


def test_r_does_not_wait_for_the_next_try(
    store: Store, vcenter: Simulator, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSES", (3600.0,))
    vcenter.admin.listen(False)
    endpoint = add(store, vcenter)
    unreachable = becomes(observer, State.UNREACHABLE)
    assert unreachable.seen is None
    vcenter.admin.listen(True)
    observer.look_again(endpoint.id + 1)
    observer.look_again(endpoint.id)
    becomes(observer, State.READY)


def test_a_refused_login_is_not_tried_again_until_the_password_has_changed(
    store: Store, vcenter: Simulator, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.02,))
    before = logins(vcenter)
    add(store, vcenter, password=WRONG)
    refused = becomes(observer, State.LOGIN_REFUSED)
    assert "--password-stdin" in refused.fix
    for _ in range(20):
        observer.look_again()
        news = observer.news
        wait(lambda news=news: observer.news > news, "another look")  # type: ignore[misc]
    assert look(observer).state is State.LOGIN_REFUSED
    assert logins(vcenter) == before + 1
    endpoints.update(store, "vc01", password="also wrong")
    wait(lambda: endpoints.get(store, "vc01").refused, "refused again")
    wait(lambda: look(observer).state is State.LOGIN_REFUSED, "shown")
    assert logins(vcenter) == before + 2
    endpoints.update(store, "vc01", password=PASSWORD)
    becomes(observer, State.READY)
    assert logins(vcenter) == before + 3


def test_a_login_by_hand_that_went_well_is_noticed(
    store: Store, vcenter: Simulator, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSES", (3600.0,))
    endpoint = add(store, vcenter)
    endpoints.update(store, "vc01", refused=True)
    becomes(observer, State.LOGIN_REFUSED)
    look(observer)
    with login_turn(store, endpoint.id, by_hand=True):
        pass
    becomes(observer, State.READY)


def test_a_session_that_lives_on_does_not_hide_a_refused_login(
    store: Store, vcenter: Simulator, observer: Observer
) -> None:
    add(store, vcenter)
    becomes(observer, State.READY)
    endpoints.update(store, "vc01", refused=True)  # as the worker does when its own login is refused
    refused = becomes(observer, State.LOGIN_REFUSED)
    assert "nobody can log in any more" in refused.error
    assert observer.down == 1
    endpoints.update(store, "vc01", password=PASSWORD)
    assert becomes(observer, State.READY).error == ""


def test_a_store_that_cannot_be_written_to_does_not_lock_the_account(
    store: Store, vcenter: Simulator, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.02,))
    add(store, vcenter, password=WRONG)

    def full(*_: object, **__: object) -> None:
        raise Refused("cannot write to", on="the store", why="the disk is full")

    with monkeypatch.context() as disk:
        disk.setattr(endpoints, "update", full)
        before = logins(vcenter)
        becomes(observer, State.LOGIN_REFUSED)
        for _ in range(5):
            news = observer.news
            wait(lambda news=news: observer.news > news, "another look")  # type: ignore[misc]
        assert look(observer).state is State.LOGIN_REFUSED
        assert logins(vcenter) == before + 1


def test_a_session_that_expired_is_made_anew(store: Store, vcenter: Simulator, observer: Observer) -> None:
    add(store, vcenter)
    first = becomes(observer, State.READY)
    before = logins(vcenter)
    vcenter.admin.expire_sessions()
    observer.look_again()
    wait(lambda: look(observer).seen != first.seen, "another look")
    assert look(observer).state is State.READY
    assert logins(vcenter) == before + 1


def test_another_certificate_is_told(store: Store, vcenter: Simulator, observer: Observer) -> None:
    add(store, vcenter, pin="ab" * 32)
    seen = becomes(observer, State.CERTIFICATE_REFUSED)
    assert vcenter.fingerprint in seen.error


def test_a_name_that_vcenter_does_not_have_is_told(store: Store, vcenter: Simulator, observer: Observer) -> None:
    add(store, vcenter, datastore="LocalDS_9")
    assert "LocalDS_9" in becomes(observer, State.MISSING).error


def test_a_wrong_portgroup_is_no_endpoint_down_and_its_repair_is_seen_at_once(
    store: Store, vcenter: Simulator, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSES", (3600.0,))
    add(store, vcenter, network="VM Netwrk")
    wrong = becomes(observer, State.MISSING)
    assert (wrong.error, wrong.fix) == ("no portgroup named VM Netwrk", "did you mean VM Network?")
    assert (observer.count, observer.down) == (1, 0)
    endpoints.update(store, "vc01", network="VM Network")
    becomes(observer, State.READY)


def test_an_edited_one_is_asked_anew_and_a_removed_one_no_more(
    store: Store, vcenter: Simulator, observer: Observer
) -> None:
    add(store, vcenter, port=1)
    becomes(observer, State.UNREACHABLE)
    endpoints.update(store, "vc01", port=vcenter.port)
    becomes(observer, State.READY)
    endpoints.remove(store, "vc01")
    assert observe_all(observer, store) == []
    assert observer.count == 0
    wait(lambda: "observe vc01" not in eyes(), "the end of its thread")


def test_how_it_clones_and_what_it_asks_of_signatures_needs_no_new_session(
    store: Store, vcenter: Simulator, observer: Observer
) -> None:
    add(store, vcenter)
    seen = becomes(observer, State.READY)
    endpoints.update(store, "vc01", linked_clones=True, signatures="require")
    assert look(observer).version == seen.version, "its thread is still the same"


def test_an_edit_is_heeded_whatever_page_is_shown_also_of_the_password_only(
    store: Store, vcenter: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSES", (3600.0,))
    add(store, vcenter, port=1)
    with Watch(store) as watch:
        desk = Desk(store, watch)
        becomes(desk.observer, State.UNREACHABLE)
        assert desk.pulse().down == 1
        endpoints.update(store, "vc01", port=vcenter.port)
        assert desk.pulse().down == 0
        becomes(desk.observer, State.READY)
        vcenter.admin.listen(False)
        desk.look_again()
        becomes(desk.observer, State.STALE)
        vcenter.admin.listen(True)
        console_endpoints.update(desk, "vc01", {"password": PASSWORD})
        becomes(desk.observer, State.READY)
        desk.close()
    wait(lambda: not eyes(), "the end of its thread")


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        yield server.getsockname()[1]


def test_silent_ones_delay_neither_the_others_nor_leaving(
    store: Store, vcenter: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    observer = Observer(store, Catalog(store))
    with silent() as port:
        for number in range(2 * AT_ONCE):
            add(store, vcenter, name=f"a{number:02}", port=port)
        add(store, vcenter)  # the last by name
        becomes(observer, State.READY)
        assert look(observer, "a00").state is State.CONNECTING
        assert observer.down == 0
        observer.stop()
        assert "observe a00" in eyes()  # it still waits for an answer; nobody waits for it
    wait(lambda: not eyes(), "the end of their threads")


def test_no_more_than_some_are_asked_at_the_same_time() -> None:
    gate = Gate()
    inside, most = 0, 0
    lock, go = threading.Lock(), threading.Event()

    def ask() -> None:
        nonlocal inside, most
        with gate.turn():
            with lock:
                inside += 1
                most = max(most, inside)
            go.wait(1)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=ask) for _ in range(5 * AT_ONCE)]
    for thread in threads:
        thread.start()
    wait(lambda: inside == AT_ONCE, "a full gate")
    go.set()
    for thread in threads:
        thread.join()
    assert most == AT_ONCE


def test_leaving_logs_out(store: Store, vcenter: Simulator) -> None:
    before = vcenter.admin.counters().live_sessions
    observer = Observer(store, Catalog(store))
    for number in range(5):
        add(store, vcenter, name=f"vc{number:02}")
    for number in range(5):
        becomes(observer, State.READY, f"vc{number:02}")
    assert vcenter.admin.counters().live_sessions == before + 5
    observer.stop()
    wait(lambda: not eyes(), "the end of their threads")
    assert vcenter.admin.counters().live_sessions == before


def test_a_defect_costs_one_row_and_is_logged_once(
    store: Store,
    vcenter: Simulator,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = []

    def broken(site: Any, known: Any) -> Any:
        if site.endpoint.name == "vc02":
            tries.append(1)
            raise ZeroDivisionError
        return templates.listing(site, known)

    monkeypatch.setattr(module, "listing", broken)
    add(store, vcenter)
    add(store, vcenter, name="vc02")
    becomes(observer, State.READY)
    assert "ZeroDivisionError" in becomes(observer, State.FAILED, "vc02").error
    observer.look_again()
    wait(lambda: len(tries) > 2 or bool(observer.look_again()), "further tries")
    assert sum(bool(one.exc_info) for one in caplog.records) == 1


def test_several_threads_may_ask(store: Store, vcenter: Simulator, observer: Observer) -> None:
    for number in range(8):
        add(store, vcenter, name=f"vc{number:02}")
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(50):
                observe_all(observer, store)
                observer.look_again()
                assert observer.down <= observer.count
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(eyes()) == [f"observe vc{number:02}" for number in range(8)]
