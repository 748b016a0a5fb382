"""Fixed rows of every page, as the engine gives them: each state that an operator meets."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from engine.catalog.profiles import Network, Profile
from engine.console.components import ComponentRow
from engine.console.deploys import DeployRow, Detail, StagingRow, VmRow
from engine.console.desk import Pulse
from engine.console.endpoints import EndpointRow
from engine.console.locks import LockRow
from engine.console.logs import LogLine
from engine.console.offers import Offer
from engine.console.packages import PackageFinding
from engine.console.plans import Choices as DeployChoices
from engine.console.plans import PlannedVm, Preview, Problem
from engine.console.rates import Transfer
from engine.console.settings import SettingRow
from engine.console.staging import Choices as StageChoices
from engine.console.templates import Event, TemplateRow
from engine.jobs.outcome import TimedStep
from engine.jobs.submit import Ordered
from engine.staging.claims import Standing, Verdict
from engine.staging.holder import Holder
from tests.tui.conftest import NOW

MIB, GIB = 2**20, 2**30

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
        "signatures": "warn",
        "clones": "full",
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


def template(endpoint: str, uid: str, state: str = "staged", why: str = "", **other: Any) -> TemplateRow:
    """A template that was staged two hours ago."""
    known: dict[str, Any] = {
        "component": uid,
        "path": f"labs/components-staging/{uid}",
        "digest": "sha256:" + "9f86d081884c7d65" * 4,
        "size_bytes": int(1.1 * GIB),
        "staged_at": NOW - timedelta(hours=2),
        "children": 14,
    }
    return TemplateRow(endpoint, uid, state=state, why=why, **(known | other))


NOT_THERE: Mapping[str, Any] = {"path": "", "digest": "", "staged_at": None, "children": None}

TEMPLATES = (
    template("vc-01.lab", "esxi-8.0u3g", history=(Event(NOW - timedelta(hours=2), "staged", ""),)),
    template(
        "vc-01.lab",
        "zcore-13.5",
        "staging",
        **NOT_THERE,
        active=True,
        step="upload",
        transfer=Transfer(int(0.7 * GIB), int(1.1 * GIB), 41 * MIB, NOW, NOW + timedelta(seconds=12)),
        claim="host-2 pid 77, 4 s ago",
        needed_by=("lab-blue",),
    ),
    template("vc-01.lab", "zbox-13.5", "queued", **NOT_THERE, active=True),
    template(
        "vc-02.lab",
        "vcfinstaller-9.0",
        "outdated",
        "the component's OVA is another one now",
        size_bytes=int(2.3 * GIB),
        staged_at=NOW - timedelta(days=9),
        children=2,
    ),
    template("vc-02.lab", "nsx-4.2", "tampered", "it is powered on", children=0),
    template("vc-02.lab", "win-2022", "foreign", "it has no attribute of Slipway", children=None),
    template(
        "vc-02.lab",
        "photon-5.0",
        "failed",
        "the datastore vsan is full: 2.3 GiB needed, 880 MiB free",
        **NOT_THERE,
        history=(Event(NOW - timedelta(minutes=9), "staging failed", "the datastore vsan is full"),),
    ),
)


def step(item: str, name: str, seconds: float, began: float, detail: str = "") -> TimedStep:
    """A step that began so many seconds ago."""
    return TimedStep(item, name, detail, NOW - timedelta(seconds=began), seconds)


def vm(number: int, state: str, step: str = "", path: str = "staged", **other: Any) -> VmRow:
    """One of the nine."""
    known: dict[str, Any] = {
        "component": "esxi-8.0u3g",
        "reason": "",
        "detail": "",
        "transfer": None,
        "began": None if state == "pending" else NOW - timedelta(seconds=75),
        "seconds": 41.0 if state in ("succeeded", "failed") else 0.0,
    }
    return VmRow(name=f"esxi{number}", state=state, path=path, step=step, **(known | other))


UPLOADING = Transfer(int(5.8 * GIB), 10 * GIB, 41 * MIB, NOW, NOW + timedelta(seconds=105))

BLUE = Detail(
    vms=(
        VmRow("zcore", "zcore-13.5", "succeeded", "staged", "", "", "", None, NOW - timedelta(seconds=90), 31.0),
        *(vm(number, "succeeded") for number in (11, 12, 13, 14)),
        vm(15, "running", "power on"),
        vm(16, "running", "clone", detail="62%"),
        VmRow(
            "vcsa",
            "vcsa-8.0u3",
            "running",
            "direct",
            "the component is not staged: it is of the class vcsa",
            "import",
            "",
            UPLOADING,
            NOW - timedelta(seconds=75),
            0.0,
        ),
        vm(21, "pending", path=""),
    ),
    stagings=(StagingRow("esxi-8.0u3g", "succeeded", "", "", None, ""),),
    steps=(
        step("", "network", 0.2, 92),
        step("zcore", "template", 0.1, 91),
        step("zcore", "clone", 22.0, 90),
        step("esxi16", "clone", 12.0, 12, "62%"),
        step("vcsa", "import", 75.0, 75),
    ),
    log=("09:28:45 clone of zcore begins", "09:29:07 zcore is cloned", "09:29:07 zcore is powered on"),
)

GREY = Detail(
    vms=(
        vm(31, "succeeded"),
        vm(32, "failed", reason='the portgroup "dv-17" is missing on host esx-2; make it there, then retry'),
        vm(33, "cancelled", path=""),
    ),
    stagings=(),
    steps=(step("esxi31", "clone", 21.0, 3600), step("esxi32", "finish", 2.0, 3570, "network")),
)


def deployment(number: int, name: str, state: str, **other: Any) -> DeployRow:
    """A deployment of three VMs on vc-01.lab, an hour ago."""
    known: dict[str, Any] = {
        "endpoint": "vc-01.lab",
        "active": False,
        "queued": False,
        "done": 3,
        "vms": 3,
        "fell_back": 0,
        "failed_vm": "",
        "failed_at": "",
        "error": "",
        "made": (f"{name}-1", f"{name}-2", f"{name}-3"),
        "created": NOW - timedelta(hours=1),
        "ended": NOW - timedelta(minutes=58),
        "bytes_sent": 0,
        "detail": None,
    }
    return DeployRow(id=number, name=name, state=state, **(known | other))


DEPLOYS = (
    deployment(
        7,
        "lab-blue",
        "running",
        active=True,
        done=5,
        vms=9,
        created=NOW - timedelta(seconds=92),
        ended=None,
        bytes_sent=6 * GIB,
        detail=BLUE,
    ),
    deployment(
        8, "lab-red", "pending", active=True, queued=True, done=0, created=NOW - timedelta(seconds=20), ended=None
    ),
    deployment(
        6,
        "lab-grey",
        "failed",
        done=1,
        failed_vm="esxi32",
        failed_at="finish",
        error='the portgroup "dv-17" is missing on host esx-2',
        made=("esxi31", "esxi32"),
        detail=GREY,
    ),
    deployment(5, "lab-white", "succeeded", fell_back=1, bytes_sent=2 * GIB),
    deployment(4, "lab-black", "cancelled", endpoint="vc-02.lab", done=0, made=()),
    deployment(3, "lab-old", "removed", endpoint="vc-02.lab", made=(), created=NOW - timedelta(days=3)),
)


def claim(
    number: int, uid: str, verdict: Verdict, evidence: str, host: str, pid: int, age: float, silent: float
) -> LockRow:
    """A claim on an endpoint of that number, taken and last renewed so many seconds ago."""
    standing = Standing(
        name=f"_ova_staging_lock_{number}_{uid}",
        endpoint_id=number,
        uid=uid,
        value="{...}",
        verdict=verdict,
        evidence=evidence,
        holder=Holder("lab", host, "5c1f", "b-1", "4026531836", pid, 4711),
        token=number + 2,
        since=NOW - timedelta(seconds=age),
        beat=NOW - timedelta(seconds=silent),
        age=age,
        silent=silent,
        purpose="stage",
        deployment=7,
    )
    return LockRow(standing, f"vc-0{number}.lab", ("deployment 8",) if verdict is Verdict.LIVE else ())


LOCKS = (
    claim(1, "esxi-8.0u3g", Verdict.PROCESS_GONE, "host-4 has no process 812", "host-4", 812, 3 * 86400, 3 * 86400),
    claim(1, "zcore-13.5", Verdict.LIVE, "it showed life 4 s ago", "host-2", 77, 360, 4),
    claim(2, "nsx-4.2", Verdict.NO_HEARTBEAT, "no sign of life for 42 m", "host-9", 31337, 7200, 2520),
    LockRow(
        Standing("_ova_staging_lock_2_win-2022", 2, "win-2022", "1", Verdict.FOREIGN, "the value is not Slipway's: 1"),
        "vc-02.lab",
        (),
    ),
)


def setting(name: str, value: str, default: str | None, applies: str, what: str, **other: Any) -> SettingRow:
    """A setting with its default, unless it is said to be stored."""
    known: dict[str, Any] = {"secret": False, "stored": False, "problem": ""}
    return SettingRow(name, value, default, applies, what, **(known | other))


SETTINGS = (
    setting(
        "ff_endpoint_ova_staging",
        "true",
        "false",
        "next deployment",
        "Stage each L1 OVA once per endpoint and clone it (on only for: true)",
        stored=True,
    ),
    setting("claim_ttl_seconds", "90", "90", "at once", "Without a sign of life for so long, a claim is stale"),
    setting(
        "deployments_at_once",
        "8",
        "4",
        "next worker",
        "Deployments that run at the same time on all endpoints",
        stored=True,
    ),
    setting("lab_password", "", None, "", "The password of the labs", stored=True, secret=True),
    setting(
        "retry_attempts",
        "many",
        "8",
        "next worker",
        "Attempts at a step that fails for a reason that passes",
        stored=True,
        problem="it is not a number; the default holds",
    ),
)


def logged(number: int, level: str, text: str, job: str = "", item: str = "") -> LogLine:
    """A line of the worker's log."""
    at = NOW - timedelta(seconds=60 - number)
    return LogLine(number, at, level, job, item, text, "engine.jobs.vm", "812")


