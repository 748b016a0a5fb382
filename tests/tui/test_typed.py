"""Paths as they are typed: what leads nowhere is told, and is no defect of ours."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.console import endpoints, plans
from engine.console.desk import Desk
from engine.console.plans import Wanted
from engine.console.typed import path_of
from engine.errors import BadInput
from storage.changes import Watch
from storage.store import Store

NOWHERE = "~nobody-of-that-name/file"

ENDPOINT = {
    "name": "vc01",
    "host": "vc01",
    "username": "u",
    "password": "p",
    "trust": "ca",
    "proof": NOWHERE,
} | dict.fromkeys(("datacenter", "resource_pool", "datastore", "vmfolder"), "x")


def test_a_tilde_is_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/me")
    assert path_of(" ~/lab01.yaml ", "") == Path("/srv/me/lab01.yaml")


@pytest.mark.parametrize("text", ["", "  ", "a\tb", "a\0b", NOWHERE])
def test_what_leads_nowhere(text: str) -> None:
    with pytest.raises(BadInput, match="give another"):
        path_of(text, "give another")


@pytest.mark.parametrize(
    "verb", [lambda desk: plans.plan(desk, Wanted(file=NOWHERE)), lambda desk: endpoints.add(desk, ENDPOINT)]
)
def test_a_home_of_nobody_is_told_by_what_takes_a_path(store: Store, verb: Callable[[Desk], object]) -> None:
    with Watch(store) as watch, pytest.raises(BadInput, match="no such user"):
        verb(Desk(store, watch))
