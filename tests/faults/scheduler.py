"""Interleavings: threads that run one at a time, from one call to vCenter or of a claim to the next, in an order that
the test decides.
"""

import queue
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.errors import SlipwayError

# Seconds until a party that does not come to its next point counts as hanging: a net, nothing here takes as long.
HANGS = 120.0
# Turns after which parties that only wait for each other count as a livelock; the longest seed takes some 400.
ENDLESS = 5000


@dataclass(frozen=True)
class Played:
    """What each party returned, or failed with, and the order of their turns."""

    results: Mapping[str, object]
    trace: tuple[str, ...]


class Order(Protocol):
    """Decides whose turn it is."""

    def choose(self, at: Mapping[str, str]) -> str:
        """One of the parties that are ready, each with what it is about to do."""
        ...

    def waits(self, name: str) -> None:
        """The party cannot go on before another one has done something."""
        ...


class Interleaving:
    """One run of several parties. `point` is called by the code under test, by way of the test's hooks."""

    def __init__(self) -> None:
        self._arrived: queue.Queue[tuple[str, str, bool]] = queue.Queue()
        self._turns: dict[str, threading.Semaphore] = {}
        self._names: dict[int, str] = {}
        self._results: dict[str, object] = {}

    def point(self, what: str, waits: bool = False) -> None:
        """The calling party is about to do `what`, and stops until it is its turn. With `waits` it waits for another.

        A thread that is no party (an upload's, a heartbeat's) goes on at once.
        """
        name = self._names.get(threading.get_ident())
        if name is not None:
            self._arrived.put((name, what, waits))
            self._turns[name].acquire()

    def play(self, parties: Mapping[str, Callable[[], object]], order: Order) -> Played:
        """Run all to their ends."""
        self._turns = {name: threading.Semaphore(0) for name in parties}
        threads = [threading.Thread(target=self._run, args=one, name=one[0], daemon=True) for one in parties.items()]
        for thread in threads:
            thread.start()
        at: dict[str, str] = {}
        for _ in threads:
            self._next(at, ())
        trace: list[str] = []
        while at:
            name = order.choose(dict(sorted(at.items())))
            trace.append(f"{name}: {at.pop(name)}")
            assert len(trace) < ENDLESS, "\n".join(["nobody gets on", *trace[-60:]])
            self._turns[name].release()
            if self._next(at, trace):
                order.waits(name)
        for thread in threads:
            thread.join()
        return Played(self._results, tuple(trace))

    def _next(self, at: dict[str, str], trace: "list[str] | tuple[()]") -> bool:
        """Wait for the running party's next point, or its end; whether it waits for another there."""
        try:
            name, what, waits = self._arrived.get(timeout=HANGS)
        except queue.Empty:
            raise AssertionError("\n".join(["hangs after", *trace[-60:]])) from None
        if what:
            at[name] = what
        return waits

    def _run(self, name: str, party: Callable[[], object]) -> None:
        self._names[threading.get_ident()] = name
        self.point("begins")
        try:
            self._results[name] = party()
        except (SlipwayError, AssertionError) as error:
            self._results[name] = error
        except BaseException as error:
            self._results[name] = AssertionError(f"{name} broke: {error!r}")
            raise
        finally:
            del self._names[threading.get_ident()]
            self._arrived.put((name, "", False))


class Shuffled:
    """An order by seed. Mostly the party of the highest priority has its turn, which a few turns chosen at random take
    away from it: that finds what needs long pauses (probabilistic concurrency testing). One seed in three walks at
    random.
    """

    def __init__(self, seed: int, names: Iterable[str]) -> None:
        self._random = random.Random(seed)
        self._walks = self._random.randrange(3) == 0
        self._first_to_last = self._random.sample(sorted(names), len(list(names)))
        self._changes = {self._random.randrange(1, 120) for _ in range(self._random.randrange(1, 5))}
        self._turn = 0

    def choose(self, at: Mapping[str, str]) -> str:
        self._turn += 1
        if self._walks:
            return self._random.choice(list(at))
        if self._turn in self._changes:
            self.waits(next(name for name in self._first_to_last if name in at))
        return next(name for name in self._first_to_last if name in at)

    def waits(self, name: str) -> None:
        self._first_to_last.remove(name)
        self._first_to_last.append(name)


class Paused:
    """One party alone, until `pause` says yes to its turn's number and what it is about to do; then the others to
    their ends; then the rest of the first.
    """

    def __init__(self, name: str, pause: Callable[[int, str], bool]) -> None:
        self._name, self._pause = name, pause
        self._turn = 0
        self.paused = False

    def choose(self, at: Mapping[str, str]) -> str:
        others = [name for name in at if name != self._name]
        if not self.paused and self._name in at:
            self._turn += 1
            self.paused = self._pause(self._turn, at[self._name])
        return others[0] if others and (self.paused or self._name not in at) else self._name

    def waits(self, name: str) -> None:
        raise AssertionError(f"{name} waits for somebody who pauses")
