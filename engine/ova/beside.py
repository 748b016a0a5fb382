"""The files of a bare descriptor: what of the things that it and its manifest refer to lies in its folder."""

import os
from collections.abc import Iterable
from pathlib import Path

from engine.errors import BadPackage
from engine.ova.contradictions import is_inside
from engine.ova.limits import Limits
from engine.ova.member import Member, opened
from engine.ova.names import chunk_names, spelled


class Folder:
    """`members` are the files that were found, named as the folder spells them; the descriptor itself is the first."""

    def __init__(self, descriptor: Path, limits: Limits) -> None:
        """Raises BadPackage when the descriptor cannot be read."""
        self._descriptor = descriptor
        self._folder = str(descriptor.parent)
        self._limits = limits
        self._tried: set[str] = set()
        self._chunks = 0
        self.members: dict[str, Member] = {}
        self._add(descriptor.name)

    def find(self, names: Iterable[str]) -> None:
        """Look for files. What is not there, or not inside the folder, is left to be missing."""
        for name in names:
            if name not in self.members and name not in self._tried:
                self._tried.add(name)
                self._found(name)

    def find_chunks(self, hrefs: Iterable[str]) -> None:
        """Look for the chunks of each file that is not there whole, up to the first that is not there.

        Raises BadPackage for more than an archive may have: one name may be written in thousands of ways.
        """
        for href in dict.fromkeys(hrefs):
            if href in self.members:
                continue
            for name in chunk_names(href):
                if not self._found(name):
                    break
                self._chunks += 1
                if self._chunks > self._limits.ova_entries:
                    why = f"it has more than {self._limits.ova_entries} chunks"
                    fix = self._limits.fix("ova_entries")
                    raise BadPackage("cannot read package", on=str(self._descriptor), why=why, fix=fix)

    def _found(self, name: str) -> bool:
        """Whether the folder has a file of that name, in any spelling; it is a member then."""
        for one in spelled(name):
            if is_inside(one) and os.path.isfile(os.path.join(self._folder, one)):  # noqa: PTH113, PTH118 (twice as fast)
                self._add(one)
                return True
        return False

    def _add(self, name: str) -> None:
        path = self._descriptor.parent / name
        with opened(path) as (_, size):
            self.members[name] = Member(name, 0, size, path)
