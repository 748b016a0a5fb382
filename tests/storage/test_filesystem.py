"""Where an SQLite store may be: not on a network file system, and not in another user's hands."""

import os
from pathlib import Path

import pytest

from storage import filesystem, paths, settings
from storage.errors import BadInput, Refused
from storage.filesystem import NETWORK, kind
from storage.store import open_store
from tests.storage.conftest import NOBODY, Postgres, needs_root, unprivileged

MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
36 21 0:30 / /srv/lab rw,relatime shared:15 master:2 - nfs4 filer:/lab rw,vers=4.2
37 36 0:31 / /srv/lab/fast rw,relatime - xfs /dev/vdb rw
38 21 0:32 / /mnt/two\\040words\\134x rw - cifs //filer/share rw
39 21 0:33 / /home rw - autofs systemd-1 rw
40 39 0:34 / /home rw - nfs filer:/home rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/slipway.db", "ext4"),
        ("/srv/lab/slipway.db", "nfs4"),
        ("/srv/lab", "nfs4"),
        ("/srv/laboratory/slipway.db", "ext4"),
        ("/srv/lab/fast/slipway.db", "xfs"),
        ("/mnt/two words\\x/slipway.db", "cifs"),
        ("/home/alice/slipway.db", "nfs"),
    ],
)
def test_the_longest_mount_point_says_the_kind(path: str, expected: str) -> None:
    assert kind(Path(path), MOUNTS) == expected


def test_no_mount_no_kind() -> None:
    assert kind(Path("/var/slipway.db"), "") == ""
    assert kind(Path("/var/slipway.db"), "no table\n") == ""


def test_this_machines_own_table_is_understood() -> None:
    assert kind(Path("/proc/self"), Path("/proc/self/mountinfo").read_text()) == "proc"


def mount(monkeypatch: pytest.MonkeyPatch, point: Path, found: str) -> None:
    """Let the machine's table say that `found` is mounted at `point`: no network file system can be mounted here."""
    table = point.with_name("mountinfo")
    escaped = str(point).replace(" ", "\\040")
    table.write_text(f"21 1 254:0 / / rw - ext4 /dev/vda rw\n36 21 0:30 / {escaped} rw - {found} filer:/lab rw\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", table)


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """A folder to mount something at."""
    made = tmp_path / "a share"
    made.mkdir()
    return made


@pytest.mark.parametrize("found", sorted(NETWORK))
def test_a_network_file_system_is_refused(share: Path, monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    mount(monkeypatch, share, found)
    with pytest.raises(Refused) as caught:
        open_store(share / "new" / "slipway.db")
    assert str(share / "new" / "slipway.db") in str(caught.value)
    assert f"network file system ({found})" in str(caught.value)
    assert "local disk, or PostgreSQL" in caught.value.fix
    assert list(share.iterdir()) == []


@pytest.mark.parametrize("found", ["ext4", "xfs", "btrfs", "tmpfs", "9p", "overlay", "fuse.rclone"])
def test_another_file_system_is_not(share: Path, monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    mount(monkeypatch, share, found)
    open_store(share / "slipway.db").close()


def test_a_link_to_a_share_is_refused(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = share.with_name("link")
    link.symlink_to(share)
    mount(monkeypatch, share, "nfs4")
    with pytest.raises(Refused, match="nfs4"):
        open_store(link / "slipway.db")


def test_an_existing_store_on_a_share_is_not_opened(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(share / "slipway.db").close()
    before = {file.name: file.stat().st_mtime_ns for file in share.iterdir()}
    mount(monkeypatch, share, "nfs4")
    with pytest.raises(Refused, match="nfs4"):
        open_store(share / "slipway.db")
    assert {file.name: file.stat().st_mtime_ns for file in share.iterdir()} == before


def test_the_operator_may_allow_it(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount(monkeypatch, share, "nfs4")
    monkeypatch.setenv("SLIPWAY_NETWORK_FILESYSTEM", "allow")
    open_store(share / "environment.db").close()
    monkeypatch.delenv("SLIPWAY_NETWORK_FILESYSTEM")
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text('network_filesystem = "allow"\n')
    open_store(share / "configured.db").close()
    monkeypatch.setenv("SLIPWAY_NETWORK_FILESYSTEM", "refuse")
    with pytest.raises(Refused, match="nfs4"):
        open_store(share / "configured.db")
    monkeypatch.setenv("SLIPWAY_NETWORK_FILESYSTEM", "yes")
    with pytest.raises(BadInput, match='"yes" of SLIPWAY_NETWORK_FILESYSTEM; set it to "refuse" or "allow"'):
        open_store(share / "configured.db")


def test_without_a_table_nothing_is_refused(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "_MOUNTS", share / "absent")
    open_store(share / "slipway.db").close()


def test_a_server_is_not_asked(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount(monkeypatch, tmp_path / "x", "nfs4")
    monkeypatch.chdir(tmp_path)
    open_store(postgres.new_database()).close()


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {file.name: (file.stat().st_uid, file.stat().st_mtime_ns) for file in folder.iterdir()}


@needs_root
def test_root_does_not_open_another_users_store(folder: Path) -> None:
    path = folder / "slipway.db"
    assert unprivileged(lambda: open_store(path).close()) is None
    before = files(folder)
    with pytest.raises(Refused) as caught:
        open_store(path)
    told = f"cannot use the store {path}: it belongs to nobody, and this is root; one OS user per SQLite store"
    assert str(caught.value).startswith(told)
    assert "PostgreSQL" in caught.value.fix
    assert files(folder) == before
    assert unprivileged(lambda: _turn_on(path)) is None


@needs_root
@pytest.mark.parametrize("place", ["slipway.db", "new/folder/slipway.db"])
def test_root_makes_no_store_in_another_users_folder(folder: Path, place: str) -> None:
    with pytest.raises(Refused, match=f"{folder} belongs to nobody"):
        open_store(folder / place)
    assert list(folder.iterdir()) == []


@needs_root
def test_another_user_does_not_open_roots_store(folder: Path) -> None:
    os.chown(folder, 0, 0)
    path = folder / "slipway.db"
    open_store(path).close()
    folder.chmod(0o777)
    path.chmod(0o666)
    before = files(folder)
    kind_and_text = unprivileged(lambda: _turn_on(path))
    assert kind_and_text is not None
    assert kind_and_text[0] == "Refused"
    assert "it belongs to root, and this is nobody" in kind_and_text[1]
    assert files(folder) == before


@needs_root
def test_another_user_before_a_closed_folder_learns_whose_it_is(folder: Path) -> None:
    os.chown(folder, 0, 0)
    folder.chmod(0o700)
    open_store(folder / "deep" / "slipway.db").close()
    told = unprivileged(lambda: _turn_on(folder / "deep" / "slipway.db"))
    assert told is not None
    assert told[0] == "Refused"
    assert f"{folder} belongs to root, and this is nobody" in told[1]


@needs_root
def test_anybody_may_have_a_store_where_root_lets_everybody_write(folder: Path) -> None:
    os.chown(folder, 0, 0)
    folder.chmod(0o1777)
    assert unprivileged(lambda: _turn_on(folder / "slipway.db")) is None
    assert (folder / "slipway.db").stat().st_uid == NOBODY


@needs_root
def test_a_user_without_a_name_is_told_by_number(folder: Path) -> None:
    path = folder / "slipway.db"
    path.touch()
    os.chown(path, 4242, 4242)
    with pytest.raises(Refused, match="it belongs to user 4242"):
        open_store(path)


def _turn_on(path: Path) -> None:
    with open_store(path) as store:
        settings.update(store, settings.FLAG, "true")
