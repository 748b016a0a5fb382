"""The settings that bound packages: there from the start with the defaults, checked when changed."""

from dataclasses import asdict

import pytest

from engine.catalog.limits import limits_of
from engine.ova.limits import DEFAULT, Limits
from storage import settings
from storage.errors import BadInput
from storage.limits import MOST, REMOTE_HOSTS
from storage.store import Store


def test_a_new_store_has_every_one_with_its_default(store: Store) -> None:
    there = {one.name: one.value for one in settings.listing(store)}
    defaults = {name: str(value) for name, value in asdict(DEFAULT).items()} | {REMOTE_HOSTS: ""}
    assert {name: there[name] for name in (*MOST, REMOTE_HOSTS)} == defaults
    assert limits_of(store) == DEFAULT


def test_a_change_counts_and_a_deleted_one_has_its_default(store: Store) -> None:
    settings.update(store, "ova_entries", "10000")
    settings.update(store, "ova_xml_depth", "1")
    settings.update(store, "ova_remote_hosts", "files.example.com 10.0.0.1")
    settings.delete(store, "ova_descriptor_bytes")
    hosts = frozenset({"files.example.com", "10.0.0.1"})
    assert limits_of(store) == Limits(ova_entries=10_000, ova_xml_depth=1, ova_remote_hosts=hosts)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("ova_entries", "many", "it is not a whole number"),
        ("ova_entries", "0", "it must be from 1 to 10000"),
        ("ova_entries", "10001", "it must be from 1 to 10000"),
        ("ova_name_bytes", "4097", "it must be from 1 to 4096"),
        ("ova_descriptor_bytes", "8388609", "it must be from 1 to 8388608"),
        ("ova_xml_depth", "257", "it must be from 1 to 256"),
        ("ova_gzip_ratio", "1033", "it must be from 1 to 1032"),
        ("ova_gzip_ratio", "1.5", "it is not a whole number"),
        ("ova_remote_hosts", "https://h", "it must be names of hosts"),
        ("ova_remote_hosts", "a,b", "it must be names of hosts"),
    ],
)
def test_what_would_let_a_package_cost_too_much_is_refused(store: Store, name: str, value: str, why: str) -> None:
    with pytest.raises(BadInput, match=rf"cannot set {name} to '{value}': {why}"):
        settings.update(store, name, value)
    assert limits_of(store) == DEFAULT
