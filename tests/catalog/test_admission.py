"""What an endpoint asks of packages, and the licences that components wait for."""

import getpass
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.cancel import Cancel
from engine.catalog.admission import admit, check, licence_problems, signature_findings, signature_problems
from engine.catalog.components import import_components
from engine.catalog.licences import accept, licence_of
from engine.catalog.supply import set_file
from engine.errors import BadInput, BadPackage, Conflict
from engine.ova.findings import Severity
from engine.ova.integrity import manifest_findings
from engine.ova.package import Package, open_package
from engine.ova.samples import build_ova
from engine.progress import Nobody
from storage import audit, components, settings
from storage.endpoints import Endpoint, Signatures
from storage.roots import ROOTS
from storage.store import Store
from tests.ova.archives import envelope, member, write_ova
from tests.ova.signing import NOW, certificate_file, chain_of, made, sign_ova

UID = "core-1.0"


def endpoint(policy: Signatures) -> Endpoint:
    place = dict.fromkeys(("datacenter", "resource_pool", "datastore", "vmfolder"), "x")
    known: dict[str, Any] = {"instance_uuid": None, "refused": False, "created": datetime.now(UTC)}
    return Endpoint(id=1, name="vc01", host="vc01", username="u", signatures=policy, **place, **known)


@dataclass
class Catalog:
    """One component whose OVA is changed at will."""

    store: Store
    folder: Path

    def supply(self, *licences: str, name: str = "core") -> Package:
        """Give the component an OVA with these licence texts."""
        path = build_ova(self.folder / f"{name}.ova", name=name, disks=[1000], licences=licences).path
        set_file(self.store, UID, path, Cancel(), lambda count: None)
        return open_package(path)

    def signed(self, package: Package, trusted: bool, algorithm: str = "sha256") -> Package:
        """The package signed, by somebody who is trusted or not."""
        chain = chain_of()
        if trusted:
            file = self.folder / "roots.pem"
            file.write_text(chain.root.pem)
            settings.update(self.store, ROOTS, str(file))
        return open_package(sign_ova(package.path, self.folder / "signed.ova", chain.holders, algorithm))


@pytest.fixture
def catalog(store: Store, tmp_path: Path, component_file: Callable[..., Path]) -> Catalog:
    import_components(store, [component_file(download_file_checksum=None)])
    return Catalog(store, tmp_path)


class Told(Nobody):
    """Remembers the steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str, str]] = []

    def began(self, item: str, step: str, detail: str = "") -> None:
        self.steps.append((item, step, detail))


# Signatures


def test_off_looks_at_nothing(catalog: Catalog) -> None:
    assert signature_problems(catalog.store, endpoint(Signatures.OFF), catalog.supply()) == ()


@pytest.mark.parametrize(
    ("policy", "severity"), [(Signatures.WARN, Severity.WARNING), (Signatures.REQUIRE, Severity.ERROR)]
)
def test_what_is_unsigned_is_told_with_the_way_out(catalog: Catalog, policy: Signatures, severity: Severity) -> None:
    [found] = signature_problems(catalog.store, endpoint(policy), catalog.supply())
    assert (found.severity, found.where) == (severity, "core.ova")
    assert "is not signed" in found.what
    assert "slipway endpoint update vc01 --signatures" in found.fix


@pytest.mark.parametrize("policy", list(Signatures))
def test_a_valid_one_is_fine_everywhere(catalog: Catalog, policy: Signatures) -> None:
    package = catalog.signed(catalog.supply(), trusted=True)
    assert signature_problems(catalog.store, endpoint(policy), package) == ()


def test_every_state_but_valid_is_refused_where_one_is_required(catalog: Catalog) -> None:
    package = catalog.signed(catalog.supply(), trusted=False)
    asked = endpoint(Signatures.REQUIRE)
    [found] = signature_problems(catalog.store, asked, package)
    assert "untrusted issuer" in found.what
    assert ROOTS in found.fix
    trusted = catalog.signed(catalog.supply(), trusted=True)
    for days, word in ((-1000, "not yet valid"), (1000, "expired")):
        moment = NOW.replace(year=NOW.year + days // 365)
        [found] = signature_problems(catalog.store, asked, trusted, moment)
        assert f"proves nothing ({word}" in found.what


def test_a_signature_that_covers_less_than_is_sent_is_not_enough(catalog: Catalog) -> None:
    """Neither the descriptor nor the disk is in the manifest: both could be anybody's."""
    chain = chain_of()
    (catalog.folder / "roots.pem").write_text(chain.root.pem)
    settings.update(catalog.store, ROOTS, str(catalog.folder / "roots.pem"))
    manifest = b"SHA256(other.iso)= " + hashlib.sha256(b"iso").hexdigest().encode()
    path = write_ova(
        catalog.folder / "box.ova",
        member("box.ovf", envelope()),
        member("box.mf", manifest),
        member("box.cert", certificate_file(manifest, chain.holders)),
        member("disk1.vmdk", "disk"),
        member("other.iso", "iso"),
    )
    [found] = signature_problems(catalog.store, endpoint(Signatures.REQUIRE), open_package(path))
    assert found.severity is Severity.ERROR
    assert "does not cover 'box.ovf', 'disk1.vmdk'" in found.what


