"""Pictures of every screen, as SVG and as PNG, in this folder: `make screenshots`.

The console runs on a store that is at work (`scene.py`); nothing in the pictures is made up.
"""

import asyncio
import html
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from textual.pilot import Pilot

from screenshots.scene import scene
from tui import theme
from tui.app import Console
from tui.feed import StoreFeed
from tui.options import Options

HERE = Path(__file__).parent

SMALL, LARGE = (80, 24), (160, 48)

PATIENCE = 30.0
"""Seconds that a page may take to show its rows."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: what is pressed for it, beginning on page 1, and words that are there when it is taken."""

    name: str
    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    size: tuple[int, int] = SMALL
    theme: str = "dark"


FORM = (*"lab09", "enter", "enter", *"lab09.lan", "enter", "enter", "enter", *"10.96.9.0/24")
VMS = (
    *"zcore-13.5-s",
    "enter",
    *"zcore",
    "enter",
    "2",
    "ctrl+n",
    "shift+tab",
    *"zbox-13.5-s",
    "enter",
    "ctrl+u",
    *"zbox21",
)
"""What is typed into the wizard's form, and into the rows of VMs."""

SHOTS = (
    Shot("endpoints", words=("unreachable",)),
    Shot("templates", ("2",), ("staging", "ETA")),
    Shot("deploys", ("3",), ("lab03", "ETA")),
    Shot("deploy-live", ("3", "enter"), ("zbox22", "ETA")),
    Shot("endpoint-detail", ("j", "j", "enter"), ("refused",)),
    Shot("endpoint-add", ("a",), ("Add an endpoint",)),
    Shot("endpoint-check", ("c",), ("privileges",)),
    Shot("template-detail", ("2", "enter"), ("digest",)),
    Shot("template-remove", ("2", "X"), ("Type",)),
    Shot("deploy-failed", ("3", "j", "enter"), ("esxi15",)),
    Shot("deploy-wizard", ("3", "n"), ("Deploy",)),
    Shot("deploy-plan", ("3", "n", "n", *FORM, "ctrl+s", *VMS, "ctrl+s"), ("space", "needed")),
    Shot("locks", ("4",), ("stale",)),
    Shot("lock-clear", ("4", "X"), ("Type",)),
    Shot("settings", ("5",), ("ff_endpoint_ova_staging",)),
    Shot("logs", ("8",), ("info",)),
    Shot("components", ("9",), ("nsx",)),
    Shot("component-check", ("9", "/", *"zcore-13.5-s", "enter", "c"), ("not signed",)),
    Shot("help", ("?",), ("every table",)),
    Shot("palette", ("ctrl+p",), ("check all",)),
    Shot("endpoints-light", words=("unreachable",), theme="light"),
    Shot("endpoints-16-colours", words=("unreachable",), theme="16"),
    Shot("filter", ("2", "/", *"state:staged"), ("of",)),
    Shot("deploys-large", ("3",), ("lab03", "ETA"), LARGE),
    Shot("templates-large", ("2",), ("staging", "ETA"), LARGE),
    Shot("endpoints-large", (), ("unreachable",), LARGE),
)


def main() -> int:
    """Take every picture, or those that are named."""
    if shutil.which("rsvg-convert") is None:
        print("screenshots: rsvg-convert is missing: sudo make system-deps", file=sys.stderr)
        return 1
    wanted = [shot for shot in SHOTS if not sys.argv[1:] or shot.name in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="slipway-screenshots-") as name, scene(Path(name)) as store:
        for size in (SMALL, LARGE):
            asyncio.run(take([shot for shot in wanted if shot.size == size], size, store))
    return 0


async def take(shots: Sequence[Shot], size: tuple[int, int], store: Path) -> None:
    """These pictures, all in one console: it has to watch for a moment before it can tell a rate."""
    console = Console(StoreFeed(str(store)), Options(theme="dark"), lambda: datetime.now(UTC))
    async with console.run_test(size=size) as pilot:
        await _until(lambda: "ready" in _text(console) and "connecting" not in _text(console), "every endpoint")
        for shot in shots:
            console.theme = theme.NAMES[shot.theme]
            console.go(console.DEFAULT_MODE)
            await _press(pilot, console, ("g", *shot.keys))
            await _until(lambda shot=shot: all(word in _text(console) for word in shot.words), shot.name)
            _write(shot.name, console.export_screenshot(title="slipway"))
    console.feed.stop()


async def _press(pilot: Pilot[int], console: Console, keys: Sequence[str]) -> None:
    for key in keys:
        await pilot.pause()
        await _until(lambda: console.page is not None and console.page.pulse is not None, "the page")
        await pilot.press(key)


def _text(console: Console) -> str:
    """All that is on the screen: what is seen of it, as the terminal gets it."""
    svg = html.unescape(console.export_screenshot())
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)).replace("\N{NO-BREAK SPACE}", " ")


def _write(name: str, svg: str) -> None:
    (HERE / f"{name}.svg").write_text(svg)
    # librsvg drops the blanks at the beginning of a text unless it is told to keep them.
    kept = svg.replace("<text class=", '<text xml:space="preserve" class=')
    subprocess.run(["rsvg-convert", "--output", str(HERE / f"{name}.png")], input=kept.encode(), check=True)
    print(f"screenshots/{name}.png")


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"did not come: {what}")
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
