"""What the console does with templates: stage, verify, cancel, remove, by the functions of `slipway template`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from engine.catalog.admission import check
from engine.catalog.limits import limits_of
from engine.catalog.supply import obstacle
from engine.catalog.variants import template_name
from engine.console.desk import Desk
from engine.console.offers import Offer, offers_by_uid
from engine.console.several import failures, tell, to_each
from engine.console.templates import Lacks, lacks
from engine.errors import Conflict, SlipwayError
from engine.fit import hardware_findings
from engine.jobs import submit
from engine.site import Site, open_site
from engine.staging import remove as removal
from engine.staging import templates
from engine.staging.stage import component_to_stage, parked, stageable_package
from storage import endpoints
from storage.components import Kind


@dataclass(frozen=True, slots=True)
class Chosen:
    """A template by its endpoint and its name there."""

    endpoint: str
    uid: str

    def __str__(self) -> str:
        return f"{self.uid} on {self.endpoint}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found."""

    of: Chosen
    state: str
    why: str
    usable: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be staged, and where; `lacks` when there is nothing to choose from. `offers`: the options of those
    components that have some, by uid.
    """

    components: tuple[str, ...]
    endpoints: tuple[str, ...]
    lacks: Lacks = Lacks.NOTHING
    offers: Mapping[str, tuple[Offer, ...]] = field(default_factory=dict)


def choices(desk: Desk) -> Choices:
    """The components that may be staged, and every endpoint."""
    known = desk.catalog.listing()
    stageable = [one for one in known if one.enabled and one.kind is Kind.L1 and not obstacle(one)]
    ready = tuple(one.uid for one in stageable)
    names = tuple(one.name for one in endpoints.listing(desk.store))
    missing = lacks(desk)
    if missing in (Lacks.ENDPOINT, Lacks.COMPONENT):
        return Choices(ready, names, missing)
    return Choices(ready, names, Lacks.NOTHING if ready else Lacks.OVA, offers_by_uid(stageable, limits_of(desk.store)))


def stage(desk: Desk, chosen: Sequence[Chosen]) -> None:
    """Queue the staging of these, a template that is outdated included.

    Raises as `slipway template stage`, and Conflict for one that is staged and up to date.
    """

    def do(site: Site, uid: str) -> None:
        component = component_to_stage(desk.store, uid)
        name = template_name(component)
        package = stageable_package(desk.store, component)
        parked(site, component, package)
        check(desk.store, site.endpoint, component, package, hardware_findings(site, package))
        if templates.look(site, name, component, package).usable:
            raise Conflict("nothing to stage:", on=name, why=f"it is staged on {site.endpoint.name} already")
        submit.stage(desk.store, site.endpoint, name)

    # The catalog's refusal comes before the login.
    for one in chosen:
        stageable_package(desk.store, component_to_stage(desk.store, one.uid))
    _each(desk, chosen, "stage", do)


def verify(desk: Desk, chosen: Sequence[Chosen]) -> tuple[Verified, ...]:
    """Compare these with their identity and their OVA."""
    found: list[Verified] = []

    def do(site: Site, uid: str) -> None:
        one = templates.verify(site, uid)
        found.append(Verified(Chosen(site.endpoint.name, uid), one.state, one.why, one.usable))

    _each(desk, chosen, "verify", do)
    return tuple(found)


def remove(desk: Desk, chosen: Sequence[Chosen]) -> None:
    """Destroy these templates; raises as `engine.staging.remove`, after all were tried."""

    def do(site: Site, uid: str) -> None:
        removal.remove(site, uid)

    _each(desk, chosen, "remove", do)


def cancel(desk: Desk, chosen: Sequence[Chosen]) -> None:
    """Stop staging these. Raises Conflict when nobody stages one."""

    def do(one: Chosen) -> None:
        submit.cancel_staging(desk.store, endpoints.get(desk.store, one.endpoint), one.uid)

    to_each("cancel", chosen, do)


def _each(desk: Desk, chosen: Sequence[Chosen], what: str, do: Callable[[Site, str], None]) -> None:
    """Do it to each, endpoint by endpoint, over one session each; afterwards the endpoint is looked at again."""
    failed: list[SlipwayError] = []
    for name in dict.fromkeys(one.endpoint for one in chosen):
        uids = [one.uid for one in chosen if one.endpoint == name]
        try:
            with open_site(desk.store, name) as site:
                failed += failures(uids, partial(do, site))
                desk.observer.look_again(site.endpoint.id)
        except SlipwayError as error:
            failed.append(error)
    tell(what, len(chosen), failed)
