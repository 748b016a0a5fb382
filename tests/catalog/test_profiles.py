"""Profiles: the formats accepted, and every problem named by file, path and nearest key, without a secret."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.catalog.nics import Nic
from engine.catalog.profiles import Entry, Network, Profile, Secret, profile_of, read_profile
from engine.errors import BadInput

LAB = """
name: lab01
endpoint: vc01
domain: lab01.example.com
vapp: lab01                 # created when missing
network: {portgroup: lab01-segment, subnet: 10.96.42.0/24, gateway: 10.96.42.1, dns: 10.96.42.2, ntp: 10.96.42.3}
password: {env: LAB01_PASSWORD}
components:
  - {component_uid: zcore-13.5, hostname: zcore, host_id: 2}
  - - {component_uid: esxi-8.0u3g, hostname: esxi11, host_id: 11, vcpu: 4, vmem: 32, vnics: 4, vdisks: [40, 400]}
    - {component_uid: esxi-8.0u3g, hostname: esxi12, host_id: 12}
"""
# What Slipway needs and a file of zPodFactory does not say.
LAB_OVERRIDES = [("endpoint", "vc01"), ("domain", "lab.example.com"), ("network.subnet", "10.96.42.0/24")]


def write(folder: Path, text: str | bytes, name: str = "lab.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lab(**changes: Any) -> dict[str, Any]:
    """The profile above as a document, with top-level fields changed."""
    return {**yaml.safe_load(LAB), **changes}


def with_entry(**fields: Any) -> dict[str, Any]:
    """That profile with one entry, which has these fields."""
    return lab(components=[{"component_uid": "esxi-8.0u3g", "hostname": "esxi11", **fields}])


def problems_of(folder: Path, document: object, overrides: list[tuple[str, str]] | None = None) -> list[str]:
    path = write(folder, json.dumps(document), "lab.json")
    with pytest.raises(BadInput) as caught:
        read_profile(path, overrides or [])
    assert caught.value.on == str(path)
    return caught.value.why.split("; ")


def test_the_profile_of_the_documentation(tmp_path: Path) -> None:
    profile = read_profile(write(tmp_path, LAB))
    esxi11 = Entry("esxi-8.0u3g", "esxi11", host_id=11, vcpu=4, vmem=32, vnics=4, vdisks=(40, 400))
    assert profile == Profile(
        name="lab01",
        endpoint="vc01",
        domain="lab01.example.com",
        vapp="lab01",
        network=Network("10.96.42.0/24", "lab01-segment", "10.96.42.1", "10.96.42.2", "10.96.42.3"),
        password=Secret(env="LAB01_PASSWORD"),
        sshkey=None,
        steps=((Entry("zcore-13.5", "zcore", host_id=2),), (esxi11, Entry("esxi-8.0u3g", "esxi12", host_id=12))),
    )
    assert esxi11.vm_name(profile.domain) == "esxi11.lab01.example.com"
    assert profile.address(esxi11) == "10.96.42.11"


def test_the_same_profile_as_json(tmp_path: Path) -> None:
    in_json = read_profile(write(tmp_path, json.dumps(lab(), indent="\t"), "lab.json"))
    assert in_json == read_profile(write(tmp_path, LAB))


@pytest.mark.parametrize("shape", ["bare list", "named", "as its API returns it"])
def test_a_profile_of_zpodfactory(tmp_path: Path, shape: str) -> None:
    entries = [
        {"component_uid": "zcore-13.5", "host_id": None, "hostname": None, "vcpu": None, "vdisks": None},
        [{"component_uid": "esxi-8.0u3i", "host_id": 11, "hostname": "esxi11", "vcpu": 6, "vmem": 48}],
        {"component_uid": "hcx-cloud-4.11.3"},
        {"component_uid": "nsx-4.2.3.1", "hostname": "manager"},
    ]
    documents: dict[str, object] = {
        "bare list": entries,
        "named": {"name": "base", "profile": entries},
        "as its API returns it": {"id": 3, "name": "base", "profile": entries, "creation_date": "2026-01-01T00:00:00"},
    }
    profile = read_profile(write(tmp_path, json.dumps(documents[shape]), "base.json"), LAB_OVERRIDES)
    assert profile.name == "base"
    assert [[(entry.hostname, profile.address(entry)) for entry in step] for step in profile.steps] == [
        [("zcore", "10.96.42.2")],
        [("esxi11", "10.96.42.11")],
        [("hcx-cloud", "10.96.42.7")],
        [("manager", "10.96.42.20")],
    ]


def test_overrides_fill_and_replace(tmp_path: Path) -> None:
    document = lab()
    del document["network"]
    path = write(tmp_path, json.dumps(document), "lab.json")
    profile = read_profile(
        path,
        [("network.subnet", "10.96.43.0/24"), ("network.portgroup", "a.b"), ("name", "other"), ("password.env", "PW")],
    )
    assert profile.network == Network("10.96.43.0/24", "a.b")
    assert (profile.name, profile.password) == ("other", Secret(env="PW"))


def test_an_override_changes_one_place_of_a_shared_mapping(tmp_path: Path) -> None:
    shared = LAB.replace("hostname: zcore", "hostname: zcore, networks: &n {subnet: 10.96.42.0/24}")
    path = write(tmp_path, shared.replace("network: {", "network: {<<: *n, ").replace("*n", "{ntp: a}"))
    profile = read_profile(path, [("network.ntp", "10.96.42.9")])
    assert profile.network.ntp == "10.96.42.9"
    assert profile.steps[0][0].networks == {"subnet": "10.96.42.0/24"}


def test_overrides_that_lead_nowhere_are_problems(tmp_path: Path) -> None:
    overrides = [("network.portgrup", "x"), ("name.first", "x"), ("components.0.vcpu", "4"), ("", "x")]
    assert problems_of(tmp_path, lab(), overrides) == [
        "name.first: cannot be set, name is not a mapping",
        "components.0.vcpu: cannot be set, components is not a mapping",
        ": unknown key",
        'network.portgrup: unknown key, did you mean "portgroup"?',
    ]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    document = lab(endpont="vc01", domain="-x.example", network={"portgrup": "a", "subnet": "10.96.42.1/24"})
    del document["endpoint"]
    document["components"] = [{"component_uid": "zcore-13.5", "vmme": 4}, [{"component_uid": 8.0, "host_id": "11"}]]
    assert problems_of(tmp_path, document) == [
        'endpont: unknown key, did you mean "endpoint"?',
        "endpoint: is missing",
        'network.portgrup: unknown key, did you mean "portgroup"?',
        'components[0].vmme: unknown key, did you mean "vmem"?',
        "components[1][0].component_uid: must be text (put it in quotes)",
        "components[1][0].hostname: is missing",
        "components[1][0].host_id: must be a whole number",
        "network.subnet: 10.96.42.1/24 is an address, its network is 10.96.42.0/24",
    ]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (lab(domain="lab_01.example"), "domain: must be DNS labels (letters, digits, hyphens"),
        (lab(domain="lab.example."), "domain: must be DNS labels (letters, digits, hyphens"),
        (lab(name="a/b"), "name: must be at most 80 printable characters without / \\ %"),
        (lab(vapp="a\tb"), "vapp: must be at most 80 printable characters without / \\ %"),
        (lab(name=""), "name: must not be empty"),
        (lab(components=[]), "components: must be a list of entries"),
        (lab(components={"a": 1}), "components: must be a list of entries"),
        (lab(components=[[]]), "components[0]: an empty list"),
        (lab(components=["zcore-13.5"]), "components[0]: must be a mapping"),
        (lab(components=[{}] * 1001), "components: more than 1000 entries"),
        (lab(network="10.96.42.0/24"), "network: must be a mapping"),
        (lab(network={}), "network.subnet: is missing"),
        (lab(network={"subnet": "10.96.42.0"}), "network.subnet: must be a network address and a prefix, such as"),
        (lab(network={"subnet": "10.96.42.0/33"}), "network.subnet: must be a network address and a prefix, such as"),
        (lab(network={"subnet": "10.96.42.0/24", "gateway": "gw"}), "network.gateway: must be an IP address"),
        (lab(password={}), "password: name either `env` or `setting`"),
        (lab(password={"env": "A", "setting": "b"}), "password: name either `env` or `setting`"),
        (lab(password={"env": "A B"}), "password.env: not the name of an environment variable"),
        (lab(password={"evn": "A"}), 'password.evn: unknown key, did you mean "env"?'),
        (with_entry(), "components[0]: give either host_id or ip"),
        (with_entry(host_id=1, ip="10.96.42.9"), "components[0]: give either host_id or ip"),
        (with_entry(host_id=0), "components[0].host_id: must be greater than 0"),
        (with_entry(host_id=True), "components[0].host_id: must be a whole number"),
        (with_entry(host_id=255), "components[0].host_id: 10.96.42.255 is no host's address in 10.96.42.0/24"),
        (with_entry(host_id=256), "components[0].host_id: 10.96.43.0 is no host's address in 10.96.42.0/24"),
        (with_entry(host_id=2**31 - 1), "components[0].host_id: 138.96.41.255 is no host's address in 10.96.42.0/24"),
        (with_entry(host_id=1), "components[0].host_id: 10.96.42.1 is already the address of the gateway"),
        (with_entry(ip="10.96.42"), "components[0].ip: must be an IP address"),
        (with_entry(ip="10.96.43.9"), "components[0].ip: 10.96.43.9 is no host's address in 10.96.42.0/24"),
        (with_entry(ip="fd00::9"), "components[0].ip: fd00::9 is no host's address in 10.96.42.0/24"),
        (with_entry(host_id=9, hostname="a.b"), "components[0].hostname: must be one DNS label"),
        (with_entry(host_id=9, hostname="a" * 64), "components[0].hostname: must be one DNS label"),
        (
            with_entry(host_id=9, hostname="a" * 63),
            "components[0].hostname: the VM's name would be longer than 80 characters",
        ),
        (with_entry(host_id=9, vcpu=0), "components[0].vcpu: must be greater than 0"),
        (with_entry(host_id=9, vnics=11), "components[0].vnics: must be less than or equal to 10"),
        (with_entry(host_id=9, vdisks=[40, -1]), "components[0].vdisks[1]: must be greater than 0"),
        (with_entry(host_id=9, vdisks=[40.5]), "components[0].vdisks[0]: must be a whole number"),
        (with_entry(host_id=9, vdisks=40), "components[0].vdisks: must be a list"),
        (with_entry(host_id=9, properties={"a": 1}), "components[0].properties.a: must be text (put it in quotes)"),
        (with_entry(host_id=9, networks=["a"]), "components[0].networks: must be a mapping"),
    ],
)
def test_a_problem_names_its_field(tmp_path: Path, document: dict[str, Any], problem: str) -> None:
    first = problems_of(tmp_path, document)[0]
    assert first.startswith(problem)


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ({"hostname": "a", "host_id": 5}, {"hostname": "A", "host_id": 6}, "hostname: A is already the name of"),
        ({"hostname": "a", "host_id": 5}, {"hostname": "b", "host_id": 5}, "host_id: 10.96.42.5 is already the addr"),
        ({"hostname": "a", "host_id": 5}, {"hostname": "b", "ip": "10.96.42.5"}, "ip: 10.96.42.5 is already the addr"),
    ],
)
def test_two_vms_cannot_share_a_name_or_address(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], problem: str
) -> None:
    uid = {"component_uid": "esxi-8.0u3g"}
    (told,) = problems_of(tmp_path, lab(components=[uid | first, [uid | second]]))
    assert told.startswith(f"components[1][0].{problem}")
    assert told.endswith("components[0]")


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, lab(components=[{"component_uid": 1, "hostname": "a", "host_id": 1}] * 30))
    assert len(problems) == 21
    assert problems[-1] == "and 10 more"


@pytest.mark.parametrize("subnet", ["fd00:1::/64", "10.0.0.0/31", "10.0.0.0/8"])
def test_other_subnets(tmp_path: Path, subnet: str) -> None:
    document = with_entry(host_id=1) | {"network": {"subnet": subnet}}
    profile = read_profile(write(tmp_path, json.dumps(document), "lab.json"))
    assert profile.address(profile.steps[0][0]) == subnet.replace("0/31", "1").replace("0/8", "1").replace("/64", "1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"\xff\xfe", "it is not UTF-8 text (byte 0)"),
        ("", "it is neither a mapping nor a list of entries"),
        ("just words", "it is neither a mapping nor a list of entries"),
        ("a: 1\na: 2", "the key 'a' is given twice"),
        ("network: {dns: a, dns: b}", "the key 'dns' is given twice"),
        ("a: [", "not YAML: expected the node content, but found '<stream end>' (line 1, column 5)"),
        ("a: b: c", "not YAML: mapping values are not allowed here (line 1, column 5)"),
        ("a: \0", "not YAML: it holds control characters"),
        ("--- 1\n--- 2", "an unknown alias or tag, or more than one document (line 2, column 1)"),
        ("a: !!python/object/apply:os.system [x]", "an unknown alias or tag, or more than one document"),
        ("a: 2026-13-45", "it holds an impossible date or number"),
        ("[" * 20_000, "nested too deeply"),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, text: str | bytes, why: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        read_profile(path)
    assert caught.value.on == str(path)
    assert caught.value.why.startswith(why)
    assert caught.value.exit_code == 2


def test_a_key_may_override_a_merged_one(tmp_path: Path) -> None:
    merged = LAB.replace("host_id: 2}", "host_id: 2, vcpu: 2}").replace(
        "- {component_uid: esxi-8.0u3g, hostname: esxi12",
        "- {<<: {vcpu: 8, vmem: 8}, vcpu: 16, component_uid: e, hostname: b",
    )
    entry = read_profile(write(tmp_path, merged)).steps[1][1]
    assert (entry.vcpu, entry.vmem) == (16, 8)


def test_aliases_cannot_multiply_a_small_file(tmp_path: Path) -> None:
    bomb = "components:\n  - &a [" + "{component_uid: e-1}, " * 40 + "]\n" + "  - *a\n" * 40
    with pytest.raises(BadInput, match="components: more than 1000 entries"):
        read_profile(write(tmp_path, bomb))
    endless = "components: &a [*a]"
    with pytest.raises(BadInput, match=r"components\[0\]\[0\]: must be a mapping"):
        read_profile(write(tmp_path, endless))


@pytest.mark.parametrize(
    "line",
    [
        "password: hunter2",
        "password: [hunter2]",
        "password: {env: hunter2 with spaces}",
        "password: {hunter: {env: hunter2}}",
        "password: *hunter2",
        "password: !hunter2 x",
        "password: &a hunter2\npassword: x",
        'password: "hunter2',
        "password: hunter2: x",
        "sshkey: [hunter2]",
    ],
)
def test_no_error_repeats_what_may_be_a_secret(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, LAB.replace("password: {env: LAB01_PASSWORD}", line))
    with pytest.raises(BadInput) as caught:
        read_profile(path)
    assert "hunter2" not in str(caught.value) + str(caught.value.as_dict())


def test_a_password_in_the_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    assert problems_of(tmp_path, lab(password="hunter2")) == [
        "password: a profile holds no password, write `password: {env: NAME}` and set that variable"
    ]


labels = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
printable = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="/\\%"), min_size=1, max_size=9)
sizes = st.integers(1, 999)
entries = st.fixed_dictionaries(
    {"component_uid": printable, "hostname": labels, "host_id": st.integers(2, 250)},
    optional={
        "vcpu": sizes,
        "vmem": sizes,
        "vnics": st.integers(1, 10),
        "vdisks": st.lists(sizes, min_size=1, max_size=3),
        "properties": st.dictionaries(printable, printable, min_size=1, max_size=2),
        "networks": st.dictionaries(printable, printable, min_size=1, max_size=2),
    },
)
steps = st.lists(st.lists(entries, min_size=1, max_size=3), min_size=1, max_size=3)
profiles = st.fixed_dictionaries(
    {
        "name": printable,
        "endpoint": printable,
        "domain": labels,
        "network": st.fixed_dictionaries({"subnet": st.just("10.0.0.0/24")}, optional={"ntp": printable}),
        "components": steps,
    },
    optional={"vapp": printable, "sshkey": printable, "password": st.just({"setting": "lab_password"})},
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profiles)
def test_a_profile_is_said_as_it_was_read(tmp_path: Path, document: dict[str, Any]) -> None:
    placed = [entry for step in document["components"] for entry in step]
    for number, entry in enumerate(placed):
        entry |= {"hostname": f"{entry['hostname']}-{number}", "host_id": 2 + number}
    in_yaml = read_profile(write(tmp_path, yaml.safe_dump(document, allow_unicode=True)))
    assert in_yaml.as_dict() == document
    assert read_profile(write(tmp_path, json.dumps(in_yaml.as_dict()), "lab.json")) == in_yaml


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*LAB.split(), "{", "}", "[", "- ", "&a", "*a", "<<:", "\n", "!!set", "'", '"', "? "])))
def test_any_text_is_a_profile_or_refused(tmp_path: Path, words: list[str]) -> None:
    path = write(tmp_path, LAB + " ".join(words))
    refused = None
    try:
        profile = read_profile(path)
    except BadInput as error:
        refused = error
    else:
        assert profile.name == "lab01"
    assert refused is None or (refused.on == str(path) and refused.why)


def test_adapters_and_placement_of_an_entry(tmp_path: Path) -> None:
    placed = {"linked": False, "datastore": "pod1", "host": "esx1", "storage_policy": "gold"}
    nics = [{"network": "lab-nfs", "type": "e1000e"}, {}, {"mac": "00:50:56:00:00:2A"}]
    document = with_entry(host_id=11, nics=nics, **placed)
    profile = read_profile(write(tmp_path, json.dumps(document), "lab.json"))
    [[entry]] = profile.steps
    assert entry.nics == (Nic("lab-nfs", "e1000e"), Nic(), Nic(mac="00:50:56:00:00:2A"))
    assert (entry.linked, entry.datastore, entry.host, entry.storage_policy) == (False, "pod1", "esx1", "gold")
    assert profile_of(json.loads(json.dumps(profile.as_dict())), "again") == profile


@pytest.mark.parametrize(
    ("mac", "why"),
    [
        ("00:50:56:40:00:01", "of the range that vCenter gives out itself"),
        ("01:00:5e:00:00:01", "a multicast address"),
        ("00:00:00:00:00:00", "no address"),
        ("00:50:56:00:00", "must be six bytes"),
        ("00:50:56:00:00:0g", "must be six bytes"),
    ],
)
def test_a_mac_address_that_cannot_be_given(tmp_path: Path, mac: str, why: str) -> None:
    [problem] = problems_of(tmp_path, with_entry(host_id=11, nics=[{"mac": mac}]))
    assert problem.startswith("components[0].nics[0].mac: ")
    assert why in problem


@pytest.mark.parametrize("mac", ["00:50:56:3f:ff:ff", "02-11-22-33-44-55", "3c:97:0e:00:00:01"])
def test_a_mac_address_that_can_be_given(tmp_path: Path, mac: str) -> None:
    document = with_entry(host_id=11, nics=[{"mac": mac}])
    read_profile(write(tmp_path, json.dumps(document), "lab.json"))


def test_adapters_that_make_no_sense(tmp_path: Path) -> None:
    nics = [{"mac": "02:00:00:00:00:01"}, {"mac": "02-00-00-00-00-01"}, {"typ": "e1000"}]
    assert problems_of(tmp_path, with_entry(host_id=11, nics=nics[2:])) == [
        'components[0].nics[0].typ: unknown key, did you mean "type"?'
    ]
    assert problems_of(tmp_path, with_entry(host_id=11, nics=nics[:2], vnics=1)) == [
        "components[0].nics: more than the 1 of vnics",
        "components[0].nics[1].mac: 02-00-00-00-00-01 is already the address of components[0].nics[0].mac",
    ]
    [problem] = problems_of(tmp_path, with_entry(host_id=11, nics=[{"type": "ne2000"}]))
    assert problem.startswith("components[0].nics[0].type: must be 'vmxnet3'")
