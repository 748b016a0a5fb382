"""The store's key: where it is, that it is never replaced over encrypted values, and the keyring that never prompts."""

import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked

from storage import paths, secrets, settings
from storage.errors import BadInput, Refused
from storage.store import Store, open_store


def test_the_key_is_a_private_file_made_with_the_store(store: Store) -> None:
    path = secrets.key_file(store)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if store.engine.dialect.name == "sqlite":
        assert path == Path(f"{store.location}.key")
    else:
        assert path == paths.data_dir() / f"store-{store.id}.key"


def test_what_one_process_encrypts_another_decrypts(where: str) -> None:
    with open_store(where) as one, open_store(where) as other:
        encrypted = one.encrypt("hunter2 ☃")
        assert "hunter2" not in encrypted
        assert encrypted != one.encrypt("hunter2 ☃")
        assert other.decrypt(encrypted) == "hunter2 ☃"


def test_a_lost_key_is_told_once_something_is_encrypted(where: str) -> None:
    with open_store(where) as store:
        settings.create(store, "lab_password", "hunter2", "d")
        path = secrets.key_file(store)
    kept = path.read_bytes()
    path.unlink()
    with open_store(where) as store:
        for act in (lambda: settings.get(store, "lab_password"), lambda: store.encrypt("more")):
            with pytest.raises(Refused, match=r"its key in .*\.key is missing; put the store's own key back"):
                act()
        assert not path.exists()
        assert settings.value(store, settings.FLAG) == "false"
        assert {settings.FLAG, "lab_password"} <= {one.name for one in settings.listing(store)}
    path.write_bytes(kept)
    with open_store(where) as store:
        assert settings.value(store, "lab_password") == "hunter2"


def test_a_lost_key_is_replaced_while_nothing_is_encrypted(store: Store) -> None:
    secrets.key_file(store).unlink()
    with open_store(store.engine.url.render_as_string(hide_password=False)) as again:
        settings.create(again, "lab_password", "hunter2", "d")
        assert settings.value(again, "lab_password") == "hunter2"


def test_another_stores_key_is_told(where: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "other.db") as other:
        foreign = secrets.key_file(other).read_bytes()
    with open_store(where) as store:
        settings.create(store, "lab_password", "hunter2", "d")
        secrets.key_file(store).write_bytes(foreign)
    with open_store(where) as store, pytest.raises(Refused, match="another one"):
        settings.get(store, "lab_password")


def test_a_file_that_is_no_key_is_told_and_kept(store: Store) -> None:
    path = secrets.key_file(store)
    path.write_text("notes")
    again = open_store(store.engine.url.render_as_string(hide_password=False))
    with again, pytest.raises(Refused, match="it is no key"):
        again.encrypt("x")
    assert path.read_text() == "notes"


def test_a_damaged_value_is_told(store: Store) -> None:
    with pytest.raises(Refused, match="damaged"):
        store.decrypt(store.encrypt("hunter2")[:-8])


class Memory(KeyringBackend):
    """A keyring that answers without a prompt."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


class Locked(Memory):
    """One that stays locked."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("locked collection")


class Wallet(Memory):
    """One that would ask the user."""

    def get_password(self, service: str, username: str) -> str | None:
        raise AssertionError("asked")


Wallet.__module__ = "keyring.backends.kwallet"


@pytest.fixture
def system_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The key is in the operating system's keyring; which one is the test's to say."""
    monkeypatch.setenv("SLIPWAY_KEY", "keyring")
    standing = keyring.get_keyring()
    yield
    keyring.set_keyring(standing)


@pytest.mark.usefixtures("system_keyring")
def test_the_keyring_holds_the_key_when_asked_to(where: str) -> None:
    memory = Memory()
    keyring.set_keyring(memory)
    with open_store(where) as store:
        settings.create(store, "lab_password", "hunter2", "d")
        assert list(memory.held) == [("slipway", store.id)]
        assert not secrets.key_file(store).exists()
    with open_store(where) as store:
        assert settings.value(store, "lab_password") == "hunter2"


@pytest.mark.usefixtures("system_keyring")
@pytest.mark.parametrize("backend", [Locked, NoKeyring, Wallet])
def test_a_keyring_that_does_not_answer_is_refused(tmp_path: Path, backend: type[KeyringBackend]) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(Refused, match="keyring"):
        open_store(tmp_path / "slipway.db")


def test_a_keep_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_KEY", "pocket")
    with pytest.raises(BadInput, match='"pocket" of SLIPWAY_KEY'):
        paths.key()
