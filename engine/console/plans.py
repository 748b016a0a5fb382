"""Planning a deployment for the console: what can be chosen, what would be done, and doing it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.cancel import Cancel
from engine.catalog.limits import limits_of
from engine.catalog.profiles import Entry, Profile, Secret, profile_of, read_profile
from engine.console.desk import Desk
from engine.console.offers import offers
from engine.console.typed import path_of
from engine.deploy.plan import Plan, PlannedItem
from engine.deploy.planning import make_plan
from engine.deploy.variables import read_password
from engine.errors import BadInput, SlipwayError
from engine.jobs import submit
from engine.site import open_site
from storage import endpoints
from storage.components import Kind

TYPED = "LAB_PASSWORD"
"""The environment variable that a typed password is recorded as. The password itself is kept in no profile, so a retry
asks for it again, or takes it from there.
"""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a form offers: endpoints by name; enabled components by uid, those that have their OVA first, each with its
    variants. `variants`: of these by name the component's uid and the deployment option.
    """

    endpoints: tuple[str, ...]
    components: tuple[str, ...]
    variants: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was filled in: a profile's `file` with `overrides` (dotted path, text), or the whole `document`.

    `password`: "" for where the profile says it is.
    """

    file: str = ""
    overrides: tuple[tuple[str, str], ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    power_on: bool = True


@dataclass(frozen=True, slots=True)
class PlannedVm:
    """One VM of the plan. `template`: the component's uid, with its variant; `way`: staged, direct, skipped, "" where a
    problem is in its way; `why` it is not staged, or no linked clone. `host` is "" where vCenter chooses one.
    """

    name: str
    address: str
    template: str
    way: str
    why: str
    linked: bool = False
    datastore: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the way, and what to do about it."""

    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What is going to be done, in bytes; `ordered` is that very thing, for `deploy`; `warnings` stop nobody."""

    name: str
    endpoint: str
    vms: tuple[PlannedVm, ...]
    to_stage: tuple[str, ...]
    upload_bytes: int
    space_needed: int
    space_free: int
    problems: tuple[Problem, ...]
    power_on: bool
    ordered: submit.Ordered
    warnings: tuple[Problem, ...] = ()


def choices(desk: Desk) -> Choices:
    """What there is to choose from. Raises BadInput, with what to do, when there is no endpoint or no component."""
    names = tuple(one.name for one in endpoints.listing(desk.store))
    if not names:
        raise BadInput("cannot deploy", why="there is no endpoint yet", fix="add one on page 1, with a")
    usable = (Kind.L1, Kind.L2)
    found = [one for one in desk.catalog.listing() if one.enabled and one.kind in usable]
    if not found:
        raise BadInput("cannot deploy", why="no component is enabled", fix="import some on page 9, with a")
    found.sort(key=lambda one: one.ova_path is None)
    limits = limits_of(desk.store)
    offered: list[str] = []
    variants: dict[str, tuple[str, str]] = {}
    for one in found:
        others = {other.template: (one.uid, other.option) for other in offers(one, limits) if other.option}
        offered += [one.uid, *others]
        variants |= others
    return Choices(names, tuple(offered), variants)


def plan(desk: Desk, wanted: Wanted) -> Preview:
    """Look at everything that it needs, changing nothing. Raises BadInput for what cannot be a profile, and as
    `engine.site.open_site`; what is in the way of a deployment is told in the preview.
    """
    profile = _profile(wanted)
    if wanted.password:
        named = profile.password is not None and profile.password.env is not None
        profile = profile if named else replace(profile, password=Secret(env=TYPED))
    ordered = submit.Ordered(profile, wanted.password or read_password(desk.store, profile.password))
    with open_site(desk.store, profile.endpoint) as site:
        made = make_plan(site, profile, ordered.password, Cancel())
    return _preview(made, ordered, wanted.power_on)


def deploy(desk: Desk, preview: Preview) -> int:
    """Record and queue what was shown; the deployment's id. The worker looks at everything once more."""
    return submit.deploy(desk.store, preview.ordered, preview.power_on).id


def _profile(wanted: Wanted) -> Profile:
    if wanted.file:
        return read_profile(path_of(wanted.file, "give the path of a profile"), wanted.overrides)
    try:
        return profile_of(dict(wanted.document), "this form")
    except BadInput as error:
        raise BadInput("cannot use", on="what was filled in", why=_by_number(error.why, wanted.document)) from error


def _by_number(why: str, document: Mapping[str, Any]) -> str:
    """`components[1][0].host_id` as the operator sees it: `VM 3 host_id`."""
    numbers: dict[tuple[int, int], int] = {}
    for step, entries in enumerate(document.get("components", [])):
        for place, _ in enumerate(entries):
            numbers[step, place] = len(numbers) + 1

    def named(found: re.Match[str]) -> str:
        number = numbers.get((int(found[1]), int(found[2])))
        return f"VM {number}{' ' if found[3] else ''}" if number else found[0]

    return re.sub(r"components\[(\d+)\]\[(\d+)\](\.?)", named, why)


def _preview(made: Plan, ordered: submit.Ordered, power_on: bool) -> Preview:
    planned = {item.name: item for item in made.items}
    profile = made.profile
    return Preview(
        name=profile.name,
        endpoint=profile.endpoint,
        vms=tuple(
            _vm(entry, profile, planned.get(entry.vm_name(profile.domain))) for step in profile.steps for entry in step
        ),
        to_stage=made.to_stage,
        upload_bytes=made.upload_bytes,
        space_needed=made.space_needed,
        space_free=made.space_free,
        problems=tuple(_problem(error) for error in made.problems),
        warnings=tuple(Problem(str(one), one.fix) for one in made.warnings),
        power_on=power_on,
        ordered=ordered,
    )


def _vm(entry: Entry, profile: Profile, item: PlannedItem | None) -> PlannedVm:
    name, address = entry.vm_name(profile.domain), str(profile.address(entry))
    if item is None:
        return PlannedVm(name, address, entry.component_uid, way="", why="")
    place = item.place
    return PlannedVm(
        name=name,
        address=address,
        template=item.template,
        way=str(item.way),
        why=item.why,
        linked=item.linked,
        datastore=place.datastore_name if place else "",
        host=place.host_name if place else "",
    )


def _problem(error: SlipwayError) -> Problem:
    what = f"{error.what} {error.on}".strip()
    return Problem(f"{what}: {error.why}" if error.why else what, error.fix)
