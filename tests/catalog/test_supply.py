"""Supplying an OVA by hand: only a package that is the component's is taken."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.cancel import Cancel
from engine.catalog.components import import_components
from engine.catalog.supply import obstacle, set_file
from engine.errors import BadInput, BadPackage, Cancelled, NotFound
from engine.ova.samples import Sample, build_ova
from storage import components
from storage.components import Kind
from storage.store import Store

FILES = Path(__file__).parent / "files"


def unseen(count: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def catalog(store: Store) -> Store:
    import_components(store, [FILES])
    return store


@pytest.fixture
def ova(tmp_path: Path) -> Sample:
    return build_ova(tmp_path / "core.ova", name="core", disks=[3 << 20])


def test_without_a_checksum_the_package_decides(catalog: Store, ova: Sample) -> None:
    component = set_file(catalog, "core-1.0", ova.path, Cancel(), unseen)
    assert component.ova_path == str(ova.path)
    assert components.get(catalog, "core-1.0") == component


def test_the_right_checksum_is_taken_and_every_byte_was_read(catalog: Store, ova: Sample) -> None:
    components.update(catalog, "node-2.1a", checksum=f"sha256:{ova.sha256}")
    seen: list[int] = []
    assert set_file(catalog, "node-2.1a", ova.path, Cancel(), seen.append).ova_path == str(ova.path)
    assert sum(seen) == ova.size


def test_a_wrong_checksum_is_refused_with_both_digests(catalog: Store, ova: Sample) -> None:
    with pytest.raises(BadPackage) as caught:
        set_file(catalog, "node-2.1a", ova.path, Cancel(), unseen)
    assert caught.value.on == str(ova.path)
    assert "ab" * 32 in caught.value.why
    assert ova.sha256 in caught.value.why
    assert components.get(catalog, "node-2.1a").ova_path is None


def test_a_cancelled_check_changes_nothing(catalog: Store, ova: Sample) -> None:
    cancel = Cancel()
    with pytest.raises(Cancelled):
        set_file(catalog, "node-2.1a", ova.path, cancel, lambda count: cancel.ask())
    assert components.get(catalog, "node-2.1a").ova_path is None


def test_what_is_no_package_is_refused(catalog: Store, ova: Sample, tmp_path: Path) -> None:
    (tmp_path / "cut.ova").write_bytes(ova.path.read_bytes()[:5000])
    (tmp_path / "core.ovf").write_bytes(ova.path.read_bytes()[512:])
    for name in ("cut.ova", "core.ovf", "absent.ova", "."):
        with pytest.raises(BadInput):
            set_file(catalog, "core-1.0", tmp_path / name, Cancel(), unseen)
    assert components.get(catalog, "core-1.0").ova_path is None


def test_a_bare_descriptor_needs_its_disks_beside_it(catalog: Store, ova: Sample, tmp_path: Path) -> None:
    from engine.ova.package import open_package

    package = open_package(ova.path)
    (tmp_path / "core.ovf").write_text(package.descriptor_text)
    with pytest.raises(BadInput, match=r"core-disk1\.vmdk', which does not lie beside it"):
        set_file(catalog, "core-1.0", tmp_path / "core.ovf", Cancel(), unseen)
    with package.open("core-disk1.vmdk") as disk:
        (tmp_path / "core-disk1.vmdk").write_bytes(disk.read())
    set_file(catalog, "core-1.0", tmp_path / "core.ovf", Cancel(), unseen)


def test_a_name_that_is_not_utf8_is_refused(catalog: Store, ova: Sample) -> None:
    odd = ova.path.rename(ova.path.parent / "caf\udce9.ova")
    with pytest.raises(BadInput, match=r"caf\\udce9\.ova.*its name is not UTF-8"):
        set_file(catalog, "core-1.0", odd, Cancel(), unseen)


def test_iso_vcsa_and_unknown_components_take_no_ova(catalog: Store, ova: Sample) -> None:
    with pytest.raises(
        BadInput, match=r"cannot supply an OVA for centre-8\.0: a vCenter appliance is deployed by its own"
    ):
        set_file(catalog, "centre-8.0", ova.path, Cancel(), unseen)
    components.update(catalog, "centre-8.0", type="appliance")
    with pytest.raises(BadInput, match=r"cannot supply an OVA for centre-8\.0: it is an ISO image"):
        set_file(catalog, "centre-8.0", ova.path, Cancel(), unseen)
    with pytest.raises(NotFound, match=r"core-1\.0"):
        set_file(catalog, "core-1", ova.path, Cancel(), unseen)


def test_an_obstacle_says_what_to_do(catalog: Store, ova: Sample, tmp_path: Path) -> None:
    core, cloud, centre = (components.get(catalog, uid) for uid in ("core-1.0", "cloud-3", "centre-8.0"))
    by_hand = "supply its OVA: slipway component set-file"
    assert obstacle(core) == f"it has no local file, and downloads are not there yet; {by_hand} core-1.0 OVA"
    assert obstacle(cloud) == f"it has no local file, and nothing fetches from customerconnect; {by_hand} cloud-3 OVA"
    assert "a vCenter appliance is deployed by its own installer" in obstacle(centre)
    assert "an ISO image" in obstacle(replace(centre, type="appliance"))
    assert obstacle(replace(cloud, ova_path=str(ova.path))) == ""
    gone = replace(core, ova_path=str(tmp_path / "gone.ova"))
    assert (
        obstacle(gone) == f"its file {gone.ova_path} cannot be read: No such file or directory; {by_hand} core-1.0 OVA"
    )


@pytest.mark.parametrize(("nested", "kind"), [(False, Kind.L1), (True, Kind.L2)])
def test_an_unsupported_component_with_an_ova_is_one_like_any_other_and_stays_so(
    store: Store, ova: Sample, component_file: Callable[..., Path], nested: bool, kind: Kind
) -> None:
    path = component_file(download_engine="customerconnect", isnested=nested, download_file_checksum="")
    import_components(store, [path])
    assert components.get(store, "core-1.0").kind is Kind.UNSUPPORTED
    assert set_file(store, "core-1.0", ova.path, Cancel(), unseen).kind is kind
    import_components(store, [path])
    assert components.get(store, "core-1.0").kind is kind
