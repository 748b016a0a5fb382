"""Texts that people read, in the language of the package's message bundles (DSP0243 "Internationalization")."""

from collections.abc import Iterator, Mapping

from engine.errors import BadPackage
from engine.ova import xml
from engine.ova.findings import Finding, place
from engine.ova.limits import MAX_TEXTS, Limits
from engine.ova.xml import Element

_DEFAULT_LANGUAGE = "en-US"  # of a bundle that does not say (DSP0243)
UNTRANSLATED = "texts are shown untranslated"
"""What follows when a bundle is missing or damaged."""


def message_files(root: Element) -> Iterator[tuple[Element, str]]:
    """The Strings elements whose messages lie in a file of the package, each with the File's id."""
    return ((bundle, bundle.get("fileRef")) for bundle in root.every("Strings") if bundle.get("fileRef"))


class Messages:
    """Looks up texts that have a `msgid`: in English, else as the descriptor has it, else in any language."""

    def __init__(self, root: Element, files: Mapping[str, bytes], limits: Limits) -> None:
        """`files` are the external bundles by their File's id."""
        self._english: dict[str, str] = {}
        self._others: dict[str, str] = {}
        self._damaged: list[tuple[Element, str]] = []
        self._room = MAX_TEXTS
        for bundle in root.every("Strings"):
            self._add(bundle, bundle.get("xml.lang"))
        self._inside = set(self._english)
        for file, bundle in {file: bundle for bundle, file in message_files(root)}.items():
            if file not in files:
                continue
            try:
                external = xml.parse(xml.decode(files[file], file), file, limits)
            except BadPackage as error:
                self._damaged.append((bundle, error.why))
                continue
            self._add(external, external.get("xml.lang") or bundle.get("xml.lang"))

    def problems(self, file: str) -> Iterator[Finding]:
        """The bundles that cannot be read, named by line and element of the descriptor's `file`."""
        for bundle, why in self._damaged:
            where = place(file, bundle.line, f"Strings '{bundle.get('fileRef')}'")
            yield Finding.warning(where, f"refers to messages that cannot be read: {why}", UNTRANSLATED)

    def of(self, element: Element, name: str) -> str:
        """The text of the child of that name, or "". Raises as `text`."""
        child = element.child(name)
        return self.text(child) if child else ""

    def text(self, element: Element) -> str:
        """The text of the element, or "". Raises BadPackage when a long one is used again and again."""
        identity = element.get("msgid")
        found = self._english.get(identity, "") or element.text or self._others.get(identity, "")
        if identity:
            self._room -= len(found)
        if self._room < 0:
            why = f"its message ids stand for more than {MAX_TEXTS} characters"
            raise BadPackage("cannot read descriptor", on=f"line {element.line}", why=why)
        return found

    def outside(self) -> dict[str, str]:
        """The messages by their id that only the external bundles have in English, or at all."""
        return {key: text for key, text in (self._others | self._english).items() if key not in self._inside}

    def _add(self, bundle: Element, language: str) -> None:
        is_english = (language or _DEFAULT_LANGUAGE).lower().startswith("en")
        known = self._english if is_english else self._others
        for message in bundle.every("Msg"):
            if message.get("msgid"):
                known.setdefault(message.get("msgid"), message.text)