LOGS = (
    logged(1, "info", "worker 812 begins"),
    logged(2, "info", "clone begins", "deployment 7", "zcore"),
    logged(3, "info", "cloned in 22.0 s", "deployment 7", "zcore"),
    logged(4, "warning", "trying again in 8 s: vCenter vc-02.lab.example.com does not answer", "job 9", "nsx-4.2"),
    logged(
        5,
        "error",
        'the portgroup "dv-17" is missing on host esx-2; make it there, then retry',
        "deployment 6",
        "esxi32",
    ),
    LogLine(6, None, "", "", "", "\x1b[31ma line that is not Slipway's\x1b[0m", "", ""),
)


def component(name: str, version: str, state: str = "enabled", why: str = "", **other: Any) -> ComponentRow:
    """A component whose OVA is here."""
    uid = f"{name}-{version}"
    known: dict[str, Any] = {
        "type": "appliance",
        "kind": "L1",
        "enabled": state == "enabled",
        "ova_path": f"/srv/ova/{uid}.ova",
        "size_bytes": int(1.1 * GIB),
        "size_text": "1.1GB",
        "checksum": "sha256:" + "9f86d081884c7d65" * 4,
        "staged": ("vc-01.lab",),
        "licence": "",
        "description": f"{name} appliance",
        "url": "",
        "download_engine": "",
        "download_file": f"{uid}.ova",
        "properties": (("guestinfo.hostname", "the host's name"), ("guestinfo.ipaddress", "its address")),
        "networks": (("VM Network", "the lab's network"),),
    }
    return ComponentRow(uid, name, version, state=state, why=why, **(known | other))


