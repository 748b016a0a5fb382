"""Settings: zPodFactory's named values, shared by everybody who uses the store.

Names are lower-cased. A row whose name begins with `_` is Slipway's own (claims, identity). A secret one, told by its
name, is stored encrypted.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, select
from sqlalchemy import delete as erase
from sqlalchemy import update as change
from sqlalchemy.exc import IntegrityError

from storage import audit, limits, pace, roots
from storage.errors import BadInput, Conflict, NotFound
from storage.models import settings
from storage.nearest import suggestion
from storage.store import Store

FLAG = "ff_endpoint_ova_staging"
"""Staging is on only for the literal value `true`."""

_SECRET_WORDS = ("password", "secret", "token")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; `value` in the clear, also of a secret one: whoever shows it masks it."""

    name: str
    value: str
    description: str
    secret: bool


def create(store: Store, name: str, value: str, description: str) -> Setting:
    """Add a setting. Raises Conflict when the name is taken, BadInput for an unusable name or no description."""
    name = usable(name)
    if not description.strip():
        raise BadInput("cannot create setting", on=name, why="the description is empty", fix="describe it with -d")
    check(name, value)
    stored = _stored(store, name, value)
    try:
        with store.begin() as tx:
            tx.execute(insert(settings).values(name=name, value=stored, description=description))
            audit.write(store, tx, "create", f"setting {name}", _told(name, value))
    except IntegrityError as error:
        fix = f"change it with: slipway setting update {name}"
        raise Conflict("cannot create setting", on=name, why="the name is taken", fix=fix) from error
    return Setting(name, value, description, is_secret(name))


def listing(store: Store, internal: bool = False) -> list[Setting]:
    """Every setting by name, a secret one's value as "" (no key is needed); Slipway's own rows only when `internal`."""
    query = select(settings).order_by(settings.c.name)
    if not internal:
        query = query.where(~settings.c.name.startswith("_", autoescape=True))
    with store.read() as tx:
        rows = tx.execute(query).mappings().all()
    return [_undisclosed(row) for row in rows]


def get(store: Store, name: str) -> Setting:
    """The setting of that name. Raises NotFound with the nearest name."""
    with store.read() as tx:
        row = tx.execute(select(settings).where(settings.c.name == name.lower())).mappings().one_or_none()
        if row is None:
            raise _missing(tx, name)
    secret = is_secret(row["name"])
    return Setting(row["name"], store.decrypt(row["value"]) if secret else row["value"], row["description"], secret)


def value(store: Store, name: str, default: str = "") -> str:
    """The value of that setting, `default` when there is no such row."""
    try:
        return get(store, name).value
    except NotFound:
        return default


def is_on(store: Store, name: str) -> bool:
    """Whether the setting's value is exactly `true`."""
    return value(store, name) == "true"


def update(store: Store, name: str, value: str, description: str | None = None) -> Setting:
    """Set the value, and the description when one is given. Raises NotFound, BadInput."""
    name = usable(name)
    check(name, value)
    changes = {"value": _stored(store, name, value)}
    if description is not None:
        changes["description"] = description
    with store.begin() as tx:
        if tx.execute(change(settings).where(settings.c.name == name).values(changes)).rowcount == 0:
            raise _missing(tx, name)
        audit.write(store, tx, "update", f"setting {name}", _told(name, value))
    return get(store, name)


def problem_with(name: str, value: str) -> str:
    """Why Slipway cannot use the value for that setting; "" when it can, or does not read the setting at all."""
    return pace.problem_with(name, value) or limits.problem_with(name, value) or roots.problem_with(name, value)


def check(name: str, value: str) -> None:
    """Raise BadInput when the value is none for that setting."""
    why = problem_with(name, value)
    if why:
        raise BadInput("cannot set", on=f"{name} to {value!r}", why=why, fix=f"see: slipway setting get {name}")


def delete(store: Store, name: str) -> None:
    """Delete the setting. Raises NotFound, BadInput."""
    name = usable(name)
    with store.begin() as tx:
        if tx.execute(erase(settings).where(settings.c.name == name)).rowcount == 0:
            raise _missing(tx, name)
        audit.write(store, tx, "delete", f"setting {name}")


def usable(name: str) -> str:
    """The name as it is stored. Raises BadInput for one that is empty, has blanks, or is Slipway's own."""
    name = name.strip().lower()
    if not name or not name.isprintable() or " " in name:
        raise BadInput("unusable setting name", on=f'"{name}"', fix="use letters, digits and _ without blanks")
    if name.startswith("_"):
        raise BadInput(
            "cannot change setting",
            on=name,
            why="it is Slipway's own",
            fix="claims are cleared with: slipway lock clear",
        )
    return name


def is_secret(name: str) -> bool:
    """Whether a setting of that name is stored encrypted and shown masked."""
    return any(word in name.lower() for word in _SECRET_WORDS) and not name.startswith("_")


def _stored(store: Store, name: str, value: str) -> str:
    return store.encrypt(value) if is_secret(name) else value


def _told(name: str, value: str) -> str:
    return "" if is_secret(name) else value


def _undisclosed(row: RowMapping) -> Setting:
    secret = is_secret(row["name"])
    return Setting(row["name"], "" if secret else row["value"], row["description"], secret)


def _missing(tx: Connection, name: str) -> NotFound:
    known = tx.execute(select(settings.c.name).where(~settings.c.name.startswith("_", autoescape=True))).scalars()
    fix = suggestion(name, known) or "see: slipway setting list"
    return NotFound("no setting", on=f'"{name}"', fix=fix)
