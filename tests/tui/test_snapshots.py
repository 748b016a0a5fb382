"""What the console looks like: every page in its five states, every dialog, at 80x24 and 160x48.

A picture is kept in `__snapshots__`. After a change that is meant: `pytest tests/tui/test_snapshots.py
--snapshot-update`, and look at every picture that changed.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_textual_snapshot import normalize_svg
from textual._doc import take_svg_screenshot
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from engine.console.endpoints import Standing
from engine.console.plans import Problem
from engine.errors import SlipwayError, Unreachable
from tests.tui.conftest import IDLE, NOW, FixedFeed, fixed, until
from tests.tui.rows import BUSY, CHECKED, DEPLOYABLE, PLANNED, ROWS, STAGEABLE, WIDE
from tui import theme
from tui.actions import PLACES
from tui.app import Console
from tui.messages import PageFailed
from tui.screens.findings import FindingsScreen
from tui.screens.look import Look
from tui.screens.plan import PlanScreen

PICTURES = Path(__file__).parent / "__snapshots__" / Path(__file__).stem

SMALL, LARGE = (80, 24), (160, 48)

UNREADABLE = Unreachable(
    "cannot read the store",
    on="/home/lab/slipway.db",
    why="the disk is full",
    fix="make room, then it goes on by itself",
)


UNPLANNED = (
    Problem("no portgroup named lab01-segment in DC1: there is lab02-segment", "check the name"),
    Problem("cannot deploy esxi-8.0u3g: it has no local file", "slipway component set-file esxi-8.0u3g OVA"),
)


@dataclass(frozen=True)
class Scene:
    """A page with these rows after these keys. `rows` None: they have not come yet."""

    name: str
    place: str = "endpoints"
    rows: Sequence[Any] | SlipwayError | None = None
    standing: str = "ready"
    keys: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = (SMALL, LARGE)
    answer: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    no_color: bool = False
    over: Callable[[Console], Screen[Any]] | None = None
    """What stands over the page before the keys are pressed."""


class Checked(Look):
    """A look at an OVA that has ended."""

    def check(self) -> None:
        self.found = list(CHECKED)


def checked(console: Console) -> FindingsScreen:
    assert console.page is not None
    return FindingsScreen(console.page, Checked(console.page, "zcore-13.5"))


def planned(problems: tuple[Problem, ...] = ()) -> Callable[[Console], PlanScreen]:
    return lambda _: PlanScreen(replace(PLANNED, problems=problems), lambda _: None)


def states(place: str) -> list[Scene]:
    """The five states of a page."""
    rows = ROWS[place]
    return [
        Scene(f"{place}-loading", place, None, "loading"),
        Scene(f"{place}-empty", place, (), "empty"),
        Scene(f"{place}-error", place, UNREADABLE, "error"),
        Scene(f"{place}-stale", place, rows, "stale"),
        Scene(f"{place}-ready", place, rows),
    ]


def dialogs() -> list[Scene]:
    """What stands over a page, and what it looks like after some keys."""
    rows = ROWS["endpoints"]
    return [
        Scene("help", rows=rows, keys=("?",)),
        Scene("palette", rows=rows, keys=("ctrl+p",)),
        Scene("palette-found", rows=rows, keys=("ctrl+p", "=theme"), sizes=(SMALL,)),
        Scene("palette-not-now", rows=(), standing="empty", keys=("ctrl+p", "=remove"), sizes=(SMALL,)),
        Scene("jump", rows=rows, keys=(":", "=temp"), sizes=(SMALL,)),
        Scene("jump-nowhere", rows=rows, keys=(":", "=mars", "enter"), sizes=(SMALL,)),
        Scene("filter-typing", rows=rows, keys=("/", "=state:stale"), sizes=(SMALL,)),
        Scene("filter-sort-marks", rows=rows, keys=("/", "=vc", "enter", "s", "o", "g", "space", "v", "j")),
        Scene("filter-finds-nothing", rows=rows, keys=("/", "=mars", "enter"), sizes=(SMALL,)),
        Scene("detail", rows=rows, keys=("j", "enter"), sizes=(SMALL,)),
        Scene("detail-beside", rows=rows, keys=("j", "j"), sizes=(LARGE,)),
        Scene("paused", rows=rows, keys=("p",), sizes=(SMALL,)),
        Scene("copied", rows=rows, keys=("j", "y"), sizes=(SMALL,)),
        Scene("read-only", rows=rows, keys=("a",), sizes=(SMALL,), options={"read_only": True}),
        Scene("another-key", rows=rows, sizes=(SMALL,), options={"keys": {"endpoint.add": "n", "quit": "ctrl+q"}}),
        Scene("too-small", rows=rows, sizes=((59, 15), (59, 24), (80, 15), (20, 5))),
        Scene("smallest", rows=rows, sizes=((60, 16),)),
        Scene("wide-characters", rows=WIDE),
        Scene("wide-characters-detail", rows=WIDE, keys=("j", "j", "enter"), sizes=(SMALL,)),
        Scene("theme-light", rows=rows, options={"theme": "light"}),
        Scene("theme-16", rows=rows, options={"theme": "16"}),
        Scene("no-color", rows=rows, options={"theme": None}, no_color=True),
    ]


def questions() -> list[Scene]:
    """What an action asks before it does anything, on the first row that it can be taken on."""
    standing = Standing(deployments=2, vms=9, claims=0, jobs=0)
    asked = {
        "endpoint-add": Scene("", "endpoints", keys=("a",)),
        "endpoint-edit": Scene("", "endpoints", keys=("e",)),
        "endpoint-remove": Scene("", "endpoints", keys=("X",), answer=standing),
        "endpoint-remove-wrong-name": Scene("", "endpoints", keys=("X", "=vc-02", "enter"), answer=standing),
        "template-stage": Scene("", "templates", keys=("a",), answer=STAGEABLE),
        "template-stage-option": Scene("", "templates", keys=("a", "z", "enter"), answer=STAGEABLE),
        "template-remove": Scene("", "templates", keys=("X",)),
        "template-detail": Scene("", "templates", keys=("j", "enter")),
        "deployment": Scene("", "deploys", keys=("enter",)),
        "deployment-failed": Scene("", "deploys", keys=("j", "j", "enter")),
        "deploy-new": Scene("", "deploys", keys=("n",), answer=DEPLOYABLE),
        "deploy-new-file": Scene("", "deploys", keys=("n", "enter"), answer=DEPLOYABLE),
        "deploy-new-form": Scene("", "deploys", keys=("n", "n"), answer=DEPLOYABLE),
        "deploy-plan": Scene("", "deploys", over=planned()),
        "deploy-plan-refused": Scene("", "deploys", over=planned(UNPLANNED), keys=("enter",)),
        "deploy-cancel": Scene("", "deploys", keys=("C",)),
        "lock-clear": Scene("", "locks", keys=("X",)),
        "lock-clear-live": Scene("", "locks", keys=("j", "X")),
        "lock-detail": Scene("", "locks", keys=("enter",)),
        "setting-flag": Scene("", "settings", keys=("f",)),
        "setting-edit": Scene("", "settings", keys=("j", "e")),
        "setting-remove": Scene("", "settings", keys=("G", "X")),
        "log-detail": Scene("", "logs", keys=("enter",)),
        "component-import": Scene("", "components", keys=("a",)),
        "component-file": Scene("", "components", keys=("f",)),
        "component-detail": Scene("", "components", keys=("enter",)),
        "component-check": Scene("", "components", over=checked),
        "component-licence-waits": Scene("", "components", keys=("G", "k", "enter")),
        "component-broken": Scene("", "components", keys=("G", "enter")),
    }
    return [replace(scene, name=name, rows=ROWS[scene.place], sizes=(SMALL,)) for name, scene in asked.items()]


SCENES = [*(scene for place in ROWS for scene in states(place)), *dialogs(), *questions()]

PARAMETERS = [
    pytest.param(scene, size, id=f"{scene.name}-{size[0]}x{size[1]}") for scene in SCENES for size in scene.sizes
]


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same terminal and the same zone everywhere."""
    for name, value in {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)
    for name in ("LC_ALL", "LC_CTYPE", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def console_of(scene: Scene) -> Console:
    """The console that the scene is played in."""
    old = scene.standing == "stale"
    rows = {} if scene.rows is None else {scene.place: scene.rows}
    feed = FixedFeed(rows, BUSY if scene.rows else IDLE, NOW - timedelta(minutes=4) if old else NOW, scene.answer)
    return fixed(feed, **{"theme": "dark"} | dict(scene.options))


def player(scene: Scene) -> Callable[[Pilot[Any]], Any]:
    """Goes to the page, waits for its state, presses the keys."""

    async def play(pilot: Pilot[Any]) -> None:
        console = pilot.app
        assert isinstance(console, Console)
        await until(console, lambda: console.page is not None and console.page.is_mounted, "the first page")
        if scene.place != console.DEFAULT_MODE:
            await pilot.press(PLACES[scene.place])
        await until(
            console,
            lambda: (
                console.page is not None
                and (console.page.place, console.page.standing) == (scene.place, scene.standing)
            ),
            f"{scene.place}: {scene.standing}",
        )
        if scene.standing == "stale":
            console.post_message(PageFailed(scene.place, str(UNREADABLE)))
        if scene.over is not None:
            await console.push_screen(scene.over(console))
        for key in scene.keys:
            await pilot.pause()
            await pilot.press(*(key[1:] if key.startswith("=") else [key]))
        await pilot.pause()

    return play


def surround(scene: Scene, patch: pytest.MonkeyPatch) -> None:
    """NO_COLOR as `tui.main` starts the console then, in a theme that Textual takes from the environment."""
    if scene.no_color:
        patch.setenv("NO_COLOR", "1")
        patch.setattr(App.theme, "_default", theme.SIXTEEN)


@pytest.mark.parametrize(("scene", "size"), PARAMETERS)
def test_picture(scene: Scene, size: tuple[int, int], snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    surround(scene, monkeypatch)
    assert snap_compare(console_of(scene), terminal_size=size, run_before=player(scene))


@pytest.mark.long
@pytest.mark.parametrize("repeat", range(20))
def test_the_pictures_are_the_same_every_time(repeat: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures once more; which number of the repeats it is must not matter."""
    others = []
    for parameter in PARAMETERS:
        scene, size = parameter.values
        with monkeypatch.context() as patch:
            surround(scene, patch)
            taken = take_svg_screenshot(console_of(scene), terminal_size=size, run_before=player(scene))
        kept = PICTURES / f"test_picture[{parameter.id}].svg"
        if normalize_svg(taken) != normalize_svg(kept.read_text()):
            others.append(parameter.id)
    assert not others, f"other than before in repeat {repeat}"


def test_every_page_has_pictures() -> None:
    assert set(ROWS) == set(PLACES)


def test_no_picture_is_left_over() -> None:
    wanted = {f"test_picture[{parameter.id}].svg" for parameter in PARAMETERS}
    assert {path.name for path in PICTURES.iterdir()} == wanted
