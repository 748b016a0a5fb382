"""Components as the console shows them, and what it does with them: the verbs of `slipway component`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.cancel import Cancel
from engine.catalog.components import import_components
from engine.catalog.licences import Licence, licence_of
from engine.catalog.licences import accept as accept_licence
from engine.catalog.limits import limits_of
from engine.catalog.supply import never, set_file
from engine.console.desk import Desk
from engine.console.files import FileSeen
from engine.console.observer import observe_all
from engine.console.several import to_each
from engine.console.typed import path_of
from engine.errors import BadInput
from storage import components
from storage.components import Component, Kind


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """One component. `state`: enabled, licence waits, OVA broken, disabled, no OVA, OVA gone, unsupported; `why`
    explains any but enabled. `licensed`: its OVA has a licence; `licence` says who accepted it and when, "" for one
    that waits.

    `size_bytes` of the file, None while nobody looked or where there is none; `size_text` is what its file says.
    `staged` are the endpoints that have its template. `options`, `properties` and `networks`: what the OVA is asked and
    given; `variants`: the deployment options that it offers, id and label.
    """

    uid: str
    name: str
    version: str
    type: str
    kind: str
    state: str
    why: str
    enabled: bool
    ova_path: str
    size_bytes: int | None
    size_text: str
    checksum: str
    staged: tuple[str, ...]
    licence: str
    description: str
    url: str
    download_engine: str
    download_file: str
    options: tuple[tuple[str, str], ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    networks: tuple[tuple[str, str], ...] = ()
    variants: tuple[tuple[str, str], ...] = ()
    licensed: bool = False


@dataclass(frozen=True, slots=True)
class Supplied:
    """Where the OVA lies, and whether its licence has to be accepted yet."""

    place: str
    licence_waits: bool


def read(desk: Desk) -> tuple[ComponentRow, ...]:
    """The catalog by uid; the same rows as before when nothing has changed."""
    known = desk.catalog.listing()
    files = desk.files.of((one.ova_path for one in known if one.ova_path), limits_of(desk.store))
    staged: dict[str, tuple[str, ...]] = {}
    for endpoint, seen in observe_all(desk.observer, desk.store):
        for template in seen.templates or ():
            if template.usable:
                staged[template.uid] = (*staged.get(template.uid, ()), endpoint.name)
    told = known, files, staged
    if desk.components[0] != told:
        rows = tuple(_row(one, files.get(one.ova_path or "", FileSeen()), staged.get(one.uid, ())) for one in known)
        desk.components = told, rows
    return desk.components[1]


def _row(one: Component, file: FileSeen, staged: tuple[str, ...]) -> ComponentRow:
    state, why = _state(one, file)
    options = ("Deployment", "DiskProvisioning", "IPAllocationPolicy", "IPProtocol", "Annotation")
    return ComponentRow(
        uid=one.uid,
        name=one.name,
        version=one.version,
        type=one.type,
        kind=one.kind,
        state=state,
        why=why,
        enabled=one.enabled,
        ova_path=one.ova_path or "",
        size_bytes=file.size,
        size_text=one.size_text,
        checksum=one.checksum,
        staged=staged,
        licence=_accepted(one, file),
        description=one.description,
        url=one.url,
        download_engine=one.download_engine,
        download_file=one.download_file,
        options=tuple((name, str(one.spec[name])) for name in options if one.spec.get(name)),
        properties=tuple((each["Key"], each["Value"]) for each in one.spec.get("PropertyMapping") or ()),
        networks=tuple((each["Name"], each["Network"]) for each in one.spec.get("NetworkMapping") or ()),
        variants=file.options,
        licensed=bool(file.licence),
    )


def _state(one: Component, file: FileSeen) -> tuple[str, str]:
    if reason := never(one):
        return "unsupported", reason
    if not one.enabled:
        return "disabled", "it is not deployed; templates that are staged stay"
    if file.error:
        return "OVA gone", f"its file cannot be read: {file.error}"
    if not one.ova_path:
        fetched = "downloads are not there yet" if one.kind is not Kind.UNSUPPORTED else "nothing fetches it"
        return "no OVA", f"it has no file on this machine, and {fetched}"
    if file.problem:
        return "OVA broken", file.problem
    if file.licence and file.licence != one.eula_digest:
        return "licence waits", "its licence must be read and accepted before the OVA is used"
    return "enabled", ""


def _accepted(one: Component, file: FileSeen) -> str:
    if not file.licence or file.licence != one.eula_digest or one.eula_at is None:
        return ""
    return f"accepted by {one.eula_by} on {one.eula_at:%Y-%m-%d}"


def load(desk: Desk, path: str) -> str:
    """Add the components of a file, or of a folder of files, to the catalog; what came of it, in words.

    Raises BadInput for an empty path, and as `import_components`: all of them, or none.
    """
    imported = import_components(desk.store, [path_of(path, "give a component file, or a folder of them")])
    new = sum(one.new for one in imported)
    kinds = Counter(str(one.component.kind) for one in imported)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"imported {len(imported)} components ({counts}): {new} new, {len(imported) - new} renewed"


def file_size(path: str) -> int:
    """Bytes of the OVA that is going to be read. Raises BadInput when it cannot be."""
    file = path_of(path, "give the path of its OVA")
    try:
        return file.stat().st_size
    except OSError as error:
        raise BadInput("cannot use", on=str(file), why=error.strerror or str(error), fix="give another path") from error


def supply(desk: Desk, uid: str, path: str, cancel: Cancel, read_bytes: Callable[[int], None]) -> Supplied:
    """Make this file the component's OVA, once its digest is right. Raises as `catalog.supply.set_file`."""
    found = set_file(desk.store, uid, path_of(path, "give the path of its OVA"), cancel, read_bytes)
    return Supplied(found.ova_path or "", licence_of(desk.store, uid).waits)


def licence(desk: Desk, uid: str) -> Licence:
    """The licence of its OVA. Raises as `catalog.licences.licence_of`, BadInput when it has none."""
    found = licence_of(desk.store, uid)
    if not found.texts:
        raise BadInput("nothing to accept for", on=uid, why="its OVA has no licence")
    return found


def accept(desk: Desk, read: Licence) -> str:
    """Accept the licence that was read; as whom. Raises as `catalog.licences.accept`."""
    return accept_licence(desk.store, read.component.uid, read.digest).eula_by


def switch(desk: Desk, uids: Sequence[str], on: bool) -> None:
    """Let these components be deployed, or not. Raises NotFound for one that is gone, once all were tried."""
    to_each("enable" if on else "disable", uids, lambda uid: components.update(desk.store, uid, enabled=on))
