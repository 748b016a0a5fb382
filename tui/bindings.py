"""The keys of screens, made from the registry of actions; their ids let config.toml give them others."""

from textual.binding import Binding, BindingType

from tui.actions import ACTIONS


def bindings(*scopes: str) -> list[BindingType]:
    """The keys of these scopes' actions."""
    return [
        Binding(",".join(action.keys), f"do('{action.id}')", action.label, show=False, id=action.id)
        for action in ACTIONS
        if action.scope in scopes
    ]


STAYS = "esc goes back; elsewhere what was filled in is lost; ctrl+c quits all the same"


def staying() -> list[BindingType]:
    """The keys that lead to another page, for a screen that something was filled in for: `action_stay` says `STAYS`."""
    return [Binding(",".join(action.keys), "stay", show=False, id=action.id) for action in ACTIONS if action.leads_away]
