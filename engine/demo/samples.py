"""Sample OVAs, and the component files that describe them.

The component files come from zPodLibrary's real ones (`library/`, with a NOTICE): only version, file and checksum are
the sample's, so that properties, networks and import options are those of the real appliance. The OVA declares the
properties that the component file sets.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cancel import Cancel
from engine.ova.descriptor import Property
from engine.ova.samples import build_ova

LIBRARY = Path(__file__).parent / "library"

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Appliance:
    """A sample to make: the library's component file that it follows, and its disks' sizes in bytes."""

    library_file: str
    disks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SampleOva:
    """A sample that was made: its component's uid and file, its OVA, and the bytes of the OVA's disks."""

    uid: str
    component_file: Path
    ova: Path
    disk_bytes: int


APPLIANCES = (
    Appliance("zcore-13.5.json", (64 * MIB,)),
    Appliance("esxi-8.0u3g.json", (64 * MIB, 32 * MIB)),
    Appliance("zbox-13.5.json", (32 * MIB,)),
)


def make_sample(folder: Path, appliance: Appliance, cancel: Cancel) -> SampleOva:
    """Write `<uid>.ova` and `<uid>.json` into the folder. Raises Cancelled."""
    cancel.check()
    document = json.loads((LIBRARY / appliance.library_file).read_text(encoding="utf-8"))
    name, version = document["component_name"], f"{document['component_version']}-sample"
    uid = f"{name}-{version}"
    spec = document["component_deploy_govc_spec"]
    made = build_ova(
        folder / f"{uid}.ova",
        name=uid,
        disks=appliance.disks,
        properties=[_property(mapping) for mapping in spec["PropertyMapping"]],
        networks=[mapping["Name"] for mapping in spec["NetworkMapping"]],
    )
    document |= {
        "component_version": version,
        "component_description": f"Sample OVA of random bytes, described like {name}",
        "component_download_file": made.path.name,
        "component_download_file_checksum": f"sha256:{made.sha256}",
        "component_download_file_size": f"{made.size / MIB:.0f} MB",
    }
    component_file = folder / f"{uid}.json"
    component_file.write_text(json.dumps(document, indent=2), encoding="utf-8")
    return SampleOva(uid, component_file, made.path, sum(appliance.disks))


def _property(mapping: dict[str, Any]) -> Property:
    """The OVF property that takes this mapping's value."""
    key, value = mapping["Key"], mapping["Value"]
    return Property(
        id=key,
        type="boolean" if value in ("True", "False") else "string",
        user_configurable=True,
        password="zpod_password" in value,
    )
