"""Which test pilots which action: once to its end, and once with bad input where it takes any.

`test_registry` sees to it that none is missing; that each says why it cannot be taken is tested there for all of them.
"""

HAPPY: dict[str, str] = {}

BAD_INPUT: dict[str, str] = {}
