"""What a terminal shows after all that it was sent: as much of a terminal as the console uses, and no more."""

import re

from rich.cells import cell_len

from tests.faults.terminal import Terminal

TOKEN = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x1f]|[^\x00-\x1f\x1b]+")


class Screen:
    """The screen of a test's terminal. It is read when the test looks."""

    def __init__(self, terminal: Terminal, columns: int = 80, rows: int = 24) -> None:
        """The terminal gets that size."""
        self._terminal = terminal
        self._fed = 0
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Another size; it is empty until it is painted anew."""
        self._columns, self._rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._terminal.resize(columns, rows)

    @property
    def lines(self) -> list[str]:
        """What it shows now."""
        self._feed(self._terminal.text)
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def text(self) -> str:
        """The same in one."""
        return "\n".join(self.lines)

    def _feed(self, sent: str) -> None:
        if "\x1b" in sent[-30:]:  # perhaps half a sequence
            sent = sent[: sent.rindex("\x1b")]
        for token in TOKEN.finditer(sent, self._fed):
            self._take(token)
        self._fed = max(self._fed, len(sent))

    def _take(self, token: re.Match[str]) -> None:
        text = token[0]
        if text == "\r":
            self._x = 0
        elif text == "\n":
            self._y = min(self._y + 1, self._rows - 1)
        elif token[2] == "H":
            y, _, x = (token[1] or "1;1").partition(";")
            self._y, self._x = int(y) - 1, int(x or 1) - 1
        elif text[0] >= " ":
            for one in text:
                self._put(one)

    def _put(self, one: str) -> None:
        width = cell_len(one)
        if self._y < self._rows and self._x + width <= self._columns and width:
            self._cells[self._y][self._x : self._x + width] = [one, *[""] * (width - 1)]
            self._x += width
