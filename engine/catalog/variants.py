"""Variants of a component's template: what an import decides for good.

The deployment option and how disks are provisioned cannot be changed when a template is cloned, so each combination
that is asked for is a template of its own, `<uid>+<variant>`; the OVF's own default on thin disks is plain `<uid>`.
A version may hold a `+` too: whose template it is says its identity, never its name.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from engine.catalog.limits import limits_of
from engine.errors import BadPackage
from engine.ova.limits import Limits
from storage import components
from storage.components import Component
from storage.store import Store

Provisioning = Literal[
    "thin",
    "thick",
    "flat",
    "eagerZeroedThick",
    "seSparse",
    "sparse",
    "monolithicFlat",
    "monolithicSparse",
    "twoGbMaxExtentFlat",
    "twoGbMaxExtentSparse",
]
"""OvfCreateImportSpecParamsDiskProvisioningType; which of them a host takes, vCenter says."""

PROVISIONINGS: tuple[str, ...] = get_args(Provisioning)

THIN = "thin"

# Those that take all of a disk's capacity at once.
_THICK = ("thick", "flat", "eagerZeroedThick", "monolithicFlat", "twoGbMaxExtentFlat")

# `<name>.staging-<store>-<token>` must stay below vSphere's 80 characters.
NAME_LIMIT = 50
_DIGEST = 6


@dataclass(frozen=True, slots=True)
class Variant:
    """The deployment option's id, "" for the OVF's default, and how disks are provisioned, "" for thin."""

    option: str = ""
    provisioning: str = ""


def is_thick(provisioning: str) -> bool:
    """Whether disks provisioned so take their whole capacity at once."""
    return provisioning in _THICK


def variant_of(component: Component) -> Variant:
    """Which one the component's spec asks for."""
    provisioning = str(component.spec.get("DiskProvisioning") or "")
    return Variant(str(component.spec.get("Deployment") or ""), "" if provisioning == THIN else provisioning)


def in_variant(component: Component, option: str | None, provisioning: str | None) -> Component:
    """The component as if its spec asked for these; None keeps what it asks for."""
    asked = {"Deployment": option, "DiskProvisioning": provisioning}
    return replace(component, spec=component.spec | {key: value for key, value in asked.items() if value is not None})


def template_name(component: Component) -> str:
    """What the component's template is called: at most NAME_LIMIT characters, the same for ever."""
    return named(component.uid, variant_of(component))


def named(uid: str, variant: Variant) -> str:
    """The name of the template that a uid has in this variant."""
    if variant == Variant():
        return uid
    words = (_word(variant.option), variant.provisioning)
    name = f"{uid}+{'.'.join(word for word in words if word)}"
    return name if len(name) <= NAME_LIMIT else f"{name[: NAME_LIMIT - _DIGEST - 1]}-{_digest(name)}"


def _word(option: str) -> str:
    """The option's id with nothing but letters, digits, `_` and `-`. No two have the same, and none has that of a way
    to provision disks: what is changed gets a digest.
    """
    word = re.sub(r"[^A-Za-z0-9_-]", "-", option)
    return word if word == option and word not in PROVISIONINGS else f"{word}-{_digest(option)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def component_named(name: str, known: Iterable[Component], limits: Limits) -> Component | None:
    """The component whose template has that name, asking for that variant; None when it is nobody's.

    One that asks for it by itself comes first, then one of that very uid, then what the OVAs offer (read within
    `limits`).
    """
    alike = [one for one in known if name.startswith(one.uid[: NAME_LIMIT - _DIGEST - 1])]
    own = [one for one in alike if template_name(one) == name]
    plain = [in_variant(one, "", THIN) for one in alike if one.uid == name]
    offered = (variant for one in alike for variant in _offered(one, limits) if template_name(variant) == name)
    return next(iter([*own, *plain]), None) or next(offered, None)


def component_of_template(store: Store, name: str) -> Component:
    """The same, of the store's components. Raises NotFound with the nearest uid."""
    return component_named(name, components.listing(store), limits_of(store)) or components.get(store, name)


def _offered(component: Component, limits: Limits) -> Iterator[Component]:
    """The component in every variant that its OVA has."""
    for option in ("", *_options_of(component, limits)):
        for provisioning in PROVISIONINGS:
            yield in_variant(component, option, provisioning)


def _options_of(component: Component, limits: Limits) -> tuple[str, ...]:
    """The ids of the deployment options that its OVA offers; () where that cannot be read."""
    if not component.ova_path:
        return ()
    from engine.ova.package import open_package

    try:
        package = open_package(Path(component.ova_path), limits)
    except BadPackage:
        return ()
    return tuple(option.id for option in package.descriptor.deployment_options)
