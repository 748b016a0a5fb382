"""The ground of the chaos: a simulated vCenter with things of others in it, a store, and a profile of nine VMs.

What a round must lead to is written down here, by hand, apart from the code that brings it about.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.cancel import Cancel
from engine.catalog.profiles import Profile, profile_of
from engine.ova.samples import Sample
from engine.simulator.launcher import Simulator
from engine.sources.digests import file_digest
from storage import components, endpoints, settings
from storage.store import Store
from tests.e2e.lab import Lab, Place, sample_ova

MIB = 1 << 20
# Plain characters, so that the search of raw bytes finds them however they are quoted.
VCENTER_PASSWORD = "Vc-9fK2mQx7wLr4"
LAB_PASSWORD = "Lab-3tZp8sWd6hYn"
VM_PASSWORD = "Own-5vBg1nTc0jRe"
SECRETS = (VCENTER_PASSWORD, LAB_PASSWORD, VM_PASSWORD)

# Component -> disks in bytes: more than socket buffers hold, so that sending takes time. The last one is L2: it is
# always imported directly.
APPLIANCES = {"zcore": (24 * MIB,), "esxi": (24 * MIB, 8 * MIB), "zbox": (16 * MIB,), "nested": (16 * MIB,)}
# Seconds: longer than most rounds, or vCenter would remove what the worker has to.
LEASE_TIMEOUT = 90
STAGED = ("zcore", "esxi", "zbox")

PROPERTIES = ("name", "config", "customValue", "parent", "parentVApp", "runtime.powerState", "resourcePool", "snapshot")


@dataclass(frozen=True, slots=True)
class Expected:
    """One VM as it must be: its component, OVF properties, sizes (None: the OVA's), adapters and grown disks (GiB)."""

    component: str
    properties: Mapping[str, str]
    cpus: int | None = None
    memory_mb: int | None = None
    adapters: int = 1
    disks_gib: tuple[int, ...] = ()


@dataclass
class ChaosLab:
    """One store and its vCenter. `foreign` are the VMs of others, by MoRef value, as they were planted."""

    vcenter: Simulator
    store: Store
    lab: Lab
    samples: Mapping[str, Sample]
    foreign: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The VM folder's path."""
        return f"/{self.lab.place.datacenter}/vm/{self.lab.place.vmfolder}"

    def uid(self, name: str) -> str:
        """The uid of a component."""
        return f"{name}-1.0"

    def machines(self) -> dict[str, dict[str, Any]]:
        """Every VM and template by MoRef value, as govc reads them."""
        text = self.lab.govc("object.collect", "-json", "-type", "m", "/", *PROPERTIES)
        found, decoder, at = {}, json.JSONDecoder(), 0
        while at < len(text):
            one, at = decoder.raw_decode(text, at)
            found[one["obj"]["value"]] = {change["name"]: _unwrapped(change["val"]) for change in one["changeSet"]}
            at += len(text[at:]) - len(text[at:].lstrip())
        return found

    def refs(self, kind: str, name: str) -> list[str]:
        """The MoRef values of the objects of that govc type and name."""
        return [ref.partition(":")[2] for ref in self.lab.govc("find", "-i", "/", "-type", kind, "-name", name).split()]

    def set_aside(self, label: str) -> None:
        """Rename the templates, replaced ones too, as an operator in vCenter does who wants others: the next deployment
        stages again, and linked clones of earlier ones go on standing on these.
        """
        ours = tuple(self.uid(name) for name in STAGED)
        known = {one["name"] for one in self.foreign.values()}
        for number, machine in enumerate(self.machines().values()):
            name = machine["name"]
            if (name in ours or name.startswith(tuple(f"{uid}.retired-" for uid in ours))) and name not in known:
                self.lab.govc("object.rename", f"{self.folder}/components-staging/{name}", f"old-{label}-{number}")

    def renew_digests(self) -> None:
        """The catalog names the same bytes by another digest: the templates are outdated, and staged again."""
        for name in STAGED:
            component = components.get(self.store, self.uid(name))
            algorithm = "sha512" if component.checksum.startswith("sha256:") else "sha256"
            digest = file_digest(Path(component.ova_path or ""), algorithm, Cancel())
            components.put(self.store, replace(component, checksum=f"{algorithm}:{digest}"))

    def switch(self, staging: bool, linked: bool) -> None:
        """The flag, and what kind of clones the endpoint's VMs are."""
        settings.update(self.store, settings.FLAG, "true" if staging else "false")
        endpoints.update(self.store, self.lab.name, linked_clones=linked)

    def plant(self) -> None:
        """VMs of others, made to look as much like ours as somebody's may."""
        self.lab.govc("folder.create", f"{self.folder}/components-staging")
        gone = {"pid": 1, "host": "elsewhere"}
        copied = {
            "store": self.store.id,
            "component": self.uid("zcore"),
            "digest": "",
            "created": "2026-01-01T00:00:00Z",
        }
        # Notes are copied with a VM: the line of an item of ours, and one of a half import.
        self._plant(self.folder, "copy-of-zcore", {**copied, "item": 1, "deployment": 1})
        self._plant(self.folder, "copy-of-a-half-import", {**copied, "item": 1, "deployment": 1, "importing": gone})
        staging = f"{self.folder}/components-staging"
        self._plant(staging, "someones-template-1.0", None)
        self._plant(staging, f"{self.uid('esxi')}.staging-{self.store.id}-1", None)
        self._plant(staging, f"{self.uid('zbox')}.retired-{self.store.id}-2", None)
        self.lab.govc("vm.markastemplate", "someones-template-1.0")
        self.foreign = self.machines()

    def _plant(self, folder: str, name: str, identity: Mapping[str, object] | None) -> None:
        notes = f"slipway:{json.dumps(identity)}" if identity else "somebody's own"
        place = self.lab.place
        where = ["-folder", folder, "-pool", f"{place.pool}/Resources", "-ds", place.datastore, "-net", place.network]
        self.lab.govc("vm.create", "-on=false", *where, "-annotation", notes, name)


def _unwrapped(value: Any) -> Any:
    """An array without the wrapping that govc's JSON gives it at the top."""
    return value["_value"] if isinstance(value, dict) and "_value" in value else value


@contextmanager
def chaos_lab(folder: Path, clone_delay: float, upload_speed: int) -> Iterator[ChaosLab]:
    """A lab in the folder, which the caller removes. A clone takes seconds, a host takes bytes of a file per second."""
    folder.mkdir(parents=True)
    place = Place(portgroup="chaos-segment")
    with Simulator.start(
        username="admin",
        password=VCENTER_PASSWORD,
        portgroups=[place.portgroup],
        clone_delay=clone_delay,
        lease_timeout=LEASE_TIMEOUT,
    ) as vcenter:
        lab = Lab(vcenter, folder, place)
        lab.add_endpoint()
        samples = {name: sample_ova(folder / f"{name}.ova", name, disks) for name, disks in APPLIANCES.items()}
        for name, sample in samples.items():
            lab.add_component(name, sample.path, f"sha256:{sample.sha256}", component_isnested=name not in STAGED)
        with lab.store() as store:
            vcenter.admin.nfc("slow", bytes_per_second=upload_speed)
            made = ChaosLab(vcenter, store, lab, samples)
            made.plant()
            yield made


def profile_named(lab: ChaosLab, name: str, vapp: bool) -> Profile:
    """The nine VMs: one first, then eight side by side."""
    big = {"vcpu": 4, "vmem": 8, "vnics": 3, "vdisks": [40]}
    esxi = [{"component_uid": "esxi-1.0", "hostname": f"esxi{n}", "host_id": n} for n in range(11, 17)]
    others = [
        {"component_uid": "zbox-1.0", "hostname": "zbox21", "host_id": 21},
        {
            "component_uid": "nested-1.0",
            "hostname": "nested22",
            "host_id": 22,
            "properties": {"guestinfo.password": VM_PASSWORD},
        },
    ]
    document = {
        "name": name,
        "endpoint": lab.lab.name,
        "domain": f"{name}.example.com",
        "network": {"portgroup": lab.lab.place.portgroup, "subnet": "10.96.42.0/24", "gateway": "10.96.42.1"},
        "password": {"env": "LAB_PASSWORD"},
        "components": [
            {"component_uid": "zcore-1.0", "hostname": "zcore", "host_id": 2},
            [*({**one, **big} for one in esxi[:3]), *esxi[3:], *others],
        ],
        **({"vapp": name} if vapp else {}),
    }
    return profile_of(document, name)


def expected(name: str) -> dict[str, Expected]:
    """The nine VMs of that deployment as they must be, by VM name."""
    big = {"cpus": 4, "memory_mb": 8192, "adapters": 3, "disks_gib": (40,)}
    ids = {"zcore": 2, **{f"esxi{n}": n for n in range(11, 17)}, "zbox21": 21, "nested22": 22}
    return {
        f"{host}.{name}.example.com": Expected(
            component=host.rstrip("0123456789"),
            properties={
                "guestinfo.hostname": host,
                "guestinfo.ipaddress": f"10.96.42.{number}",
                "guestinfo.netmask": "255.255.255.0",
                "guestinfo.gateway": "10.96.42.1",
                "guestinfo.dns": "10.96.42.2",
                "guestinfo.domain": f"{name}.example.com",
                "guestinfo.password": VM_PASSWORD if host == "nested22" else LAB_PASSWORD,
            },
            **(big if number in (11, 12, 13) else {}),  # type: ignore[arg-type]
        )
        for host, number in ids.items()
    }
