"""docs/ovf-support.md: up to date, its proofs there, and what it says of the corpus true."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from engine.errors import BadPackage
from engine.ova.findings import Severity
from engine.ova.package import open_package
from tests.e2e.side_by_side import DESCRIPTORS
from tests.ova.constructs import CONSTRUCTS, DESCRIPTORS_OF_CORPUS, FAMILIES, Construct
from tests.ova.support import DOCUMENT, ROOT, page

ROWS = [row for rows in CONSTRUCTS.values() for row in rows]


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == page(), "make docs"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_proof_is_there(row: Construct) -> None:
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        found = ast.parse((ROOT / file).read_text()).body
        assert name in [one.name for one in found if isinstance(one, ast.FunctionDef)], test


def test_every_refusal_of_the_corpus_is_listed(corpus: Path) -> None:
    paths = sorted(corpus.rglob("*.ovf"))
    assert len(paths) == DESCRIPTORS_OF_CORPUS
    found: Counter[str] = Counter()
    examples = set()
    for path in paths:
        reasons = set()
        for what in errors(path):
            [reason] = [one.reason for one in FAMILIES if one.reason in what]
            reasons.add(reason)
        found.update(reasons)
        examples |= {(reason, str(path.relative_to(corpus))) for reason in reasons}
    assert found == {one.reason: one.count for one in FAMILIES}
    assert {(one.reason, one.example) for one in FAMILIES} <= examples


def errors(path: Path) -> list[str]:
    """Why the descriptor is refused; that its files do not lie beside it here does not count."""
    try:
        problems = open_package(path).descriptor.problems
    except BadPackage as error:
        return [error.why]
    return [one.what for one in problems if one.severity is Severity.ERROR]


def test_the_descriptors_that_are_imported_side_by_side_have_everything(corpus: Path) -> None:
    said = [open_package(corpus / name).descriptor for name in DESCRIPTORS]
    machines = [one.hardware for one in said]
    assert len(said) >= 40
    assert max(len(one.disks) for one in machines) > 10
    assert max(len(one.nics) for one in machines) > 1
    assert {controller.kind for one in machines for controller in one.controllers} >= {"IDE", "SCSI"}
    assert {drive.kind for one in machines for drive in one.removables} >= {"CD", "floppy"}
    assert any(one.cores_per_socket > 1 for one in machines)
    assert any(setting.key == "firmware" and setting.value == "efi" for one in machines for setting in one.config)
    assert any(len(one.deployment_options) > 1 and one.eulas and one.ip_assignment.schemes for one in said)
    assert {known.user_configurable for one in said for known in one.properties} == {True, False}
    texts = [(corpus / name).read_text(errors="replace") for name in DESCRIPTORS]
    assert any("<rasd:AutomaticAllocation>false<" in text for text in texts)
