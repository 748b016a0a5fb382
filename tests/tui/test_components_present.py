"""Components as text."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from engine.console.components import ComponentRow
from storage.components import Kind
from tests.tui.conftest import NOW
from tui.present import components as present
from tui.present.text import Line, fit

ROW = ComponentRow(
    uid="esxi-8.0u3g",
    name="esxi",
    version="8.0u3g",
    type="esxi",
    kind="L1",
    state="enabled",
    why="",
    enabled=True,
    ova_path="/srv/ova/Nested_ESXi8.0u3g.ova",
    size_bytes=911 << 20,
    size_text="869 MB",
    checksum="sha256:" + "ab" * 32,
    licence="",
    staged=("vc-01", "vc-02", "vc-03"),
    description="Nested ESXi",
    url="https://example.com/esxi",
    download_engine="https",
    download_file="Nested_ESXi8.0u3g.ova",
    options=(("DiskProvisioning", "thin"),),
    properties=(("guestinfo.hostname", "{{ zpod_hostname }}"),),
    networks=(("VM Network", "{{ zpod_portgroup }}"),),
)


def cells(row: ComponentRow) -> dict[str, str]:
    shown = present.VIEW.cells(row, NOW)
    return {column.title: text for column, (text, _) in zip(present.COLUMNS, shown, strict=True)}


def text(lines: list[Line]) -> str:
    """All of it in one line."""
    return " ".join(" ".join(part for line in lines for part, _ in line).split())


def test_one_that_can_be_staged() -> None:
    assert cells(ROW) == {
        "Uid": "esxi-8.0u3g",
        "Kind": "L1",
        "State": "o enabled",
        "Size": "911 MiB",
        "Sum": "yes",
        "Staged": "3: vc-01 vc-02 vc-03",
        "OVA": "Nested_ESXi8.0u3g.ova",
    }


def test_one_without_ova_has_the_size_that_its_file_says() -> None:
    shown = cells(replace(ROW, state="no OVA", ova_path="", size_bytes=None, staged=(), checksum=""))
    assert (shown["State"], shown["Size"], shown["Sum"]) == ("- no OVA", "869 MB", "no")
    assert (shown["Staged"], shown["OVA"]) == ("-", "-")
    assert cells(replace(ROW, state="OVA gone"))["OVA"] == "Nested_ESXi8.0u3g.ova"


def test_every_kind_fits_its_column_and_is_explained() -> None:
    for kind in Kind:
        assert cell_len(cells(replace(ROW, kind=str(kind)))["Kind"]) <= 4
        assert f"{kind}," in text(present.detail(replace(ROW, kind=str(kind))))


def test_a_state_that_nobody_knows_is_shown_as_it_is() -> None:
    assert cells(replace(ROW, state="lost"))["State"] == "? lost"


@pytest.mark.parametrize("name", ["東京-8.0", "Zu\u0308rich-1.0", "\x1b[31mred\x1b[0m", "a\nb\tc", "x\u202eevil"])
def test_what_comes_from_outside_is_harmless_and_fits(name: str) -> None:
    row = replace(
        ROW, uid=name, kind=name, type=name, description=name, size_text=name, size_bytes=None, ova_path=f"/x/{name}",
        staged=(name,), properties=((name, name),), why=name,
    )  # fmt: skip
    shown = [part for line in [*present.detail(row), present.cells(row, NOW)] for part, _ in line]
    assert all(part.isprintable() for part in shown)
    for column, (part, _) in zip(present.COLUMNS, present.cells(row, NOW), strict=True):
        assert cell_len(fit(part, column.width)) == column.width


def test_the_detail_holds_everything_whole() -> None:
    told = text(present.detail(ROW))
    for part in ("Nested ESXi", "L1, staged once", ROW.ova_path, "vc-01, vc-02, vc-03", "guestinfo.hostname", "thin"):
        assert part in told
    assert ROW.checksum in told.replace(" ", "")
    assert "none: nothing proves" in text(present.detail(replace(ROW, checksum="")))
