"""Making the plan: every entry of a profile against catalog, packages and vCenter. Nothing is changed."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from engine.cancel import Cancel
from engine.catalog.admission import licence_problems, signature_problems
from engine.catalog.nics import normal_mac
from engine.catalog.profiles import Entry, Profile
from engine.catalog.rendering import render_annotation, render_networks, render_properties
from engine.catalog.supply import obstacle
from engine.catalog.variants import in_variant, is_thick, template_name, variant_of
from engine.deploy import linking
from engine.deploy.linking import Base
from engine.deploy.lookups import Lookups
from engine.deploy.nics import PlannedNic, macs_of_entry, taken_macs
from engine.deploy.ours import is_half_made, is_ours, not_ours, vms_around
from engine.deploy.placement import Place, Placer
from engine.deploy.plan import Plan, PlannedItem, Way
from engine.deploy.values import by_key, value_findings
from engine.deploy.variables import variables_for
from engine.errors import BadInput, NotFound, VSphereFault
from engine.fit import disk_bytes, hardware_findings, is_nested, nested_findings
from engine.ova.findings import Severity
from engine.ova.package import Package
from engine.site import Site
from engine.staging.templates import Template
from engine.vsphere.clone import declared_property
from engine.vsphere.ovf_import import upload_bytes
from engine.vsphere.refs import DatastoreRef, NetworkRef
from engine.vsphere.vapps import find_vapp
from engine.vsphere.vms import Vm
from storage import settings
from storage.components import Component, Kind

log = logging.getLogger(__name__)


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
    """Goes through the entries of one profile in their order."""

    def __init__(self, site: Site, profile: Profile, password: str, cancel: Cancel, placer: Placer) -> None:
        self.site = site
        self.profile = profile
        self.password = password
        self.cancel = cancel
        self.placer = placer
        self.lookups = Lookups(site)
        self.problems = self.lookups.problems
        self.admitted: set[tuple[str, bool]] = set()
        self.carriers: set[NetworkRef] = set()
        self.staged: dict[str, DatastoreRef] = {}
        self.portgroup = profile.network.portgroup or site.endpoint.network or ""

    def plan(self) -> Plan:
        self._check_vapp()
        taken = self._vms_there()
        steps = tuple(
            tuple(item for entry in step if (item := self._item(entry, taken))) for step in self.profile.steps
        )
        items = [item for step in steps for item in step]
        templates = self.lookups.templates
        staged = {item.template: item for item in items if item.way is Way.STAGED}
        to_stage = {uid: item for uid, item in staged.items() if not templates[uid].usable}
        direct = [item for item in items if item.way is Way.DIRECT]
        uploads = [item.package for item in [*to_stage.values(), *direct] if item.package]
        self.problems += self.placer.shortages(self.profile.name)
        return Plan(
            profile=self.profile,
            steps=steps,
            to_stage=tuple(to_stage),
            templates=templates,
            upload_bytes=sum(upload_bytes(package) for package in uploads),
            space_needed=self.placer.needed,
            space_free=self.placer.free,
            # One missing file is one problem, however many VMs need it.
            problems=tuple({str(problem): problem for problem in self.problems}.values()),
            warnings=tuple(dict.fromkeys(one for one in self.lookups.warnings if one.severity is Severity.WARNING)),
        )

    def _item(self, entry: Entry, taken: dict[str, Vm]) -> PlannedItem | None:
        """The planned item, or None with the reasons among the problems."""
        self.cancel.check()
        before = len(self.problems)
        name = entry.vm_name(self.profile.domain)
        component = self.lookups.component(entry.component_uid)
        default = self._network(self.portgroup)
        if component is None:
            return None
        component = in_variant(component, entry.deployment, entry.disk_provisioning)
        there = taken.get(name.casefold())
        if there and not is_ours(self.site, there, name, component):
            self.problems.append(not_ours(there))
        made = there is not None and not is_half_made(there)
        template = self.lookups.template(component)
        package = self.lookups.package(component)
        properties, portgroups, annotation = self._rendered(entry, component)
        properties = self._checked(entry, component, properties, package, template)
        way, why = self._way(component, template, package, properties)
        if package is not None:
            package = replace(package, descriptor=package.descriptor.sized(properties))
        linked = False
        if not made:
            self._admit(component, package, way, template)
            linked, why = self._linked(entry, package, template) if way is Way.STAGED and template else (False, why)
        networks = self._mapped(name, portgroups, entry, component, package)
        nics = self._nics(entry, name)
        policy = self.lookups.policy(entry.storage_policy)
        self._check_disks(entry, component, self._capacities(package, template))
        if len(self.problems) > before or default is None or (package is None and way is Way.DIRECT and not made):
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

    def _way(
        self, component: Component, template: Template | None, package: Package | None, properties: Mapping[str, str]
    ) -> tuple[Way, str]:
        if not self.lookups.staging_on:
            return Way.DIRECT, f"{settings.FLAG} is off"
        if component.kind is not Kind.L1:
            return Way.DIRECT, f"{component.kind} components are not staged"
        if template and not template.usable and template.state not in ("absent", "staging", "outdated"):
            return Way.DIRECT, f"the template is {template.state}: {template.why}"
        if package and (sizing := package.descriptor.sizing(properties)):
            return Way.DIRECT, f"the property {sizing} sizes a disk, and a clone's disks are those of its template"
        return Way.STAGED, ""

    def _admit(self, component: Component, package: Package | None, way: Way, template: Template | None) -> None:
        """There is an OVA where one is sent, its licence is accepted; what is sent has a signature as the endpoint
        asks for it, and hardware that fits.
        """
        sent = way is Way.DIRECT or not (template and template.usable)
        if sent and (why_not := obstacle(component)):
            self.problems.append(BadInput("cannot deploy", on=component.uid, why=why_not))
        asked = template_name(component), sent
        if package is None or asked in self.admitted:
            return
        self.admitted.add(asked)
        self.lookups.take(licence_problems(component, package))
        if sent:
            self.lookups.take(signature_problems(self.site.store, self.site.endpoint, package))
            self.lookups.take(hardware_findings(self.site, package))

    # Where it goes

    def _placed(self, item: PlannedItem) -> PlannedItem | None:
        """The item with its place, whose room it takes; a template that is staged for it takes some first."""
        uid = item.template
        networks = {item.network, *item.networks.values(), *(nic.network for nic in item.nics if nic.network)}
        try:
            if item.way is Way.STAGED and not self.lookups.templates[uid].usable and uid not in self.staged:
                self.staged[uid] = self.placer.take_template(uid, self._space(item))
            item, place = self._place(item, networks)
            self._check_nested(item, networks)
        except (BadInput, NotFound, VSphereFault) as error:
            self.problems.append(error)
            return None
        self.placer.take(place, 0 if item.linked else self._space(item) + _growth(item))
        return replace(item, place=place)

    def _place(self, item: PlannedItem, networks: Collection[NetworkRef]) -> tuple[PlannedItem, Place]:
        """A linked clone goes where its template's disks are seen; where that cannot be, and the entry does not insist,
        it is a full one.
        """
        if item.linked:
            try:
                return item, self.placer.place(item.entry, item.name, networks, self._lies_on(item))
            except BadInput as error:
                if item.entry.linked:
                    raise
                item = replace(item, linked=False, why=f"full clone: {error.why}")
        return item, self.placer.place(item.entry, item.name, networks)

    def _lies_on(self, item: PlannedItem) -> Collection[DatastoreRef]:
        """The datastores of the item's template."""
        base = self.lookups.base(self.lookups.templates[item.template])
        return base.datastores if base is not None else (self.staged[item.template],)

    def _space(self, item: PlannedItem) -> int:
        """Bytes that the item's disks take, those of its template where nothing else is known."""
        if item.package is None:
            return self.lookups.templates[item.template].size_bytes
        return disk_bytes(item.package, variant_of(item.component).provisioning)

    def _linked(self, entry: Entry, package: Package | None, template: Template) -> tuple[bool, str]:
        """Whether the VM is to be a linked clone, and why not where one is wanted: by the entry, else by the endpoint.
        A template that is yet to be staged gets its snapshot.
        """
        if not (self.site.endpoint.linked_clones if entry.linked is None else entry.linked):
            return False, ""
        base = self.lookups.base(template) or Base(self._capacities(package, template), frozenset())
        why = linking.why_full(entry, base)
        if why and entry.linked:
            self.problems.append(linking.refusal(entry, template.uid, why))
            return False, ""
        return not why, f"full clone: {why}" if why else ""

    # What it is given

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
            self._check_against_template(entry.vm_name(self.profile.domain), values, template)
            return values
        descriptor = package.descriptor
        self.lookups.take(value_findings(self.profile, entry, component, descriptor, values))
        return by_key(descriptor, values)

    def _check_against_template(self, name: str, values: Mapping[str, str], template: Template | None) -> None:
        machine = self.lookups.machine(template) if template else None
        for key in values if machine else ():
            if machine and declared_property(machine.properties, key) is None:
                why = "the template does not declare it"
                self.problems.append(BadInput("unknown property", on=f"{name}: {key}", why=why))

    def _network(self, name: str) -> NetworkRef | None:
        return self.lookups.network(name, self.profile.name)

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
                why = f"{package.name} has {', '.join(known) or 'none'}"
                self.problems.append(BadInput("unknown network", on=f"{name}: {ovf_name}", why=why))
        return {ovf_name: self._network(wanted[ovf_name]) for ovf_name in known if ovf_name in wanted}

    def _nics(self, entry: Entry, name: str) -> tuple[PlannedNic, ...]:
        if macs_of_entry(entry):
            self.problems += taken_macs(entry, name, self.lookups.macs)
        return tuple(
            PlannedNic(
                network=self._network(nic.network) if nic.network else None,
                kind=nic.type or "",
                mac=normal_mac(nic.mac or ""),
            )
            for nic in entry.nics
        )

    # What would fail later

    def _capacities(self, package: Package | None, template: Template | None) -> tuple[int, ...]:
        """Of the disks that the VM comes with, in bytes."""
        if package is not None:
            return tuple(disk.capacity_bytes for disk in package.descriptor.machine_disks())
        machine = self.lookups.machine(template) if template else None
        return tuple(disk.capacityInKB << 10 for disk in machine.disks) if machine else ()

    def _check_disks(self, entry: Entry, component: Component, capacities: Sequence[int]) -> None:
        for index, (size, capacity) in enumerate(zip(entry.vdisks, capacities[1:], strict=False)):
            if capacity > size << 30:
                on = f"{entry.vm_name(self.profile.domain)}: vdisks[{index}]"
                has = f"Hard disk {index + 2} of {component.uid} has {capacity / (1 << 30):g} GiB"
                why = f"{has}, {size} were asked; disks only grow"
                self.problems.append(BadInput("cannot size", on=on, why=why))

    def _check_nested(self, item: PlannedItem, networks: Collection[NetworkRef]) -> None:
        if item.component.type == "esxi" or (item.package and is_nested(item.package)):
            new = [network for network in networks if network not in self.carriers]
            self.carriers.update(new)
            self.lookups.take(nested_findings(self.site, new))

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


def _growth(item: PlannedItem) -> int:
    """Bytes that `vdisks` add to disks which take their room in full; grown and added thin ones take none yet."""
    if item.package is None or not is_thick(variant_of(item.component).provisioning):
        return 0
    disks = item.package.descriptor.machine_disks()[1:]
    return sum(max(0, (size << 30) - disk.capacity_bytes) for size, disk in zip(item.entry.vdisks, disks, strict=False))
