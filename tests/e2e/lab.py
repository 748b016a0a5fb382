"""A lab for tests: one vCenter (simulated, stock vcsim, or real), one store, the command line, and govc to read back.

`slipway` runs as its users run it, in a process of its own; what it did is read with govc, which is not ours.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.cancel import Cancel
from engine.catalog.components import import_components
from engine.catalog.supply import set_file
from engine.jobs import presence
from engine.ova.descriptor import Property
from engine.ova.samples import Sample, build_ova
from engine.simulator import launcher
from storage import endpoints, settings
from storage.endpoints import NewEndpoint
from storage.store import Store, open_store

ROOT = Path(__file__).parents[2]
PASSWORD = 'V1- s3cret"\\{{'
LAB_PASSWORD = 'l4b "quoted" \\back {{ söme'
MIB = 1 << 20

GUESTINFO = ("hostname", "ipaddress", "netmask", "gateway", "dns", "domain", "password")


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The JSON error on stderr's last line."""
        found: dict[str, str] = json.loads(self.err.strip().splitlines()[-1])["error"]
        return found


@dataclass(frozen=True)
class Place:
    """Names in the vCenter's inventory."""

    datacenter: str = "DC0"
    pool: str = "DC0_C0"
    datastore: str = "LocalDS_0"
    vmfolder: str = "zpods"
    network: str = "VM Network"
    portgroup: str = "DC0_DVPG0"


