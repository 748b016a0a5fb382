"""Allocation units of OVF: `byte * 2^30` (DSP0004, programmatic units) and the words of OVF 0.9 (`MegaBytes`)."""

import re

from engine.ova.limits import MAX_BYTES

_POWER = re.compile(r"([0-9]{1,4})(?:\^([0-9]{1,3}))?")
_WORDS = {"byte": 0, "bytes": 0, "kilobytes": 10, "megabytes": 20, "gigabytes": 30, "terabytes": 40}
_WORDS |= {"kb": 10, "mb": 20, "gb": 30, "tb": 40}


def unit_bytes(units: str) -> int | None:
    """How many bytes one unit has; None for what is none of bytes, or beyond any disk. No unit means bytes."""
    factors = re.sub(r"\s", "", units).lower().split("*")
    power = _WORDS.get(factors[0] or "byte")
    if power is None or len(factors) > 4:
        return None
    size = 1 << power
    for factor in factors[1:]:
        match = _POWER.fullmatch(factor)
        if match is None:
            return None
        size *= int(match[1]) ** int(match[2] or "1")
    # Nothing is counted in more: what is multiplied with it stays a number that can be written.
    return size if size <= MAX_BYTES else None
