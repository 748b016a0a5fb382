"""Ten imports at the same time: how many threads compute digests, and how much memory they take."""

import hashlib
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.sources import digests
from engine.vsphere.ovf_import import import_vm
from tests.vsphere.ground import MIB, Ground

IMPORTS, AT_ONCE = 10, 2


class Counted:
    """A digest that knows how many of its kind are computing. Each stays in `update` until AT_ONCE were seen there
    together, so that the bound is reached in any case.
    """

    gate = threading.Condition()
    computing = most = 0

    def __init__(self, algorithm: str, usedforsecurity: bool = True) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=usedforsecurity)
        self.digest_size = self._hash.digest_size

    def update(self, block: memoryview) -> None:
        with Counted.gate:
            Counted.computing += 1
            Counted.most = max(Counted.most, Counted.computing)
            Counted.gate.notify_all()
            Counted.gate.wait_for(lambda: Counted.most >= AT_ONCE)
        self._hash.update(block)
        with Counted.gate:
            Counted.computing -= 1

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Counted]]:
    monkeypatch.setattr(Counted, "most", 0)
    monkeypatch.setattr(digests, "_cores", threading.BoundedSemaphore(AT_ONCE))
    monkeypatch.setattr(digests, "hashlib", Hashlib)
    tracemalloc.start()
    yield Counted
    tracemalloc.stop()


class Hashlib:
    """The module, for RunningDigest."""

    new = Counted


def test_ten_imports_hash_in_few_threads_and_hold_a_block_each(ground: Ground, counted: type[Counted]) -> None:
    checksum = f"sha256:{hashlib.sha256(ground.ova.read_bytes()).hexdigest()}"
    target = ground.target

    def bring(number: int) -> Any:
        request = replace(ground.request(f"vm{number}"), checksum=checksum)
        return import_vm(
            ground.session, target, request, target.folder, target.pool, None, Cancel(), ground.sent.append
        )

    tracemalloc.reset_peak()
    with ThreadPoolExecutor(IMPORTS) as pool:
        assert all(pool.map(bring, range(IMPORTS)))
    _, peak = tracemalloc.get_traced_memory()
    assert counted.most == AT_ONCE
    assert sum(ground.sent) == IMPORTS * 16 * MIB
    # Per import two disks and the whole archive, a block of 1 MiB each: nothing waits in a queue.
    assert peak < (3 * IMPORTS + 20) * MIB
