"""The ESXi hosts of the endpoint's cluster: what they see, and whether disks can be uploaded to them."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine.endpoints.findings import Finding, failed, fine, missing, warning
from engine.endpoints.hostname import HTTPS, split_port
from engine.errors import BadInput, SlipwayError
from engine.vsphere.inventory import shown_name
from engine.vsphere.properties import Values, read, read_many
from engine.vsphere.session import Session
from engine.vsphere.trust import reason

# Seconds for one TCP connect to an ESXi host: a host that drops packets answers nothing at all.
PORT_DEADLINE = 3.0
PORTS_AT_ONCE = 32
# By this port vCenter told ESX 2 hosts (HostConnectSpec.port), and no lease sends there; its newer hosts say 443.
AUTHD = 902
_PATHS = (
    "name",
    "runtime.connectionState",
    "runtime.inMaintenanceMode",
    "summary.config.port",
    "datastore",
    "network",
)

Hosts = list[tuple[Any, Values]]
"""ESXi hosts with the properties of _PATHS."""


def hosts_of(session: Session, compute: Any) -> tuple[Hosts, list[Finding]]:
    """The hosts of a compute resource by name, and a finding when there are none to see."""
    if compute is None:
        return [], []
    try:
        refs = read(session, compute, "host").get("host") or []
        rows = read_many(session, refs, *_PATHS)
    except SlipwayError as error:
        return [], [failed("hosts", error)]
    if not rows:
        fix = "add hosts, or grant the account read access"
        return [], [missing("hosts", "the cluster has no ESXi host that the account can see", fix)]
    return sorted(rows, key=lambda row: str(row[1].get("name"))), []


def is_connected(values: Values) -> bool:
    """Whether vCenter manages the host just now."""
    return str(values.get("runtime.connectionState")) == "connected"


def _without(hosts: Hosts, path: str, wanted: Any) -> list[str]:
    return [
        shown_name(values["name"])
        for _, values in hosts
        if is_connected(values) and wanted not in (values.get(path) or [])
    ]


def seen_by(name: str, wanted: Any, path: str, hosts: Hosts) -> list[Finding]:
    """A finding when hosts do not see the datastore or network `wanted`; `path` is the property that lists theirs."""
    blind = _without(hosts, path, wanted)
    connected = sum(is_connected(values) for _, values in hosts)
    if not blind:
        return []
    told = f"not seen by {', '.join(blind[:8])}"
    if len(blind) == connected:
        return [missing(name, f"{told}: by no host of the cluster", "name one that the cluster's hosts have")]
    return [warning(name, told, "give it to every host of the cluster, or VMs cannot be placed there")]


def ports(hosts: Hosts) -> list[Finding]:
    """Whether disks could be uploaded: straight to port 443 of the ESXi host that vCenter chooses."""
    if not hosts:
        return []
    with ThreadPoolExecutor(min(len(hosts), PORTS_AT_ONCE), thread_name_prefix="port") as pool:
        return list(pool.map(_port, [values for _, values in hosts]))


def _port(values: Values) -> Finding:
    shown = shown_name(values["name"])
    name = f"host {shown}"
    if not is_connected(values):
        told = f"not asked: vCenter says it is {values.get('runtime.connectionState')}"
        return warning(name, told, "connect it in vCenter; until then nothing is placed on it")
    fix = "make its name known here and open the port from this machine: disks are uploaded straight to it"
    told_port = values.get("summary.config.port")
    try:
        host, port = split_port(shown, HTTPS if told_port in (None, 0, AUTHD) else int(told_port))
    except BadInput as error:
        return missing(name, f"cannot be reached: {error.why}", fix)
    try:
        socket.create_connection((host, port), PORT_DEADLINE).close()
    except OSError as error:
        return missing(name, f"port {port} cannot be reached: {reason(error)}", fix)
    return fine(name, f"port {port} is open")
