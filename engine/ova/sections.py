"""Sections of a descriptor beside disks, networks and hardware: which are known, and how the guest gets its address."""

from collections.abc import Iterator

from engine.ova.descriptor import IpAssignment
from engine.ova.findings import Finding, place
from engine.ova.xml import Element, is_true

# Those of DSP0243 that Slipway reads or leaves to vCenter, which gets the whole descriptor. VMware's own
# (`vmw:StorageSection`) are vCenter's to judge too.
_KNOWN = {
    "AnnotationSection",
    "DeploymentOptionSection",
    "DiskSection",
    "EulaSection",
    "InstallSection",
    "NetworkSection",
    "OperatingSystemSection",
    "ProductSection",
    "ResourceAllocationSection",
    "StartupSection",
    "VirtualHardwareSection",
}


def read_ip_assignment(root: Element) -> IpAssignment:
    """What the first section that says anything says; lists are written with commas or spaces."""
    for section in root.within("vmw.IpAssignmentSection"):
        found = IpAssignment(_list(section.get("vmw.schemes")), _list(section.get("vmw.protocols")))
        if found != IpAssignment():
            return found
    return IpAssignment()


def sections_unknown(root: Element, file: str) -> Iterator[Finding]:
    """Sections that nobody here knows. DSP0243 7: who does not understand a required one must refuse the OVF; required
    is also one that does not say, but vSphere's tools take such OVFs now and then.
    """
    for holder in (root, *root.within("VirtualSystem"), *root.within("VirtualSystemCollection")):
        for section in holder.children:
            name = section.name.rpartition("}")[2]
            if not name.endswith("Section") or section.name in _KNOWN or section.name.startswith("vmw."):
                continue
            where = place(file, section.line, name)
            required = section.get("required")
            if is_true(required):
                what = "must be understood (ovf:required), and Slipway does not know such a section"
                yield Finding.error(where, what, "ask who made the package for one without it")
            elif not required:
                what = "is a section that Slipway does not know"
                yield Finding.warning(where, what, "vCenter may refuse the package; if it does, ask who made it")
            else:
                yield Finding.note(where, "is a section that Slipway does not know, and need not")


def hardware_choices(root: Element, file: str) -> Iterator[Finding]:
    """Machines that offer several hardware sections (DSP0243 8.1: for other kinds of hosts)."""
    for machine in root.within("VirtualSystem"):
        sections = list(machine.every("VirtualHardwareSection"))
        if len(sections) > 1:
            where = place(file, sections[1].line, f"VirtualHardwareSection of VirtualSystem '{machine.get('id')}'")
            what = f"is one of {len(sections)}: Slipway reads the first, vCenter takes the one that suits the host"
            yield Finding.note(where, what)


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())
