"""How the console starts: options, environment and config.toml; what kind of terminal it is; what is loaded when."""

import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadInput
from storage import paths
from storage.store import Store
from tests.e2e.lab import ROOT
from tests.faults.terminal import terminal
from tests.jobs.conftest import PATIENCE
from tests.tui.on_terminal import READY, shows, start
from tui import glyphs
from tui.actions import ACTIONS
from tui.config import configured
from tui.options import Options
from tui.terminal import default_theme, is_slow, speaks_utf8


def options(table: dict[str, Any], **given: Any) -> Options:
    return configured(Options(**given), table, "config.toml")


def test_the_table_says_what_no_option_says() -> None:
    table = {"theme": "light", "mouse": False, "read_only": True, "slow": "on", "keys": {"quit": "Q"}}
    assert options(table) == Options(theme="light", mouse=False, read_only=True, slow=True, keys={"quit": "Q"})
    assert options({}) == Options()
    assert options({"read_only": False}, read_only=True).read_only, "the flag is stronger"


def test_the_environment_is_stronger_than_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_CONSOLE_THEME", "16")
    monkeypatch.setenv("SLIPWAY_CONSOLE_READ_ONLY", "off")
    monkeypatch.setenv("SLIPWAY_CONSOLE_MOUSE", "on")
    found = options({"theme": "light", "read_only": True, "mouse": False})
    assert (found.theme, found.read_only, found.mouse) == ("16", False, True)
    monkeypatch.setenv("SLIPWAY_CONSOLE_MOUSE", "perhaps")
    with pytest.raises(BadInput, match="'perhaps' of SLIPWAY_CONSOLE_MOUSE; set it to on, off"):
        options({})


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("Q", "Q"),
        ("ctrl+x", "ctrl+x"),
        ("?", "question_mark"),
        ("x, f5", "x,f5"),
        ("+", "plus"),
        ("PageDown", "pagedown"),
        ("slash", "slash"),
        ("ö", "ö"),
    ],
)
def test_keys_are_written_as_people_write_them(written: str, named: str) -> None:
    others = {"filter": "f9", "help": "f1", "halfdown": "ctrl+d"}
    assert options({"keys": {"screenshot": written, **others}}).keys["screenshot"] == named