@pytest.mark.parametrize(
    ("policy", "severity"), [(Signatures.WARN, Severity.WARNING), (Signatures.REQUIRE, Severity.ERROR)]
)
def test_roots_that_went_away_are_told(catalog: Catalog, policy: Signatures, severity: Severity) -> None:
    package = catalog.signed(catalog.supply(), trusted=True)
    (catalog.folder / "roots.pem").unlink()
    found = signature_problems(catalog.store, endpoint(policy), package)
    assert [one.severity for one in found] == [severity, severity]
    assert str(catalog.folder / "roots.pem") in found[0].what


def test_who_asks_for_no_endpoint_is_told_who_signed(catalog: Catalog) -> None:
    plain = catalog.supply()
    assert [str(one) for one in signature_findings(catalog.store, plain)] == ["core.ova: is not signed"]
    package = catalog.signed(plain, trusted=True)
    [valid] = signature_findings(catalog.store, package)
    assert (valid.severity, valid.where) == (Severity.NOTE, "core.cert")
    assert "valid signature of 'CN=Signer'" in valid.what
    [wrong, weak] = signature_findings(catalog.store, catalog.signed(plain, trusted=False, algorithm="sha1"))
    assert (wrong.severity, weak.severity) == (Severity.WARNING, Severity.NOTE)
    assert "SHA-1" in weak.what


def test_warnings_are_a_step_and_errors_stop(catalog: Catalog) -> None:
    package, component = catalog.supply(), components.get(catalog.store, UID)
    told = Told()
    admit(catalog.store, endpoint(Signatures.WARN), component, package, UID, told)
    [(item, step, detail)] = told.steps
    assert (item, step) == (UID, "checking")
    assert "is not signed" in detail
    told = Told()
    admit(catalog.store, endpoint(Signatures.OFF), component, package, UID, told)
    assert told.steps == []
    with pytest.raises(BadPackage, match=r"cannot use core\.ova: it is not signed"):
        admit(catalog.store, endpoint(Signatures.REQUIRE), component, package, UID, told)
    assert told.steps == []


def test_all_that_is_wrong_is_told_at_once(catalog: Catalog) -> None:
    package = catalog.supply("A licence")
    with pytest.raises(BadPackage) as refused:
        check(catalog.store, endpoint(Signatures.REQUIRE), components.get(catalog.store, UID), package)
    assert "accept-eula core-1.0" in str(refused.value)
    assert "is not signed" in str(refused.value)


# Licences


def test_without_licence_there_is_nothing_to_accept(catalog: Catalog) -> None:
    package = catalog.supply()
    assert licence_problems(components.get(catalog.store, UID), package) == ()
    assert licence_of(catalog.store, UID).texts == ()
    with pytest.raises(BadInput, match="nothing to accept"):
        accept(catalog.store, UID)
    package = catalog.supply("  \n ", name="blank")
    assert licence_problems(components.get(catalog.store, UID), package) == ()


def test_a_licence_waits_until_somebody_accepts_it(catalog: Catalog) -> None:
    package = catalog.supply("One", "Two")
    [found] = licence_problems(components.get(catalog.store, UID), package)
    assert found.severity is Severity.ERROR
    assert "slipway component eula core-1.0" in found.fix
    accepted = accept(catalog.store, UID)
    assert accepted.eula_digest == hashlib.sha256(b"One\0Two").hexdigest()
    assert accepted.eula_by.startswith(f"{getpass.getuser()}@")
    assert accepted.eula_at is not None
    assert abs((accepted.eula_at - datetime.now(UTC)).total_seconds()) < 60
    assert licence_problems(accepted, package) == ()
    [entry] = [one for one in audit.listing(catalog.store) if one.action == "accept licence"]
    assert (entry.on, entry.who) == (f"component {UID}", accepted.eula_by)


