"""The filter of a table: words that a row must contain, `column:word` for one column, `!` for what must not be."""

from collections.abc import Mapping


class Filter:
    """All words must fit: `esxi state:staged !vc02`. Upper and lower case are alike."""

    def __init__(self, text: str) -> None:
        """Any text is a filter; one that is empty lets everything through."""
        self.text = text.strip()
        self._words = [_Word(word) for word in self.text.lower().split()]

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._words)

    def lets(self, cells: Mapping[str, str]) -> bool:
        """Whether a row with these cells, lower case, by column title, lower case, is shown."""
        return all(word.fits(cells) for word in self._words)


class _Word:
    def __init__(self, word: str) -> None:
        self._wanted = not word.startswith("!")
        word = word.removeprefix("!")
        column, colon, value = word.partition(":")
        self._column, self._text = (column, value) if colon else ("", word)
        self._whole = word

    def fits(self, cells: Mapping[str, str]) -> bool:
        if not self._text:  # still being typed
            return True
        if self._column in cells:
            found = self._text in cells[self._column]
        else:  # not a column's name: a time or an address, looked for as it is
            found = any(self._whole in text for text in cells.values())
        return found == self._wanted
