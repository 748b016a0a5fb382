"""Checking a file before anybody stages or deploys it: by itself, for a profile, on an endpoint."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from engine.cancel import Cancel
from engine.catalog.admission import licence_problems, signature_findings, signature_problems
from engine.catalog.limits import limits_of
from engine.catalog.profiles import Entry, Profile
from engine.catalog.rendering import render_networks, render_properties
from engine.catalog.variants import in_variant, variant_of
from engine.deploy.values import by_key, value_findings
from engine.deploy.variables import read_password, variables_for
from engine.errors import BadInput, BadPackage, NotFound, SlipwayError
from engine.fit import hardware_findings, is_nested, nested_findings, space_findings
from engine.ova.check import compare_digests, digest_bytes, examine, findings_of
from engine.ova.findings import Finding, worst_first
from engine.ova.integrity import listed
from engine.ova.package import Package
from engine.ova.whole import without_default
from engine.progress import Watcher
from engine.site import Site, open_site
from engine.vsphere.inventory import find_network
from engine.vsphere.refs import NetworkRef
from storage import components, endpoints
from storage.components import Component
from storage.nearest import suggestion
from storage.store import Store


@dataclass(frozen=True, slots=True)
class _Use:
    """A VM of the profile that is made from the file, with what it gives the OVF."""

    entry: Entry
    component: Component
    package: Package
    values: dict[str, str]
    portgroups: tuple[str, ...]


def check_file(
    store: Store, path: Path, profile: Profile | None, endpoint: str, cancel: Cancel, watcher: Watcher
) -> tuple[Finding, ...]:
    """Everything that can be found without sending a byte, the worst first; `endpoint` is "" for none in particular.

    Raises Cancelled, NotFound for an endpoint that the store does not have; one that cannot be asked is a finding.
    """
    there = endpoints.get(store, endpoint) if endpoint else None
    examined = examine(path, limits_of(store), cancel=cancel)
    package = examined.package
    if package is None:
        return examined.findings
    found = list(examined.findings)
    uses: list[_Use] = []
    if profile is None:
        found += without_default(package.descriptor, package.descriptor_name)
    else:
        # As in the plan, the endpoint's portgroup is meant where the profile names none.
        own = profile.network.portgroup or (there.network if there else None) or ""
        uses, lacking = _uses(store, profile, package, own)
        found += lacking
        for use in _different(uses):
            found += findings_of(use.package)
        for use in uses:
            found += licence_problems(use.component, package)
            found += _unknown_networks(profile, use)
            found += value_findings(profile, use.entry, use.component, use.package.descriptor, use.values)
    if there is not None:
        found += signature_problems(store, there, package)
        try:
            with open_site(store, endpoint) as site:
                found += _on_endpoint(site, package, uses)
        except SlipwayError as error:
            found.append(_failed(f"endpoint {endpoint}", error))
    else:
        found += signature_findings(store, package)
    if size := digest_bytes(package):
        watcher.began(path.name, "comparing digests")
        watcher.expects(path.name, size)
    found += compare_digests(package, cancel, lambda count: watcher.sent(path.name, count))
    return worst_first(dict.fromkeys(found))


def _uses(store: Store, profile: Profile, package: Package, own: str) -> tuple[list[_Use], list[Finding]]:
    """The VMs that are made from the package, on the portgroup `own` where nothing else is said, and what keeps one
    from being looked at.
    """
    uses: list[_Use] = []
    found: list[Finding] = []
    where = f"profile {profile.name}"
    try:
        password = read_password(store, profile.password)
    except (BadInput, NotFound) as error:
        return [], [_failed(where, error)]
    is_used = False
    for entry in (entry for step in profile.steps for entry in step):
        try:
            component = in_variant(
                components.get(store, entry.component_uid), entry.deployment, entry.disk_provisioning
            )
            if _is_made_from(component, package):
                is_used = True
                uses.append(_use(store, profile, entry, component, package, own, password))
        except (BadInput, BadPackage, NotFound) as error:
            found.append(_failed(f"{where}: {entry.hostname}", error))
    if not is_used:
        what = f"has no VM of a component whose file is {package.path.name}"
        found.append(Finding.error(where, what, f"slipway component set-file UID {package.path}"))
    return uses, found


def _use(
    store: Store, profile: Profile, entry: Entry, component: Component, package: Package, own: str, password: str
) -> _Use:
    variables = variables_for(store, profile, own, entry, component, password)
    option = variant_of(component).option
    known = {network.name for network in package.descriptor.networks}
    # As in the plan, a network that the OVF does not have means nothing in a component.
    mapped = [portgroup for name, portgroup in render_networks(component, variables).items() if name in known]
    named = (own, *mapped, *entry.networks.values())
    descriptor = package.in_option(option) if option else package.descriptor
    values = render_properties(component, variables, entry.properties)
    return _Use(
        entry,
        component,
        replace(package, descriptor=descriptor.sized(by_key(descriptor, values))),
        values,
        tuple(dict.fromkeys(name for name in (*named, *(nic.network for nic in entry.nics)) if name)),
    )


def _is_made_from(component: Component, package: Package) -> bool:
    """By the file it has; one that has none yet by the name of its download."""
    if component.ova_path:
        with suppress(OSError):
            return package.path.samefile(component.ova_path)
    return component.download_file.rpartition("/")[2] == package.path.name


def _different(uses: list[_Use]) -> Iterable[_Use]:
    """One of those each that have the same hardware and disks."""

    def kind(use: _Use) -> object:
        return use.package.descriptor.option, use.package.descriptor.disks, _provisioning(use)

    return {kind(use): use for use in uses}.values()


def _provisioning(use: _Use) -> str:
    return variant_of(use.component).provisioning


def _unknown_networks(profile: Profile, use: _Use) -> Iterator[Finding]:
    known = [network.name for network in use.package.descriptor.networks]
    for name in use.entry.networks:
        if name not in known:
            where = f"profile {profile.name}: {use.entry.hostname}'s networks.{name}"
            what = f"is unknown to the OVF, which has {listed(known) or 'none'}"
            yield Finding.error(where, what, suggestion(name, known) or "correct its name")


def _on_endpoint(site: Site, package: Package, uses: list[_Use]) -> Iterator[Finding]:
    networks: list[NetworkRef] = [] if site.target.network is None else [site.target.network]
    names = tuple(dict.fromkeys(name for use in uses for name in use.portgroups))
    if names:
        networks = []
    elif not networks and package.descriptor.networks:
        fix = f"name it in each profile, or: slipway endpoint update {site.endpoint.name} --network PORTGROUP"
        yield Finding.warning(f"endpoint {site.endpoint.name}", "names no portgroup for the OVF's networks", fix)
    for name in names:
        try:
            networks.append(find_network(site.session, site.target.datacenter, name))
        except (BadInput, NotFound) as error:
            yield _failed(f"endpoint {site.endpoint.name}", error)
    asked = [(use.package, _provisioning(use)) for use in _different(uses)]
    for wanted, provisioning in asked or [(package, "")]:
        yield from hardware_findings(site, wanted)
        with suppress(BadPackage):  # a compressed file that cannot be expanded is among the file's own findings
            yield from space_findings(site, wanted, provisioning)
    if is_nested(package) or any(use.component.type == "esxi" for use in uses):
        yield from nested_findings(site, networks)


def _failed(where: str, error: SlipwayError) -> Finding:
    what = f"{error.what} {error.on}".strip()
    return Finding.error(where, f"{what}: {error.why}" if error.why else what, error.fix)