COMPONENTS = (
    component("esxi", "8.0u3g", staged=("vc-01.lab", "vc-02.lab")),
    component("zcore", "13.5"),
    component(
        "nsx", "4.2", "no OVA", "nobody has said where its OVA lies; f says it", ova_path="", size_bytes=None, staged=()
    ),
    component("vcsa", "8.0u3", "unsupported", "its OVA is an ISO image", staged=(), size_bytes=None),
    component("photon", "5.0", "disabled", "it was disabled", staged=()),
    component(
        "nsx",
        "4.1",
        "licence waits",
        "its licence must be read and accepted before the OVA is used",
        licensed=True,
        staged=(),
        variants=(("small", "Small (4 vCPU, 16 GB)"), ("large", "Large (12 vCPU, 48 GB)")),
    ),
    component("hcx", "4.9", "OVA broken", "truncated: member 'hcx-disk1.vmdk' has 2992832 of 8388608 bytes", staged=()),
)

ROWS: Mapping[str, Sequence[Any]] = {
    "endpoints": ENDPOINTS,
    "templates": TEMPLATES,
    "deploys": DEPLOYS,
    "locks": LOCKS,
    "settings": SETTINGS,
    "logs": LOGS,
    "components": COMPONENTS,
}

OFFERS = {
    "zcore-13.5": (
        Offer("zcore-13.5", "", "small: Small (2 vCPU, 4 GB)"),
        Offer("zcore-13.5+large", "large", "large: Large (8 vCPU, 32 GB)"),
    )
}