def test_an_actions_id_needs_no_quotes() -> None:
    assert options({"keys": {"endpoint": {"add": "n"}}}).keys == {"endpoint.add": "n"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"them": "dark"}, r'unknown key "them" of \[console\] in config.toml; did you mean "theme"\?'),
        ({"theme": "drak"}, r"'drak' of \"theme\" of \[console\] in config.toml; set it to dark, light, 16"),
        ({"mouse": 1.5}, "1.5 of .mouse.* set it to on, off"),
        ({"keys": "q"}, r"\[console.keys\] in config.toml: it is a table"),
        ({"keys": {"quti": "Q"}}, r'unknown action "quti" of \[console.keys\].*; did you mean "quit"\?'),
        ({"keys": {"quit": 5}}, 'unusable keys of "quit"'),
        ({"keys": {"quit": " "}}, 'unusable keys of "quit"'),
        ({"keys": {"quit": "Q,,X"}}, "unknown key name"),
        ({"keys": {"quit": "pgedown"}}, 'unknown key name "pgedown" of "quit".*; did you mean "pagedown"'),
        ({"keys": {"quit": "strg+q"}}, 'unknown key name "strg\\+q"'),
        ({"keys": {"quit": "xyzzyxyzzy"}}, "write one character, ctrl\\+x, or one of up, down"),
        ({"keys": {"endpoint.add": "e"}}, 'given twice "e" of "endpoint.add".*it is the key of "endpoint.edit" too'),
        ({"keys": {"endpoint.add": "?"}}, r'given twice "\?" of "endpoint.add".*the key of "help" too'),
        ({"keys": {"jump": "j"}}, 'the key of "down" too'),
        ({"keys": {"jump": "x", "quit": "x"}}, 'given twice "x"'),
        ({"keys": {"quit": "Q", "jump": "ctrl+c"}}, 'given twice "ctrl\\+c" of "jump".*the key of "quit" too'),
    ],
)
def test_what_cannot_be_used_is_named(table: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        options(table)


def test_two_actions_may_change_keys_and_pages_may_share_them() -> None:
    found = options({"keys": {"endpoint.add": "e", "endpoint.edit": "a", "template.stage": "e"}}).keys
    assert found == {"endpoint.add": "e", "endpoint.edit": "a", "template.stage": "e"}


def test_our_own_keys_do_not_conflict() -> None:
    assert options({"keys": {action.id: ",".join(action.keys) for action in ACTIONS}}).keys


@pytest.mark.parametrize(
    ("name", "speed", "slow"),
    [
        ("/dev/ttyS0", termios.B9600, True),
        ("/dev/ttyUSB1", termios.B57600, True),
        ("/dev/ttyS0", termios.B115200, False),
        ("/dev/pts/3", termios.B38400, False),
        ("/dev/tty1", termios.B38400, False),
        ("/dev/console", termios.B9600, False),
    ],
)
def test_a_serial_line_is_slow(name: str, speed: int, slow: bool) -> None:
    assert is_slow(name, speed) is slow


@pytest.mark.parametrize(
    ("said", "utf8"),
    [
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "C.utf8"}, True),
        ({"LANG": "C"}, False),
        ({}, False),
        ({"LANG": "C.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
    ],
)
def test_the_environment_says_whether_it_is_utf8(
    said: dict[str, str], utf8: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert speaks_utf8() is utf8


def test_glyphs_keep_their_cells() -> None:
    assert glyphs.in_ascii("│ ┌──┐ █▃ näïve … 漢字 ✓ \u0301") == "| +--+ ## naive ~ ???? ? "


@pytest.mark.parametrize(
    ("variables", "choice", "name"),
    [
        ({"TERM": "xterm-256color"}, None, "slipway-dark"),
        ({"TERM": "xterm-256color"}, "light", "slipway-light"),
        ({"TERM": "linux"}, None, "ansi-dark"),
        ({"TERM": "vt220"}, None, "ansi-dark"),
        ({"TERM": "screen"}, None, "ansi-dark"),
        ({"TERM": "screen-256color"}, None, "slipway-dark"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "dark", "ansi-dark"),
    ],
)
def test_the_theme_fits_the_terminal(
    variables: dict[str, str], choice: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert default_theme(choice) == name


def configure(text: str) -> None:
    paths.config_file().parent.mkdir(parents=True, exist_ok=True)
    paths.config_file().write_text(text)


@pytest.mark.parametrize("arguments", [(), ("console",), ("console", "--plain")])
def test_a_wrong_table_is_one_line(store: Store, arguments: tuple[str, ...]) -> None:
    configure('[console.keys]\nquit = "x"\njump = "x"\n')
    with terminal() as mine:
        process = start(mine, store.location, *arguments)
        assert process.wait(PATIENCE) == 2
        assert mine.text.count("\n") == 1
        assert mine.text.startswith('slipway: key given twice "x" of "jump" in [console.keys] in ')


def test_the_table_is_obeyed(store: Store) -> None:
    configure('[console]\nmouse = false\nread_only = true\n[console.keys]\nquit = "Q"\n')
    with terminal() as mine:
        mine.resize(80, 24)
        process = start(mine, store.location)
        shows(mine, READY, process)
        assert "[read-only]" in mine.text
        assert "\x1b[?1000h" not in mine.text
        mine.type("a")
        shows(mine, "read-only", process)
        mine.type("q")
        mine.type("Q")
        assert process.wait(PATIENCE) == 0


def test_the_store_may_be_named_before_the_command_or_alone(tmp_path: Path) -> None:
    for arguments in (("--store", str(tmp_path / "a.db"), "console", "--slow"), ("--store", str(tmp_path / "a.db"))):
        with terminal() as mine:
            mine.resize(80, 24)
            process = start(mine, tmp_path / "other.db", *arguments)
            shows(mine, READY, process)
            mine.type("q")
            assert process.wait(PATIENCE) == 0
    assert (tmp_path / "a.db").exists()
    assert not (tmp_path / "other.db").exists()


FIRST_FRAME = """
import asyncio, sys
import tui.main, tui.config, tui.hangup, tui.glyphs, cli.main, cli.log, cli.defects
print(*(name for name in sys.modules if name.partition(".")[0] in ("textual", "rich")))
from datetime import UTC, datetime
from tui.app import Console
from tui.options import Options

class NoFeed:
    def start(self, console): console.exit(0)
    def look(self, page): pass
    def stop(self): pass

async def run():
    async with Console(NoFeed(), Options(), lambda: datetime.now(UTC)).run_test() as pilot:
        await pilot.pause()

asyncio.run(run())
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_nothing_heavy_is_loaded_before_the_first_frame() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_FRAME], capture_output=True, text=True, check=True, cwd=ROOT)
    early, tops = done.stdout.splitlines()
    assert "textual" not in early.split(), "it reads the environment when it is imported"
    assert "textual" in tops.split()
    heavy = {
        "sqlalchemy",
        "pyVmomi",
        "dbos",
        "typer",
        "click",
        "alembic",
        "pydantic",
        "cryptography",
        "httpx",
        "jinja2",
    }
    assert not heavy & set(tops.split())
