"""Licences: a component whose OVA has licence texts (EulaSection) is used once somebody has accepted these texts."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.limits import limits_of
from engine.catalog.supply import obstacle
from engine.errors import BadInput, Conflict
from engine.ova.findings import Finding
from engine.ova.package import Package, open_package
from storage import components
from storage.components import Component
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence texts of a component's OVA, none when it has no licence, and whether these were accepted."""

    component: Component
    texts: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the texts, hex; "" when there are none."""
        return digest_of(self.texts)

    @property
    def waits(self) -> bool:
        """Whether somebody has to accept it yet. Another OVA's texts are others, and accepted anew."""
        return bool(self.texts) and self.digest != self.component.eula_digest


def licence_in(component: Component, package: Package) -> Licence:
    """The licence of the component whose OVA this is."""
    return Licence(component, texts_in(package))


def texts_in(package: Package) -> tuple[str, ...]:
    """The licence texts that have any words."""
    return tuple(text for text in package.descriptor.eulas if text.strip())


def digest_of(texts: tuple[str, ...]) -> str:
    """What acceptance is recorded for: their SHA-256 in hex, "" for none. No text of an XML file has a NUL."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest() if texts else ""


def licence_of(store: Store, uid: str) -> Licence:
    """The licence of that component. Raises NotFound, BadInput (it has no OVA here), BadPackage."""
    component = components.get(store, uid)
    why_not = obstacle(component)
    if why_not:
        raise BadInput("cannot read the licence of", on=uid, why=why_not)
    return licence_in(component, open_package(Path(component.ova_path or ""), limits_of(store)))


def accept(store: Store, uid: str, read: str = "") -> Component:
    """Record that who runs this accepts the component's licence; `read` is the digest of what was shown, if known.

    Raises as `licence_of`, BadInput when there is no licence, Conflict when it is not any more what was shown.
    """
    licence = licence_of(store, uid)
    if not licence.texts:
        raise BadInput("nothing to accept for", on=uid, why="its OVA has no licence")
    if read and read != licence.digest:
        raise Conflict(
            "cannot accept the licence of", on=uid, why="its OVA has another one by now", fix="read it again"
        )
    return components.accept_licence(store, uid, licence.digest)


def licence_findings(licence: Licence, where: str) -> tuple[Finding, ...]:
    """The error for a licence that waits."""
    if not licence.waits:
        return ()
    uid = licence.component.uid
    what = "its licence has changed since it was accepted" if licence.component.eula_digest else "its licence waits"
    fix = f"read it: slipway component eula {uid}, and accept it: slipway component accept-eula {uid}"
    return (Finding.error(where, what, fix),)
