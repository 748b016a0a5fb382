"""Fixed rows of every page, as the engine gives them: each state that an operator meets."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from engine.console.desk import Pulse
from engine.console.endpoints import EndpointRow
from tests.tui.conftest import NOW

GIB = 2**30

BUSY = Pulse(running=2, queued=1, stale_claims=1, down=2, endpoints=4, staging=True, worker="running")


def endpoint(number: int, name: str, state: str = "ready", **other: Any) -> EndpointRow:
    """An endpoint that answers, except for what `other` says."""
    known: dict[str, Any] = {
        "id": number,
        "name": name,
        "server": f"{name}.example.com",
        "username": "lab@vsphere.local",
        "trust": "pinned",
        "pin": "5f1c" * 16,
        "host_system": None,
        "instance_uuid": "8a1f24be-0000-4000-8000-0000000000aa",
        "created": NOW - timedelta(days=40),
        "datacenter": "DC1",
        "resource_pool": "Cluster1/Resources",
        "datastore": "vsan",
        "vmfolder": "labs",
        "network": "lab-segment",
        "state": state,
        "version": "8.0.3",
        "latency": 0.012,
        "templates": 14,
        "jobs": 0,
        "free_bytes": 3174 * GIB,
        "capacity_bytes": 8192 * GIB,
        "seen": NOW - timedelta(seconds=4),
        "error": "",
        "fix": "",
        "next_try": None,
    }
    return EndpointRow(**(known | other))


NOTHING = {"version": "", "latency": None, "templates": None, "free_bytes": None, "capacity_bytes": None, "seen": None}

ENDPOINTS = (
    endpoint(1, "vc-01.lab", jobs=2),
    endpoint(
        2,
        "vc-02.lab",
        "stale",
        version="7.0.3",
        latency=0.904,
        templates=8,
        free_bytes=880 * GIB,
        seen=NOW - timedelta(minutes=4),
        error="vCenter vc-02.lab.example.com does not answer: the connection was refused",
        fix="see whether it is up: slipway endpoint test vc-02.lab",
        next_try=NOW + timedelta(seconds=20),
    ),
    endpoint(
        3,
        "vc-03.lab",
        "login refused",
        **NOTHING,
        error="vCenter vc-03.lab.example.com refused the login of lab@vsphere.local",
        fix="give the right password; it is not tried again by itself, accounts lock",
    ),
    endpoint(4, "vc-04.lab", "connecting", **NOTHING),
)

WIDE = (
    endpoint(1, "東京データセンター-研究室-vc01", datacenter="東京", vmfolder="研究室/labs"),
    endpoint(2, "Zu\u0308rich-vc01", network="La\u0308bor"),
    endpoint(3, "\x1b[31mred\x1b[0m-vc01", datastore="a\tb"),
    endpoint(4, "🧪-lab", username="e\u0301tienne@vsphere.local"),
)
"""Names whose characters take two cells, none, or are not to be sent to a terminal."""

ROWS: Mapping[str, Sequence[Any]] = {"endpoints": ENDPOINTS}
