"""The store's key: a 0600 file beside the store, or (opt-in) the operating system's keyring, which never prompts.

The store remembers the key's fingerprint, so that a lost or foreign key is told from a wrong value.
"""

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, exists, insert, select

from storage import paths
from storage.errors import Refused
from storage.keep import Keep, KeyFile, Keyring
from storage.models import endpoints, settings

if TYPE_CHECKING:
    from storage.store import Store

PREFIX = "fernet:"
"""How an encrypted value begins."""

_FINGERPRINT = "_slipway_key"
_KEY = re.compile(rb"[A-Za-z0-9_-]{43}=")


def encrypt(key: bytes, plain: str) -> str:
    """`plain` under `key` (Fernet: AES-128-CBC with HMAC-SHA256)."""
    from cryptography.fernet import Fernet

    return PREFIX + Fernet(key).encrypt(plain.encode()).decode("ascii")


def decrypt(key: bytes, encrypted: str) -> str:
    """The text given to `encrypt`. Raises Refused for a damaged value."""
    from cryptography.fernet import Fernet, InvalidToken

    try:
        return Fernet(key).decrypt(encrypted.removeprefix(PREFIX)).decode()
    except (InvalidToken, UnicodeDecodeError) as error:
        raise Refused("cannot decrypt a value of the store", why="it is damaged", fix="set it again") from error


def key_file(store: "Store") -> Path:
    """Where the store's key file is."""
    return paths.key_file(store.location, store.id)


def own_key(store: "Store") -> bytes:
    """The store's key; made when the store has nothing encrypted yet.

    Raises Refused when the key is missing or another one although encrypted values exist.
    """
    keep: Keep = Keyring(store.id) if paths.key().value == "keyring" else KeyFile(key_file(store))
    key = keep.load()
    with store.read() as tx:
        if key and _remembered(tx) == fingerprint(key):
            return key
    with store.begin() as tx:
        # PostgreSQL lets several write at once: the lock on this row makes one process after the other look.
        tx.execute(select(settings.c.id).where(settings.c.name == "_slipway_store").with_for_update())
        key = keep.load()
        remembered = _remembered(tx)
        if key and remembered == fingerprint(key):
            return key
        if remembered and _holds_encrypted_values(tx):
            raise Refused(
                "cannot decrypt what the store holds",
                on=store.location,
                why=f"its key in {keep} is {'another one' if key else 'missing'}",
                fix="put the store's own key back, from a backup or the machine that made it",
            )
        if key and not _KEY.fullmatch(key):
            raise Refused("cannot use the store's key", on=str(keep), why="it is no key", fix="move it away")
        if not key:
            key = base64.urlsafe_b64encode(os.urandom(32))
            keep.save(key)
        tx.execute(delete(settings).where(settings.c.name == _FINGERPRINT))
        tx.execute(insert(settings).values(name=_FINGERPRINT, value=fingerprint(key), description=""))
    return key


def _remembered(tx: Connection) -> str | None:
    return tx.execute(select(settings.c.value).where(settings.c.name == _FINGERPRINT)).scalar_one_or_none()


def _holds_encrypted_values(tx: Connection) -> bool:
    secret = select(settings.c.id).where(settings.c.value.startswith(PREFIX))
    return bool(tx.execute(select(exists(secret) | exists(select(endpoints.c.id)))).scalar_one())


def fingerprint(key: bytes) -> str:
    """What the store remembers of its key: not enough to find it."""
    return hashlib.sha256(b"slipway key " + key).hexdigest()[:16]
