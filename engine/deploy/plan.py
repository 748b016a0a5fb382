"""The plan: what a deployment is going to do, how many bytes travel, and every problem found, before anything
changes.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from engine.cancel import Cancel
from engine.catalog.admission import licence_problems, refusals, signature_problems
from engine.catalog.limits import limits_of
from engine.catalog.nics import normal_mac
from engine.catalog.profiles import Entry, Profile
from engine.catalog.rendering import render_annotation, render_networks, render_properties
from engine.catalog.supply import obstacle
from engine.catalog.variants import in_variant, template_name, variant_of
from engine.deploy.linking import kind_of_clone
from engine.deploy.nics import PlannedNic, macs_in_use, macs_of_entry, taken_macs
from engine.deploy.ours import is_half_made, is_ours, not_ours, vms_around
from engine.deploy.placement import Place, Placer
from engine.deploy.values import declared, given, value_findings
from engine.deploy.variables import variables_for
from engine.errors import BadInput, Conflict, NoSpace, NotFound, PlanRefused, SlipwayError, VSphereFault
from engine.fit import hardware_findings, is_nested, nested_findings
from engine.ova.findings import Finding, Severity
from engine.ova.package import Package
from engine.site import Site
from engine.staging import templates
from engine.staging.templates import Template
from engine.vsphere import vms
from engine.vsphere.clone import declared_property
from engine.vsphere.inventory import find_network
from engine.vsphere.ovf_import import examined, upload_bytes
from engine.vsphere.policies import find_policy
from engine.vsphere.refs import NetworkRef, VmRef
from engine.vsphere.vapps import find_vapp
from engine.vsphere.vms import Vm
from storage import components, settings
from storage.components import Component, Kind

log = logging.getLogger(__name__)


class Way(StrEnum):
    """How a VM comes to be: cloned from a staged template, imported directly, or it is there already."""

    STAGED = "staged"
    DIRECT = "direct"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One VM to make. `component` asks for the variant that the entry wants; `why` says why it is not staged, or no
    linked clone where one is wanted; `properties` are the rendered OVF values by key. `place` is None for a VM that is
    there already.
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


def make_plan(
    site: Site, profile: Profile, password: str, cancel: Cancel, kept: Mapping[str, str] = MappingProxyType({})
) -> Plan:
    """Look at everything the profile needs. Problems are collected, never raised; vCenter's own failures are raised.

    `kept` is VM name -> datastore, as an earlier plan of the same deployment chose it.
    """
    plan = _Planner(site, profile, password, cancel, Placer(site, kept)).plan()
    for one in plan.warnings:
        log.warning("%s: %s; %s", profile.name, one, one.fix)
    return plan


class _Planner:
    """What the items of one plan share: packages opened once, templates and networks looked up once, the problems."""

    def __init__(self, site: Site, profile: Profile, password: str, cancel: Cancel, placer: Placer) -> None:
        self.site = site
        self.placer = placer
        self.cancel = cancel
        self.profile = profile
        self.password = password
        self.problems: list[SlipwayError] = []
        self.warnings: list[Finding] = []
        self.admitted: set[tuple[str, bool]] = set()
        self.carriers: set[NetworkRef] = set()
        self.packages: dict[str, Package | None] = {}
        self.templates: dict[str, Template] = {}
        self.networks: dict[str, NetworkRef | None] = {}
        self.staged: set[str] = set()
        self.macs: dict[str, str] | None = None
        self.policies: dict[str, str] = {}
        self.portgroup = profile.network.portgroup or site.endpoint.network or ""
        self.staging_on = settings.is_on(site.store, settings.FLAG)

    def plan(self) -> Plan:
        self._check_vapp()
        taken = self._vms_there()
        steps = tuple(
            tuple(item for entry in step if (item := self._item(entry, taken))) for step in self.profile.steps
        )
        items = [item for step in steps for item in step]
        staged = {item.template: item for item in items if item.way is Way.STAGED}
        to_stage = {uid: item for uid, item in staged.items() if not self.templates[uid].usable}
        direct = [item for item in items if item.way is Way.DIRECT]
        uploads = [item.package for item in [*to_stage.values(), *direct] if item.package]
        self.problems += self.placer.shortages(self.profile.name)
        return Plan(
            profile=self.profile,
            steps=steps,
            to_stage=tuple(to_stage),
            templates=self.templates,
            upload_bytes=sum(upload_bytes(package) for package in uploads),
            space_needed=self.placer.needed,
            space_free=self.placer.free,
            # One missing file is one problem, however many VMs need it.
            problems=tuple({str(problem): problem for problem in self.problems}.values()),
            warnings=tuple(dict.fromkeys(one for one in self.warnings if one.severity is Severity.WARNING)),
        )

    def _item(self, entry: Entry, taken: dict[str, Vm]) -> PlannedItem | None:
        """The planned item, or None with the reasons among the problems."""
        self.cancel.check()
        before = len(self.problems)
        name = entry.vm_name(self.profile.domain)
        component = self._component(entry.component_uid)
        default = self._network(self.portgroup)
        if component is None:
            return None
        component = in_variant(component, entry.deployment, entry.disk_provisioning)
        there = taken.get(name.casefold())
        if there and not is_ours(self.site, there, name, component):
            self.problems.append(not_ours(there))
        made = there is not None and not is_half_made(there)
        template = self._template(component)
        package = self._package(component)
        properties, portgroups, annotation = self._rendered(entry, component)
        properties = self._checked(entry, component, properties, package, template)
        way, why = self._way(component, template, package, properties)
        linked = False
        sent = not made and (way is Way.DIRECT or not (template and template.usable))
        self._admit(component, package, sent)
        if way is Way.STAGED and template and not made:
            linked, why = self._linked(entry, package, template)
        why_not = obstacle(component)
        if why_not and not (way is Way.STAGED and template and template.usable):
            self.problems.append(BadInput("cannot deploy", on=component.uid, why=why_not))
        networks = self._mapped(name, portgroups, entry, component, package)
        nics = self._nics(entry, name)
        policy = self._policy(entry)
        self._check_disks(entry, component, package)
        if len(self.problems) > before or default is None or (package is None and way is Way.DIRECT):
            return None
        item = PlannedItem(
            entry=entry,
            name=name,
            address=str(self.profile.address(entry)),
            component=component,
            package=package,
            way=Way.SKIPPED if made else way,
            why="it is there already" if made else why,
            properties=properties,
            network=default,
            networks={ovf_name: network for ovf_name, network in networks.items() if network},
            annotation=annotation,
            there=there,
            linked=linked,
            nics=nics,
            policy=policy,
        )
        return item if item.way is Way.SKIPPED else self._placed(item)

    def _placed(self, item: PlannedItem) -> PlannedItem | None:
        """The item with its place, whose room it takes; a template that is staged for it takes some first."""
        uid = item.template
        if item.way is Way.STAGED and not self.templates[uid].usable and uid not in self.staged:
            self.staged.add(uid)
            self.placer.take_template(self._space(item))
        try:
            networks = {item.network, *item.networks.values(), *(nic.network for nic in item.nics if nic.network)}
            place = self.placer.place(item.entry, item.name, networks)
            self._check_nested(item, networks)
        except (BadInput, NotFound, VSphereFault) as error:
            self.problems.append(error)
            return None
        self.placer.take(place, 0 if item.linked else self._space(item))
        return replace(item, place=place)

    def _nics(self, entry: Entry, name: str) -> tuple[PlannedNic, ...]:
        if macs_of_entry(entry):
            if self.macs is None:
                self.macs = macs_in_use(self.site)
            self.problems += taken_macs(entry, name, self.macs)
        return tuple(
            PlannedNic(
                network=self._network(nic.network) if nic.network else None,
                kind=nic.type or "",
                mac=normal_mac(nic.mac or ""),
            )
            for nic in entry.nics
        )

    def _policy(self, entry: Entry) -> str:
        """The id of the storage policy that the entry names."""
        name = entry.storage_policy
        if name is not None and name not in self.policies:
            self.policies[name] = ""
            try:
                self.policies[name] = find_policy(self.site.session, name)
            except NotFound as error:
                self.problems.append(error)
        return self.policies[name] if name is not None else ""

    def _check_nested(self, item: PlannedItem, networks: Iterable[NetworkRef]) -> None:
        if item.component.type == "esxi" or (item.package and is_nested(item.package)):
            new = [network for network in networks if network not in self.carriers]
            self.carriers.update(new)
            self.warnings += nested_findings(self.site, new)

    def _linked(self, entry: Entry, package: Package | None, template: Template) -> tuple[bool, str]:
        try:
            return kind_of_clone(self.site, entry, package, template)
        except BadInput as error:
            self.problems.append(error)
            return False, ""

    def _way(
        self, component: Component, template: Template | None, package: Package | None, properties: Mapping[str, str]
    ) -> tuple[Way, str]:
        if not self.staging_on:
            return Way.DIRECT, f"{settings.FLAG} is off"
        if component.kind is not Kind.L1:
            return Way.DIRECT, f"{component.kind} components are not staged"
        if template and not template.usable and template.state not in ("absent", "staging", "outdated"):
            return Way.DIRECT, f"the template is {template.state}: {template.why}"
        if package and (sizing := package.descriptor.sizing(properties)):
            return Way.DIRECT, f"the property {sizing} sizes a disk, and a clone's disks are those of its template"
        return Way.STAGED, ""

    def _component(self, uid: str) -> Component | None:
        try:
            component = components.get(self.site.store, uid)
        except NotFound as error:
            self.problems.append(error)
            return None
        if not component.enabled:
            self.problems.append(
                Conflict(
                    "cannot deploy", on=uid, why="the component is disabled", fix=f"slipway component enable {uid}"
                )
            )
        else:
            return component
        return None

    def _package(self, component: Component) -> Package | None:
        name = template_name(component)
        if name not in self.packages:
            self.packages[name] = None
            if component.ova_path and not obstacle(component):
                found = examined(component, limits_of(self.site.store))
                self.problems += found.errors
                self.warnings += found.findings
                self.packages[name] = None if found.errors else found.package
        return self.packages[name]

    def _admit(self, component: Component, package: Package | None, sent: bool) -> None:
        """Its licence accepted; if it is sent there, its signature as the endpoint asks, and hardware that fits it."""
        asked = template_name(component), sent
        if package is None or asked in self.admitted:
            return
        found = licence_problems(component, package)
        if sent:
            found += signature_problems(self.site.store, self.site.endpoint, package)
            found += tuple(hardware_findings(self.site, package))
        self.admitted.add(asked)
        self.warnings += found
        self.problems += refusals(found)

    def _template(self, component: Component) -> Template | None:
        if not self.staging_on or component.kind is not Kind.L1:
            return None
        name = template_name(component)
        if name not in self.templates:
            self.templates[name] = templates.look(self.site, name, component, self._package(component))
        return self.templates[name]

    def _network(self, name: str) -> NetworkRef | None:
        if name not in self.networks:
            self.networks[name] = None
            try:
                if not name:
                    raise BadInput(
                        "no portgroup for",
                        on=self.profile.name,
                        why="neither the profile nor the endpoint names one",
                        fix="set network.portgroup in the profile",
                    )
                self.networks[name] = find_network(self.site.session, self.site.target.datacenter, name)
            except (BadInput, NotFound) as error:
                self.problems.append(error)
        return self.networks[name]

    def _rendered(self, entry: Entry, component: Component) -> tuple[dict[str, str], dict[str, str], str]:
        """The component's property values, its networks' portgroups and its annotation, rendered for this VM."""
        try:
            variables = variables_for(self.site.store, self.profile, self.portgroup, entry, component, self.password)
            values = render_properties(component, variables, entry.properties)
            return values, render_networks(component, variables), render_annotation(component, variables)
        except BadInput as error:
            self.problems.append(error)
            return {}, {}, ""

    def _checked(
        self,
        entry: Entry,
        component: Component,
        values: dict[str, str],
        package: Package | None,
        template: Template | None,
    ) -> dict[str, str]:
        """The values by the OVF's whole keys, checked against their types."""
        if package is None:
            if template and template.ref:
                self._check_against_template(entry.vm_name(self.profile.domain), values, template.ref)
            return values
        descriptor = package.descriptor
        found = tuple(value_findings(self.profile, entry, component, descriptor, values))
        self.warnings += found
        self.problems += refusals(found)
        values = given(descriptor, values)
        return {prop.key if (prop := declared(descriptor, key)) else key: value for key, value in values.items()}

    def _check_against_template(self, name: str, values: dict[str, str], template: VmRef) -> None:
        properties = vms.details(self.site.session, template).properties
        for key in values:
            if declared_property(properties, key) is None:
                why = "the template does not declare it"
                self.problems.append(BadInput("unknown property", on=f"{name}: {key}", why=why))

    def _mapped(
        self, name: str, portgroups: dict[str, str], entry: Entry, component: Component, package: Package | None
    ) -> dict[str, NetworkRef | None]:
        """The networks by the OVF's names for them: the profile's, else the component's `portgroups`. As with govc, a
        name that the OVF does not have means nothing in a component, nor does an empty portgroup.
        """
        wanted = {ovf_name: portgroup for ovf_name, portgroup in portgroups.items() if portgroup} | dict(entry.networks)
        if package is None:
            if set(wanted.values()) - {self.portgroup}:
                why = "its OVA is needed to tell its network adapters apart"
                fix = f"slipway component set-file {component.uid} OVA"
                self.problems.append(BadInput("cannot map the networks of", on=name, why=why, fix=fix))
            return {}
        known = [network.name for network in package.descriptor.networks]
        if unknown := ", ".join(portgroups.keys() - known):
            log.info("%s: NetworkMapping names %s, which %s does not have", component.uid, unknown, package.name)
        for ovf_name in entry.networks:
            if ovf_name not in known:
                self.problems.append(
                    BadInput(
                        "unknown network",
                        on=f"{name}: {ovf_name}",
                        why=f"{package.name} has {', '.join(known) or 'none'}",
                    )
                )
        return {ovf_name: self._network(wanted[ovf_name]) for ovf_name in known if ovf_name in wanted}

    def _check_disks(self, entry: Entry, component: Component, package: Package | None) -> None:
        if package is None:
            return
        for index, size in enumerate(entry.vdisks):
            disks = package.descriptor.machine_disks()
            if index + 1 < len(disks) and disks[index + 1].capacity_bytes > size << 30:
                has = disks[index + 1].capacity_bytes / (1 << 30)
                on = f"{entry.vm_name(self.profile.domain)}: vdisks[{index}]"
                why = f"Hard disk {index + 2} of {component.uid} has {has:g} GiB, {size} were asked; disks only grow"
                self.problems.append(BadInput("cannot size", on=on, why=why))

    def _check_vapp(self) -> None:
        if self.profile.vapp and not self.site.drs:
            self.problems.append(
                BadInput(
                    "cannot make the vApp",
                    on=self.profile.vapp,
                    why="the cluster has DRS off, and vApps need it",
                    fix="turn on DRS, or leave vapp: out of the profile",
                )
            )

    def _vms_there(self) -> dict[str, Vm]:
        """The VMs whose names the profile's must not have."""
        vapp = find_vapp(self.site.session, self.site.target, self.profile.vapp) if self.profile.vapp else None
        return vms_around(self.site, vapp)

    def _space(self, item: PlannedItem) -> int:
        """Bytes that the item's disks take: populated size for thin ones, capacity otherwise, the archive's size
        where nothing else is known.
        """
        if item.package is None:
            return self.templates[item.template].size_bytes
        disks = item.package.descriptor.machine_disks()
        if variant_of(item.component).provisioning:
            return sum(disk.capacity_bytes for disk in disks)
        return max(sum(disk.populated_bytes or 0 for disk in disks), upload_bytes(item.package))
