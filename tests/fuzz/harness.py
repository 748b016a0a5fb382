"""Coverage-guided fuzzing with atheris (libFuzzer) of what reads packages; the C parsers below it are not instrumented.

A target is a module here with `check`, which lets only defects out, and `seeds`, the inputs that mutations begin with:
`python -m tests.fuzz.manifest --inputs 100000 --seed 7`. A defect is any exception but ours, more than 2 s of processor
time, or more than 256 MiB of memory for one input.
"""

import argparse
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from hashlib import sha1
from pathlib import Path

SECONDS = 2
MEMORY = 256 << 20
LONGEST = 8 << 10
"""Bytes of an input: many small ones find more. What is large is tried in tests/ova/test_hostile.py."""

CORPUS = Path(__file__).parents[3] / "shared/corpus/ovf"


def instrumented() -> AbstractContextManager[object]:
    """What is imported within tells the fuzzer which ways an input takes: our own layers only."""
    import atheris

    # What a regular expression or a comparison of texts would have liked to see becomes a hint for mutations.
    atheris.enabled_hooks.add("RegEx")
    atheris.enabled_hooks.add("str")
    return atheris.instrument_imports(include=["engine.ova"])


class MemoryFile:
    """A file without a disk: a target writes it for every input, and its process never gets to tidy up."""

    def __init__(self) -> None:
        self._handle = os.memfd_create("input")
        self.path = Path(f"/proc/self/fd/{self._handle}")

    def hold(self, data: bytes) -> None:
        """Let it have this content, and no other."""
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, data, 0)


def main(check: Callable[[bytes], None], seeds: Iterable[bytes], longest: int = LONGEST) -> None:
    """Fuzz with inputs of at most `longest` bytes as the command line says, and end the process: 0 means no defect."""
    import atheris

    parser = argparse.ArgumentParser(description="Fuzz one target.")
    parser.add_argument("--inputs", type=int, default=-1, help="how many (default: no end)")
    parser.add_argument("--seconds", type=int, default=0, help="how long (default: no end)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True, help="where inputs are kept that found new ways")
    said = parser.parse_args()
    corpus = said.folder / "corpus"
    if not corpus.exists():
        corpus.mkdir(parents=True)
        for seed in seeds:
            (corpus / sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)

    def one(data: bytes) -> None:
        began = time.process_time()
        check(data)
        used = time.process_time() - began
        assert used < SECONDS, f"{used:.1f} s for one input"

    options = {
        "seed": said.seed,
        "runs": said.inputs,
        "max_total_time": said.seconds,
        "max_len": longest,
        "timeout": 60,  # wall clock, for what never ends
        "rss_limit_mb": 0,  # the limit below is the stricter one: it makes a MemoryError of the very line
        "artifact_prefix": f"{said.folder}/",
        "verbosity": 0,
        "print_final_stats": 1,
    }
    atheris.Setup([sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(corpus)], one)
    mapped = int(re.findall(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[0]) << 10
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    atheris.Fuzz()
