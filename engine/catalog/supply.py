"""The OVA of a component: whether there is one to stage or import, and supplying it by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.cancel import Cancel
from engine.errors import BadInput
from storage import components
from storage.components import Component, Kind
from storage.store import Store


def obstacle(component: Component) -> str:
    """Why there is no OVA of this component to stage or import, and what to do; "" when there is one."""
    why = never(component)
    if why:
        return f"{why}; leave it out of the profile"
    by_hand = f"supply its OVA: slipway component set-file {component.uid} OVA"
    if not component.ova_path:
        fetched = component.kind is not Kind.UNSUPPORTED
        why = "downloads are not there yet" if fetched else f"nothing fetches from {component.download_engine}"
        return f"it has no local file, and {why}; {by_hand}"
    try:
        Path(component.ova_path).stat()
    except OSError as error:
        return f"its file {component.ova_path} cannot be read: {error.strerror}; {by_hand}"
    return ""


def set_file(store: Store, uid: str, path: Path, cancel: Cancel, progress: Callable[[int], None]) -> Component:
    """Make this file the component's OVA, once it opens as a package and has the component's checksum, if it has one.

    `progress` gets the bytes of each block read. Raises NotFound; BadInput: an ISO or vcsa component, a file that is no
    package or has another digest (both named); Cancelled. Nothing was changed then.
    """
    from engine.catalog.limits import limits_of
    from engine.ova.check import examine
    from engine.sources.digests import digest_mismatch, file_digest, split_checksum

    component = components.get(store, uid)
    if why := never(component):
        raise BadInput("cannot supply an OVA for", on=uid, why=why)
    path = path.absolute()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise BadInput("cannot use", on=ascii(str(path)), why="its name is not UTF-8", fix="rename it") from error
    examine(path, limits_of(store)).importable()
    if component.checksum:
        algorithm, expected = split_checksum(component.checksum)
        found = file_digest(path, algorithm, cancel, progress)
        if found != expected:
            raise digest_mismatch(str(path), expected, found, algorithm)
    return components.update(store, uid, ova_path=str(path), kind=supplied(component).kind)


def supplied(component: Component) -> Component:
    """The component as its OVA makes it: one that nothing fetches is L1 or L2 all the same."""
    if component.kind is not Kind.UNSUPPORTED or component.type == "vcsa":
        return component
    return replace(component, kind=Kind.L2 if component.nested else Kind.L1)


def never(component: Component) -> str:
    """Why Slipway will never deploy this component, or ""."""
    if component.type == "vcsa":
        return "a vCenter appliance is deployed by its own installer, not by Slipway"
    if component.kind is Kind.ISO:
        return "it is an ISO image, not an OVA"
    return ""
