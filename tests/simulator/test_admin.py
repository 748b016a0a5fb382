"""The admin port through its client: faults, upload troubles, sessions, hosts, privileges, settings, counters."""

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyVmomi import SoapStubAdapter, vim, vmodl

from engine.errors import BadInput, Unreachable
from engine.simulator.admin import Admin
from engine.simulator.launcher import Simulator
from tests.simulator.conftest import PASSWORD, POOL, USERNAME, Govc, import_ova


def anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture
def content(simulator: Simulator) -> Iterator[vim.ServiceInstanceContent]:
    stub = SoapStubAdapter(
        simulator.host, simulator.port, path="/sdk", version="vim.version.v8_0_3_0", sslContext=anybody()
    )
    content = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
    content.sessionManager.Login(USERNAME, PASSWORD)
    yield content
    stub.DropConnections()


def clone(govc: Govc, name: str, *options: str) -> str:
    answer = govc("vm.clone", "-vm", "app", "-on=false", "-pool", POOL, "-folder", "zpods", *options, name)
    return answer.stderr if answer.returncode else ""


def test_faults_come_when_ordered(simulator: Simulator, govc: Govc, ova: Path) -> None:
    assert import_ova(govc, ova).returncode == 0
    simulator.admin.fault("CloneVM_Task", "NoPermission", message="not today", object="c1", times=1)
    assert "not today" in clone(govc, "c1")
    assert clone(govc, "c1") == ""
    simulator.admin.fault("CloneVM_Task", "NoDiskSpace", detail={"datastore": "LocalDS_0"}, in_task=True, skip=1)
    assert clone(govc, "c2") == ""
    assert "LocalDS_0" in clone(govc, "c3")
    assert simulator.admin.counters().calls["CloneVM_Task"] == 4
    simulator.admin.clear_faults()
    assert clone(govc, "c3") == ""


def test_bad_orders_are_refused(simulator: Simulator) -> None:
    with pytest.raises(BadInput, match="NoSuchFault"):
        simulator.admin.fault("CloneVM_Task", "NoSuchFault")
    with pytest.raises(BadInput, match="nowhere"):
        simulator.admin.disconnect_host("nowhere")
    with pytest.raises(BadInput, match="bytes_per_second"):
        simulator.admin.nfc("slow")
    with pytest.raises(Unreachable):
        Admin("http://127.0.0.1:1").counters()


def test_dropped_upload_leaves_no_machine(simulator: Simulator, govc: Govc, ova: Path) -> None:
    simulator.admin.nfc("drop", match="app", after_bytes=30_000, times=1)
    assert import_ova(govc, ova).returncode != 0
    counters = simulator.admin.counters()
    assert counters.bytes_received == 30_000
    assert [lease.name for lease in counters.leases] == ["app"]
    simulator.admin.clear_nfc()
    simulator.admin.reset_counters()
    assert import_ova(govc, ova, "second").returncode == 0
    assert simulator.admin.counters().bytes_received == 150_000


def test_sessions_end(simulator: Simulator, content: vim.ServiceInstanceContent) -> None:
    assert simulator.admin.counters().live_sessions == 1
    simulator.admin.expire_sessions()
    assert simulator.admin.counters().live_sessions == 0
    with pytest.raises(vim.fault.NotAuthenticated, match="not authenticated"):
        content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], recursive=True)
    content.sessionManager.Login(USERNAME, PASSWORD)
    content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], recursive=True)


def test_503_as_often_as_ordered(simulator: Simulator) -> None:
    simulator.admin.http503(2)
    codes = []
    for _ in range(3):
        connection = http.client.HTTPSConnection(simulator.host, simulator.port, context=anybody())
        connection.request("GET", "/about")
        codes.append(connection.getresponse().status)
        connection.close()
    assert codes == [503, 503, 200]


def test_privilege_that_was_taken_away(simulator: Simulator, govc: Govc) -> None:
    simulator.admin.deny("Folder.Create", "zpods")
    assert "denied" in govc("folder.create", "/DC0/vm/zpods/sub").stderr
    simulator.admin.grant("Folder.Create", "zpods")
    assert govc("folder.create", "/DC0/vm/zpods/sub").returncode == 0


def test_disconnected_host_takes_its_machines_along(simulator: Simulator, govc: Govc, ova: Path) -> None:
    assert import_ova(govc, ova).returncode == 0
    for host in simulator.hosts:
        simulator.admin.disconnect_host(host.name)
    state = govc("object.collect", "-s", "/DC0/vm/zpods/app", "runtime.connectionState").stdout.strip()
    assert state == "disconnected"
    assert "disconnected" in clone(govc, "c1")
    for host in simulator.hosts:
        simulator.admin.connect_host(host.name)
    assert clone(govc, "c1") == ""


def test_settings_change_while_it_runs(simulator: Simulator, govc: Govc, ova: Path) -> None:
    assert import_ova(govc, ova).returncode == 0
    simulator.admin.settings(datastore_capacity=200_000)
    assert "space" in clone(govc, "c1")
    simulator.admin.settings(datastore_capacity=10**12)
    assert clone(govc, "c1") == ""


def test_lease_aborted_with_a_reason(content: vim.ServiceInstanceContent) -> None:
    """pyVmomi's LocalizedMethodFault: on stock vcsim the connection drops and the machine stays."""
    datacenter = next(iter(children(content, vim.Datacenter)))
    pool = next(pool for pool in children(content, vim.ResourcePool) if pool.name == "DC0_C0_RP1")
    spec = vim.vm.VmImportSpec(
        configSpec=vim.vm.ConfigSpec(
            name="half", files=vim.vm.FileInfo(vmPathName="[LocalDS_0]"), numCPUs=1, memoryMB=64
        )
    )
    lease = pool.ImportVApp(spec, datacenter.vmFolder)
    while lease.state == vim.HttpNfcLease.State.initializing:
        pass
    assert [vm.name for vm in children(content, vim.VirtualMachine)] == ["half"]
    lease.Abort(vmodl.LocalizedMethodFault(fault=vmodl.MethodFault(), localizedMessage="no more"))
    assert children(content, vim.VirtualMachine) == []


def children(content: vim.ServiceInstanceContent, kind: type[vim.ManagedEntity]) -> list[vim.ManagedEntity]:
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], recursive=True)
    found = list(view.view)
    view.DestroyView()
    return found
