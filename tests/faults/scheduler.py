"""Interleavings: threads that run one at a time, from one call to vCenter or of a claim to the next, in an order that a
seed decides.
"""

import queue
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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


class Interleaving:
    """One run of several parties. `point` is called by the code under test, by way of the test's hooks."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
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

    def play(self, parties: Mapping[str, Callable[[], object]]) -> Played:
        """Run all to their ends."""
        self._turns = {name: threading.Semaphore(0) for name in parties}
        threads = [threading.Thread(target=self._run, args=one, name=one[0], daemon=True) for one in parties.items()]
        for thread in threads:
            thread.start()
        at: dict[str, str] = {}
        for _ in threads:
            self._next(at, ())
        order = _Order(self._random, sorted(at))
        trace: list[str] = []
        while at:
            name = order.choose(sorted(at))
            trace.append(f"{name}: {at.pop(name)}")
            assert len(trace) < ENDLESS, "\n".join(["nobody gets on", *trace[-60:]])
            self._turns[name].release()
            if self._next(at, trace):
                order.put_last(name)
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


class _Order:
    """Whose turn it is. Mostly the party of the highest priority, which a few turns chosen at random take away from it:
    that finds what needs long pauses (probabilistic concurrency testing). Every third seed is a plain random walk.
    """

    def __init__(self, rng: random.Random, names: list[str]) -> None:
        self._random = rng
        self._walks = rng.randrange(3) == 0
        self._first_to_last = rng.sample(names, len(names))
        self._changes = {rng.randrange(1, 120) for _ in range(rng.randrange(1, 5))}
        self._turn = 0

    def choose(self, ready: list[str]) -> str:
        self._turn += 1
        if self._walks:
            return self._random.choice(ready)
        if self._turn in self._changes:
            self.put_last(next(name for name in self._first_to_last if name in ready))
        return next(name for name in self._first_to_last if name in ready)

    def put_last(self, name: str) -> None:
        self._first_to_last.remove(name)
        self._first_to_last.append(name)
