"""Where things are: flag over environment over config.toml over default, and each value knows its source."""

from pathlib import Path

import pytest

from storage import paths
from storage.errors import BadInput
from storage.paths import Sourced


def configure(content: str) -> Path:
    path = paths.config_file()
    path.parent.mkdir(parents=True)
    path.write_text(content)
    return path


def test_the_default_is_in_the_data_directory() -> None:
    assert paths.store() == Sourced(str(paths.data_dir() / "slipway.db"), "default")
    assert paths.key() == Sourced("file", "default")


def test_each_source_goes_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    path = configure('store = "/srv/c.db"\nkey = "keyring"\n')
    assert paths.store() == Sourced("/srv/c.db", str(path))
    assert paths.key() == Sourced("keyring", str(path))
    monkeypatch.setenv("SLIPWAY_STORE", "/srv/e.db")
    assert paths.store() == Sourced("/srv/e.db", "SLIPWAY_STORE")
    assert paths.store("/srv/f.db") == Sourced("/srv/f.db", "flag")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('stor = "x"', 'unknown key "stor" in .*config.toml; did you mean "store"'),
        ('colour = "red"', "unknown key .*; known are store, key"),
        ("store = 5", "it is not a text; quote it"),
        ('store = ""', 'unusable value of "store"'),
        ("store = ", "cannot read .*config.toml"),
        ('key = "pocket"', "unusable key"),
        ("[consol]\nslow = true", 'unknown table "consol" in .*config.toml; did you mean "console"'),
        ("console = true", 'unusable value of "console" .*: it is a table, not a value; write \\[console\\]'),
    ],
)
def test_a_wrong_configuration_names_file_and_key(content: str, told: str) -> None:
    configure(content)
    with pytest.raises(BadInput, match=told):
        paths.key()


def test_the_consoles_table_is_the_consoles_matter() -> None:
    assert paths.console() == {}
    configure('store = "/srv/c.db"\n[console]\nslow = true\ncolour = "red"\n')
    assert paths.console() == {"slow": True, "colour": "red"}
    assert paths.store().value == "/srv/c.db"


def test_a_configuration_that_is_not_utf8(tmp_path: Path) -> None:
    configure("").write_bytes(b'store = "\xff"')
    with pytest.raises(BadInput, match=r"config\.toml"):
        paths.store()


def test_everything_is_under_the_users_own_directories() -> None:
    home = Path.home()
    for path in (paths.config_file(), paths.data_dir(), paths.state_dir(), paths.log_file()):
        assert path.is_relative_to(home)
