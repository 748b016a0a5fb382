"""An OVA with every kind of file is staged once and cloned; what cannot be imported is refused beforehand."""

import hashlib
import random
from pathlib import Path

from engine.cancel import Cancel
from engine.catalog.licences import accept
from engine.catalog.profiles import read_profile
from engine.deploy.plan import Way
from engine.deploy.planning import make_plan
from engine.simulator.launcher import Simulator
from engine.site import open_site
from tests.e2e.conftest import ready
from tests.e2e.lab import Lab
from tests.ova.archives import envelope
from tests.ova.boxes import FLOPPY, ISO, NVRAM, Stored, contents, write, write_everything

DISK = random.Random(1).randbytes(3 << 20)


def entry(uid: str, number: int) -> dict[str, object]:
    return {"component_uid": uid, "hostname": f"box{number}", "host_id": 10 + number}


def add(lab: Lab) -> str:
    uid = lab.add_component("box", write_everything(lab.folder / "box.ova", DISK), keys=())
    with lab.store() as store:
        accept(store, uid)
    return uid


def test_every_kind_of_file_is_uploaded_once_and_cloned(simulator: Simulator, tmp_path: Path) -> None:
    with ready(Lab(simulator, tmp_path)) as lab:
        uid = add(lab)
        made = lab.ok("deploy", str(lab.profile("lab01", [entry(uid, 1), entry(uid, 2)])))
        assert [item["path"] for item in made["items"]] == ["staged", "staged"]
        [lease] = simulator.admin.counters().leases
        arrived = {file.sha1 for file in lease.files if file.complete}
        assert arrived == {hashlib.sha1(data, usedforsecurity=False).hexdigest() for data in (DISK, ISO, FLOPPY, NVRAM)}
        assert made["bytes_sent"] == len(DISK) + len(ISO) + len(FLOPPY) + len(NVRAM) == lease.bytes
        devices = lab.govc("device.ls", "-vm", made["items"][1]["name"])
        assert [kind for kind in ("cdrom", "floppy", "disk") if kind in devices] == ["cdrom", "floppy", "disk"]


def test_a_property_that_sizes_a_disk_is_no_matter_for_a_clone(simulator: Simulator, tmp_path: Path) -> None:
    with ready(Lab(simulator, tmp_path)) as lab:
        uid = add(lab)
        values = [{"properties": {"net.data_gb.1": "9"}}, {"properties": {"net.data_gb.1": "5"}}, {}]
        profile = lab.profile("lab01", [entry(uid, number) | value for number, value in enumerate(values)])
        with lab.store() as store, open_site(store, lab.name) as site:
            items = list(make_plan(site, read_profile(profile), "secret", Cancel()).items)
        assert [item.way for item in items] == [Way.DIRECT, Way.STAGED, Way.STAGED]
        assert "the property net.data_gb.1 sizes a disk" in items[0].why


def test_what_cannot_be_imported_sends_nothing(simulator: Simulator, tmp_path: Path) -> None:
    several = '<VirtualSystemCollection ovf:id="lab"><VirtualSystem ovf:id="one"/></VirtualSystemCollection>'
    disks = '<Disk ovf:diskId="a" ovf:capacity="1"/><Disk ovf:diskId="b" ovf:capacity="1" ovf:parentRef="a"/>'
    delta = envelope(f"<DiskSection>{disks}</DiskSection>", files="")
    broken = Stored(b"x" * 1000, compression="gzip", packed=Stored(b"x" * 1000, compression="gzip").bytes[:-3])
    bad = {
        "vapp": ({"vapp.ovf": envelope(several, files="").encode()}, "holds 2 VMs (a vApp)"),
        "delta": ({"delta.ovf": delta.encode()}, "is a delta disk"),
        "gzip": (contents({"disk.vmdk": broken}), "'disk.vmdk': it ends early"),
    }
    with ready(Lab(simulator, tmp_path)) as lab:
        uids = {}
        for name, (files, _) in bad.items():
            uids[name], sample = lab.add_sample(name)
            write(sample.path, files)  # it was sound when it was set
        outcomes = {
            "vapp": lab.slipway("component", "set-file", uids["vapp"], str(tmp_path / "vapp.ova")),
            "delta": lab.slipway("template", "stage", uids["delta"], "--endpoint", lab.name),
            "gzip": lab.slipway("deploy", str(lab.profile("lab01", [entry(uids["gzip"], 1)]))),
        }
        for name, (_, why) in bad.items():
            assert outcomes[name].code == 2, outcomes[name].err
            assert why in outcomes[name].err
        counters = simulator.admin.counters()
        assert (counters.bytes_received, counters.calls.get("ImportVApp", 0)) == (0, 0)
