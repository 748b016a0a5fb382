"""What the benches print and keep: tables, and what their numbers depend on."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

EVIDENCE = Path(__file__).parents[1] / "docs" / "evidence"


def markdown(rows: list[list[str]]) -> str:
    """The rows as a table, its first one the head."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def cores() -> str:
    """How many processors this machine has, and which."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores ({model.partition(': ')[2] or platform.machine()})"


def keep(name: str, title: str, target: str, facts: Sequence[str], table: str, method: str) -> None:
    """Write docs/evidence/NAME; `target` of the Makefile is what makes it anew."""
    listed = "\n".join(f"- {fact}" for fact in facts)
    made = f"Made by `make {target} ARGS=--record`."
    (EVIDENCE / name).write_text(f"# {title}\n\n{made}\n\n{listed}\n\n{table}\n\n{method}")
