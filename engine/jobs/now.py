"""Where a workflow stands between two steps: the next step and the ids that it needs.

This is what the durable runner records, so it holds names of steps, states and ids, never a message nor a secret
(DESIGN.md rule 10).
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Now: TypeAlias = dict[str, Any]
"""`next` is the step to take, "" at the end; everything else is for that step."""

Steps: TypeAlias = Mapping[str, Callable[..., Now]]
"""Step's name -> what it does, called with the work, the workflow's other ids, and Now. The first one begins."""
