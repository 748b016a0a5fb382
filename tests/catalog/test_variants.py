"""Names of templates in every variant: safe for vSphere, short enough, and of one variant only."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.variants import (
    NAME_LIMIT,
    PROVISIONINGS,
    Variant,
    component_named,
    in_variant,
    named,
    template_name,
    variant_of,
)
from engine.ova.descriptor import DeploymentOption
from engine.ova.limits import DEFAULT
from engine.ova.samples import build_ova
from storage.components import Component, Kind


def component(uid: str, ova: Path | None = None, **spec: Any) -> Component:
    name, _, version = uid.partition("-")
    texts = dict.fromkeys(("description", "url", "download_engine", "download_file", "checksum", "size_text"), "")
    path = str(ova) if ova else None
    return Component(uid=uid, name=name, version=version, type="x", kind=Kind.L1, ova_path=path, spec=spec, **texts)


def test_the_names() -> None:
    assert template_name(component("nsxt-4.2.1")) == "nsxt-4.2.1"
    assert template_name(component("nsxt-4.2.1", DiskProvisioning="thin")) == "nsxt-4.2.1"
    assert template_name(component("nsxt-4.2.1", Deployment="small")) == "nsxt-4.2.1+small"
    assert template_name(component("x-1.0", DiskProvisioning="thick")) == "x-1.0+thick"
    assert template_name(component("x-1.0", Deployment="small", DiskProvisioning="thick")) == "x-1.0+small.thick"


def test_what_an_entry_asks_for_is_asked_of_the_component() -> None:
    small = component("x-1.0", Deployment="small", DiskProvisioning="thick")
    assert in_variant(small, None, None) == small
    assert variant_of(in_variant(small, "large", None)) == Variant("large", "thick")
    assert template_name(in_variant(small, "", "thin")) == "x-1.0"


def test_a_name_that_looks_like_another_gets_a_digest() -> None:
    names = [named("x-1.0", variant) for variant in (Variant("thick"), Variant("", "thick"), Variant("a.thick"))]
    names += [named("x-1.0", Variant(option)) for option in ("a b", "a-b", "a/b", "ä-b")]
    names.append(named("x-1.0", Variant("a", "thick")))
    assert len(set(names)) == len(names)


WORDS = st.text(max_size=60)


@given(st.text("abc.+-01", min_size=1, max_size=50), WORDS, WORDS, st.sampled_from(["", *PROVISIONINGS[1:]]))
def test_every_option_has_a_name_of_its_own(uid: str, one: str, other: str, provisioning: str) -> None:
    name = named(uid, Variant(one, provisioning))
    assert len(name) <= NAME_LIMIT
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")
    assert (name == named(uid, Variant(other, provisioning))) == (one == other)


def asked(one: Component | None) -> tuple[str, Variant] | None:
    return (one.uid, variant_of(one)) if one else None


def test_a_name_leads_back_to_its_component(tmp_path: Path) -> None:
    options = (DeploymentOption("small"), DeploymentOption("very large"))
    ova = build_ova(tmp_path / "a.ova", name="a", disks=[1], deployment_options=options).path
    long = component("nsxt-" + "4" * 45, ova)
    known = [component("nsxt-4", ova, Deployment="medium"), component("x-1.0", ova), component("x-1.0+small"), long]
    wanted = [
        in_variant(one, option, thick)
        for one in known[1::2]
        for option in ("small", "very large", "")
        for thick in ("thin", "thick")
    ]
    taken = [one for one in wanted if template_name(one) != "x-1.0+small"]
    assert [asked(component_named(template_name(one), known, DEFAULT)) for one in taken] == [
        asked(one) for one in taken
    ]
    assert component_named("nsxt-4+medium", known, DEFAULT) == known[0]
    assert component_named("x-1.0+small", known, DEFAULT) == known[2]  # of the one that is called so
    for name in ("nsxt-4", "x-1.0", "x-1.0+tiny", "y-1"):
        found = component_named(name, known, DEFAULT)
        assert found is None or (found.uid, template_name(found)) == (name, name)
    assert component_named("x-1.0+tiny", known, DEFAULT) is None


def test_a_variant_is_found_within_the_limits_that_were_set(tmp_path: Path) -> None:
    options = (DeploymentOption("small", default=True), DeploymentOption("large"))
    known = [component("x-1.0", build_ova(tmp_path / "a.ova", name="a", disks=[1], deployment_options=options).path)]
    low = replace(DEFAULT, ova_entries=1)
    assert asked(component_named("x-1.0+large", known, DEFAULT)) == ("x-1.0", Variant("large"))
    assert component_named("x-1.0+large", known, low) is None
