"""What the feed tells the console, in the past tense. A newer reading of a page replaces an older one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from engine.console.desk import Pulse


@dataclass
class PageRead(Message):
    """A page's rows as they were at `at` (UTC), and what the first line says of everything else."""

    place: str
    rows: Sequence[Any]
    pulse: "Pulse"
    at: datetime

    def can_replace(self, message: Message) -> bool:
        """An unread older reading of the same page is dropped."""
        return isinstance(message, PageRead) and message.place == self.place


@dataclass
class PageFailed(Message):
    """A page's rows could not be read: the store does not answer."""

    place: str
    error: str

    def can_replace(self, message: Message) -> bool:
        """As a reading."""
        return isinstance(message, PageFailed) and message.place == self.place