STAGEABLE = StageChoices(("esxi-8.0u3g", "zcore-13.5"), ("vc-01.lab", "vc-02.lab"), offers=OFFERS)

PLANNED = Preview(
    name="lab01",
    endpoint="vc-01.lab",
    vms=(
        PlannedVm("zcore.lab01.example.com", "10.96.42.2", "zcore-13.5+large", "staged", "", True, "vsan"),
        *(
            PlannedVm(
                f"esxi{number}.lab01.example.com",
                f"10.96.42.{number}",
                "esxi-8.0u3g",
                "staged",
                "full clone: the template has no snapshot slipway-base",
                False,
                "vsan",
            )
            for number in range(11, 15)
        ),
        PlannedVm("vcsa.lab01.example.com", "10.96.42.3", "vcsa-8.0u3", "skipped", "it is there already"),
    ),
    to_stage=("zcore-13.5+large",),
    upload_bytes=8 * GIB,
    space_needed=96 * GIB,
    space_free=3174 * GIB,
    problems=(),
    power_on=True,
    ordered=Ordered(
        Profile("lab01", "vc-01.lab", "lab01.example.com", None, Network("10.96.42.0/24"), None, None, ()), ""
    ),
    warnings=(
        Problem(
            "zcore-13.5.ova: it is not signed: it has no certificate file (.cert)",
            "get a signed one from its maker; or ask less: slipway endpoint update vc-01.lab --signatures off",
        ),
    ),
)

CHECKED = (
    PackageFinding(
        "zcore-13.5.ovf line 12: File 'file1'",
        "error",
        "refers to 'disk1.vmdk', which is missing",
        "get the package again, or another one from who made it",
    ),
    PackageFinding(
        "zcore-13.5.ova",
        "error",
        "its licence waits",
        "read it: slipway component eula zcore-13.5, and accept it: slipway component accept-eula zcore-13.5",
    ),
    PackageFinding("zcore-13.5.ova", "note", "is not signed"),
)

DEPLOYABLE = DeployChoices(("vc-01.lab", "vc-02.lab"), ("esxi-8.0u3g", "zcore-13.5", "vcsa-8.0u3"))
"""What the forms of staging and of a deployment offer."""
