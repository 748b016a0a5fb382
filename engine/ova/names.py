"""Names of a package's files: the ways in which tools spell them, and those of chunks (DSP0243 7.1)."""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import count
from unicodedata import normalize
from urllib.parse import unquote

# No language has more accents on one letter (UAX #15, Stream-Safe Text), and Python orders them in quadratic time:
# 40,000 take 1.2 s, a descriptor has room for millions. Signs that are none, like emoji, count as well here.
_MANY_MARKS = re.compile(r"(?<![^\w\0-\x7f])[^\w\0-\x7f]{31}")
# No file has a longer name: PATH_MAX, each byte written as `%41`. Longer ones cost half a gigabyte to unescape.
_LONGEST = 3 * 4096
_CHUNK = re.compile(r"(?P<href>.+)(?P<number>\.[0-9]{9})")


class Spellings:
    """What the descriptor calls a file: an href is a URI (some tools write `%20` for a space, and the plain name
    everywhere else), and macOS writes `é` in archives as two characters (NFD) where XML has one (NFC).
    """

    def __init__(self, hrefs: Collection[str]) -> None:
        self._hrefs = set(hrefs)
        self._by_form = {_composed(one): href for href in hrefs for one in _plain(href)}

    def of(self, name: str) -> str:
        """The descriptor's name of a member, of its own or as the chunk of a file; the name itself if it has none."""
        if name in self._hrefs:
            return name
        found = self._by_form.get(_composed(name))
        if found is None and (chunk := _CHUNK.fullmatch(name)):
            href = self._by_form.get(_composed(chunk["href"]))
            found = href and href + chunk["number"]
        return found or name


def spelled(name: str) -> Iterator[str]:
    """The ways in which a file system may have the name."""
    for one in _plain(name):
        yield from {one, _composed(one), _decomposed(one)}


def has_many_marks(name: str) -> bool:
    """Whether more accents stand on one letter than any language has: such a name is never brought to another form."""
    return not name.isascii() and _MANY_MARKS.search(name) is not None


def chunk_names(href: str) -> Iterator[str]:
    """`href.000000000` and so on, without end."""
    return (f"{href}.{number:09d}" for number in count())


def last_chunks(names: Iterable[str]) -> dict[str, str]:
    """By href, the last of these names that is one of its chunks."""
    found: dict[str, str] = {}
    for name in names:
        if chunk := _CHUNK.fullmatch(name):
            found[chunk["href"]] = max(name, found.get(chunk["href"], ""))
    return found


def _plain(name: str) -> tuple[str, ...]:
    """The name as it is written, and unescaped where it is escaped."""
    return (name, unquote(name)) if "%" in name and len(name) <= _LONGEST else (name,)


def _composed(name: str) -> str:
    return name if has_many_marks(name) else normalize("NFC", name)


def _decomposed(name: str) -> str:
    return name if has_many_marks(name) else normalize("NFD", name)
