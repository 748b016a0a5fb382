"""Documents: JSON and YAML files read without trust, and their fields checked so that every problem is named at once.

A check appends lines `where: why` to a list of problems instead of stopping at the first one. No line quotes a value
that could be a secret.
"""

import json
import re
from collections.abc import Hashable, Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, Field, Strict, StringConstraints, TypeAdapter, ValidationError

from engine.errors import BadInput
from storage.nearest import suggestion

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)
else:
    T = TypeVar("T")

# The largest of the 85 real component files is under 8 KiB; a document beyond this is not one of ours.
SIZE_LIMIT = 1 << 20

# More lines than this help nobody.
PROBLEM_LIMIT = 20

# vSphere's API is XML 1.0, which has no form for other control characters.
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def _sayable(text: str) -> str:
    if _NOT_XML.search(text):
        raise ValueError("holds control characters or broken Unicode")
    return text


Text = Annotated[str, Strict(), AfterValidator(_sayable)]
Name = Annotated[str, Strict(), StringConstraints(min_length=1), AfterValidator(_sayable)]
Count = Annotated[int, Strict(), Field(gt=0, lt=2**31)]

_WORDS = {
    "dict_type": "must be a mapping",
    "int_type": "must be a whole number",
    "mapping_type": "must be a mapping",
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "string_type": "must be text (put it in quotes)",
    "tuple_type": "must be a list",
}


def read_json(path: Path) -> object:
    """The file's JSON document. Raises BadInput: unreadable, not UTF-8, not JSON, a key given twice."""
    try:
        return json.loads(_read(path), object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        why = f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise BadInput("cannot read", on=str(path), why=why) from error
    except _TwinKeyError as error:
        raise BadInput("cannot read", on=str(path), why=f"the key {error.args[0]!r} is given twice") from error
    except RecursionError as error:
        raise BadInput("cannot read", on=str(path), why="nested too deeply") from error
    except ValueError as error:  # NaN, Infinity, or more than 4300 digits
        raise BadInput("cannot read", on=str(path), why="it holds something that is no number") from error


def read_yaml(path: Path) -> object:
    """The file's only YAML document, plain types only. Raises BadInput as `read_json` does."""
    try:
        return yaml.load(_read(path), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except _TwinKeyError as error:
        raise BadInput("cannot read", on=str(path), why=f"the key {error.args[0]!r} is given twice") from error
    except yaml.MarkedYAMLError as error:
        # PyYAML's own text quotes the line, which may hold a password; what was unexpected there is safe to tell.
        syntax = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
        why = f"not YAML: {error.problem}" if syntax else "an unknown alias or tag, or more than one document"
        if error.problem_mark is not None:
            why += f" (line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1})"
        raise BadInput("cannot read", on=str(path), why=why) from error
    except yaml.YAMLError as error:
        raise BadInput("cannot read", on=str(path), why="not YAML: it holds control characters") from error
    except RecursionError as error:
        raise BadInput("cannot read", on=str(path), why="nested too deeply") from error
    except ValueError as error:  # a date such as 2026-13-45, or a number of more than 4300 digits
        raise BadInput("cannot read", on=str(path), why="it holds an impossible date or number") from error


def build(kind: type[T], document: object, where: str, problems: list[str], *, open_ended: bool = False) -> T | None:
    """Make a `kind` (a dataclass) of a mapping; None when it cannot be made, with the reasons added to `problems`.

    A null counts as absent. Unknown keys are problems that name the nearest known one, unless `open_ended`.
    """
    if not isinstance(document, dict):
        problems.append(f"{where or 'the document'}: must be a mapping")
        return None
    known = [field.name for field in fields(kind)]
    if not open_ended:
        problems += unknown_keys(document, known, where)
    given = {key: value for key, value in document.items() if key in known and value is not None}
    try:
        made: T = _adapter(kind).validate_python(given)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            problems.append(f"{_join(where, _dotted(problem['loc']))}: {_why(problem['type'], problem['msg'])}")
        return None
    return made


def unknown_keys(document: dict[Any, Any], known: list[str], where: str) -> list[str]:
    """A problem for each key that is not known, with the known one most like it."""
    return [f"{_join(where, str(key))}: unknown key{hint(str(key), known)}" for key in document if key not in known]


def hint(word: str, known: Iterable[str]) -> str:
    """`, did you mean "x"?` for the known word nearest to `word`, or nothing."""
    nearest = suggestion(word, known)
    return f", {nearest}" if nearest else ""


def refuse_all(what: str, on: str, problems: list[str]) -> None:
    """Raise one BadInput that lists the problems; do nothing when there are none."""
    if problems:
        more = len(problems) - PROBLEM_LIMIT
        listed = problems[:PROBLEM_LIMIT] + ([f"and {more} more"] if more > 0 else [])
        raise BadInput(what, on=on, why="; ".join(listed))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise BadInput("cannot read", on=str(path), why=error.strerror or str(error)) from error
    if len(raw) > SIZE_LIMIT:
        raise BadInput("cannot read", on=str(path), why="it is larger than 1 MiB, which no such file is")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("cannot read", on=str(path), why=f"it is not UTF-8 text (byte {error.start})") from error


class _TwinKeyError(Exception):
    """A key stands twice in one mapping; caught above, where the file's name is known."""


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twins(key for key, _ in pairs)
    return dict(pairs)


def _refuse_twins(keys: Iterable[Hashable]) -> None:
    seen = set()
    for key in keys:
        if key in seen:
            raise _TwinKeyError(key)
        seen.add(key)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which would let the last of two equal keys win.

    Looked at before merge keys (`<<`) are resolved: a key may override a merged one.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        _refuse_twins(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        return node


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)


def _dotted(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else _join(path, part)
    return path


def _join(where: str, rest: str) -> str:
    return f"{where}.{rest}" if where else rest


def _why(kind: str, message: str) -> str:
    return _WORDS.get(kind) or message.removeprefix("Value error, ").replace("Input should", "must", 1)
