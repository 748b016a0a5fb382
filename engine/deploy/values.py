"""Property values against the types that an OVF declares (DSP0243 9.5.1: types and qualifiers)."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from engine.catalog.profiles import Entry, Profile
from engine.ova.descriptor import Descriptor, Property
from engine.ova.findings import Finding
from engine.ova.integrity import listed
from storage.components import Component
from storage.nearest import suggestion

_INTEGERS = {
    "uint8": (0, 2**8 - 1),
    "sint8": (-(2**7), 2**7 - 1),
    "uint16": (0, 2**16 - 1),
    "sint16": (-(2**15), 2**15 - 1),
    "uint32": (0, 2**32 - 1),
    "sint32": (-(2**31), 2**31 - 1),
    "uint64": (0, 2**64 - 1),
    "sint64": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1),
}
_NUMBER = r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?"
_BOUNDS = re.compile(rf"(string|password|int|real)\(({_NUMBER})?\.\.({_NUMBER})?\)$")
# Python would also take "1_000", blanks around it, other scripts' digits, "inf".
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_REAL = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_QUALIFIER = re.compile(r"(MinLen|MaxLen)\(([0-9]{1,20})\)")
_VALUES = re.compile(rf"(MinValue|MaxValue)\(({_NUMBER})\)")
# VMware's word for an address in a string (`vmw:qualifiers="Ip"`, `Ip("VM Network")`), outside a ValueMap's quotes.
_ADDRESS = re.compile(r"(?:^|[\s,])Ip(?:$|[\s,(])")
_VALUE_MAP = re.compile(r"ValueMap\{([^}]*)\}")


def declared(descriptor: Descriptor, key: str) -> Property | None:
    """The property that `key` means: the whole key, or an id alone where that is unique."""
    exact = [prop for prop in descriptor.properties if prop.key == key]
    alike = exact or [prop for prop in descriptor.properties if prop.id == key]
    return alike[0] if len(alike) == 1 else None


def given(descriptor: Descriptor, values: Mapping[str, str]) -> dict[str, str]:
    """The values to set. An empty one for a typed property means the OVF's own default: vCenter refuses "" for a
    number (weakness 9).
    """

    def is_given(key: str, value: str) -> bool:
        prop = declared(descriptor, key)
        return value != "" or prop is None or (_is_text(prop) and not _is_address(prop))

    return {key: value for key, value in values.items() if is_given(key, value)}


def by_key(descriptor: Descriptor, values: Mapping[str, str]) -> dict[str, str]:
    """The values to set, by the OVF's whole keys."""
    found = given(descriptor, values)
    return {prop.key if (prop := declared(descriptor, key)) else key: value for key, value in found.items()}


def value_findings(
    profile: Profile, entry: Entry, component: Component, descriptor: Descriptor, values: Mapping[str, str]
) -> Iterator[Finding]:
    """What is wrong with the values that one VM is to get, each by what gives it; none of them is repeated."""
    vm = f"profile {profile.name}: {_place(profile, entry)}"
    # With InjectOvfEnv the values reach the guest as guestinfo.ovfEnv, whatever transport the OVF names.
    if values and not descriptor.transport and not component.spec.get("InjectOvfEnv"):
        what = "its component gives properties, and the OVF names no ovf:transport: the guest would never see them"
        yield Finding.error(vm, what, "remove them from the component and the profile")
    values = given(descriptor, values)
    for key, value in values.items():
        where = f"{vm}.properties.{key}" if key in entry.properties else f"{vm}: {component.uid}'s property {key}"
        prop = declared(descriptor, key)
        if prop is None:
            known = [prop.key for prop in descriptor.properties]
            what = f"is unknown to the OVF, which declares {listed(known) or 'none'}"
            yield Finding.error(where, what, suggestion(key, known) or "correct its key, or leave it out")
        elif not prop.user_configurable:
            yield Finding.error(where, "cannot be set: the OVF does not let it be configured", "leave it out")
        elif wrong := problem_with(prop, value):
            yield Finding.error(where, f"cannot be set: {wrong} ({prop.type})", "correct the value")
    keys = {prop.key for key in values if (prop := declared(descriptor, key))}
    empty = [prop.key for prop in descriptor.properties if prop.key not in keys and _lacks_value(prop)]
    if empty:
        yield Finding.warning(vm, f"gets no value for {listed(empty)}, nor has the OVF one", "give one in properties")


def _lacks_value(prop: Property) -> bool:
    """vCenter does not power on a VM with a property whose value is none of its type."""
    return prop.user_configurable and not prop.default and bool(problem_with(prop, ""))


def _place(profile: Profile, entry: Entry) -> str:
    """Where the entry stands in the profile, `components[1][0]`, with the VM's name."""
    for number, step in enumerate(profile.steps):
        for index, one in enumerate(step):
            if one is entry:
                return f"components[{number}][{index}]"
    return entry.hostname


def problem_with(prop: Property, value: str) -> str:
    """What is wrong with the value, "" when nothing is. The value is not repeated: any may be a secret."""
    bounds = _BOUNDS.match(prop.type)
    base = bounds[1] if bounds else prop.type
    if base in _INTEGERS:
        return _outside(value, _INTEGER, *_limited(prop, *_INTEGERS[base]), bounds)
    if base in ("real", "real32", "real64"):
        return _outside(value, _REAL, *_limited(prop, float("-inf"), float("inf")), bounds)
    if base == "boolean":
        return "" if value.lower() in ("true", "false") else "the value is neither True nor False"
    if base == "ip" or _is_address(prop):
        return _not_an_address(value)
    return _length(prop, value, bounds)


def _is_text(prop: Property) -> bool:
    return prop.type.partition("(")[0] in ("string", "password")


def _is_address(prop: Property) -> bool:
    return _is_text(prop) and _ADDRESS.search(_VALUE_MAP.sub("", prop.qualifiers)) is not None


def _limited(prop: Property, least: float, most: float) -> tuple[float, float]:
    limits = {name: float(value) for name, value in _VALUES.findall(prop.qualifiers)}
    return max(least, limits.get("MinValue", least)), min(most, limits.get("MaxValue", most))


def _outside(value: str, form: re.Pattern[str], least: float, most: float, bounds: re.Match[str] | None) -> str:
    if bounds:
        least = float(bounds[2]) if bounds[2] else least
        most = float(bounds[3]) if bounds[3] else most
    if not form.fullmatch(value):
        return "the value is not a number"
    found = int(value) if form is _INTEGER else float(value)
    return "" if least <= found <= most else f"the value is not between {least:g} and {most:g}"


def _not_an_address(value: str) -> str:
    try:
        ip_address(value)
    except ValueError:
        return "the value is not an IP address"
    return ""


def _length(prop: Property, value: str, bounds: re.Match[str] | None) -> str:
    limits = {name: int(size) for name, size in _QUALIFIER.findall(prop.qualifiers)}
    least = int(float(bounds[2])) if bounds and bounds[2] else limits.get("MinLen", 0)
    most = int(float(bounds[3])) if bounds and bounds[3] else limits.get("MaxLen", 65535)
    if not least <= len(value) <= most:
        return f"the value has {len(value)} characters, {least} to {most} are allowed"
    allowed = _VALUE_MAP.search(prop.qualifiers)
    if allowed:
        choices = re.findall(r'"([^"]*)"', allowed[1])
        if choices and value not in choices:
            return f"the value is none of {', '.join(choices)}"
    return ""
