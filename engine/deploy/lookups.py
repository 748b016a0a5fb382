"""What the entries of one plan name, each looked up once, and what is found wrong on the way."""

from collections.abc import Iterable

from engine.catalog.admission import refusals
from engine.catalog.limits import limits_of
from engine.catalog.supply import obstacle
from engine.catalog.variants import template_name
from engine.deploy.linking import Base, base_of_template
from engine.deploy.nics import macs_in_use
from engine.errors import BadInput, Conflict, NotFound, SlipwayError
from engine.ova.findings import Finding
from engine.ova.package import Package
from engine.site import Site
from engine.staging import templates
from engine.staging.templates import Template
from engine.vsphere import vms
from engine.vsphere.inventory import find_network
from engine.vsphere.ovf_import import examined
from engine.vsphere.policies import find_policy
from engine.vsphere.refs import NetworkRef
from engine.vsphere.vms import Details
from storage import components, settings
from storage.components import Component, Kind


class Lookups:
    """Everything is asked of store, package or vCenter when an entry first needs it, and its problem told once.

    `problems` and `warnings` are those of the whole plan.
    """

    def __init__(self, site: Site) -> None:
        self.problems: list[SlipwayError] = []
        self.warnings: list[Finding] = []
        self.templates: dict[str, Template] = {}
        self.staging_on = settings.is_on(site.store, settings.FLAG)
        self._site = site
        self._packages: dict[str, Package | None] = {}
        self._machines: dict[str, Details] = {}
        self._bases: dict[str, Base] = {}
        self._networks: dict[str, NetworkRef | None] = {}
        self._policies: dict[str, str] = {}
        self._macs: dict[str, str] | None = None

    def take(self, found: Iterable[Finding]) -> None:
        """Keep the findings; the errors among them are problems."""
        found = tuple(found)
        self.warnings += found
        self.problems += refusals(found)

    def component(self, uid: str) -> Component | None:
        """The component of that uid, if it may be deployed."""
        try:
            component = components.get(self._site.store, uid)
        except NotFound as error:
            self.problems.append(error)
            return None
        if component.enabled:
            return component
        fix = f"slipway component enable {uid}"
        self.problems.append(Conflict("cannot deploy", on=uid, why="the component is disabled", fix=fix))
        return None

    def package(self, component: Component) -> Package | None:
        """Its package in the variant that it asks for, None when there is none or it cannot be used."""
        name = template_name(component)
        if name not in self._packages:
            self._packages[name] = None
            if component.ova_path and not obstacle(component):
                found = examined(component, limits_of(self._site.store))
                self.problems += found.errors
                self.warnings += found.findings
                self._packages[name] = None if found.errors else found.package
        return self._packages[name]

    def template(self, component: Component) -> Template | None:
        """Its template in the variant that it asks for, None for what is not staged."""
        if not self.staging_on or component.kind is not Kind.L1:
            return None
        name = template_name(component)
        if name not in self.templates:
            self.templates[name] = templates.look(self._site, name, component, self.package(component))
        return self.templates[name]

    def machine(self, template: Template) -> Details | None:
        """The hardware and properties of a template that may be cloned."""
        if template.ref is None or not template.usable:
            return None
        if template.uid not in self._machines:
            self._machines[template.uid] = vms.details(self._site.session, template.ref)
        return self._machines[template.uid]

    def base(self, template: Template) -> Base | None:
        """What linked clones of a template that may be cloned stand on."""
        machine = self.machine(template)
        if machine is not None and template.uid not in self._bases:
            self._bases[template.uid] = base_of_template(self._site.session, machine)
        return self._bases.get(template.uid)

    def network(self, name: str, profile: str) -> NetworkRef | None:
        """The portgroup of that name, for the profile of that name."""
        if name not in self._networks:
            self._networks[name] = None
            try:
                if not name:
                    raise BadInput(
                        "no portgroup for",
                        on=profile,
                        why="neither the profile nor the endpoint names one",
                        fix="set network.portgroup in the profile",
                    )
                self._networks[name] = find_network(self._site.session, self._site.target.datacenter, name)
            except (BadInput, NotFound) as error:
                self.problems.append(error)
        return self._networks[name]

    def policy(self, name: str | None) -> str:
        """The id of the storage policy of that name, "" for none."""
        if name is None:
            return ""
        if name not in self._policies:
            self._policies[name] = ""
            try:
                self._policies[name] = find_policy(self._site.session, name)
            except NotFound as error:
                self.problems.append(error)
        return self._policies[name]

    @property
    def macs(self) -> dict[str, str]:
        """MAC address -> the VM of ours that has it."""
        if self._macs is None:
            self._macs = macs_in_use(self._site)
        return self._macs
