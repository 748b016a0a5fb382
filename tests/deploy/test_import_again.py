"""A direct import that meets the name of its own earlier attempt."""

from pathlib import Path

from engine.simulator.launcher import Simulator
from tests.e2e.conftest import ready
from tests.e2e.lab import MIB, PASSWORD, Lab, entries


def test_a_name_taken_for_a_moment_by_our_own_earlier_import_is_no_failure(tmp_path: Path) -> None:
    with (
        Simulator.start(username="admin", password=PASSWORD) as vcenter,
        ready(Lab(vcenter, tmp_path)) as lab,
    ):
        lab.setting("ff_endpoint_ova_staging", "false")
        uid, _ = lab.add_sample("esxi")
        taken = {"name": "a", "object": {"type": "VirtualMachine", "value": "vm-0"}}
        vcenter.admin.fault("ImportVApp", "DuplicateName", detail=taken, times=1)
        done = lab.ok("deploy", str(lab.profile("lab01", entries(uid, "a"))))
        assert (done["state"], done["items"][0]["path"], done["bytes_sent"]) == ("succeeded", "direct", MIB)
