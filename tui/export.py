"""Writing a table to a file: the rows that are shown, in their order, as values and not as what the cells say."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from engine.errors import BadInput, Conflict, Failed
from tui.widgets.table import View


def export(name: str, view: View, rows: Sequence[Any], now: datetime) -> str:
    """Write the rows to that file, CSV or JSON by its ending; what was done, in words.

    Raises BadInput for an unusable name, Conflict when the file is there, Failed when it cannot be written.
    """
    from engine.console.typed import path_of

    path = path_of(name, "give another name or folder")
    write = {".csv": _csv, ".json": _json}.get(path.suffix.lower())
    if write is None:
        fix = "end it in .csv or .json"
        raise BadInput("cannot export to", on=f'"{name}"', why="its ending says neither CSV nor JSON", fix=fix)
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except FileExistsError as error:
        raise Conflict("cannot export to", on=str(path), why="it is there already", fix="give another name") from error
    except (OSError, ValueError) as error:
        raise _failed(path, error) from error
    try:
        with file:
            write(file, records(view, rows, now))
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _failed(path, error) from error
    return f"wrote {len(rows)} row{'' if len(rows) == 1 else 's'} to {path}"


def records(view: View, rows: Iterable[Any], now: datetime) -> Iterator[Mapping[str, Any]]:
    """Each row as names and values."""
    for row in rows:
        if view.values is not None:
            yield view.values(row)
        elif is_dataclass(row) and not isinstance(row, type):
            yield asdict(row)
        else:
            cells = view.cells(row, now)
            yield {column.title.lower(): text for column, (text, _) in zip(view.columns, cells, strict=True)}


def _json(file: IO[str], found: Iterable[Mapping[str, Any]]) -> None:
    json.dump(list(found), file, indent=2, ensure_ascii=False, default=_plain)
    file.write("\n")


def _csv(file: IO[str], found: Iterable[Mapping[str, Any]]) -> None:
    writer = csv.writer(file)
    for number, one in enumerate(found):
        if number == 0:
            writer.writerow(one)
        writer.writerow(_text(value) for value in one.values())


def _text(value: Any) -> str:
    """What has parts is JSON in its cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return _plain(value)
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    """Times are UTC with Z; what JSON does not know is written as it says itself."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def _failed(path: Path, error: Exception) -> Failed:
    why = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return Failed("cannot export to", on=str(path), why=why, fix="give another name or folder")
