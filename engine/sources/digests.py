"""Digests of files: what a component's checksum and an OVA's manifest are compared with."""

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from engine.cancel import Cancel
from engine.errors import BadInput, BadPackage

# Reading in 1 MiB blocks: hashlib releases the GIL from 2 KiB on, and SHA-256 is then the ceiling (185-368 MiB/s a
# core without SHA instructions, 1.8 GiB/s with them).
BLOCK = 1 << 20
# Threads of this process that compute a digest at the same time. Ten imports have up to fifty threads that could; more
# than there are cores only take the time from those that send.
AT_ONCE = os.cpu_count() or 1
_cores = threading.BoundedSemaphore(AT_ONCE)


class RunningDigest:
    """A digest that grows block by block. A block waits, in the thread that brings it, until one of AT_ONCE is free:
    nothing is queued or copied.
    """

    def __init__(self, algorithm: str) -> None:
        """`algorithm` is a name of hashlib."""
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, block: memoryview) -> None:
        """Add the block."""
        with _cores:
            self._hash.update(block)

    def hexdigest(self) -> str:
        """Of all blocks so far, in lower case."""
        return self._hash.hexdigest()


def file_digest(path: Path, algorithm: str, cancel: Cancel, progress: Callable[[int], None] = lambda read: None) -> str:
    """The file's digest as lower-case hex; `progress` gets the bytes of each block. Raises BadInput (unreadable) or
    Cancelled.
    """
    digest = RunningDigest(algorithm)
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                cancel.check()
                digest.update(view[:count])
                progress(count)
    except OSError as error:
        raise BadInput(
            "cannot read", on=str(path), why=error.strerror or str(error), fix="check the path and its permissions"
        ) from error
    return digest.hexdigest()


def split_checksum(checksum: str) -> tuple[str, str]:
    """`sha256:<hex>` as (algorithm, lower-case hex). Raises BadInput for anything else."""
    algorithm, _, digest = checksum.partition(":")
    algorithm = algorithm.lower().replace("-", "")
    if algorithm not in ("sha1", "sha256", "sha512") or len(digest) != hashlib.new(algorithm).digest_size * 2:
        raise BadInput(
            "cannot use the checksum", on=checksum, why="it is not sha1:, sha256: or sha512: and as many hex digits"
        )
    return algorithm, digest.lower()


def digest_mismatch(file: str, expected: str, found: str, algorithm: str) -> BadPackage:
    """The error for bytes that are not the promised ones."""
    return BadPackage(
        "cannot use",
        on=file,
        why=f"its {algorithm.upper()} is {found}, expected {expected}",
        fix="the file is damaged or another one: get it again",
    )
