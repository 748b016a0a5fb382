"""Component files: what they become, and that nothing is imported when one of them is bad."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.catalog.components import import_components, read_components
from engine.errors import BadInput
from storage import components
from storage.components import Kind
from storage.store import Store

FILES = Path(__file__).parent / "files"
Write = Callable[..., Path]


def problems_of(*paths: Path) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read_components(paths)
    return caught.value.why.split("; ")


def test_own_files_have_their_kinds() -> None:
    kinds = {component.uid: component.kind for component in read_components([FILES])}
    assert kinds == {"centre-8.0": Kind.ISO, "cloud-3": Kind.UNSUPPORTED, "core-1.0": Kind.L1, "node-2.1a": Kind.L2}


def test_a_field_of_every_kind_arrives() -> None:
    node = next(component for component in read_components([FILES]) if component.uid == "node-2.1a")
    assert (node.name, node.version, node.type, node.description) == ("node", "2.1a", "node", "Nested node")
    assert (node.download_engine, node.download_file, node.size_text) == ("https", "node-2.1a.ova?mirror=1", "12 MB")
    assert node.checksum == "sha256:" + "ab" * 32
    assert (node.enabled, node.ova_path) == (True, None)
    assert node.spec["Deployment"] == "small"


def test_the_real_library_has_the_kinds_a_one_line_rule_gives(library: Path) -> None:
    def rule(d: dict[str, object]) -> str:
        file, engine = str(d["component_download_file"]), d["component_download_engine"]
        l1 = "L2" if d["component_isnested"] else "L1"
        return "ISO" if file[-4:] == ".iso" else "unsupported" if engine == "customerconnect" else l1

    expected = {}
    for path in library.rglob("*.json"):
        document = json.loads(path.read_text())
        expected[f"{document['component_name']}-{document['component_version']}"] = rule(document)
    assert {component.uid: component.kind.value for component in read_components([library])} == expected
    assert Counter(expected.values()) == {"ISO": 15, "unsupported": 43, "L2": 9, "L1": 18}


@pytest.mark.parametrize("changes", [{"deploy_vcsa_spec": {}, "type": "other"}, {"type": "vcsa"}])
def test_a_vcsa_is_told_by_spec_or_type_and_never_staged(component_file: Write, changes: dict[str, object]) -> None:
    (component,) = read_components([component_file(**changes)])
    assert (component.type, component.kind) == ("vcsa", Kind.UNSUPPORTED)


def test_all_85_import_and_import_again(store: Store, library: Path) -> None:
    first = import_components(store, [library])
    assert len(first) == 85
    assert all(one.new for one in first)
    again = import_components(store, [library])
    assert [one.component for one in again] == [one.component for one in first]
    assert not any(one.new for one in again)


def test_importing_again_renews_and_keeps_what_the_operator_said(store: Store, component_file: Write) -> None:
    import_components(store, [FILES])
    components.update(store, "core-1.0", enabled=False, ova_path="/srv/core.ova")
    (one,) = import_components(store, [component_file(description="newer")])
    assert not one.new
    assert one.component == components.get(store, "core-1.0")
    assert (one.component.enabled, one.component.ova_path) == (False, "/srv/core.ova")
    assert one.component.description == "newer"


def test_one_bad_file_changes_nothing_and_every_problem_is_told(store: Store, component_file: Write) -> None:
    kept = import_components(store, [FILES])
    component_file("lab/good.json", name="good", description="good")
    component_file("lab/renewed.json", description="renewed")
    component_file("lab/no-version.json", version=None, isnested="no")
    component_file("lab/checksum.json", name="sum", download_file_checksum="md5:00")
    folder = component_file("lab/broken.json").parent
    (folder / "broken.json").write_text("{")
    with pytest.raises(BadInput) as caught:
        import_components(store, [folder])
    assert caught.value.exit_code == 2
    assert sorted(caught.value.why.split("; ")) == [
        f"{folder}/broken.json: not JSON: Expecting property name enclosed in double quotes (line 1, column 2)",
        (
            f"{folder}/checksum.json: component_download_file_checksum: "
            "must be sha256: and 64 hexadecimal digits, or empty"
        ),
        f"{folder}/no-version.json: component_isnested: must be a valid boolean",
        f"{folder}/no-version.json: component_version: is missing",
    ]
    assert components.listing(store) == [one.component for one in kept]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "esxi 8"}, "component_name: must be letters, digits and . _ + - only, a letter or digit first"),
        ({"name": ".."}, "component_name: must be letters, digits and . _ + - only, a letter or digit first"),
        ({"version": "1/2"}, "component_version: must be letters, digits and . _ + - only, a letter or digit first"),
        ({"version": "1\n"}, "component_version: must be letters, digits and . _ + - only, a letter or digit first"),
        ({"version": 8}, "component_version: must be text (put it in quotes)"),
        ({"version": ""}, "component_version: must not be empty"),
        ({"name": "n" * 50}, f"component_version: the uid {'n' * 50}-1.0 is longer than 50 characters"),
        (
            {"version": "1.staging-aaaaaa-7"},
            "component_version: the uid core-1.staging-aaaaaa-7 looks like a template that is being staged or retired",
        ),
        ({"description": "\0"}, "component_description: holds control characters or broken Unicode"),
        ({"description": "\ud800"}, "component_description: holds control characters or broken Unicode"),
        (
            {"deploy_govc_spec": {"PropertyMapping": [{"Key": "a", "Value": True}]}},
            "component_deploy_govc_spec.PropertyMapping[0].Value: must be text (put it in quotes)",
        ),
        (
            {"deploy_govc_spec": {"PropertyMapping": [{"Key": "a", "Value": ""}, {"Key": "a", "Value": "x"}]}},
            "component_deploy_govc_spec.PropertyMapping[1].Key: a is given twice",
        ),
        (
            {"deploy_govc_spec": {"PropertyMapping": [{"Key": "a", "Value": "{{zpod_hostnam}}"}]}},
            (
                "component_deploy_govc_spec.PropertyMapping[0].Value (a): "
                "unknown variable 'zpod_hostnam', did you mean \"zpod_hostname\"?"
            ),
        ),
        (
            {"deploy_govc_spec": {"NetworkMapping": [{"Name": "n", "Network": "{{"}]}},
            ("component_deploy_govc_spec.NetworkMapping[0].Network: not a template: unexpected 'end of template'"),
        ),
        (
            {"deploy_govc_spec": {"IPAllocationPolicy": "dhcp"}},
            (
                "component_deploy_govc_spec.IPAllocationPolicy: dhcp is none of "
                "dhcpPolicy, transientPolicy, fixedPolicy, fixedAllocatedPolicy"
            ),
        ),
        (
            {"deploy_govc_spec": {"IPProtocol": "ipv4"}},
            "component_deploy_govc_spec.IPProtocol: ipv4 is none of IPv4, IPv6",
        ),
        (
            {"deploy_govc_spec": {"InjectOvfEnv": "false"}},
            "component_deploy_govc_spec.InjectOvfEnv: must be a valid boolean",
        ),
        (
            {"deploy_govc_spec": {"Annotation": "{{ zpod_domain.upper() }}"}},
            (
                "component_deploy_govc_spec.Annotation: a template may not use 'call', "
                "only variables, if, ~ and the filters capitalize, default, lower, trim, upper"
            ),
        ),
    ],
)
def test_a_problem_names_file_and_field(component_file: Write, changes: dict[str, object], problem: str) -> None:
    path = component_file(**changes)
    with pytest.raises(BadInput) as caught:
        read_components([path])
    assert caught.value.why == f"{path}: {problem}"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xff", "it is not UTF-8 text (byte 0)"),
        (b"[]", "the document: must be a mapping"),
        (b'{"component_name": "a", "component_name": "b"}', "the key 'component_name' is given twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "it holds something that is no number"),
        (b'{"a": NaN}', "it holds something that is no number"),
        (b" " * (1 << 20) + b"{}", "it is larger than 1 MiB, which no such file is"),
    ],
)
def test_what_is_no_component_file_is_refused(tmp_path: Path, raw: bytes, why: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(raw)
    assert problems_of(path) == [f"{path}: {why}"]


def test_paths_that_hold_nothing_are_problems(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "hidden.json").write_text("{}")
    assert problems_of(tmp_path, tmp_path / "absent.json") == [
        f"{tmp_path}: no .json file in this folder",
        f"{tmp_path}/absent.json: No such file or directory",
    ]


def test_uids_that_differ_only_in_case_conflict(store: Store, component_file: Write) -> None:
    lower, upper = component_file("lower.json"), component_file("upper.json", name="CORE")
    assert problems_of(lower, upper) == [
        f"{upper}: component_version: the uid CORE-1.0 is taken by core-1.0 in {lower}"
    ]
    import_components(store, [lower])
    with pytest.raises(BadInput, match=r"CORE-1\.0: the catalog holds core-1\.0 "):
        import_components(store, [upper])
    assert [component.uid for component in components.listing(store)] == ["core-1.0"]


def test_another_component_of_the_same_uid_conflicts(store: Store, component_file: Write) -> None:
    import_components(store, [component_file(name="a-b", version="c")])
    with pytest.raises(BadInput, match=r"a-b-c: the catalog holds a-b-c \(a-b, version c\)"):
        import_components(store, [component_file(name="a", version="b-c")])


def test_the_same_file_twice_is_one_component(component_file: Write) -> None:
    path = component_file()
    assert len(read_components([path, path.parent, path])) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted(json.loads((FILES / "core-1.0.json").read_text()))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3))
def test_any_value_in_any_field_is_read_or_refused(component_file: Write, changes: dict[str, object]) -> None:
    path = component_file(**{name.removeprefix("component_"): value for name, value in changes.items()})
    problem = ""
    try:
        (component,) = read_components([path])
    except BadInput as error:
        problem = error.why
    else:
        assert component.uid == f"{component.name}-{component.version}"
    assert problem == "" or problem.startswith(f"{path}: component_")
