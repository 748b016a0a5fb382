"""Where a template lies: on a host that can take it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import VSphereFault
from engine.simulator.launcher import Simulator
from engine.vsphere import hosts
from engine.vsphere.hosts import Host
from engine.vsphere.properties import read
from tests.e2e.lab import PASSWORD
from tests.staging.ground import Ground


def seen_by(seeing: str, real: Callable[[Any, Any], list[Host]]) -> Callable[[Any, Any], list[Host]]:
    """Of the hosts only that one sees any network: in the simulator all see all."""
    return lambda *asked: [one if one.name == seeing else replace(one, networks=frozenset()) for one in real(*asked)]


def test_without_drs_it_goes_to_one_that_sees_its_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = hosts.hosts_of
    with (
        Simulator.start(username="admin", password=PASSWORD, drs=False) as vcenter,
        Ground(vcenter, tmp_path).party() as party,
    ):
        session = party.site.session
        monkeypatch.setattr(hosts, "hosts_of", seen_by("nobody", real))
        with pytest.raises(VSphereFault, match="sees the datastore and the network"):
            party.stage()
        monkeypatch.setattr(hosts, "hosts_of", seen_by("127.0.0.2", real))
        host = read(session, party.stage().ref, "runtime.host")["runtime.host"]
        assert read(session, host, "name")["name"] == "127.0.0.2"
