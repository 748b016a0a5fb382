"""The settings that pace the jobs: there from the start, checked when changed."""

from dataclasses import asdict

import pytest

from storage import settings
from storage.errors import BadInput
from storage.pace import Pace, pace_of
from storage.store import Store


def test_a_new_store_has_every_one_with_its_default(store: Store) -> None:
    there = {one.name: one.value for one in settings.listing(store)}
    assert {name: there[name] for name in asdict(Pace())} == {
        name: str(value) for name, value in asdict(Pace()).items()
    }
    assert pace_of(store) == Pace()


def test_a_change_counts(store: Store) -> None:
    settings.update(store, "claim_ttl_seconds", "2.5")
    settings.update(store, "vms_per_endpoint", "3")
    assert (pace_of(store).claim_ttl_seconds, pace_of(store).vms_per_endpoint) == (2.5, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("claim_ttl_seconds", "soon"),
        ("claim_ttl_seconds", "0"),
        ("claim_ttl_seconds", "nan"),
        ("claim_ttl_seconds", "inf"),
        ("retry_attempts", "2.5"),
        ("retry_attempts", "0"),
        ("vms_per_endpoint", ""),
    ],
)
def test_what_is_no_number_is_refused_and_changes_nothing(store: Store, name: str, value: str) -> None:
    with pytest.raises(BadInput, match=name):
        settings.update(store, name, value)
    assert pace_of(store) == Pace()


def test_a_deleted_one_has_its_default(store: Store) -> None:
    settings.delete(store, "claim_ttl_seconds")
    assert pace_of(store).claim_ttl_seconds == 30
