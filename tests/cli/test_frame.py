"""The frame of the command line: help, suggestions, errors and exit codes, logs, what start-up loads."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import app
from storage import paths
from tests.cli.conftest import ROOT, Outcome

Slipway = Callable[..., Outcome]


def loaded(*arguments: str) -> set[str]:
    """The modules that `slipway ARGUMENTS` loads beyond those of a bare interpreter."""
    script = (
        "import sys; bare = set(sys.modules); sys.argv[0] = 'slipway'\n"
        "from cli.main import main\n"
        "code = main()\n"
        "print(*sorted(set(sys.modules) - bare), sep='\\n', file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stderr.split())


def test_version_loads_only_the_standard_library() -> None:
    tops = {name.partition(".")[0] for name in loaded("--version")}
    assert tops - set(sys.stdlib_module_names) == {"cli"}


def test_a_setting_is_read_without_the_heavy_libraries(process: Slipway) -> None:
    assert process("setting", "list").code == 0
    tops = {name.partition(".")[0] for name in loaded("setting", "get", "ff_endpoint_ova_staging")}
    assert "sqlalchemy" in tops
    heavy = {"dbos", "pyVmomi", "pyVim", "textual", "alembic", "keyring", "httpx", "cryptography", "rich", "jinja2"}
    assert not tops & heavy


def test_version(process: Slipway) -> None:
    told = process("--version")
    assert re.fullmatch(r"slipway \d+\.\d+\.\d+\S*\n", told.out)
    assert process("--version", "setting").out == told.out


def test_alone_without_a_terminal_it_tells_how_everything_is(process: Slipway) -> None:
    told = process()
    assert (told.code, told.err) == (0, "")
    assert "no endpoint" in told.out
    assert "\x1b" not in told.out


def test_a_group_alone_shows_its_help(slipway: Slipway) -> None:
    told = slipway("setting")
    assert told.code == 2
    assert "Usage: slipway setting" in told.err
    assert slipway("setting", "--json").error["code"] == "bad_input"


def every_command() -> Iterator[tuple[str, ...]]:
    yield ()
    for name in app.NAMES:
        yield (name,)
        for verb in getattr(app.load(name), "commands", ()):
            yield (name, verb)


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_every_help_ends_with_two_examples(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    from cli.run import run

    assert run([*words, "--help"]) == 0
    _, _, end = capsys.readouterr().out.partition("\n  Examples:\n")
    lines = end.splitlines()
    assert len(lines) == 2, end
    assert all(re.match(r"    (\S.* \| )?slipway ", line) for line in lines), end


def test_examples_name_commands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    from cli.run import run

    known = {" ".join(words) for words in every_command()}
    for words in every_command():
        run([*words, "--help"])
        _, _, end = capsys.readouterr().out.partition("\n  Examples:\n")
        for line in end.splitlines():
            said = re.sub(r"^.*?slipway (--store \S+ )?", "", line).split()
            assert " ".join(said[:1]) in known, line
            if said[0] not in app.SINGLES:
                assert " ".join(said[:2]) in known, line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["setings"], 'no command "setings"; did you mean "setting"?'),
        (["xyzzy"], 'no command "xyzzy"; see: slipway --help'),
        (["setting", "lst"], "no such command 'lst'. Did you mean 'list'?; see: slipway setting --help"),
        (
            ["setting", "list", "--jsn"],
            "no such option: --jsn (Possible options: --json); see: slipway setting list --help",
        ),
        (["--stor", "x", "paths"], "no such option: --stor (Possible options: --store); see: slipway --help"),
    ],
)
def test_a_mistyped_word_suggests_the_nearest(slipway: Slipway, arguments: list[str], told: str) -> None:
    found = slipway(*arguments)
    assert (found.code, found.line) == (2, told)
    error = slipway(*arguments, "--json").error
    assert error["code"] == "bad_input"
    assert error["what"] in told


def test_the_global_option_after_the_command_is_explained(slipway: Slipway) -> None:
    found = slipway("setting", "list", "--store", "x")
    assert found.line.endswith("it goes before the command: slipway --store PATH|URL COMMAND")


def test_missing_arguments_are_a_usage_error(slipway: Slipway) -> None:
    found = slipway("setting", "create", "--name", "x", "--json")
    assert found.code == 2
    assert found.error["what"] == "missing option '--description' / '-d'"
    assert found.error["fix"] == "see: slipway setting create --help"


def test_control_characters_are_escaped(slipway: Slipway) -> None:
    name = "a\x1b[31mb\u202ec"
    found = slipway("setting", "get", name)
    assert found.code == 3
    assert found.line.startswith(r'no setting "a\x1b[31mb\u202ec"')
    assert slipway("setting", "get", name, "--json").error["object"] == f'"{name}"'
    assert slipway(f"\x1b{name}").line.startswith(r'no command "\x1ba')
    assert "\x1b" not in slipway("setting", "list", f"--{name}").line


def test_an_argument_that_is_no_text_is_bad_input(process: Slipway) -> None:
    for arguments in (["setting", "get", "\udcff"], ["setting", "create", "-n", "x", "-d", "d", "-v", "\udcff"]):
        found = process(*arguments)
        assert found.code == 2
        assert "not UTF-8" in found.line


def test_an_ascii_terminal_gets_every_name(process: Slipway) -> None:
    assert process("setting", "create", "-n", "lab_text", "-v", "schön ☃", "-d", "d").code == 0
    found = process("setting", "get", "lab_text", PYTHONIOENCODING="ascii")
    assert (found.code, found.out) == (0, "sch\\xf6n \\u2603\n")


def test_a_store_that_cannot_be_used(slipway: Slipway, tmp_path: Path) -> None:
    found = slipway("--store", str(tmp_path), "setting", "list")
    assert (found.code, found.line) == (2, f"cannot use the store {tmp_path}: it is a folder; name a file in it")
    error = slipway("--store", f"postgresql://u:hunter2@/db?host={tmp_path}", "setting", "list", "--json")
    assert (error.code, error.error["code"]) == (5, "unreachable")
    assert "hunter2" not in error.err


def test_the_global_store_goes_before_the_environment(slipway: Slipway, tmp_path: Path) -> None:
    flag, environment = tmp_path / "flag.db", tmp_path / "environment.db"
    assert slipway("--store", str(flag), "setting", "list", SLIPWAY_STORE=str(environment)).code == 0
    assert flag.exists()
    assert not environment.exists()


def test_a_wrong_configuration_is_told_by_every_command(slipway: Slipway) -> None:
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text('stor = "x"\n')
    found = slipway("setting", "list")
    assert found.code == 2
    assert found.line == f'unknown key "stor" in {paths.config_file()}; did you mean "store"?'


def test_errors_are_logged_with_their_cause(process: Slipway, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database\n" * 100)
    assert process("--store", str(file), "setting", "list").code == 2
    log = paths.log_file()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    [line] = log.read_text().splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \d+ INFO slipway: cannot use the store", line)
    assert "Traceback" in line
    assert "sqlite3.DatabaseError" in line


def _with_a_defect(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `slipway setting list` with a defect put into it."""
    script = (
        "import sys, cli.session\n"
        "def defect(): raise RuntimeError('boom\\x1b')\n"
        "cli.session.open_store = defect\n"
        "from cli.main import main\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", script, "setting", "list", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_an_unexpected_error_is_one_line_and_a_logged_traceback() -> None:
    done = _with_a_defect()
    assert (done.returncode, done.stdout) == (1, "")
    log = paths.log_file()
    assert done.stderr == (
        f"slipway: unexpected error RuntimeError: boom\\x1b; report it with the last line of {log}\n"
    )
    assert "Traceback" in log.read_text().splitlines()[-1]
    as_json = _with_a_defect("--json")
    assert as_json.returncode == 1
    assert '{"error": {"code": "failed", "what": "unexpected error", "object": "RuntimeError"' in as_json.stderr


def test_a_log_that_cannot_be_written_does_not_matter(process: Slipway, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = process("setting", "get", "absent", XDG_STATE_HOME=str(tmp_path / "file"))
    assert found.code == 3
    assert found.line


def test_interrupted_is_130(tmp_path: Path) -> None:
    """The command waits for a line on stdin when it is interrupted."""
    command = [sys.executable, "-m", "cli", "setting", "create", "-n", "x", "-d", "d", "--value-stdin"]
    reader, writer = os.pipe()
    script = "import os, cli.session\nreal = cli.session.read_line\n"
    script += f"def told():\n    os.write({writer}, b'.')\n    return real()\n"
    script += "cli.session.read_line = told\nimport sys\nfrom cli.main import main\nsys.exit(main())"
    command[1:3] = ["-c", script]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, pass_fds=[writer]
    )
    os.close(writer)
    assert os.read(reader, 1) == b"."
    os.close(reader)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert (process.returncode, told) == (130, "slipway: interrupted\n")


def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "cli", "setting", "list"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_error_that_nobody_reads_keeps_its_exit_code() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "cli", "setting", "show", "no such"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, check=False, cwd=ROOT, env=buffered)
    os.close(writer)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(process: Slipway, shell: str) -> None:
    # Typer asks which shell it was started from, and takes its argument only where that is switched off.
    shown = process("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").out
    assert "_SLIPWAY_COMPLETE" in shown
    assert f"complete_{shell}" in shown
    found = process(_SLIPWAY_COMPLETE=f"complete_{shell}", COMP_WORDS="slipway set", COMP_CWORD="1",
                    _TYPER_COMPLETE_ARGS="slipway set", _TYPER_COMPLETE_FISH_ACTION="get-args")  # fmt: skip
    assert "setting" in found.out