def test_other_texts_are_accepted_anew_and_the_same_are_not(catalog: Catalog) -> None:
    catalog.supply("One")
    accept(catalog.store, UID)
    catalog.supply("One", name="newer")
    assert not licence_of(catalog.store, UID).waits
    package = catalog.supply("Another", name="other")
    assert licence_of(catalog.store, UID).waits
    [found] = licence_problems(components.get(catalog.store, UID), package)
    assert "has changed since it was accepted" in found.what


def test_only_what_was_read_is_accepted(catalog: Catalog) -> None:
    catalog.supply("One")
    read = licence_of(catalog.store, UID).digest
    catalog.supply("Another", name="other")
    with pytest.raises(Conflict, match="another one by now"):
        accept(catalog.store, UID, read)
    assert licence_of(catalog.store, UID).waits


def test_an_import_of_the_component_leaves_what_was_accepted(
    catalog: Catalog, component_file: Callable[..., Path]
) -> None:
    catalog.supply("One")
    accept(catalog.store, UID)
    import_components(catalog.store, [component_file(download_file_checksum=None, description="newer")])
    assert not licence_of(catalog.store, UID).waits


def test_without_an_ova_there_is_no_licence_to_read(catalog: Catalog) -> None:
    with pytest.raises(BadInput, match="no local file"):
        licence_of(catalog.store, UID)


# The manifest


def test_what_the_manifest_leaves_unproven(tmp_path: Path) -> None:
    disk = hashlib.sha256(b"disk").hexdigest()

    def found(*parts: bytes) -> list[str]:
        package = open_package(write_ova(tmp_path / "box.ova", *parts))
        return [f"{one.severity} {one}" for one in manifest_findings(package)]

    descriptor, vmdk, iso = member("box.ovf", envelope()), member("disk1.vmdk", "disk"), member("seed.iso", "iso")
    assert "note box.ovf: comes without a manifest" in found(descriptor, vmdk)[0]
    own = f"SHA256(box.ovf)= {hashlib.sha256(envelope().encode()).hexdigest()}\n"
    assert found(descriptor, member("box.mf", f"{own}SHA256(disk1.vmdk)= {disk}\n"), vmdk) == []
    [lacks] = found(descriptor, member("box.mf", own), vmdk)
    assert lacks.startswith("warning box.mf: has no digest of 'disk1.vmdk'")
    [idle] = found(
        descriptor,
        member("box.mf", f"{own}SHA256(disk1.vmdk)= {disk}\nSHA256(seed.iso)= {disk}\n"),
        vmdk,
        iso,
    )
    assert idle.startswith("note box.mf: lists 'seed.iso', to which no File refers")
    weak = "".join(
        f"SHA1({name})= {hashlib.sha1(data, usedforsecurity=False).hexdigest()}\n"
        for name, data in (("box.ovf", envelope().encode()), ("disk1.vmdk", b"disk"))
    )
    [sha1] = found(descriptor, member("box.mf", weak), vmdk)
    assert sha1.startswith("note box.mf: has SHA-1 digests only")


def test_where_the_certificate_file_lies(tmp_path: Path) -> None:
    package = open_package(build_ova(tmp_path / "box.ova", name="box", disks=[1000]).path)
    assert package.manifest
    text = certificate_file(package.manifest.data, [made("Signer")])
    parts = [member(name, package.open(name).readall()) for name in ("box.ovf", "box.mf", "box-disk1.vmdk")]

    def found(*parts: bytes) -> list[str]:
        return [str(one) for one in manifest_findings(open_package(write_ova(tmp_path / "other.ova", *parts)))]

    assert found(*parts[:2], member("box.cert", text), parts[2]) == []
    assert found(parts[0], parts[2], parts[1], member("box.cert", text)) == []
    [late] = found(*parts, member("box.cert", text))
    assert late.startswith("box.cert: does not come right after 'box.mf'")
    [other] = found(*parts[:2], member("other.cert", text), parts[2])
    assert other.startswith("other.cert: is not named after the manifest 'box.mf'")
