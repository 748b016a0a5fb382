"""The plan: what a deployment is going to do, how many bytes travel, and every problem found, before anything
changes. `planning` makes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from engine.catalog.profiles import Entry, Profile
from engine.catalog.variants import template_name
from engine.deploy.nics import PlannedNic
from engine.deploy.placement import Place
from engine.errors import NoSpace, PlanRefused, SlipwayError
from engine.ova.findings import Finding
from engine.ova.package import Package
from engine.staging.templates import Template
from engine.vsphere.refs import NetworkRef
from engine.vsphere.vms import Vm
from storage.components import Component


class Way(StrEnum):
    """How a VM comes to be: cloned from a staged template, imported directly, or it is there already."""

    STAGED = "staged"
    DIRECT = "direct"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One VM to make. `component` asks for the variant that the entry wants; `why` says why it is not staged, or no
    linked clone where one is wanted; `properties` are the rendered OVF values by key. `place` is None for a VM that is
    there already. The disks of `package` are as large as the properties make them.
    """

    entry: Entry
    name: str
    address: str
    component: Component
    package: Package | None
    way: Way
    why: str
    properties: dict[str, str] = field(repr=False)
    network: NetworkRef
    networks: dict[str, NetworkRef]
    annotation: str = ""
    there: Vm | None = None
    linked: bool = False
    place: Place | None = None
    nics: tuple[PlannedNic, ...] = ()
    policy: str = ""

    @property
    def template(self) -> str:
        """The name of the template that it is cloned from, if it is."""
        return template_name(self.component)


@dataclass(frozen=True, slots=True)
class Plan:
    """`upload_bytes` travel to the endpoint, `space_needed` bytes are taken on its datastore, of `space_free`.
    `warnings` are about packages; nothing is refused for them.
    """

    profile: Profile
    steps: tuple[tuple[PlannedItem, ...], ...]
    to_stage: tuple[str, ...]
    templates: dict[str, Template]
    upload_bytes: int
    space_needed: int
    space_free: int
    problems: tuple[SlipwayError, ...]
    warnings: tuple[Finding, ...] = ()

    @property
    def items(self) -> Iterator[PlannedItem]:
        """Every item in order."""
        return (item for step in self.steps for item in step)

    def as_dict(self) -> dict[str, Any]:
        """The stable JSON form (docs/cli.md)."""
        return {
            "profile": self.profile.name,
            "endpoint": self.profile.endpoint,
            "items": [
                {
                    "name": item.name,
                    "address": item.address,
                    "component": item.component.uid,
                    "path": str(item.way),
                    "linked": item.linked,
                    "datastore": item.place.datastore_name if item.place else "",
                    "host": item.place.host_name if item.place else "",
                    "why": item.why,
                }
                for item in self.items
            ],
            "to_stage": list(self.to_stage),
            "upload_bytes": self.upload_bytes,
            "space_needed_bytes": self.space_needed,
            "space_free_bytes": self.space_free,
            "problems": [problem.as_dict() for problem in self.problems],
            "warnings": [{"where": one.where, "what": one.what, "fix": one.fix} for one in self.warnings],
        }

    def refusal(self) -> SlipwayError:
        """The plan's problem, or one error that lists all of them."""
        return self.problems[0] if len(self.problems) == 1 else PlanRefused(self.profile.name, self.problems)

    def check(self, begun: bool = False) -> None:
        """Raise the refusal when there is a problem.

        What is `begun` has taken some of the space already, nobody knows how much: too little is no problem then.
        """
        problems = tuple(one for one in self.problems if not (begun and isinstance(one, NoSpace)))
        if problems:
            raise replace(self, problems=problems).refusal()
