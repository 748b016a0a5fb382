"""A descriptor means the same however it is written: real ones, and a sample where the corpus is not there."""

import random
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.errors import BadPackage
from engine.ova.descriptor import DeploymentOption, Descriptor, Property
from engine.ova.envelope import read_descriptor
from engine.ova.sample_descriptor import sample_descriptor
from engine.ova.xml import decode
from tests.ova.conftest import CORPUS
from tests.ova.mutations import ENCODINGS, MUTATIONS, Mutation, local, written

SAMPLE = sample_descriptor(
    "box",
    disks={"a.vmdk": 1000, "b.vmdk": 2000},
    properties=[
        Property("address", "net", "0", type="ip", user_configurable=True, label="Address", category="Network"),
        Property("größe", type="string", default="zwölf €", description="how large it is <&>"),
    ],
    networks=("Management", "Storage"),
    nics=("Management", "Storage", "Storage"),
    deployment_options=[DeploymentOption("small", default=True), DeploymentOption("large", description="more of it")],
    ip_schemes=("dhcp", "ovfenv"),
)
# The largest take seconds each; what they add is size.
MOST_BYTES = 200_000


@cache
def names() -> list[str]:
    """Of the sample and of the corpus's descriptors."""
    found = sorted(path for path in CORPUS.rglob("*.ovf") if path.stat().st_size < MOST_BYTES)
    return ["sample", *(str(path.relative_to(CORPUS)) for path in found)]


@cache
def text_of(name: str) -> str:
    """Without its XML declaration; "" for one that is refused, or uses prefixes that it does not declare."""
    if name == "sample":
        return SAMPLE
    try:
        text = re.sub(r"<\?xml.*?\?>", "", decode((CORPUS / name).read_bytes(), name))
        read_descriptor(text, name)
        fromstring(text.encode())
    except (BadPackage, ParseError):
        return ""
    return text


def texts() -> dict[str, str]:
    """By name, all that can be written anew."""
    return {name: text for name in names() if (text := text_of(name))}


def meaning(text: str) -> dict[str, Any]:
    """What a descriptor says, the problems without their lines and in no order."""
    found = read_descriptor(text, "box.ovf")
    said = {field.name: getattr(found, field.name) for field in fields(Descriptor)}
    problems = [replace(one, where=re.sub(r" line \d+", "", one.where)) for one in found.problems]
    return {**said, "problems": sorted(problems, key=str)}


def mutated(text: str, mutations: Sequence[Mutation], seed: int = 7) -> Element:
    root = fromstring(text.encode())
    for mutate in mutations:
        mutate(root, random.Random(seed))
    return root


def read_as(root: Element, encoding: str, line_end: str = "\n", cdata: bool = False) -> dict[str, Any]:
    return meaning(decode(written(root, encoding, line_end, cdata), "box.ovf"))


@settings(max_examples=100)
@given(
    name=st.deferred(lambda: st.sampled_from(names())),
    mutations=st.lists(st.sampled_from(MUTATIONS), unique=True),
    seed=st.integers(0, 99),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    line_end=st.sampled_from(["\n", "\r\n"]),
    cdata=st.booleans(),
)
def test_however_it_is_written(
    name: str, mutations: list[Mutation], seed: int, encoding: str, line_end: str, cdata: bool
) -> None:
    text = text_of(name)
    assume(text)
    assert read_as(mutated(text, mutations, seed), encoding, line_end, cdata) == meaning(text)


@pytest.mark.parametrize("mutation", [*MUTATIONS, None], ids=lambda one: one.__name__ if one else "as it is")
@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_the_sample_in_every_way(mutation: Mutation | None, encoding: str) -> None:
    assert read_as(mutated(SAMPLE, [mutation] if mutation else []), encoding) == meaning(SAMPLE)


@pytest.mark.long
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
def test_every_real_descriptor_in_every_way(corpus: Path, mutation: Mutation) -> None:
    for name, text in texts().items():
        assert read_as(mutated(text, [mutation]), "utf-8") == meaning(text), name


# Optional section -> what may be said differently without it. Problems may come and go with any of them.
OPTIONAL = {
    "AnnotationSection": {"annotation"},
    "EulaSection": {"eulas"},
    "NetworkSection": {"networks"},
    "StartupSection": set(),
    "ResourceAllocationSection": set(),
    "InstallSection": set(),
    "Strings": {"eulas", "annotation", "properties", "networks", "product", "deployment_options", "name", "systems"},
    "OperatingSystemSection": {"hardware", "systems"},
    "DeploymentOptionSection": {"deployment_options", "option", "hardware", "systems", "properties", "disks"},
    "ProductSection": {"product", "properties", "disks"},
}


@pytest.mark.long
@pytest.mark.parametrize("section", OPTIONAL)
def test_a_section_that_is_not_there_changes_nothing_else(corpus: Path, section: str) -> None:
    for name, text in texts().items():
        root = fromstring(text.encode())
        for parent in list(root.iter()):
            for child in [child for child in parent if local(child) == section]:
                parent.remove(child)
        before, after = meaning(text), read_as(root, "utf-8")
        changed = {key for key in before if key != "problems" and before[key] != after[key]}
        assert changed <= OPTIONAL[section] | {"message_files"}, name