@dataclass
class Lab:
    """`vcenter` is a running Simulator or Stock; `name` the endpoint's."""

    vcenter: Any
    folder: Path
    place: Place = field(default_factory=Place)
    name: str = "vc01"
    clients: "list[subprocess.Popen[str]]" = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment of the commands: a store of its own, the secrets under their names."""
        return {
            **os.environ,
            "SLIPWAY_STORE": str(self.folder / "slipway.db"),
            "VC_PASSWORD": self.vcenter.password,
            "LAB_PASSWORD": LAB_PASSWORD,
        }

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start `slipway` with these arguments."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.clients.append(process)
        return process

    def slipway(self, *arguments: str, env: Mapping[str, str] | None = None) -> Outcome:
        """Run `slipway` to its end."""
        process = self.start(*arguments, env=env)
        out, err = process.communicate(timeout=240)
        return Outcome(process.returncode, out, err)

    def ok(self, *arguments: str) -> Any:
        """Run `slipway .. --json`, which must succeed; its document."""
        outcome = self.slipway(*arguments, "--json")
        assert outcome.code == 0, outcome.err
        return outcome.document

    def workers(self) -> list[psutil.Process]:
        """Every process that works on this lab's store, is starting to or is about to end."""
        return [
            process
            for process in psutil.process_iter(["cmdline", "environ"])
            if "worker" in (process.info["cmdline"] or ())
            and (process.info["environ"] or {}).get("SLIPWAY_STORE") == self.env["SLIPWAY_STORE"]
        ]

    def worker(self) -> psutil.Process:
        """The worker that has this lab's store."""
        with self.store() as store:
            found = presence.find(store)
        assert found is not None, "none runs"
        return psutil.Process(found.holder.pid)

    def end_workers(self) -> None:
        """Stop the workers that the lab's commands have started; none may outlive its test."""
        for client in self.clients:
            client.kill()  # a client that still follows would start the next worker
            client.wait()
        while workers := self.workers():
            for number in (signal.SIGCONT, signal.SIGTERM):
                for worker in workers:
                    with suppress(psutil.NoSuchProcess):
                        worker.send_signal(number)
            _, alive = psutil.wait_procs(workers, timeout=20)
            for worker in alive:
                worker.kill()
            psutil.wait_procs(alive)

    def govc(self, *arguments: str) -> str:
        """Run govc against the vCenter."""
        env = {
            **os.environ,
            "GOVC_URL": f"https://{self.vcenter.host}:{self.vcenter.port}/sdk",
            "GOVC_USERNAME": self.vcenter.username,
            "GOVC_PASSWORD": self.vcenter.password,
            "GOVC_INSECURE": "1",
            "GOVC_PERSIST_SESSION": "false",
        }
        command = [str(launcher.program("govc")), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"govc {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def store(self) -> Store:
        """The lab's store, opened in this process: setting up needs no command, those have their own tests."""
        return open_store(self.folder / "slipway.db")

    def setting(self, name: str, value: str) -> None:
        """Change a setting."""
        with self.store() as store:
            settings.update(store, name, value)

    def add_endpoint(self) -> None:
        """Make the VM folder and add the endpoint, pinned to the vCenter's certificate."""
        self.govc("folder.create", f"/{self.place.datacenter}/vm/{self.place.vmfolder}")
        self.add_row()

    def add_row(self) -> None:
        """Add the endpoint, whose VM folder is there."""
        place = self.place
        new = NewEndpoint(
            name=self.name,
            host=self.vcenter.host,
            port=self.vcenter.port,
            username=self.vcenter.username,
            datacenter=place.datacenter,
            resource_pool=place.pool,
            datastore=place.datastore,
            vmfolder=place.vmfolder,
            network=place.network,
            pin=self.vcenter.fingerprint,
        )
        with self.store() as store:
            endpoints.add(store, new, self.vcenter.password)

    def add_component(
        self,
        name: str,
        ova: Path,
        checksum: str = "",
        keys: Sequence[str] = GUESTINFO,
        **other: Any,
    ) -> str:
        """Import a component in zPodLibrary's format with this OVA; its uid."""
        document = {
            "component_name": name,
            "component_version": "1.0",
            "component_type": name,
            "component_description": f"{name} for tests",
            "component_url": "",
            "component_download_engine": "https",
            "component_download_file": f"https://example.com/{ova.name}",
            "component_download_file_checksum": checksum,
            "component_download_file_size": "1 MB",
            "component_isnested": False,
            "component_deploy_govc_spec": {
                "DiskProvisioning": "thin",
                "PropertyMapping": [{"Key": f"guestinfo.{key}", "Value": f"{{{{zpod_{key}}}}}"} for key in keys],
                "NetworkMapping": [{"Name": "VM Network", "Network": "{{zpod_portgroup}}"}],
            },
            **other,
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(document))
        with self.store() as store:
            import_components(store, [path])
            set_file(store, f"{name}-1.0", ova, Cancel(), lambda count: None)
        return f"{name}-1.0"

    def add_sample(self, name: str, disks: Sequence[int] = (MIB,), **other: Any) -> tuple[str, Sample]:
        """A component with an OVA made for it; its uid and the OVA."""
        sample = sample_ova(self.folder / f"{name}.ova", name, disks)
        return self.add_component(name, sample.path, f"sha256:{sample.sha256}", **other), sample

    def profile(self, name: str, components: Any, **other: Any) -> Path:
        """A profile file; JSON is YAML."""
        document = {
            "name": name,
            "endpoint": self.name,
            "domain": f"{name}.example.com",
            "network": {"portgroup": self.place.portgroup, "subnet": "10.96.42.0/24", "gateway": "10.96.42.1"},
            "password": {"env": "LAB_PASSWORD"},
            "components": components,
            **other,
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(document))
        return path

    def machines(self) -> dict[str, dict[str, Any]]:
        """Every VM and template by name: its properties as govc reads them, and its `ref`."""
        machines: dict[str, dict[str, Any]] = {}
        for ref in self.govc("find", "-i", "/", "-type", "m").split():
            values = json.loads(self.govc("object.collect", "-json", ref))
            machine = {one["name"]: _unwrapped(one["val"]) for one in values}
            machines[machine["name"]] = {**machine, "ref": ref}
        return machines

    def ref(self, moref: Mapping[str, str]) -> str:
        """A MoRef as govc prints it."""
        return f"{moref['type']}:{moref['value']}"

    def nics_of(self, machine: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Network adapters, in the order of their keys."""
        devices = machine["config"]["hardware"]["device"]
        return sorted((one for one in devices if "macAddress" in one), key=lambda one: one["key"])

    def disks_of(self, machine: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Hard disks, in the order of their keys."""
        devices = machine["config"]["hardware"]["device"]
        return sorted((one for one in devices if "capacityInKB" in one), key=lambda one: one["key"])

    def networks_of(self, machine: Mapping[str, Any]) -> list[str]:
        """The portgroup's name of each adapter."""
        names = []
        for nic in self.nics_of(machine):
            backing = nic["backing"]
            if "port" in backing:
                ref = f"DistributedVirtualPortgroup:{backing['port']['portgroupKey']}"
                names.append(self.govc("object.collect", "-s", ref, "name").strip())
            else:
                names.append(backing["deviceName"])
        return names


def _unwrapped(value: Any) -> Any:
    """An array without the wrapping that govc's JSON gives it at the top."""
    return value["_value"] if isinstance(value, dict) and "_value" in value else value


def entries(uid: str, *names: str) -> list[list[dict[str, object]]]:
    """A profile's components: one step of VMs side by side, with host ids from 11 on."""
    return [[{"component_uid": uid, "hostname": name, "host_id": number} for number, name in enumerate(names, 11)]]


def sample_ova(path: Path, name: str, disks: Sequence[int] = (MIB,), **other: Any) -> Sample:
    """An OVA with the guestinfo properties of the library's appliances."""
    properties = [
        Property(id=f"guestinfo.{key}", user_configurable=True, password=key == "password") for key in GUESTINFO
    ]
    return build_ova(path, name=name, disks=disks, properties=properties, **other)


def properties_of(machine: dict[str, Any]) -> dict[str, str]:
    """OVF property id -> value of a machine read with govc."""
    vapp = (machine.get("config") or {}).get("vAppConfig") or {}
    return {one["id"]: one.get("value", "") for one in vapp.get("property") or []}


def snapshots_of(machine: Mapping[str, Any]) -> list[str]:
    """The names of all snapshots of a machine read with govc."""
    found: list[str] = []
    trees = [*((machine.get("snapshot") or {}).get("rootSnapshotList") or [])]
    while trees:
        tree = trees.pop(0)
        found.append(tree["name"])
        trees += tree.get("childSnapshotList") or []
    return found


def interrupt(process: "subprocess.Popen[str]") -> None:
    """Ctrl-C."""
    process.send_signal(signal.SIGINT)
