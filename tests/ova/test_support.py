"""docs/ovf-support.md: up to date, its proofs there, and what it says of the corpus true."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from engine.errors import BadPackage
from engine.ova.findings import Severity
from engine.ova.package import open_package
from tests.ova.support import CONSTRUCTS, DESCRIPTORS_OF_CORPUS, DOCUMENT, FAMILIES, ROOT, Construct, page

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
