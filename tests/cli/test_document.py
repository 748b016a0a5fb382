"""docs/cli.md tells what the command line has: every command, every exit code."""

import re

from storage import errors
from tests.cli.conftest import ROOT
from tests.cli.test_frame import every_command

TEXT = (ROOT / "docs" / "cli.md").read_text()


def test_every_command_is_documented() -> None:
    commands: dict[str, set[str]] = {}
    for row in re.findall(r"^\| (`slipway .*?) \|", TEXT, re.MULTILINE):
        first, *verbs = re.findall(r"`(?:slipway )?([^`]+)`", row)
        group, *rest = first.split()
        commands[group] = {*(word for word in rest if word.islower()), *verbs}
    for words in every_command():
        if words:
            assert words[0] in commands
            assert set(words[1:]) <= commands[words[0]], words


def test_every_exit_code_is_documented() -> None:
    table = dict(re.findall(r"^\| (\d+) \|.*\| (.*?) \|$", TEXT, re.MULTILINE))
    kinds: list[type[errors.SlipwayError]] = [errors.SlipwayError, *errors.SlipwayError.__subclasses__()]
    for kind in kinds:
        if kind.__module__ == errors.__name__:
            assert f"`{kind.code}`" in table[str(kind.exit_code)]
