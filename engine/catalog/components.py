"""Components: files of zPodLibrary's format, checked and imported into the catalog.

What a component is, in this order (counts: the 85 real files):
1. ISO (15): the file to download ends in `.iso`; it cannot be imported into vSphere as a VM.
2. UNSUPPORTED (43): Slipway cannot fetch it (any download engine but `https`), or it is a vcsa, whose installer is not
   ours. With an OVA supplied by hand it becomes L1 or L2, but for a vcsa.
3. L2 (9): `component_isnested` is true: imported directly, never staged.
4. L1 (18): staged once per endpoint, then cloned.
A file that brings a `component_deploy_vcsa_spec` makes a component of type vcsa, whatever type it names.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Strict

from engine.catalog.documents import Name, Text, build, read_json, refuse_all
from engine.catalog.rendering import fault_in
from engine.catalog.supply import supplied
from engine.catalog.variants import NAME_LIMIT, PROVISIONINGS
from engine.errors import BadInput
from storage import components
from storage.components import Component, Kind
from storage.store import Store

UID_LIMIT = NAME_LIMIT
"""A template is called like its uid."""


def _part_of_uid(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", text):
        raise ValueError("must be letters, digits and . _ + - only, a letter or digit first")
    return text


def _checksum(text: str) -> str:
    if not re.fullmatch(r"(sha256:[0-9A-Fa-f]{64})?", text):
        raise ValueError("must be sha256: and 64 hexadecimal digits, or empty")
    return text


_Part = Annotated[Name, AfterValidator(_part_of_uid)]
_Checksum = Annotated[Text, AfterValidator(_checksum)]
# What vCenter takes; IPAllocationPolicy is VAppIPAssignmentInfoIpAllocationPolicy.
_WORDS = {
    "DiskProvisioning": PROVISIONINGS,
    "IPAllocationPolicy": ("dhcpPolicy", "transientPolicy", "fixedPolicy", "fixedAllocatedPolicy"),
    "IPProtocol": ("IPv4", "IPv6"),
}
_TRANSIENT = re.compile(r"\.(staging|retired)-")


@dataclass(frozen=True, slots=True)
class Imported:
    """One component as stored; `new` when the catalog did not hold its uid before."""

    component: Component
    new: bool


@dataclass(frozen=True, slots=True)
class _Property:
    Key: Name
    Value: Text


@dataclass(frozen=True, slots=True)
class _NetworkMapping:
    Name: Name
    Network: Text


@dataclass(frozen=True, slots=True)
class _GovcSpec:
    """The parts of `component_deploy_govc_spec` that Slipway reads."""

    PropertyMapping: tuple[_Property, ...] | None = None
    NetworkMapping: tuple[_NetworkMapping, ...] | None = None
    Deployment: Text | None = None
    DiskProvisioning: Text | None = None
    IPAllocationPolicy: Text | None = None
    IPProtocol: Text | None = None
    Annotation: Text | None = None
    InjectOvfEnv: Annotated[bool, Strict()] | None = None


@dataclass(frozen=True, slots=True)
class _File:
    """The fields of a component file that Slipway reads; the library may add others."""

    component_name: _Part
    component_version: _Part
    component_type: Name
    component_download_engine: Name
    component_download_file: Name
    component_isnested: Annotated[bool, Strict()]
    component_description: Text = ""
    component_url: Text = ""
    component_download_file_checksum: _Checksum = ""
    component_download_file_size: Text = ""
    component_deploy_govc_spec: _GovcSpec | None = None
    component_deploy_vcsa_spec: dict[str, Any] | None = None


def read_components(paths: Iterable[Path]) -> list[Component]:
    """The components of these files, and of all `*.json` below these folders (hidden ones left out), ordered by uid.

    Raises BadInput that lists every problem of every file, each as `file: field: why`.
    """
    problems: list[str] = []
    found: dict[str, tuple[Component, Path]] = {}
    for path in _files(paths, problems):
        component = _read(path, problems)
        if component is None:
            continue
        twin, twin_path = found.setdefault(component.uid.lower(), (component, path))
        if twin != component:
            problems.append(f"{path}: component_version: the uid {component.uid} is taken by {twin.uid} in {twin_path}")
    refuse_all("cannot import components", "", problems)
    return sorted((component for component, _ in found.values()), key=lambda component: component.uid)


def import_components(store: Store, paths: Iterable[Path]) -> list[Imported]:
    """Put the components of these files and folders into the catalog: all, or none when one cannot be used.

    A component that the catalog holds already is updated and keeps `enabled` and `ova_path`.
    Raises BadInput as `read_components`, and for a uid that differs from a stored one only in case.
    """
    read = read_components(paths)
    stored = {component.uid.lower(): component for component in components.listing(store)}
    refuse_all("cannot import components", "", [clash for new in read if (clash := _clash(new, stored))])
    known = [supplied(new) if (old := stored.get(new.uid.lower())) and old.ova_path else new for new in read]
    return [Imported(new=components.put(store, new), component=components.get(store, new.uid)) for new in known]


def _files(paths: Iterable[Path], problems: list[str]) -> Iterator[Path]:
    for path in paths:
        try:
            inside = sorted(_visible_json(path)) if path.is_dir() else [path]
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
            continue
        if not inside:
            problems.append(f"{path}: no .json file in this folder")
        yield from inside


def _visible_json(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*.json"):
        if not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file


def _read(path: Path, problems: list[str]) -> Component | None:
    try:
        document = read_json(path)
    except BadInput as error:
        problems.append(f"{path}: {error.why}")
        return None
    ours: list[str] = []
    file = build(_File, document, "", ours, open_ended=True)
    component = _component(file, document) if file and isinstance(document, dict) else None
    if component is not None:
        ours += _faults(component)
    problems += [f"{path}: {problem}" for problem in ours]
    return None if ours else component


def _type(file: _File) -> str:
    return "vcsa" if file.component_deploy_vcsa_spec is not None else file.component_type


def _kind(file: _File) -> Kind:
    if re.split("[?#]", file.component_download_file)[0].lower().endswith(".iso"):
        return Kind.ISO
    if _type(file) == "vcsa" or file.component_download_engine != "https":
        return Kind.UNSUPPORTED
    return Kind.L2 if file.component_isnested else Kind.L1


def _component(file: _File, document: dict[str, Any]) -> Component:
    return Component(
        uid=f"{file.component_name}-{file.component_version}",
        name=file.component_name,
        version=file.component_version,
        type=_type(file),
        description=file.component_description,
        url=file.component_url,
        download_engine=file.component_download_engine,
        download_file=file.component_download_file,
        checksum=file.component_download_file_checksum.lower(),
        size_text=file.component_download_file_size,
        kind=_kind(file),
        nested=file.component_isnested,
        spec=document.get("component_deploy_govc_spec") or {},
    )


def _faults(component: Component) -> Iterator[str]:
    if len(component.uid) > UID_LIMIT:
        yield f"component_version: the uid {component.uid} is longer than {UID_LIMIT} characters"
    if _TRANSIENT.search(component.uid):
        yield f"component_version: the uid {component.uid} looks like a template that is being staged or retired"
    yield from _faults_of_spec(component)


def _faults_of_spec(component: Component) -> Iterator[str]:
    seen: set[str] = set()
    for index, mapping in enumerate(component.spec.get("PropertyMapping") or []):
        where = f"component_deploy_govc_spec.PropertyMapping[{index}]"
        if mapping["Key"] in seen:
            yield f"{where}.Key: {mapping['Key']} is given twice"
        seen.add(mapping["Key"])
        if fault := fault_in(mapping["Value"]):
            yield f"{where}.Value ({mapping['Key']}): {fault}"
    for index, mapping in enumerate(component.spec.get("NetworkMapping") or []):
        if fault := fault_in(mapping["Network"]):
            yield f"component_deploy_govc_spec.NetworkMapping[{index}].Network: {fault}"
    for key, words in _WORDS.items():
        if (value := component.spec.get(key)) and value not in words:
            yield f"component_deploy_govc_spec.{key}: {value} is none of {', '.join(words)}"
    if fault := fault_in(component.spec.get("Annotation") or ""):
        yield f"component_deploy_govc_spec.Annotation: {fault}"


def _clash(new: Component, stored: dict[str, Component]) -> str:
    old = stored.get(new.uid.lower())
    if old is None or (old.name, old.version) == (new.name, new.version):
        return ""
    return (
        f"{new.uid}: the catalog holds {old.uid} ({old.name}, version {old.version}), which vSphere cannot tell from it"
    )
