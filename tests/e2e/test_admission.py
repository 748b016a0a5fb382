"""Signatures and licences on the way to a vCenter: what may not be used sends not one byte."""

from pathlib import Path
from typing import Any

import pytest

from engine.ova.sample_descriptor import sample_descriptor
from engine.simulator.launcher import Simulator
from storage import endpoints
from storage.endpoints import Signatures
from tests.e2e.lab import MIB, Lab, Outcome, entries, sample_ova
from tests.ova.archives import member, write_ova
from tests.ova.signing import chain_of, sign_ova

LICENCE = "Use it well.\n\u202eNever backwards."


@pytest.fixture
def lab(simlab: Lab) -> Lab:
    return simlab


def ask(lab: Lab, policy: Signatures) -> None:
    with lab.store() as store:
        endpoints.update(store, "vc01", signatures=policy)


def received(lab: Lab) -> int:
    assert isinstance(lab.vcenter, Simulator)
    return lab.vcenter.admin.counters().bytes_received


def warned(plan: Any) -> list[str]:
    """What is said of the OVA."""
    return [one["what"] for one in plan["warnings"] if one["where"] == "esxi.ova"]


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2, outcome.err + outcome.out
    for word in words:
        assert word in outcome.err + outcome.out


@pytest.mark.parametrize("staging", ["true", pytest.param("false", marks=pytest.mark.long)])
def test_what_is_unsigned_sends_nothing_where_a_signature_is_required(lab: Lab, staging: str) -> None:
    lab.setting("ff_endpoint_ova_staging", staging)
    uid, _ = lab.add_sample("esxi")
    ask(lab, Signatures.REQUIRE)
    before = received(lab)
    profile = str(lab.profile("lab01", entries(uid, "a")))
    refused(lab.slipway("template", "stage", uid, "--endpoint", "vc01"), "is not signed", "--signatures warn")
    refused(lab.slipway("deploy", profile), "is not signed")
    refused(lab.slipway("deploy", profile, "--plan"), "problem cannot use esxi.ova: it is not signed")
    assert received(lab) == before
    assert lab.govc("find", "/", "-type", "m").split() == []


@pytest.mark.long
def test_a_policy_that_changed_behind_the_plan_stops_the_worker(lab: Lab) -> None:
    """The job is queued while nothing is asked; the worker begins after the operator has made it stricter."""
    from engine.jobs import submit

    uid, _ = lab.add_sample("esxi")
    with lab.store() as store:
        endpoint = endpoints.get(store, "vc01")
        submit.stage(store, endpoint, uid)
    ask(lab, Signatures.REQUIRE)
    before = received(lab)
    outcome = lab.slipway("worker", "--until-idle")
    assert outcome.code == 0, outcome.err
    with lab.store() as store:
        from storage import jobs

        [job] = jobs.stagings(store, endpoint.id, uid)
    assert (job.state, "is not signed" in job.error) == ("failed", True)
    assert received(lab) == before


def test_a_warning_is_in_plan_and_step(lab: Lab) -> None:
    uid, _ = lab.add_sample("esxi")
    profile = str(lab.profile("lab01", entries(uid, "a")))
    plan = lab.ok("deploy", profile, "--plan", "--json")
    assert warned(plan) == ["it is not signed: it has no certificate file (.cert)"]
    assert plan["problems"] == []
    outcome = lab.slipway("template", "stage", uid, "--endpoint", "vc01")
    assert outcome.code == 0, outcome.err
    assert "warning: esxi.ova: it is not signed" in outcome.err
    plan = lab.ok("deploy", profile, "--plan", "--json")
    assert warned(plan) == []  # it is cloned: nothing is sent
    lab.setting("ff_endpoint_ova_staging", "false")
    told = lab.slipway("deploy", profile)
    assert (told.code, "warning: esxi.ova: it is not signed" in told.err) == (0, True), told.err
    shown = lab.ok("deployment", "show", "1", "--json")
    ask(lab, Signatures.REQUIRE)
    plan = lab.ok("deploy", profile, "--plan", "--json")
    assert ([one["path"] for one in plan["items"]], plan["problems"]) == (["skipped"], [])  # it is there already
    assert any(step["step"] == "checking" and "is not signed" in step["detail"] for step in shown["steps"])


@pytest.mark.long
def test_a_trusted_signature_is_staged(lab: Lab) -> None:
    chain = chain_of("rsa")
    plain = sample_ova(lab.folder / "plain.ova", "esxi")
    uid = lab.add_component("esxi", sign_ova(plain.path, lab.folder / "esxi.ova", chain.holders))
    ask(lab, Signatures.REQUIRE)
    stage = ("template", "stage", uid, "--endpoint", "vc01")
    refused(lab.slipway(*stage), "untrusted issuer", "signature_roots")
    roots = lab.folder / "roots.pem"
    refused(lab.slipway("setting", "update", "signature_roots", "-v", str(roots)), "signature_roots", str(roots))
    roots.write_text(chain.root.pem)
    lab.ok("setting", "update", "signature_roots", "-v", str(roots))
    assert lab.ok(*stage, "--json")["state"] == "staged"


