"""The one registry of what an operator can do: bindings, palette, help, footer and docs/keys.md are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Where an action is there: everywhere, in every table, or on one page."""

    EVERYWHERE = "everywhere"
    TABLE = "tables"
    ENDPOINTS = "endpoints"
    TEMPLATES = "templates"
    DEPLOYS = "deploys"
    LOCKS = "locks"
    SETTINGS = "settings"
    LOGS = "logs"
    COMPONENTS = "components"


@dataclass(frozen=True, slots=True)
class Action:
    """`keys` as Textual names them; `footer`: its place among the five best keys, 0 for none. `writes`: not in
    read-only mode. `danger`: asks for the name to be typed.
    """

    id: str
    label: str
    keys: tuple[str, ...]
    scope: Scope
    help: str
    footer: int = 0
    writes: bool = False
    danger: bool = False
    command: str = ""
    """What does the same on the command line, without `slipway`: advice that names it is told with the key."""

    @property
    def method(self) -> str:
        """The page's method that does it."""
        return "act_" + self.id.replace(".", "_")

    @property
    def leads_away(self) -> bool:
        """Whether it leads to another page, or to whatever is chosen."""
        return self.id.startswith("go.") or self.id in ("jump", "last", "palette")

    def keys_with(self, own: Mapping[str, str]) -> list[str]:
        """Its keys as Textual names them; `own`: those that config.toml gives to actions, by id."""
        return own.get(self.id, ",".join(self.keys)).split(",")


PLACES = {
    "endpoints": "1",
    "templates": "2",
    "deploys": "3",
    "locks": "4",
    "settings": "5",
    "logs": "8",
    "components": "9",
}
"""The pages and their numbers. 6 and 7 are kept for capacity and pools."""

LEAVING = ("ctrl+c", "ctrl+q")
"""They leave wherever one is, and whatever config.toml says."""


def _go(place: str, what: str, command: str = "") -> Action:
    return Action(f"go.{place}", place.capitalize(), (PLACES[place],), Scope.EVERYWHERE, what, command=command)


