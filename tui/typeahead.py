"""Keys one after the other: the next one is given to nobody before what the one before has brought about is there.

Textual hands a key to whatever has the focus when it is read. Who types ahead, or whose line delivers ten keys at once,
would type a form's second field into its first, and lose what comes before a dialog is there.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual.dom import DOMNode
from textual.events import Key, Paste
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

Typed = Key | Paste
"""What is pasted goes where the keys before it have led, too."""

AT_MOST = 1.0
"""Seconds that a key holds up the next: a widget that was removed meanwhile never answers."""

PASSES = 2
"""A key goes from parent to parent up to the app, which takes the action; what that brings about goes the same way."""


class TypeAhead:
    """The keys that wait, and whose turn it is."""

    def __init__(self, app: "App[int]", deliver: Callable[[Typed], Awaitable[None]]) -> None:
        """`deliver` gives a key to whatever has the focus now."""
        self._app, self._deliver = app, deliver
        self._waiting: deque[Typed] = deque()
        self._turn = 0
        self._busy = False
        self._shown: Screen[object] | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._given_up: Callable[[], None] | None = None
        """Called when what the keys are kept back for is given up."""

    async def take(self, key: Typed) -> None:
        """Deliver the key, at once or in its turn."""
        if self._busy or self._waiting:
            self._waiting.append(key)
            self._heed_escape()
        else:
            await self._begin(key)

    def hold(self, given_up: Callable[[], None]) -> int:
        """Keep the keys back, for as long as it takes, until `go_on` with the number that this gives: what they are
        meant for has to be read first. Escape ends that before, and calls `given_up`.
        """
        turn = self._take_turn()
        self._given_up = given_up
        self._heed_escape()
        return turn

    def go_on(self, turn: int, opened: Callable[[], None]) -> None:
        """Call `opened`, which may open a screen, and deliver the keys there; nothing when that was given up."""
        if turn != self._turn:
            return
        self._given_up = None
        self._watch(turn)
        way = self._way()
        opened()
        self._go_up(turn, way)

    async def _begin(self, key: Typed) -> None:
        turn = self._take_turn()
        self._watch(turn)
        way = self._way()
        await self._deliver(key)
        self._go_up(turn, way)

    def _take_turn(self) -> int:
        """Nobody else goes on before this one ends; whose turn it was has none any more."""
        self._busy = True
        self._turn += 1
        if self._watchdog is not None:
            self._watchdog.cancel()
        return self._turn

    def _watch(self, turn: int) -> None:
        self._watchdog = asyncio.get_running_loop().call_later(AT_MOST, self._end, turn)
        self._shown = self._app.screen

    def _way(self) -> list[DOMNode]:
        """Whom a key passes now, and what it brings about."""
        focused = self._app.focused or self._app.screen
        return list(focused.ancestors_with_self) * PASSES

    def _heed_escape(self) -> None:
        """An escape among the keys that are kept back ends that; what was typed before it is gone with it."""
        given_up, keys = self._given_up, list(self._waiting)
        escapes = [at for at, key in enumerate(keys) if isinstance(key, Key) and key.key == "escape"]
        if given_up is not None and escapes:
            self._given_up = None
            self._waiting = deque(keys[escapes[0] + 1 :])
            self._end(self._take_turn())
            given_up()

    def _go_up(self, turn: int, nodes: list[DOMNode]) -> None:
        """Wait until each of them has done what the key has made it do."""
        while nodes:
            node = nodes.pop(0)
            if isinstance(node, MessagePump) and node.call_later(self._go_up, turn, nodes):
                return
        self._screen_is_there(turn)

    def _screen_is_there(self, turn: int) -> None:
        """A screen that the key has opened must have its focus first."""
        screen = self._app.screen
        if screen is self._shown or not screen.call_after_refresh(self._end, turn):
            self._end(turn)

    def _end(self, turn: int) -> None:
        if turn == self._turn and self._busy:
            self._busy = False
            if self._watchdog is not None:
                self._watchdog.cancel()
            if self._waiting:
                self._app.call_later(self._begin_next)

    async def _begin_next(self) -> None:
        if self._waiting and not self._busy:
            await self._begin(self._waiting.popleft())
