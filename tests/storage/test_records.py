"""Endpoints, components and deployments, on both databases."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from storage import audit, claims, components, deployments, endpoints, models
from storage.components import Component, Kind
from storage.endpoints import NewEndpoint
from storage.errors import BadInput, Conflict, NotFound
from storage.store import Store

VC01 = NewEndpoint(
    name="vc01",
    host="vc01.lab",
    username="administrator@vsphere.local",
    datacenter="dc",
    resource_pool="cluster",
    datastore="datastore1",
    vmfolder="labs",
)

ESXI = Component(
    uid="esxi-8.0u3g",
    name="esxi",
    version="8.0u3g",
    type="esxi",
    description="Nested ESXi",
    url="",
    download_engine="https",
    download_file="esxi.ova",
    checksum="sha256:" + "0" * 64,
    size_text="911 MB",
    kind=Kind.L1,
    spec={"PropertyMapping": [{"Key": "guestinfo.hostname", "Value": "{{zpod_hostname}} ä"}]},
)


def test_an_endpoint_comes_back_as_given(store: Store) -> None:
    made = endpoints.add(store, replace(VC01, pin="ab" * 32, network="VM Network"), "hunter2")
    assert (made.name, made.port, made.pin, made.network, made.ca, made.host_system) == (
        "vc01", 443, "ab" * 32, "VM Network", None, None
    )  # fmt: skip
    assert made.created.tzinfo is not None
    assert endpoints.get(store, "vc01") == endpoints.by_id(store, made.id) == made
    assert endpoints.listing(store) == [made]


def test_an_endpoints_password_is_encrypted(store: Store) -> None:
    made = endpoints.add(store, VC01, "hunter2 ☃")
    assert endpoints.password(store, made) == "hunter2 ☃"
    with store.read() as tx:
        assert "hunter2" not in tx.execute(select(models.endpoints.c.password)).scalar_one()
    endpoints.update(store, "vc01", password="hunter3")
    assert endpoints.password(store, made) == "hunter3"
    assert not any("hunter" in str(entry) for entry in audit.listing(store))


def test_an_endpoint_is_updated_and_renamed(store: Store) -> None:
    made = endpoints.add(store, VC01, "x")
    assert endpoints.update(store, "vc01", name="vc02", instance_uuid="u-1") == replace(
        made, name="vc02", instance_uuid="u-1"
    )
    with pytest.raises(NotFound, match='did you mean "vc02"'):
        endpoints.get(store, "vc01")


def test_endpoint_names_are_unique(store: Store) -> None:
    endpoints.add(store, VC01, "x")
    endpoints.add(store, replace(VC01, name="vc02"), "x")
    with pytest.raises(Conflict, match="name is taken"):
        endpoints.add(store, VC01, "x")
    with pytest.raises(Conflict, match="name is taken"):
        endpoints.update(store, "vc02", name="vc01")
    assert [one.name for one in endpoints.listing(store)] == ["vc01", "vc02"]


def test_an_id_is_never_given_out_twice(store: Store) -> None:
    first = endpoints.add(store, VC01, "x")
    endpoints.remove(store, "vc01")
    assert endpoints.add(store, VC01, "x").id > first.id


def test_an_endpoint_with_a_claim_stays(store: Store) -> None:
    made = endpoints.add(store, VC01, "x")
    name = claims.claim_name(made.id, "esxi-8.0u3g")
    claims.insert(store, name, "1")
    with pytest.raises(Conflict, match=name):
        endpoints.remove(store, "vc01")
    claims.delete(store, name, "1")
    claims.insert(store, claims.claim_name(made.id * 10, "other"), "1")
    endpoints.remove(store, "vc01")
    assert endpoints.listing(store) == []


def test_removing_an_endpoint_removes_its_deployments(store: Store) -> None:
    made = endpoints.add(store, VC01, "x")
    run = deployments.create(store, "lab", made.id, "{}", [("vm1", "a-1")])
    endpoints.remove(store, "vc01")
    assert deployments.listing(store) == []
    assert deployments.items(store, run.id) == []


def test_unknown_endpoints_and_fields_are_named(store: Store) -> None:
    made = endpoints.add(store, VC01, "x")
    with pytest.raises(BadInput, match='did you mean "datastore"'):
        endpoints.update(store, "vc01", datastor="x")
    for act in (
        lambda: endpoints.get(store, "vc0"),
        lambda: endpoints.update(store, "vc0", host="h"),
        lambda: endpoints.remove(store, "vc0"),
    ):
        with pytest.raises(NotFound, match='did you mean "vc01"'):
            act()
    endpoints.remove(store, "vc01")
    for gone in (lambda: endpoints.by_id(store, made.id), lambda: endpoints.password(store, made)):
        with pytest.raises(NotFound):
            gone()


def test_a_component_comes_back_as_put(store: Store) -> None:
    assert components.put(store, ESXI)
    assert components.get(store, ESXI.uid) == ESXI
    assert components.get(store, ESXI.uid).kind is Kind.L1


def test_importing_again_renews_but_keeps_what_the_operator_set(store: Store) -> None:
    components.put(store, ESXI)
    components.update(store, ESXI.uid, enabled=False, ova_path="/ova/esxi.ova")
    assert not components.put(store, replace(ESXI, description="newer"))
    kept = replace(ESXI, description="newer", enabled=False, ova_path="/ova/esxi.ova")
    assert components.listing(store) == [kept]


def test_unknown_components_and_fields_are_named(store: Store) -> None:
    components.put(store, ESXI)
    with pytest.raises(NotFound, match=r'did you mean "esxi-8\.0u3g"'):
        components.get(store, "esxi-8.0u3")
    with pytest.raises(BadInput, match='did you mean "enabled"'):
        components.update(store, ESXI.uid, enable=True)
    components.remove(store, ESXI.uid)
    for act in (lambda: components.remove(store, ESXI.uid), lambda: components.update(store, ESXI.uid, enabled=True)):
        with pytest.raises(NotFound):
            act()


def test_a_deployment_and_its_items(store: Store) -> None:
    endpoint = endpoints.add(store, VC01, "x")
    run = deployments.create(store, "lab01", endpoint.id, '{"name": "lab01"}', [("vm2", "b-1"), ("vm1", "a-1")])
    assert (run.state, run.bytes_sent, run.ended) == ("pending", 0, None)
    assert [(item.name, item.component_uid) for item in deployments.items(store, run.id)] == [
        ("vm2", "b-1"),
        ("vm1", "a-1"),
    ]
    with store.read() as tx:
        now = store.now(tx)
    deployments.update(store, run.id, state="succeeded", ended=now, bytes_sent=20 << 30)
    changed = deployments.get(store, run.id)
    assert (changed.state, changed.ended, changed.bytes_sent) == ("succeeded", now, 20 << 30)
    assert run.created <= now
    assert deployments.listing(store) == [changed]


def test_the_latest_item_is_the_newest_with_a_vm_or_task_on_that_endpoint(store: Store) -> None:
    here = endpoints.add(store, VC01, "x")
    there = endpoints.add(store, replace(VC01, name="vc02"), "x")
    runs = [deployments.create(store, "lab", where.id, "{}", [("vm1", "a-1")]) for where in (here, here, here, there)]
    first, second, _, other = [deployments.items(store, run.id)[0] for run in runs]
    assert deployments.latest_item(store, here.id, "vm1") is None
    deployments.update_item(store, first.id, vm="vm-1")
    deployments.update_item(store, other.id, vm="vm-9")
    assert deployments.latest_item(store, here.id, "vm1") == replace(first, vm="vm-1")
    deployments.update_item(store, second.id, task="task-2", instance_uuid="u", seconds=1.5)
    assert deployments.latest_item(store, here.id, "vm1") == replace(
        second, task="task-2", instance_uuid="u", seconds=1.5
    )
    assert deployments.latest_item(store, here.id, "vm2") is None


def test_a_deployment_needs_its_endpoint(store: Store) -> None:
    with pytest.raises(NotFound, match="endpoint"):
        deployments.create(store, "lab", 99, "{}", [("vm1", "a-1")])
    assert deployments.listing(store) == []
    with pytest.raises(NotFound):
        deployments.update(store, 1, state="failed")
    with pytest.raises(NotFound):
        deployments.get(store, 1)
    with pytest.raises(BadInput, match='did you mean "reason"'):
        deployments.update_item(store, 1, reasons="x")


def test_the_audit_trail_is_newest_first_and_limited(store: Store) -> None:
    for number in range(5):
        audit.record(store, "clear", f"claim {number}", "forced")
    assert [entry.on for entry in audit.listing(store, limit=2)] == ["claim 4", "claim 3"]


def test_a_change_committed_late_is_another_version(store: Store) -> None:
    """PostgreSQL gives out ids when rows are written, and shows them when they are committed."""
    seen = [audit.version(store)]
    with store.begin() as late:
        audit.write(store, late, "update", "component a")
        if store.engine.dialect.name == "postgresql":  # SQLite has one writer at a time
            audit.record(store, "update", "component b")
            seen.append(audit.version(store))
    seen.append(audit.version(store))
    assert len(set(seen)) == len(seen)


def test_some_components_are_those_that_there_are(store: Store) -> None:
    components.put(store, ESXI)
    components.put(store, replace(ESXI, uid="esxi-9", version="9"))
    assert components.some(store, [ESXI.uid, "none"]) == {ESXI.uid: ESXI}
    assert components.some(store, []) == {}
