"""The deployment options of components, as a form offers them: one for each template that there may be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.variants import in_variant, template_name, variant_of
from engine.errors import BadPackage
from engine.ova.limits import Limits
from engine.ova.package import open_package
from storage.components import Component


@dataclass(frozen=True, slots=True)
class Offer:
    """`template`: what its template is called; `option`: its id, "" for the one that the component has anyhow; `told`:
    id and label.
    """

    template: str
    option: str
    told: str


def offers(component: Component, limits: Limits) -> tuple[Offer, ...]:
    """What there is to choose from, the component's own first; () where there is no choice or the OVA is unreadable."""
    if not component.ova_path:
        return ()
    try:
        options = open_package(Path(component.ova_path), limits).descriptor.deployment_options
    except BadPackage:  # told when it is to be staged
        return ()
    if len(options) < 2:  # one is no choice
        return ()
    asked = variant_of(component).option or next(one.id for one in options if one.default)
    found = []
    for one in sorted(options, key=lambda one: one.id != asked):
        own = one.id == asked
        template = template_name(component if own else in_variant(component, one.id, None))
        label = one.label or one.description
        told = f"{one.id}: {label}" if label not in ("", one.id) else one.id
        found.append(Offer(template, "" if own else one.id, told))
    return tuple(found)


def offers_by_uid(components: Iterable[Component], limits: Limits) -> Mapping[str, tuple[Offer, ...]]:
    """The same of these components, without those that leave no choice."""
    found = ((one.uid, offers(one, limits)) for one in components)
    return {uid: offered for uid, offered in found if offered}
