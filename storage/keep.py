"""Where a store's key is kept: a 0600 file, or the operating system's keyring."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.errors import Refused


class Keep(Protocol):
    """A place that holds one key."""

    def load(self) -> bytes | None:
        """The key, None when there is none."""

    def save(self, key: bytes) -> None:
        """Keep `key`."""

    def __str__(self) -> str:
        """The place's name for messages."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file that only its owner can read."""

    path: Path

    def load(self) -> bytes | None:
        """The file's content, None when the file is missing. Raises Refused when it cannot be read."""
        try:
            return self.path.read_bytes().strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            why = error.strerror or str(error)
            raise Refused("cannot read the store's key", on=str(self.path), why=why, fix="make it readable") from error

    def save(self, key: bytes) -> None:
        """Write the file whole or not at all. Raises Refused when that is impossible."""
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(key + b"\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            why = error.strerror or str(error)
            raise Refused("cannot write the store's key", on=str(self.path), why=why, fix="make room there") from error

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The operating system's keyring, asked only when it answers without a prompt."""

    store_id: str

    def load(self) -> bytes | None:
        """The entry, None when there is none. Raises Refused when the keyring is locked, missing or fails."""
        import keyring
        from keyring.errors import KeyringError

        self._refuse_a_prompt()
        try:
            found = keyring.get_password("slipway", self.store_id)
        except KeyringError as error:
            raise self._refusal(str(error)) from error
        return found.encode("ascii") if found else None

    def save(self, key: bytes) -> None:
        """Set the entry. Raises as `load`."""
        import keyring
        from keyring.errors import KeyringError

        self._refuse_a_prompt()
        try:
            keyring.set_password("slipway", self.store_id, key.decode("ascii"))
        except KeyringError as error:
            raise self._refusal(str(error)) from error

    def _refuse_a_prompt(self) -> None:
        import keyring
        from keyring.backends.chainer import ChainerBackend

        backend = keyring.get_keyring()
        chain = backend.backends if isinstance(backend, ChainerBackend) else [backend]
        for one in chain:
            module = type(one).__module__
            if module.endswith((".kwallet", ".libsecret")):
                raise self._refusal("KWallet and libsecret may ask for a password")
            if module.endswith(".SecretService"):
                self._refuse_a_locked_collection()

    def _refuse_a_locked_collection(self) -> None:
        import secretstorage
        from secretstorage.exceptions import SecretStorageException

        try:
            connection = secretstorage.dbus_init()
            try:
                locked = secretstorage.Collection(connection).is_locked()
            finally:
                connection.close()
        except (SecretStorageException, OSError) as error:
            raise self._refusal(str(error)) from error
        if locked:
            raise self._refusal("it is locked")

    def _refusal(self, why: str) -> Refused:
        return Refused(
            "cannot use the operating system's keyring",
            on=f"for store {self.store_id}",
            why=why,
            fix='unlock it, or keep the key in a file (key = "file" in config.toml)',
        )

    def __str__(self) -> str:
        return "the operating system's keyring"
