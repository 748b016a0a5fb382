"""docs/vcenter-assumptions.md names lines of the code that relies on each assumption: they must be there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "vcenter-assumptions.md"


def relied_on() -> list[tuple[str, str]]:
    """(file, name) for each function or constant in the second column; a name alone is of the file before it."""
    named = []
    for row in DOCUMENT.read_text().splitlines():
        cells = row.split("|")
        if len(cells) != 6 or "---" in cells[2] or "relied on" in cells[2]:
            continue
        file = ""
        for token in re.findall(r"`([^`]+)`", cells[2]):
            path, _, name = token.partition(":")
            if path.endswith(".py"):
                file = path
                named.append((file, name))
            else:
                named.append((file, token))
    return named


def test_every_named_line_exists() -> None:
    named = relied_on()
    assert len(named) > 40
    gone = []
    for file, name in named:
        text = (ROOT / file).read_text() if (ROOT / file).is_file() else None
        defined = rf"^\s*(def|class) {re.escape(name)}\b|^\s*{re.escape(name)}\b.*="
        if text is None or (name and not re.search(defined, text, re.MULTILINE)):
            gone.append(f"{file}:{name}")
    assert gone == []


def test_every_row_says_what_happens_and_what_shows_it() -> None:
    rows = [row.split("|") for row in DOCUMENT.read_text().splitlines() if row.startswith("|")]
    assert all(len(cells) == 6 for cells in rows)
    assert all(cell.strip() for cells in rows for cell in cells[1:5])
