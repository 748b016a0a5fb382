"""Property values against the types that an OVF declares."""

import pytest

from engine.deploy.values import declared, given, problem_with
from engine.ova.descriptor import Descriptor, Product, Property
from engine.ova.hardware import Hardware


def descriptor(*properties: Property) -> Descriptor:
    return Descriptor("x", Product(), "", (), (), (), properties, (), "", (), Hardware(), ("iso",), (), False, ())


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("uint8", ["0", "255"], ["256", "-1", "", "ten", "1.5"]),
        ("sint16", ["-32768", "32767"], ["-32769", "32768"]),
        ("int(1..10)", ["1", "10"], ["0", "11", "x"]),
        ("int(..10)", ["-5", "10"], ["11"]),
        ("real64", ["1.5", "-2e3"], ["x", ""]),
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