ACTIONS: tuple[Action, ...] = (
    _go("endpoints", "the vCenters, and whether they answer", "endpoint list"),
    _go("templates", "what is staged where", "template list"),
    _go("deploys", "deployments, live", "deployment list"),
    _go("locks", "claims: who stages what", "lock list"),
    _go("settings", "settings and the feature flag", "setting list"),
    _go("logs", "what the worker and the commands did"),
    _go("components", "the catalog of OVAs", "component list"),
    Action("jump", "Jump", ("colon",), Scope.EVERYWHERE, "go to a page by its name"),
    Action("help", "Help", ("question_mark",), Scope.EVERYWHERE, "every key of this page"),
    Action("palette", "Palette", ("ctrl+p",), Scope.EVERYWHERE, "every action by name"),
    Action("back", "Back", ("escape",), Scope.EVERYWHERE, "back; on a page clear the filter, then the marks"),
    Action("last", "Last page", ("minus",), Scope.EVERYWHERE, "the page before this one"),
    Action("copy", "Copy", ("y",), Scope.EVERYWHERE, "copy the id, or the whole error (OSC 52)"),
    Action("refresh", "Refresh", ("r",), Scope.EVERYWHERE, "read everything again now"),
    Action("pause", "Pause", ("p",), Scope.EVERYWHERE, "hold the screen still; the work goes on"),
    Action("mouse", "Mouse", ("m",), Scope.EVERYWHERE, "use the mouse, or leave it to the terminal"),
    Action("theme", "Theme", ("t",), Scope.EVERYWHERE, "dark, light, 16 colours"),
    Action("export", "Export", ("E",), Scope.EVERYWHERE, "write this table to a file, CSV or JSON"),
    Action("screenshot", "Screenshot", ("S",), Scope.EVERYWHERE, "write this screen to an SVG file"),
    Action("suspend", "Suspend", ("ctrl+z",), Scope.EVERYWHERE, "back to the shell; fg comes back"),
    Action("quit", "Quit", ("q", "ctrl+c"), Scope.EVERYWHERE, "leave; jobs go on"),
    Action(
        "filter", "Filter", ("slash",), Scope.TABLE, "show only rows with these words; state:staged looks in a column"
    ),
    Action("sort", "Sort", ("s",), Scope.TABLE, "sort by the next column"),
    Action("reverse", "Reverse", ("o",), Scope.TABLE, "turn the order round"),
    Action("mark", "Mark", ("space",), Scope.TABLE, "mark the row for the next action"),
    Action("range", "Range", ("v",), Scope.TABLE, "mark every row that the cursor passes"),
    Action("open", "Open", ("enter",), Scope.TABLE, "all that is known of the row"),
    Action("down", "Down", ("down", "j"), Scope.TABLE, "next row"),
    Action("up", "Up", ("up", "k"), Scope.TABLE, "row before"),
    Action("top", "First", ("home", "g"), Scope.TABLE, "first row"),
    Action("bottom", "Last", ("end", "G"), Scope.TABLE, "last row"),
    Action("halfdown", "Half a page down", ("ctrl+d", "pagedown"), Scope.TABLE, "half a page down"),
    Action("halfup", "Half a page up", ("ctrl+u", "pageup"), Scope.TABLE, "half a page up"),
    Action("endpoint.add", "add", ("a",), Scope.ENDPOINTS, "add a vCenter", 1, writes=True),
    Action(
        "endpoint.edit",
        "edit",
        ("e",),
        Scope.ENDPOINTS,
        "change the endpoint, its password or trust",
        2,
        writes=True,
        command="endpoint update",
    ),
    Action(
        "endpoint.test",
        "check",
        ("c",),
        Scope.ENDPOINTS,
        "check all that a deployment needs",
        3,
        command="endpoint test",
    ),
    Action(
        "endpoint.remove",
        "remove",
        ("X",),
        Scope.ENDPOINTS,
        "forget it; nothing is touched in vCenter",
        writes=True,
        danger=True,
    ),
    Action(
        "template.stage",
        "stage",
        ("a",),
        Scope.TEMPLATES,
        "upload a component once and make it a template",
        1,
        writes=True,
        command="template stage",
    ),
    Action("template.verify", "verify", ("c",), Scope.TEMPLATES, "compare it with its identity and its OVA", 2),
    Action(
        "template.restage",
        "restage",
        ("R",),
        Scope.TEMPLATES,
        "stage the component's present OVA in its place",
        3,
        writes=True,
    ),
    Action(
        "template.cancel",
        "cancel",
        ("C",),
        Scope.TEMPLATES,
        "stop staging; what was uploaded of it is removed",
        4,
        writes=True,
        danger=True,
    ),
    Action(
        "template.remove",
        "remove",
        ("X",),
        Scope.TEMPLATES,
        "destroy the template; its full clones stay",
        5,
        writes=True,
        danger=True,
    ),
    Action(
        "deploy.new", "deploy", ("n", "a"), Scope.DEPLOYS, "deploy a profile, from a file or a form", 1, writes=True
    ),
    Action("deploy.log", "log", ("L",), Scope.DEPLOYS, "its steps and the worker's log of it", 2),
    Action(
        "deploy.cancel",
        "cancel",
        ("C",),
        Scope.DEPLOYS,
        "stop it and remove the VMs that it made",
        3,
        writes=True,
        danger=True,
    ),
    Action("deploy.retry", "retry", ("R",), Scope.DEPLOYS, "the rest of one that failed", 4, writes=True),
    Action("deploy.resume", "resume", ("u",), Scope.DEPLOYS, "take up one that was cancelled", 5, writes=True),
    Action(
        "deploy.remove",
        "remove",
        ("X",),
        Scope.DEPLOYS,
        "remove the VMs that it made, and nothing else",
        writes=True,
        danger=True,
        command="deployment remove",
    ),
    Action(
        "lock.clear",
        "clear",
        ("X",),
        Scope.LOCKS,
        "remove a claim whose holder is gone",
        1,
        writes=True,
        danger=True,
        command="lock clear",
    ),
    Action("setting.flag", "switch", ("f",), Scope.SETTINGS, "switch staging on or off", 1, writes=True),
    Action(
        "setting.edit", "edit", ("e",), Scope.SETTINGS, "change the value", 2, writes=True, command="setting update"
    ),
    Action("setting.add", "add", ("a",), Scope.SETTINGS, "add a setting", 3, writes=True),
    Action(
        "setting.remove",
        "remove",
        ("X",),
        Scope.SETTINGS,
        "delete the setting: its default holds again",
        writes=True,
        danger=True,
    ),
    Action("log.source", "source", ("l",), Scope.LOGS, "the worker's log, or that of the commands", 1),
    Action("log.follow", "follow", ("f",), Scope.LOGS, "stay at the end, or not", 2),
    Action(
        "component.import", "import", ("a",), Scope.COMPONENTS, "read component files of a zPodLibrary", 1, writes=True
    ),
    Action(
        "component.file",
        "OVA file",
        ("f",),
        Scope.COMPONENTS,
        "say where its OVA lies",
        2,
        writes=True,
        command="component set-file",
    ),
    Action(
        "component.licence",
        "licence",
        ("l",),
        Scope.COMPONENTS,
        "read the licence of its OVA, and accept it",
        3,
        writes=True,
        command="component accept-eula",
    ),
    Action(
        "component.check",
        "check",
        ("c",),
        Scope.COMPONENTS,
        "all that is wrong with its OVA; every digest is compared",
        4,
        command="ova check",
    ),
    Action(
        "component.toggle",
        "on/off",
        ("d",),
        Scope.COMPONENTS,
        "enable or disable it",
        5,
        writes=True,
        command="component enable",
    ),
)

BY_ID = {action.id: action for action in ACTIONS}


def on_page(place: str) -> tuple[Action, ...]:
    """The actions of that page's own."""
    return tuple(action for action in ACTIONS if action.scope == place)


KEY_NAMES = {
    "colon": ":",
    "question_mark": "?",
    "slash": "/",
    "minus": "-",
    "escape": "esc",
    "space": "space",
    "enter": "enter",
}


def shown_key(key: str) -> str:
    """A key as people write it: `?`, `ctrl+p`, `X`."""
    return KEY_NAMES.get(key, key)
