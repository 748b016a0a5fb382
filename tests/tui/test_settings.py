"""Page 5: what is set and what holds by default; every change is shown before it is made, secrets are shown never."""

import threading
from dataclasses import fields, replace

import pytest

from engine.console import settings as console_settings
from engine.console.desk import Desk
from engine.console.settings import SettingRow
from engine.errors import Conflict, NotFound
from storage import audit, settings
from storage.changes import Watch
from storage.pace import Pace
from storage.settings import FLAG
from storage.store import Store
from tests.tui.conftest import NOW
from tests.tui.driver import Driver, drive
from tui.present import settings as present
from tui.screens.confirm import Confirm
from tui.screens.detail import DetailScreen
from tui.screens.form import Form
from tui.screens.page import Page
from tui.screens.review import Review

SECRET = "zpodfactory_broadcom_download_token"
VALUE = "tok-4711-of-nobody"


def read(store: Store) -> dict[str, SettingRow]:
    with Watch(store) as watch:
        return {row.name: row for row in console_settings.read(Desk(store, watch))}


def text_of(driver: Driver) -> str:
    """All that is on the screen."""
    return driver.console.export_screenshot()


async def to(driver: Driver, name: str) -> None:
    """The cursor on that setting."""
    table = driver.page.table
    table.go([row.name for row in table.rows].index(name))


async def edit(driver: Driver, name: str) -> Form:
    """The form that changes that setting."""
    await to(driver, name)
    await driver.press("e")
    form = await driver.shown(Form)
    assert isinstance(form, Form)
    return form


# The switch


@pytest.mark.parametrize("key", ["f", "enter", "e"])
def test_the_flag_is_switched_and_the_dialog_says_what_changes_and_when(store: Store, key: str) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press(key)
        await driver.shown(Review)
        assert "uploaded to an endpoint once" in driver.lines("lines")
        assert "planned from now on, queued ones included" in driver.lines("lines")
        await driver.press("enter")
        await driver.said("staging is on, from the next deployment on")
        await driver.rows(lambda rows: rows[0].on, "the switch is on")
        await driver.press(key)
        await driver.shown(Review)
        assert "Staged templates stay" in driver.lines("lines")
        await driver.press("enter")
        await driver.said("staging is off")

    drive(store, "settings", scenario)
    assert not settings.is_on(store, FLAG)
    changes = [entry.detail for entry in audit.listing(store) if entry.on == f"setting {FLAG}"]
    assert changes == ["false", "true"]


def test_the_flag_stays_when_the_dialog_is_left_or_the_console_is_read_only(store: Store) -> None:
    async def leaves(driver: Driver) -> None:
        await driver.press("f")
        await driver.shown(Review)
        await driver.press("escape")
        assert driver.console.screen is driver.page

    async def read_only(driver: Driver) -> None:
        await driver.press("f")
        await driver.said("read-only")
        await driver.press("enter")
        await driver.shown(DetailScreen)

    drive(store, "settings", leaves)
    drive(store, "settings", read_only, read_only=True)
    assert not settings.is_on(store, FLAG)


def test_another_word_than_true_is_off_and_said_to_be_no_value(store: Store) -> None:
    settings.update(store, FLAG, "True")
    row = read(store)[FLAG]
    assert not row.on
    assert "only the literal value" in row.problem
    assert present.cells(row, NOW)[1] == ("! True", "bad")


# setting.edit


