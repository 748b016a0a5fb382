"""Whether a package fits the endpoint: hardware version, guest, devices, room, and what a nested ESXi needs of its
portgroups. Reads only.
"""

from collections.abc import Iterable, Iterator

from engine.catalog.variants import is_thick
from engine.errors import Gone, NotPermitted, VSphereFault
from engine.ova.descriptor import Descriptor
from engine.ova.findings import Finding, place
from engine.ova.hardware import Hardware
from engine.ova.package import Package
from engine.site import Site
from engine.vsphere import config_options, datastores, portgroups
from engine.vsphere.ovf_import import upload_bytes
from engine.vsphere.portgroups import Portgroup
from engine.vsphere.refs import NetworkRef, moid

_LEARN = "turn on MAC learning and forged transmits for it, or promiscuous mode and forged transmits"


def hardware_findings(site: Site, package: Package) -> Iterator[Finding]:
    """Its hardware version, guest and devices against what the endpoint's hosts can run."""
    descriptor = package.descriptor
    hardware = descriptor.hardware
    where = place(package.descriptor_name, *_system(descriptor))
    versions = config_options.creatable_versions(site.session, site.target)
    if not versions:
        yield Finding.note(f"endpoint {site.endpoint.name}", "does not say which hardware its hosts can run")
        return
    wanted = config_options.hardware_versions(hardware.virtual_system_type)
    usable = [version for version in wanted if version in versions]
    if hardware.virtual_system_type and not usable:
        newest = max(versions)
        what = f"is made for {hardware.virtual_system_type}; the hosts of {site.endpoint.name} make "
        what += f"vmx-{min(versions)} to vmx-{newest}"
        fix = f"upgrade the hosts, or get it for vmx-{newest} or older" if wanted else "get it for vSphere (vmx-N)"
        yield Finding.error(where, what, fix)
        return
    version = max(usable, default=max(versions))
    yield from _runnable(site, hardware, versions[version], package.descriptor_name, where)


def _runnable(site: Site, hardware: Hardware, key: str, file: str, where: str) -> Iterator[Finding]:
    guest = _guest(hardware)
    found = config_options.runnable(site.session, site.target, key, guest)
    if not (found.guests or found.devices):
        yield Finding.note(f"endpoint {site.endpoint.name}", "does not say which guests and devices its hosts can run")
        return
    if guest and found.guests and guest not in found.guests:
        what = f"has the guest system {guest}, which {site.endpoint.name} does not know: vCenter takes another for it"
        yield Finding.warning(where, what, "look at the VM's guest system before it is powered on")
    for line, name, subtype in _devices(hardware):
        kind = config_options.device_type(subtype)
        if kind and found.devices and kind not in found.devices:
            what = f"is a {subtype}, which {key} does not have: vCenter refuses or replaces it"
            yield Finding.warning(place(file, line, name), what, "get it for a newer hardware version")


def nested_findings(site: Site, networks: Iterable[NetworkRef]) -> Iterator[Finding]:
    """What keeps the network of VMs inside a nested ESXi from working: one warning for each portgroup."""
    for network in networks:
        try:
            portgroup = portgroups.look_at(site.session, site.target, network)
        except (Gone, NotPermitted, VSphereFault) as error:
            yield Finding.note(f"network {moid(network)}", f"cannot be looked at for a nested ESXi: {error.why}")
            continue
        where = f"portgroup {portgroup.name}"
        if not portgroup.known:
            what = "is to carry a nested ESXi, and vCenter does not say whether it learns MAC addresses"
            yield Finding.note(where, what, "look at its MAC discovery profile in NSX, or at the hosts")
        elif not portgroup.carries_nested:
            yield Finding.warning(where, _blind(portgroup), _how_to_open(portgroup))


def is_nested(package: Package) -> bool:
    """Whether the OVA itself says that VMs run inside it."""
    hardware = package.descriptor.hardware
    return _guest(hardware).startswith("vmkernel") or any(
        one.key == "nestedHVEnabled" and one.value.lower() == "true" for one in hardware.config
    )


def space_findings(site: Site, package: Package, provisioning: str = "") -> Iterator[Finding]:
    """Its disks, provisioned so ("" = thin) and in full, against the free space of the endpoint's datastore, or of the
    best of a cluster. Raises BadPackage for a compressed file that cannot be expanded.
    """
    stores = datastores.look_at(site.session, site.target.datastores)
    best = datastores.with_most_room(stores, {})
    if best is None:
        told = "; ".join(f"{one.name}: {one.why_not}" for one in stores)
        yield Finding.error(f"datastore {site.endpoint.datastore}", f"takes no VM ({told})", "name another datastore")
        return
    thin, thick = disk_bytes(package, ""), disk_bytes(package, "thick")
    where, free = f"datastore {best.name}", best.free >> 20
    if disk_bytes(package, provisioning) > best.free:
        what = f"has {free} MiB free, its disks take {thin >> 20} thin and {thick >> 20} thick"
        asked = f" ({provisioning} is asked for)" if provisioning else ""
        yield Finding.error(where, what + asked, "free space, or name another datastore")
    elif thick > best.free:
        what = f"has {free} MiB free: its disks fit thin ({thin >> 20}), not thick ({thick >> 20})"
        yield Finding.note(where, what, "leave DiskProvisioning thin, or free space")


def disk_bytes(package: Package, provisioning: str) -> int:
    """What its disks take when they are provisioned so: all of their capacity, or what is in them, or what travels
    where nothing is said. Raises BadPackage for a compressed file that cannot be expanded.
    """
    disks = package.descriptor.machine_disks()
    if is_thick(provisioning):
        return sum(disk.capacity_bytes for disk in disks)
    return max(sum(disk.populated_bytes or 0 for disk in disks), upload_bytes(package))


def _system(descriptor: Descriptor) -> tuple[int, str]:
    one = next(iter(descriptor.systems), None)
    return (one.line, f"VirtualSystem '{one.id}'") if one else (0, "VirtualSystem")


def _guest(hardware: Hardware) -> str:
    """vSphere's guest id, "" where the OVF has only a number or a text of its own. ovftool marks a guess by `*`."""
    guest = hardware.guest_os.removeprefix("*")
    return guest if guest.endswith("Guest") else ""


def _devices(hardware: Hardware) -> Iterator[tuple[int, str, str]]:
    yield from ((one.line, f"NIC '{one.name}'", one.adapter) for one in hardware.nics)
    yield from ((one.line, f"controller '{one.name}'", one.subtype) for one in hardware.controllers)


def _blind(portgroup: Portgroup) -> str:
    lacks = [
        name
        for name, on in (
            ("MAC learning", portgroup.mac_learning or not portgroup.distributed),
            ("promiscuous mode", portgroup.promiscuous),
            ("forged transmits", portgroup.forged),
        )
        if not on
    ]
    hosts = f" on {', '.join(portgroup.blind[:5])}" if portgroup.blind else ""
    return f"is without {' and '.join(lacks)}{hosts}: VMs inside a nested ESXi are not reachable through it"


def _how_to_open(portgroup: Portgroup) -> str:
    if portgroup.distributed:
        return f"{_LEARN} (its security settings in vCenter)"
    return (
        "turn on promiscuous mode and forged transmits for it on each host; standard portgroups learn no MAC addresses"
    )
