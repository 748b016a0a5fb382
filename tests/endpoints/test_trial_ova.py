"""The trial's disk is a stream-optimized VMDK: one reader, written from VMware's "Virtual Disk Format 5.0", takes it
and the disks of the corpus, which others made.
"""

import struct
import zlib
from pathlib import Path

import pytest

from engine.cancel import Cancel
from engine.endpoints.trial_ova import SECRET, TEXT, build_trial_ova, stream_optimized_disk
from engine.ova.package import open_package
from engine.sources.digests import file_digest

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "ovf" / "cot"
SECTOR = 512


def grains(disk: bytes) -> dict[int, bytes]:
    """First sector -> content of every grain, found from the footer through directory and tables."""
    assert disk[-SECTOR:] == bytes(SECTOR)  # end of stream
    value, size, kind = struct.unpack_from("<QII", disk, len(disk) - 3 * SECTOR)
    assert (value, size, kind) == (1, 0, 3)
    footer = disk[-2 * SECTOR : -SECTOR]
    fields = struct.unpack_from("<4sIIQQQQIQQQB4sH", footer)
    magic, version, flags, capacity, grain, _, _, entries, _, directory, overhead, dirty, ends, algorithm = fields
    assert (magic, version, algorithm, dirty, ends) == (b"KDMV", 3, 1, 0, b"\n \r\n")
    assert flags & 0x30001 == 0x30001
    head = struct.unpack_from("<4sIIQQQQIQQQB4sH", disk)
    assert head[9] in (0xFFFFFFFFFFFFFFFF, directory)  # told at the end, or known already
    assert head[:9] + head[10:] == fields[:9] + fields[10:]
    found = {}
    tables = -(-capacity // (grain * entries))
    for number, table in enumerate(struct.unpack_from(f"<{tables}I", disk, directory * SECTOR)):
        if not table:
            continue
        for index, sector in enumerate(struct.unpack_from(f"<{entries}I", disk, table * SECTOR)):
            if sector:
                assert sector >= overhead
                lba, length = struct.unpack_from("<QI", disk, sector * SECTOR)
                assert lba == (number * entries + index) * grain
                found[lba] = zlib.decompress(disk[sector * SECTOR + 12 : sector * SECTOR + 12 + length])
                assert len(found[lba]) == grain * SECTOR
    return found


def test_the_disk_holds_a_mib_that_does_not_compress() -> None:
    disk = stream_optimized_disk()
    found = grains(disk)
    assert sorted(found) == [number * 128 for number in range(16)]
    assert len(set(found.values())) == 16
    assert 1 << 20 < len(disk) < 1 << 21
    assert b'createType="streamOptimized"' in disk[SECTOR : 4 * SECTOR]


@pytest.mark.skipif(not CORPUS.exists(), reason="no ../shared/corpus")
@pytest.mark.parametrize("name", ["input.vmdk", "blank.vmdk", "ubuntu.2.0-disk1.vmdk"])
def test_the_reader_takes_disks_that_others_made(name: str) -> None:
    disk = (CORPUS / name).read_bytes()
    grains(disk)
    assert struct.unpack_from("<II", disk, 4) == struct.unpack_from("<II", stream_optimized_disk(), 4)


def test_the_ova_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "trial.ova"
    checksum = build_trial_ova(path, "trial-1")
    assert checksum == f"sha256:{file_digest(path, 'sha256', Cancel())}"
    package = open_package(path)
    assert [(known.key, known.password) for known in package.descriptor.properties] == [(TEXT, False), (SECRET, True)]
    assert package.manifest is not None
    assert set(package.manifest.digests) == {"trial-1.ovf", "trial-1-disk1.vmdk"}
    assert package.descriptor.problems == ()
    assert [disk.capacity_bytes for disk in package.descriptor.disks] == [1 << 30]
