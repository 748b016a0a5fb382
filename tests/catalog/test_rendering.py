"""Rendering: values arrive unchanged, and a template from an untrusted file can do nothing but say them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.components import read_components
from engine.catalog.rendering import (
    OPTIONAL,
    VARIABLES,
    fault_in,
    render_annotation,
    render_networks,
    render_properties,
)
from engine.errors import BadInput
from storage.components import Component

(CORE,) = read_components([Path(__file__).parent / "files" / "core-1.0.json"])

VALUES: dict[str, str | None] = {
    "zpod_hostname": "core",
    "zpod_domain": "lab.example.com",
    "zpod_password": "pa'\"\\{{zpod_domain}}{% raw %}\r\n\tß𝄞",
    "zpod_portgroup": "lab segment",
}


def with_property(template: str) -> Component:
    return replace(CORE, spec={"PropertyMapping": [{"Key": "key", "Value": template}]})


def rendered(template: str, values: dict[str, str | None] | None = None) -> str:
    return render_properties(with_property(template), VALUES if values is None else values)["key"]


def test_a_component_is_filled_with_the_values_of_one_vm() -> None:
    assert render_properties(CORE, VALUES) == {
        "guestinfo.hostname": "core",
        "guestinfo.fqdn": "core.lab.example.com",
        "guestinfo.password": VALUES["zpod_password"],
        "guestinfo.sshkey": "",
        "guestinfo.search": "lab.example.com",
        "guestinfo.ssh": "True",
        "guestinfo.vlan": "",
    }
    assert render_networks(CORE, VALUES) == {"VM Network": "lab segment"}
    assert render_annotation(CORE, VALUES) == "Core of lab.example.com"


def test_a_component_without_a_spec_asks_for_nothing() -> None:
    bare = replace(CORE, spec={})
    assert (render_properties(bare, {}), render_networks(bare, {}), render_annotation(bare, {})) == ({}, {}, "")


def test_overrides_are_templates_that_replace_or_add() -> None:
    properties = render_properties(
        CORE, VALUES, {"guestinfo.ssh": "False", "guestinfo.motd": "this is {{zpod_hostname}}"}
    )
    assert properties["guestinfo.ssh"] == "False"
    assert properties["guestinfo.motd"] == "this is core"
    assert properties["guestinfo.fqdn"] == "core.lab.example.com"


def test_every_template_of_the_real_library_renders(library: Path) -> None:
    values: dict[str, str | None] = {name: f"<{name}>" for name in VARIABLES - OPTIONAL}
    said = ""
    for component in read_components([library]):
        properties = render_properties(component, values)
        said += "".join([*properties.values(), *render_networks(component, values).values()])
        assert list(properties) == [each["Key"] for each in component.spec.get("PropertyMapping", [])]
    assert "None" not in said
    assert "{" not in said
    assert said.count("<zpod_searchpath>") == 2


text = st.text(st.characters(exclude_characters="{}%#\r", exclude_categories=["Cs"]), max_size=20)
any_value = st.text(st.characters(exclude_categories=["Cs"]))
names = st.sampled_from(sorted(VARIABLES))


@given(st.lists(st.tuples(text, names), max_size=5), text, st.fixed_dictionaries(dict.fromkeys(VARIABLES, any_value)))
def test_values_and_the_text_between_them_arrive_unchanged(
    parts: list[tuple[str, str]], tail: str, values: dict[str, str | None]
) -> None:
    template = "".join(f"{before}{{{{ {name} }}}}" for before, name in parts) + tail
    expected = "".join(f"{before}{values[name]}" for before, name in parts) + tail
    assert rendered(template, values) == expected


@given(any_value.filter(lambda value: "{" not in value))
def test_a_text_without_a_template_arrives_unchanged(value: str) -> None:
    assert rendered(value, {}) == value


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ zpod_hostname | upper }}", "CORE"),
        ("{% if zpod_sshkey %}key{% else %}no key{% endif %}", "no key"),
        ("{{ 'a' if zpod_hostname == 'core' else 'b' }}", "a"),
        ("{{ zpod_hostname ~ '@' ~ zpod_domain }}", "core@lab.example.com"),
        ("{{ zpod_nfs | default('none', true) }}", "none"),
        ("{{ none }}", ""),
        ("a\r\nb", "a\r\nb"),
        ('{"json": 1}', '{"json": 1}'),
        ("{{ zpod_hostname }}\n", "core\n"),
    ],
)
def test_what_a_template_may_say(template: str, expected: str) -> None:
    assert fault_in(template) == ""
    assert rendered(template) == expected


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ zpod_hostnam }}", "unknown variable 'zpod_hostnam', did you mean \"zpod_hostname\"?"),
        ("{{ range(9) }}", "may not use 'call'"),
        ("{{ cycler.__init__.__globals__ }}", "may not use 'getattr'"),
        ("{{ zpod_domain.__class__ }}", "may not use 'getattr'"),
        ("{{ zpod_domain['__class__'] }}", "may not use 'getitem'"),
        ("{{ zpod_domain[0] }}", "may not use 'getitem'"),
        ("{{ zpod_domain.replace('l', 'll') }}", "may not use 'call'"),
        ("{{ zpod_domain | attr('__class__') }}", "may not use the filter 'attr'"),
        ("{{ zpod_domain | center(1000000000) }}", "may not use the filter 'center'"),
        ("{{ '%1000000000d' | format(1) }}", "may not use the filter 'format'"),
        ("{{ 'x' * 1000000000 }}", "may not use 'mul'"),
        ("{{ 9 ** 9 ** 9 ** 9 }}", "may not use 'pow'"),
        ("{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}", "may not use 'for'"),
        ("{% set x = 1 %}", "may not use 'assign'"),
        ("{% macro m() %}{% endmacro %}", "may not use 'macro'"),
        ("{% include '/etc/passwd' %}", "may not use 'include'"),
        ("{{ self }}", "unknown variable 'self'"),
        ("{{ [zpod_domain] }}", "may not use 'list'"),
        ("{{ zpod_domain is defined }}", "may not use 'test'"),
        ("{{ zpod_domain }", "not a template: unexpected '}'"),
        ("{% if %}", "not a template: Expected an expression"),
        ("{% frobnicate %}", "not a template: Encountered unknown tag 'frobnicate'"),
        ("{{ " + "(" * 100_000, "not a template: nested too deeply"),
        ("{{ " + "not " * 50 + "1 }}", "nested deeper than 20"),
        ("{{ " + "1" * 5000 + " }}", "or a number that is too long"),
    ],
)
def test_what_a_template_may_not_say(template: str, why: str) -> None:
    assert why in fault_in(template)
    with pytest.raises(BadInput) as caught:
        rendered(template)
    assert caught.value.on == "property key of core-1.0"
    assert why in caught.value.why


@pytest.mark.parametrize(
    "template",
    ["{{ zpod_domain < 1 }}", "{{ 1 in zpod_domain }}", "{{ zpod_domain | upper(1) }}", "{{ zpod_domain | trim(1) }}"],
)
def test_a_template_that_fails_while_it_runs_is_told_like_any_other(template: str) -> None:
    with pytest.raises(BadInput, match=r"cannot render property key of core-1\.0: the template does not work"):
        rendered(template)


@pytest.mark.parametrize("name", sorted(VARIABLES - OPTIONAL - {"zpod_searchpath"}))
@pytest.mark.parametrize("values", [{}, dict.fromkeys(VARIABLES, None)])
def test_a_needed_variable_without_value_names_itself(name: str, values: dict[str, str | None]) -> None:
    with pytest.raises(BadInput, match=f"{name} has no value; give the profile a {name.removeprefix('zpod_')}"):
        rendered(f"{{{{{name}}}}}", values)


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_an_optional_variable_without_value_is_empty(name: str) -> None:
    assert rendered(f"<{{{{{name}}}}}>", {}) == "<>"
    assert rendered(f"<{{{{{name}}}}}>", {name: None}) == "<>"


def test_networks_and_annotation_are_as_strict() -> None:
    bad = replace(CORE, spec={"NetworkMapping": [{"Name": "n", "Network": "{{x}}"}], "Annotation": "{{x}}"})
    with pytest.raises(BadInput, match=r"cannot render network n of core-1\.0: unknown variable 'x'"):
        render_networks(bad, VALUES)
    with pytest.raises(BadInput, match=r"cannot render Annotation of core-1\.0: unknown variable 'x'"):
        render_annotation(bad, VALUES)


WORDS = """zpod_domain zpod_nfs 'a' 1 none if else and or not in == < ~ | ( ) . , = upper lower trim default capitalize
    }} {{ {% %} {# #} endif elif raw endraw for set"""


@given(st.lists(st.sampled_from(WORDS.split()), max_size=9))
def test_any_template_renders_or_is_refused(words: list[str]) -> None:
    template = f"{{{{ {' '.join(words)} }}}}"
    refusal = ""
    try:
        rendered(template)
    except BadInput as error:
        refusal = error.why
    assert refusal == fault_in(template) or "does not work" in refusal
