"""How a console is started: the command line's options, and what `[console]` in config.toml says of this terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """`store`: path or URL, None for the configured one. `keys`: an action's id -> its keys as Textual names them,
    comma-separated. `theme`: dark, light, 16, None for what fits the terminal. `mouse`: None for on, but off over SSH.
    """

    store: str | None = None
    read_only: bool = False
    plain: bool = False
    slow: bool = False
    mouse: bool | None = None
    theme: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
