"""Where things are on this machine, and where each value comes from: flag, environment, config.toml or default."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import PlatformDirs

from storage.errors import BadInput
from storage.nearest import suggestion

_DIRS = PlatformDirs("slipway", appauthor=False)

KNOWN = ("store", "key", "network_filesystem")
"""Keys of config.toml; each has its environment variable `SLIPWAY_<KEY>`."""

TABLES = ("console",)
"""Tables of config.toml. What may be in one is known to who reads it."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """A value and where it was found: `flag`, an environment variable, config.toml's path or `default`."""

    value: str
    source: str


def config_file() -> Path:
    """`config.toml` in the user's configuration directory."""
    return Path(_DIRS.user_config_dir) / "config.toml"


def data_dir() -> Path:
    """Store and key."""
    return Path(_DIRS.user_data_dir)


def state_dir() -> Path:
    """Logs."""
    return Path(_DIRS.user_state_dir)


def log_file() -> Path:
    """The log of every Slipway process of this user but the workers."""
    return state_dir() / "slipway.log"


def worker_log_file(store_id: str) -> Path:
    """The log of the store's worker: what its jobs did."""
    return state_dir() / f"worker-{store_id}.log"


def store(flag: str | None = None) -> Sourced:
    """The store: path of an SQLite file or a SQLAlchemy URL."""
    return _sourced("store", flag, str(data_dir() / "slipway.db"))


def key() -> Sourced:
    """Where the store's key is kept: `file` (beside the store) or `keyring` (of the operating system, opt-in)."""
    return _one_of("key", "file", "keyring")


def network_filesystem() -> Sourced:
    """Whether an SQLite store may be on a network file system: `refuse`, or `allow` at the operator's own risk."""
    return _one_of("network_filesystem", "refuse", "allow")


def console() -> dict[str, Any]:
    """The table `[console]`: this terminal's habits. `tui.config` knows what may be in it."""
    return dict(_config().get("console", {}))


def key_file(location: str, store_id: str) -> Path:
    """The file that holds a store's key: beside an SQLite file, in the data directory for a server's URL."""
    return data_dir() / f"store-{store_id}.key" if "://" in location else Path(f"{location}.key")


def folders() -> dict[str, Sourced]:
    """The user's folders and files, by what they hold; ID stands for the store's id."""
    of_kind = {
        "config": (config_file(), "XDG_CONFIG_HOME"),
        "data": (data_dir(), "XDG_DATA_HOME"),
        "state": (state_dir(), "XDG_STATE_HOME"),
        "log": (log_file(), "XDG_STATE_HOME"),
        "worker_log": (worker_log_file("ID"), "XDG_STATE_HOME"),
    }
    return {
        name: Sourced(str(path), variable if os.environ.get(variable) else "default")
        for name, (path, variable) in of_kind.items()
    }


def _one_of(name: str, default: str, other: str) -> Sourced:
    found = _sourced(name, None, default)
    if found.value not in (default, other):
        fix = f'set it to "{default}" or "{other}"'
        raise BadInput(f"unusable {name}", on=f'"{found.value}" of {found.source}', fix=fix)
    return found


def _sourced(name: str, flag: str | None, default: str) -> Sourced:
    variable = f"SLIPWAY_{name.upper()}"
    if flag:
        return Sourced(flag, "flag")
    if os.environ.get(variable):
        return Sourced(os.environ[variable], variable)
    configured = _config()
    if name in configured:
        return Sourced(str(configured[name]), str(config_file()))
    return Sourced(default, "default")


def _config() -> dict[str, Any]:
    """config.toml's keys. Raises BadInput naming the file for bad TOML, an unknown key or a value of another kind."""
    path = config_file()
    try:
        with path.open("rb") as file:
            import tomllib

            found = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput("cannot read", on=str(path), why=error.strerror or str(error), fix="make it readable") from error
    except ValueError as error:
        raise BadInput("cannot read", on=str(path), why=str(error), fix="correct the file") from error
    for name, value in found.items():
        if name not in (*KNOWN, *TABLES):
            kind = "table" if isinstance(value, dict) else "key"
            fix = suggestion(name, (*KNOWN, *TABLES)) or f"known are {', '.join((*KNOWN, *TABLES))}"
            raise BadInput(f"unknown {kind}", on=f'"{name}" in {path}', fix=fix)
        if name in TABLES and not isinstance(value, dict):
            why = "it is a table, not a value"
            raise BadInput(
                "unusable value", on=f'of "{name}" in {path}', why=why, fix=f"write [{name}], and its keys below"
            )
        if name in KNOWN and (not isinstance(value, str) or not value):
            raise BadInput("unusable value", on=f'of "{name}" in {path}', why="it is not a text", fix="quote it")
    return found
