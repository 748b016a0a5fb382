"""The setting that names trusted roots: checked when set, read when used."""

from pathlib import Path

import pytest

from storage import audit, settings
from storage.errors import BadInput
from storage.roots import ROOTS, configured_roots
from storage.store import Store
from tests.ova.signing import chain_of, made


def test_a_new_store_has_it_and_it_names_nothing(store: Store) -> None:
    assert settings.get(store, ROOTS).value == ""
    assert configured_roots(store) == ()
    settings.delete(store, ROOTS)
    assert configured_roots(store) == ()


def test_the_authorities_of_the_file_are_trusted_and_nobody_else(store: Store, tmp_path: Path) -> None:
    chain = chain_of()
    file = tmp_path / "roots.pem"
    file.write_text(chain.signer.pem + chain.root.pem + chain.between.pem)
    settings.update(store, ROOTS, str(file))
    assert set(configured_roots(store)) == {chain.root.der, chain.between.der}
    settings.update(store, ROOTS, "")
    assert configured_roots(store) == ()


def test_what_cannot_be_used_is_refused_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    files = {"clerk.pem": made("Clerk", ca=False).pem, "empty.pem": "", "text.pem": "no certificate", "bytes.pem": "ä"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "large.pem").write_bytes(b" " * (5 << 20))
    reasons = {
        "absent.pem": "it does not exist",
        "": "it is not a file",
        "clerk.pem": "none of its certificates is an authority's",
        "empty.pem": "not a PEM file",
        "text.pem": "not a PEM file",
        "bytes.pem": "not a PEM file",
        "large.pem": "more than",
    }
    before = len(audit.listing(store))
    for name, why in reasons.items():
        path = str(tmp_path / name) if name else str(tmp_path)
        with pytest.raises(BadInput) as refused:
            settings.update(store, ROOTS, path)
        assert all(part in str(refused.value) for part in (ROOTS, path, why)), refused.value
    with pytest.raises(BadInput, match="whole path"):
        settings.update(store, ROOTS, "roots.pem")
    assert configured_roots(store) == ()
    assert len(audit.listing(store)) == before


def test_a_file_that_went_away_is_named(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    file.write_text(chain_of().root.pem)
    settings.update(store, ROOTS, str(file))
    file.unlink()
    with pytest.raises(BadInput, match="it does not exist") as refused:
        configured_roots(store)
    assert str(file) in str(refused.value)