def test_the_policy_is_given_and_shown(lab: Lab) -> None:
    assert lab.ok("endpoint", "show", "vc01", "--json")["signatures"] == "warn"
    lab.ok("endpoint", "update", "vc01", "--signatures", "require")
    assert "signatures:    require" in lab.slipway("endpoint", "show", "vc01").out
    assert [one["signatures"] for one in lab.ok("endpoint", "list", "--json")] == ["require"]
    refused(lab.slipway("endpoint", "update", "vc01", "--signatures", "maybe"), "--signatures", '"maybe"', "off, warn")
    assert lab.ok("endpoint", "show", "vc01", "--json")["signatures"] == "require"


@pytest.mark.parametrize("staging", ["true", pytest.param("false", marks=pytest.mark.long)])
def test_a_licence_is_accepted_before_anything_is_sent(lab: Lab, staging: str) -> None:
    lab.setting("ff_endpoint_ova_staging", staging)
    ova = sample_ova(lab.folder / "esxi.ova", "esxi", licences=[LICENCE])
    uid = lab.add_component("esxi", ova.path)
    profile = str(lab.profile("lab01", entries(uid, "a")))
    before = received(lab)
    refused(lab.slipway("template", "stage", uid, "--endpoint", "vc01"), f"slipway component accept-eula {uid}")
    refused(lab.slipway("deploy", profile), f"slipway component eula {uid}")
    assert received(lab) == before
    shown = lab.slipway("component", "eula", uid)
    told = f"not accepted yet: slipway component accept-eula {uid}"
    assert shown.out == f"Use it well.\n\\u202eNever backwards.\n\n{told}\n"
    assert lab.ok("component", "eula", uid, "--json")["texts"] == [LICENCE]
    lab.ok("component", "accept-eula", uid)
    document = lab.ok("component", "eula", uid, "--json")
    assert (document["accepted"], "@" in document["accepted_by"]) == (True, True)
    assert lab.ok("component", "show", uid, "--json")["licence_accepted_by"] == document["accepted_by"]
    assert lab.ok("deploy", profile, "--json")["state"] == "succeeded"
    assert received(lab) > before


def test_supplying_an_ova_tells_of_its_licence(lab: Lab) -> None:
    uid, sample = lab.add_sample("esxi", component_download_file_checksum="")
    assert "licence" not in lab.slipway("component", "set-file", uid, str(sample.path)).out
    other = sample_ova(lab.folder / "other.ova", "esxi", licences=[LICENCE])
    outcome = lab.slipway("component", "set-file", uid, str(other.path))
    assert f"slipway component eula {uid}" in outcome.out


def too_new(lab: Lab) -> Path:
    """An OVA made for a hardware version that no host has."""
    net = ("VM Network",)
    text = sample_descriptor(
        "esxi", disks={"d.vmdk": MIB}, properties=(), networks=net, nics=net, deployment_options=()
    ).replace("vmx-13", "vmx-22")
    return write_ova(lab.folder / "new.ova", member("esxi.ovf", text), member("d.vmdk", bytes(MIB)))


def test_a_staging_looks_at_the_hardware_version_itself(lab: Lab) -> None:
    """Who queues a job without the command's own look, as a deployment does for the next one, sends nothing either."""
    from engine.jobs import submit
    from storage import jobs

    uid = lab.add_component("esxi", too_new(lab), keys=())
    with lab.store() as store:
        endpoint = endpoints.get(store, "vc01")
        submit.stage(store, endpoint, uid)
    before = received(lab)
    assert lab.slipway("worker", "--until-idle").code == 0
    with lab.store() as store:
        [job] = jobs.stagings(store, endpoint.id, uid)
    assert (job.state, "is made for vmx-22" in job.error) == ("failed", True), job.error
    assert received(lab) == before


def test_a_fallback_looks_at_the_hardware_version_too(lab: Lab, simulator: Simulator) -> None:
    """The plan had no reason to: the template was there."""
    uid = lab.add_component("esxi", sample_ova(lab.folder / "old.ova", "esxi").path, keys=())
    lab.ok("template", "stage", uid, "--endpoint", "vc01")
    lab.ok("component", "set-file", uid, str(too_new(lab)))
    simulator.admin.fault("CloneVM_Task", "InvalidState")
    before = received(lab)
    outcome = lab.slipway("deploy", str(lab.profile("lab01", entries(uid, "a"))), "--json")
    assert outcome.code == 1
    [item] = outcome.document["items"]
    assert "is made for vmx-22" in item["reason"]
    assert received(lab) == before