def test_a_value_is_changed_after_old_and_new_were_seen(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await edit(driver, "claim_ttl_seconds")
        await driver.enter("45")
        await driver.press("enter")
        await driver.shown(Review)
        told = driver.lines("lines")
        assert "- 30" in told
        assert "+ 45" in told
        assert "at once" in told
        await driver.press("enter")
        await driver.said("changed claim_ttl_seconds")
        rows = await driver.rows(lambda rows: any(row.value == "45" for row in rows), "45 is shown")
        assert [row.name for row in rows if row.changed] == ["claim_ttl_seconds"]

    drive(store, "settings", scenario)
    assert settings.value(store, "claim_ttl_seconds") == "45"


def test_a_bad_value_is_refused_by_name_and_the_field_has_the_keys(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        form = await edit(driver, "retry_attempts")
        await driver.enter("often")
        await driver.press("ctrl+s")
        await driver.until(lambda: "it is not a whole number" in driver.lines("wrong"), "the refusal")
        assert "retry_attempts" in driver.lines("wrong")
        assert form.focused.id == "value"
        await driver.press("escape")

    drive(store, "settings", scenario)
    assert settings.value(store, "retry_attempts") == "8"


def test_nothing_is_saved_that_was_not_agreed_to_or_is_the_same(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        form = await edit(driver, "retry_seconds")
        await driver.press("ctrl+s")
        await driver.until(lambda: "Nothing has been changed" in driver.lines("wrong"), "nothing to save")
        await driver.enter("4")
        await driver.press("ctrl+s")
        await driver.shown(Review)
        await driver.press("escape")
        await driver.until(lambda: driver.console.screen is form, "the form again")
        assert "Not saved" in driver.lines("wrong")

    drive(store, "settings", scenario)
    assert settings.value(store, "retry_seconds") == "2"


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await edit(driver, "retry_seconds")
        await driver.enter("4")
        await driver.press("ctrl+s")
        await driver.shown(Review)
        settings.update(store, "retry_seconds", "7")
        await driver.press("enter")
        await driver.shown(Form)
        await driver.until(lambda: "somebody changed it meanwhile" in driver.lines("wrong"), "the refusal")

    drive(store, "settings", scenario)
    assert settings.value(store, "retry_seconds") == "7"


def test_a_refusal_that_comes_when_the_form_has_been_left_is_on_the_message_line(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = threading.Event()

    def refuse(*_given: object) -> str:
        assert left.wait(60)
        raise Conflict("cannot change", on="retry_seconds", why="somebody changed it meanwhile")

    monkeypatch.setattr(console_settings, "change", refuse)

    async def scenario(driver: Driver) -> None:
        await edit(driver, "retry_seconds")
        await driver.enter("4")
        await driver.press("ctrl+s")
        await driver.shown(Review)
        await driver.press("enter")
        await driver.shown(Form)
        await driver.press("escape")
        await driver.shown(Page)
        left.set()
        await driver.said("somebody changed it meanwhile")

    drive(store, "settings", scenario)


def test_a_secret_is_changed_and_kept_without_ever_being_shown(store: Store) -> None:
    settings.create(store, SECRET, VALUE, "Download token")

    async def scenario(driver: Driver) -> None:
        await edit(driver, SECRET)
        await driver.press("enter")
        await driver.enter("Token of the lab")
        await driver.shown(Review)
        assert "value" not in driver.lines("lines")
        await driver.press("enter")
        await driver.said(f"changed {SECRET}")
        assert settings.get(store, SECRET).value == VALUE
        await driver.press("e")
        await driver.shown(Form)
        await driver.enter("another-secret")
        assert "another-secret" not in text_of(driver)
        await driver.press("ctrl+s")
        await driver.shown(Review)
        assert "********" in driver.lines("lines")
        assert "another-secret" not in text_of(driver)
        await driver.press("enter")
        await driver.until(lambda: settings.get(store, SECRET).value == "another-secret", "the change")
        assert VALUE not in text_of(driver)

    drive(store, "settings", scenario)
    assert settings.get(store, SECRET).description == "Token of the lab"
    row = read(store)[SECRET]
    assert (row.value, present.cells(row, NOW)[1][0]) == ("", "********")
    assert VALUE not in str(present.values(row))


def test_a_value_of_several_lines_is_kept_while_something_else_is_changed(store: Store) -> None:
    settings.create(store, "some_banner", "one\ntwo", "What is\nshown")

    async def scenario(driver: Driver) -> None:
        await edit(driver, "some_banner")
        await driver.press("ctrl+s")
        await driver.until(lambda: "Nothing has been changed" in driver.lines("wrong"), "that nothing changes")
        await driver.press("down")
        await driver.enter("Banner")
        await driver.shown(Review)
        assert "value" not in driver.lines("lines")
        await driver.press("enter")
        await driver.said("changed some_banner")

    drive(store, "settings", scenario)
    changed = settings.get(store, "some_banner")
    assert (changed.value, changed.description) == ("one\ntwo", "Banner")


def test_what_has_only_its_default_is_set(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await edit(driver, "vms_per_endpoint")
        await driver.enter("16")
        await driver.press("ctrl+s")
        await driver.shown(Review)
        await driver.press("enter")
        await driver.said("vms_per_endpoint")

    settings.delete(store, "vms_per_endpoint")
    drive(store, "settings", scenario)
    assert settings.value(store, "vms_per_endpoint") == "16"


# setting.add


def test_a_setting_is_added(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("a")
        await driver.enter("lab_contact")
        await driver.shown(Form)
        await driver.enter("noc@lab")
        await driver.enter("Whom to ask")
        await driver.shown(Review)
        await driver.press("enter")
        await driver.said("added lab_contact")
        await driver.rows(lambda rows: any(row.name == "lab_contact" for row in rows), "the new one")

    drive(store, "settings", scenario)
    assert settings.get(store, "lab_contact").value == "noc@lab"


def test_the_value_of_a_new_secret_is_not_shown_while_it_is_typed(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("a")
        await driver.enter("lab_password")
        await driver.shown(Form)
        await driver.enter(VALUE)
        assert VALUE not in text_of(driver)
        await driver.press("enter")
        await driver.until(lambda: "the description is empty" in driver.lines("wrong"), "the refusal")
        await driver.enter("Of the lab")
        await driver.shown(Review)
        assert VALUE not in text_of(driver)
        await driver.press("enter")
        await driver.said("added lab_password")

    drive(store, "settings", scenario)
    assert settings.get(store, "lab_password").value == VALUE


@pytest.mark.parametrize(
    ("name", "why"),
    [(FLAG, "the name is taken"), ("two words", "unusable setting name"), ("_slipway_store", "it is Slipway's own")],
)
def test_an_unusable_name_is_refused(store: Store, name: str, why: str) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("a")
        await driver.enter(name)
        await driver.said(why)

    before = settings.listing(store, internal=True)
    drive(store, "settings", scenario)
    assert settings.listing(store, internal=True) == before


# setting.remove


def test_a_setting_is_removed_by_its_name_and_its_default_holds_again(store: Store) -> None:
    settings.update(store, "retry_seconds", "7")

    async def scenario(driver: Driver) -> None:
        await to(driver, "retry_seconds")
        await driver.press("X")
        await driver.shown(Confirm)
        assert "Its default holds again: 2." in driver.lines("lines")
        await driver.enter("retry")
        assert isinstance(driver.console.screen, Confirm)
        await driver.enter("retry_seconds")
        await driver.said("removed retry_seconds")
        await driver.rows(lambda rows: not any(row.changed for row in rows), "the default again")
        await driver.press("X")
        await driver.said("only its default holds")

    drive(store, "settings", scenario)
    with pytest.raises(NotFound):
        settings.get(store, "retry_seconds")


def test_nothing_is_changed_read_only(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        for key in ("e", "a", "X", "f"):
            driver.page.say("")
            await driver.press(key)
            await driver.said("read-only")

    before = settings.listing(store)
    drive(store, "settings", scenario, read_only=True)
    assert settings.listing(store) == before


# What is shown


def test_every_limit_and_time_out_is_shown_with_its_default_also_when_it_is_not_set(store: Store) -> None:
    for one in settings.listing(store):
        settings.delete(store, one.name)
    rows = read(store)
    assert {field.name for field in fields(Pace)} <= rows.keys()
    for field in fields(Pace):
        row = rows[field.name]
        assert (row.value, row.default, row.stored) == (f"{field.default:g}", f"{field.default:g}", False)
        assert row.applies in present.WHEN
        assert row.description
    assert not rows[FLAG].on


def test_a_value_that_cannot_be_used_is_shown_as_such(store: Store) -> None:
    row = replace(read(store)["retry_seconds"], value="soon", problem="it is not a number")
    told = " ".join(text for line in present.detail(row) for text, _ in line)
    assert "! soon" in told
    assert "it is not a number; the default 2 holds" in told


def test_somebody_elses_change_is_noticed_before_a_removal(store: Store) -> None:
    row = read(store)["retry_seconds"]
    settings.update(store, "retry_seconds", "9")
    with Watch(store) as watch, pytest.raises(Conflict, match="cannot change"):
        console_settings.remove(Desk(store, watch), row)


def test_numbers_are_sorted_as_numbers(store: Store) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.press("s", "s")
        numbers = [int(row.value) for row in driver.page.table.rows if row.value.isdecimal()]
        assert numbers == sorted(numbers)

    drive(store, "settings", scenario)


def test_control_characters_are_shown_escaped(store: Store) -> None:
    settings.create(store, "lab_contact", "\x1b[31mred", "a\nb")
    row = read(store)["lab_contact"]
    shown = "".join(text for line in (present.cells(row, NOW), *present.detail(row)) for text, _ in line)
    assert "\x1b" not in shown
    assert "\\x1b[31mred" in shown
