"""A real tmux: a terminal that understands what it is sent, and can be asked what it shows."""

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.lab import ROOT
from tests.jobs.conftest import until

LEFT = "left with "


class Tmux:
    """One window of a server of its own."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "tmux"

    def start(self, command: Sequence[str], env: Mapping[str, str], columns: int, rows: int) -> None:
        """Start a program in it; the window stays when it has ended, with its exit code."""
        exports = "; ".join(f"export {name}={shlex.quote(value)}" for name, value in env.items() if name.isidentifier())
        script = self._socket.with_suffix(".sh")
        lines = (exports, f"cd {shlex.quote(str(ROOT))}", shlex.join(command), f'echo "{LEFT}$?"', "read stay")
        script.write_text("\n".join(lines) + "\n")
        size = ["-x", str(columns), "-y", str(rows)]
        self._tmux("-f", os.devnull, "new-session", "-d", *size, "sh", str(script))

    def screen(self) -> str:
        """What it shows."""
        return self._tmux("capture-pane", "-p")

    def keys(self, *names: str) -> None:
        """Press these: `C-z`, `Enter`, `q`."""
        self._tmux("send-keys", *names)

    def resize(self, columns: int, rows: int) -> None:
        """Another size, and the program is told."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def shows(self, *texts: str) -> None:
        """Wait until all of this is on the screen."""
        until(lambda: all(text in self.screen() for text in texts))

    def ended(self) -> str:
        """Wait for the end of the program; its exit code."""
        until(lambda: LEFT in self.screen())
        return self.screen().rpartition(LEFT)[2].split()[0]

    @property
    def tty(self) -> Path:
        """Its terminal, to which others may write too."""
        return Path(self._tmux("display", "-p", "#{pane_tty}").strip())

    @property
    def mouse(self) -> bool:
        """Whether the program has the mouse."""
        return self._tmux("display", "-p", "#{mouse_any_flag}") == "1\n"

    @property
    def on_second_screen(self) -> bool:
        """Whether the program has a screen of its own."""
        return self._tmux("display", "-p", "#{alternate_on}") == "1\n"

    def end(self) -> None:
        """End it, and what runs in it."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False, capture_output=True)

    def _tmux(self, *arguments: str) -> str:
        env = {name: value for name, value in os.environ.items() if name != "TMUX"} | {"LANG": "C.UTF-8"}
        command = ["tmux", "-u", "-S", str(self._socket), *arguments]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


@contextmanager
def tmux(folder: Path) -> Iterator[Tmux]:
    """A server that ends with the context."""
    made = Tmux(folder)
    try:
        yield made
    finally:
        made.end()
