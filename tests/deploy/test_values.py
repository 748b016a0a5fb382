"""Property values against the types that an OVF declares."""

from dataclasses import replace
from typing import Any

import pytest

from engine.catalog.profiles import profile_of
from engine.deploy.values import declared, given, problem_with, value_findings
from engine.ova.descriptor import Descriptor, Product, Property
from engine.ova.hardware import Hardware
from storage.components import Component, Kind

BOX = Component("box-1.0", "box", "1.0", "box", "", "", "https", "box.ova", "", "", Kind.L1)


def descriptor(*properties: Property) -> Descriptor:
    return Descriptor("x", Product(), "", (), (), (), properties, (), "", (), Hardware(), ("iso",), (), False, ())


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("uint8", ["0", "255"], ["256", "-1", "", "ten", "1.5", "1_0", " 5", "٣"]),
        ("sint16", ["-32768", "32767"], ["-32769", "32768"]),
        ("int(1..10)", ["1", "10"], ["0", "11", "x"]),
        ("int(..10)", ["-5", "10"], ["11"]),
        ("real64", ["1.5", "-2e3", "+.5", "3."], ["x", "", "inf", "nan", "1_0.5"]),
        ("boolean", ["True", "false", "TRUE"], ["yes", "1", ""]),
        ("ip", ["10.0.0.1", "fe80::1"], ["10.0.0", "10.0.0.256", "host"]),
        ("string(2..4)", ["ab", "abcd"], ["a", "abcde", ""]),
        ("password(8..)", ["12345678"], ["1234567"]),
        ("string", ["", "anything", "x" * 65535], ["x" * 65536]),
        ("ip:Network 1", ["anything"], []),
    ],
)
def test_types(kind: str, good: list[str], bad: list[str]) -> None:
    prop = Property(id="p", type=kind)
    assert [problem_with(prop, value) for value in good] == [""] * len(good)
    for value in bad:
        assert problem_with(prop, value), value


def test_qualifiers() -> None:
    prop = Property(id="p", qualifiers='MinLen(2) MaxLen(6) ValueMap{"small", "large"}')
    assert problem_with(prop, "small") == ""
    assert "none of small, large" in problem_with(prop, "tiny")
    assert "2 to 6 are allowed" in problem_with(prop, "x")


@pytest.mark.parametrize("qualifiers", ["Ip", 'MinLen(3) Ip("VM Network")', "MaxLen(40),Ip"])
def test_a_string_may_be_an_address(qualifiers: str) -> None:
    prop = Property(id="p", qualifiers=qualifiers)
    assert [problem_with(prop, value) for value in ("10.0.0.1", "fe80::1")] == ["", ""]
    assert "not an IP address" in problem_with(prop, "10.0.0")
    assert given(descriptor(prop), {"p": ""}) == {}
    assert problem_with(Property(id="p", qualifiers='ValueMap{"Ip", "Dhcp"}'), "Dhcp") == ""


def test_numbers_have_qualifiers_too() -> None:
    prop = Property(id="p", type="int", qualifiers="MinValue(1), MaxValue(4094)")
    assert problem_with(prop, "4094") == ""
    assert "between 1 and 4094" in problem_with(prop, "0")
    assert problem_with(Property(id="p", type="real", qualifiers="MaxValue(1.5)"), "1.6")
    assert problem_with(Property(id="p", type="uint8", qualifiers="MaxValue(999)"), "256")


@pytest.mark.parametrize(
    "kind", ["int(....5)", "int(-..)", "string(1.5..2.5)", "real(1.2.3..)", f"int({'9' * 5000}..)"]
)
def test_odd_bounds_of_a_type_do_no_harm(kind: str) -> None:
    problem_with(Property(id="p", type=kind, qualifiers=f"MinLen({'9' * 5000}) MaxValue(.)"), "2")


@pytest.mark.parametrize(
    "prop", [Property(id="p", type="password(8..)"), Property(id="p", type="uint8", password=True)]
)
def test_a_secret_value_is_not_repeated(prop: Property) -> None:
    assert "hunter2" not in problem_with(prop, "hunter2")


def test_a_key_means_the_whole_key_or_a_unique_id() -> None:
    first = Property(id="ip", class_id="net", instance_id="0")
    second = Property(id="ip", class_id="net", instance_id="1")
    found = descriptor(first, second, Property(id="name", class_id="host"))
    assert declared(found, "net.ip.1") == second
    assert declared(found, "ip") is None
    assert declared(found, "name") is not None
    assert declared(found, "nothing") is None


def test_an_empty_value_for_a_typed_property_leaves_its_default() -> None:
    found = descriptor(Property(id="vlan", type="uint16"), Property(id="name"), Property(id="pw", type="password(8..)"))
    assert given(found, {"vlan": "", "name": "", "pw": "", "unknown": ""}) == {"name": "", "pw": "", "unknown": ""}


def told(
    properties: tuple[Property, ...],
    values: dict[str, str],
    own: dict[str, str],
    box: Component = BOX,
    transport: tuple[str, ...] = ("iso",),
) -> list[str]:
    """What is said of the values of the lab's second VM."""
    vms: list[list[dict[str, Any]]] = [
        [{"component_uid": "box-1.0", "host_id": 11}],
        [{"component_uid": "box-1.0", "host_id": 12}],
    ]
    vms[1][0] |= {"hostname": "b", "properties": own}
    document = {"name": "lab01", "endpoint": "vc01", "domain": "x.org", "components": vms}
    lab = profile_of({**document, "network": {"subnet": "10.0.0.0/24"}}, "test")
    entry = lab.steps[1][0]
    found = value_findings(lab, entry, box, replace(descriptor(*properties), transport=transport), values)
    return [
        f"{one.severity} {one}".replace("profile lab01: components[1][0]", "VM").replace("box-1.0's property", "its")
        for one in found
    ]


def test_values_are_found_fault_with_where_they_are_given() -> None:
    known = (
        Property("vlan", type="uint16", user_configurable=True),
        Property("pw", type="password(8..)", user_configurable=True),
        Property("fixed", default="1"),
        Property("name", user_configurable=True),
    )
    values = {"vlan": "70000", "pw": "hunter2", "fixed": "2", "nam": "x"}
    assert told(known, values, {"vlan": "70000", "nam": "x"}) == [
        "error VM.properties.vlan: cannot be set: the value is not between 0 and 65535 (uint16)",
        "error VM: its pw: cannot be set: the value has 7 characters, 8 to 65535 are allowed (password(8..))",
        "error VM: its fixed: cannot be set: the OVF does not let it be configured",
        "error VM.properties.nam: is unknown to the OVF, which declares 'vlan', 'pw', 'fixed', 'name'",
    ]
    assert told(known, {"vlan": "7", "pw": "long enough"}, {}) == []
    assert told(known, {}, {}) == ["warning VM: gets no value for 'vlan', 'pw', nor has the OVF one"]


def test_values_need_a_way_to_the_guest() -> None:
    known = (Property("name", user_configurable=True),)
    [error] = told(known, {"name": "x"}, {}, transport=())
    assert "the OVF names no ovf:transport: the guest would never see them" in error
    assert told(known, {}, {}, transport=()) == []
    assert told(known, {"name": "x"}, {}, replace(BOX, spec={"InjectOvfEnv": True}), transport=()) == []
