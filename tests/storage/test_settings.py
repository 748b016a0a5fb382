"""Settings: zPodFactory's names and rules, on both databases."""

import pytest
from sqlalchemy import insert, select

from storage import audit, settings
from storage.errors import BadInput, Conflict, NotFound
from storage.models import settings as table
from storage.store import Store


def test_a_new_store_has_the_flag_and_it_is_off(store: Store) -> None:
    [flag] = [one for one in settings.listing(store) if one.name == settings.FLAG]
    assert (flag.name, flag.value, flag.secret) == ("ff_endpoint_ova_staging", "false", False)
    assert flag.description
    assert not settings.is_on(store, settings.FLAG)


@pytest.mark.parametrize("value", ["True", "TRUE", "1", "yes", "on", " true", "true\n", ""])
def test_only_the_literal_true_is_on(store: Store, value: str) -> None:
    settings.update(store, settings.FLAG, value)
    assert not settings.is_on(store, settings.FLAG)
    settings.update(store, settings.FLAG, "true")
    assert settings.is_on(store, settings.FLAG)


def test_a_flag_without_row_is_off(store: Store) -> None:
    settings.delete(store, settings.FLAG)
    assert not settings.is_on(store, settings.FLAG)
    assert settings.value(store, settings.FLAG, "absent") == "absent"


def test_names_are_lower_cased_and_unique(store: Store) -> None:
    made = settings.create(store, "Lab_Contact", "noc", "whom to ask")
    assert made == settings.get(store, "LAB_CONTACT") == settings.Setting("lab_contact", "noc", "whom to ask", False)
    with pytest.raises(Conflict, match="name is taken"):
        settings.create(store, "lab_contact", "other", "again")
    assert settings.value(store, "lab_contact") == "noc"


@pytest.mark.parametrize(
    "value", ["", "ä ö ☃", 'quote " back \\ slash', "line\nline", "{{ zpod_password }}", "'; DROP TABLE settings; --"]
)
def test_a_value_arrives_unchanged(store: Store, value: str) -> None:
    settings.create(store, "lab_text", value, "d")
    assert settings.get(store, "lab_text").value == value


def test_an_update_keeps_the_description_unless_one_is_given(store: Store) -> None:
    settings.create(store, "lab_contact", "a", "whom to ask")
    assert settings.update(store, "lab_contact", "b").description == "whom to ask"
    assert settings.update(store, "lab_contact", "b", "ask them").description == "ask them"


def test_an_unknown_name_suggests_the_nearest(store: Store) -> None:
    for act in (settings.get, settings.delete, lambda store, name: settings.update(store, name, "x")):
        with pytest.raises(NotFound, match='did you mean "ff_endpoint_ova_staging"'):
            act(store, "ff_endpoint_ova_stagin")


@pytest.mark.parametrize("name", ["", " ", "two words", "bell\a", "_slipway_store", "_ova_staging_lock_1_a"])
def test_unusable_and_own_names_are_refused(store: Store, name: str) -> None:
    for act in (lambda: settings.create(store, name, "x", "d"), lambda: settings.delete(store, name)):
        with pytest.raises(BadInput):
            act()


def test_a_description_is_mandatory(store: Store) -> None:
    with pytest.raises(BadInput, match="description"):
        settings.create(store, "lab_contact", "x", " ")


def test_own_rows_are_listed_only_when_asked_for(store: Store) -> None:
    hidden = {one.name for one in settings.listing(store, internal=True)} - {
        one.name for one in settings.listing(store)
    }
    assert {"_slipway_store", "_slipway_token"} <= hidden
    assert all(name.startswith("_") for name in hidden)


@pytest.mark.parametrize("name", ["zpodfactory_broadcom_download_token", "lab_password", "secret_word"])
def test_a_secret_is_encrypted_and_not_listed(store: Store, name: str) -> None:
    made = settings.create(store, name, "hunter2", "d")
    assert made.secret
    assert settings.get(store, name).value == "hunter2"
    assert [one.value for one in settings.listing(store) if one.name == name] == [""]
    with store.read() as tx:
        stored = tx.execute(select(table.c.value).where(table.c.name == name)).scalar_one()
    assert "hunter2" not in stored
    settings.update(store, name, "hunter3")
    assert settings.get(store, name).value == "hunter3"
    assert not any("hunter" in str(entry) for entry in audit.listing(store))


def test_defaults_are_those_of_zpodfactory(store: Store) -> None:
    with store.begin() as tx:
        tx.execute(insert(table).values(name="bare"))
    assert settings.get(store, "bare") == settings.Setting("bare", "", "", False)


def test_every_change_is_audited(store: Store) -> None:
    settings.create(store, "lab_contact", "a", "d")
    settings.update(store, "lab_contact", "b")
    settings.delete(store, "lab_contact")
    told = [(entry.action, entry.on, entry.detail) for entry in reversed(audit.listing(store))]
    on = "setting lab_contact"
    assert told == [("create", on, "a"), ("update", on, "b"), ("delete", on, "")]
    assert all("@" in entry.who and entry.at.tzinfo for entry in audit.listing(store))


def test_a_refused_change_is_not_audited(store: Store) -> None:
    with pytest.raises(Conflict):
        settings.create(store, settings.FLAG, "x", "d")
    with pytest.raises(NotFound):
        settings.update(store, "absent", "x")
    assert audit.listing(store) == []
