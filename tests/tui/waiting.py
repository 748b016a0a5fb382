"""A feed that answers when the test says so."""

from collections.abc import Callable
from typing import Any

from engine.errors import SlipwayError
from tests.tui.conftest import FixedFeed


class Waiting(FixedFeed):
    """Answers only when told to, by `done` or `refused`."""

    done: Callable[[Any], None] | None = None
    refused: Callable[[SlipwayError], None] | None = None

    def ask(self, verb: Any, done: Any, refused: Any) -> None:
        self.asked.append(verb)
        self.done, self.refused = done, refused
