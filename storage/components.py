"""Components: the catalog of OVAs, as read from zPodLibrary files."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select
from sqlalchemy import update as change

from storage import audit
from storage.errors import BadInput, NotFound
from storage.models import components
from storage.nearest import suggestion
from storage.store import Store


class Kind(StrEnum):
    """L1 is staged on the endpoint itself, L2 is nested, ISO no appliance; UNSUPPORTED is fetched by hand."""

    L1 = "L1"
    L2 = "L2"
    ISO = "ISO"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Component:
    """One component. `uid` is `<name>-<version>`, `checksum` `sha256:<hex>` or "", `size_text` human ("911 MB").

    `nested` is the file's `component_isnested`: what an UNSUPPORTED one becomes, L1 or L2, once its OVA was supplied.
    `spec` is the file's `component_deploy_govc_spec` or {}; `ova_path` the OVA the operator supplied, if any.
    `eula_digest` is the SHA-256 of the licence texts that `eula_by` accepted at `eula_at` (UTC), "" when nobody has.
    """

    uid: str
    name: str
    version: str
    type: str
    description: str
    url: str
    download_engine: str
    download_file: str
    checksum: str
    size_text: str
    kind: Kind
    nested: bool = False
    enabled: bool = True
    ova_path: str | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    eula_digest: str = ""
    eula_by: str = ""
    eula_at: datetime | None = None


_OPERATORS = ("enabled", "ova_path", "eula_digest", "eula_by", "eula_at")
"""Fields that a component's file does not tell."""


def put(store: Store, component: Component) -> bool:
    """Add the component, or renew what its file tells; what the operator said of it stays. True when new."""
    told = asdict(component)
    kept = {name: value for name, value in told.items() if name not in _OPERATORS}
    with store.begin() as tx:
        new = tx.execute(change(components).where(components.c.uid == component.uid).values(**kept)).rowcount == 0
        if new:
            tx.execute(insert(components).values(**told))
        audit.write(store, tx, "import", f"component {component.uid}", "new" if new else "renewed")
    return new


def get(store: Store, uid: str) -> Component:
    """The component of that uid. Raises NotFound with the nearest uid."""
    with store.read() as tx:
        row = tx.execute(select(components).where(components.c.uid == uid)).mappings().one_or_none()
        if row is None:
            raise _missing(tx, uid)
    return _component(row)


def listing(store: Store) -> list[Component]:
    """Every component by uid."""
    with store.read() as tx:
        return [_component(row) for row in tx.execute(select(components).order_by(components.c.uid)).mappings()]


def some(store: Store, uids: Collection[str]) -> dict[str, Component]:
    """Those of these uids that there are, by uid."""
    with store.read() as tx:
        rows = tx.execute(select(components).where(components.c.uid.in_(uids))).mappings()
        return {row["uid"]: _component(row) for row in rows}


def update(store: Store, uid: str, /, **changes: Any) -> Component:
    """Change fields of Component but its uid. Raises NotFound, BadInput for a field that is none."""
    changeable = {one.name for one in fields(Component)} - {"uid"}
    for name in changes:
        if name not in changeable:
            raise BadInput("no field", on=f'"{name}" of a component', fix=suggestion(name, changeable))
    with store.begin() as tx:
        if tx.execute(change(components).where(components.c.uid == uid).values(**changes)).rowcount == 0:
            raise _missing(tx, uid)
        told = ", ".join(f"{name}={value}" for name, value in changes.items() if name != "spec")
        audit.write(store, tx, "update", f"component {uid}", told)
    return get(store, uid)


def accept_licence(store: Store, uid: str, digest: str) -> Component:
    """Record that who runs this has accepted the licence texts of that SHA-256. Raises NotFound."""
    by = audit.who()
    with store.begin() as tx:
        accepted = {"eula_digest": digest, "eula_by": by, "eula_at": store.now(tx)}
        if tx.execute(change(components).where(components.c.uid == uid).values(**accepted)).rowcount == 0:
            raise _missing(tx, uid)
        audit.write(store, tx, "accept licence", f"component {uid}", f"sha256:{digest}")
    return get(store, uid)


def remove(store: Store, uid: str) -> None:
    """Remove the component from the catalog. Raises NotFound."""
    with store.begin() as tx:
        if tx.execute(delete(components).where(components.c.uid == uid)).rowcount == 0:
            raise _missing(tx, uid)
        audit.write(store, tx, "remove", f"component {uid}")


def _component(row: RowMapping) -> Component:
    return Component(**{**row, "kind": Kind(row["kind"])})


def _missing(tx: Connection, uid: str) -> NotFound:
    known = tx.execute(select(components.c.uid)).scalars()
    return NotFound("no component", on=f'"{uid}"', fix=suggestion(uid, known) or "see: slipway component list")
