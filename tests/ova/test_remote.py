"""Files that a descriptor names by URL: fetched from hosts that are allowed, over connections that are trusted."""

from pathlib import Path

import pytest

from engine.errors import UploadFailed
from engine.ova.check import examine
from engine.ova.limits import Limits
from engine.ova.package import Package, open_package
from tests.ova.archives import envelope, member, write_ova
from tests.ova.file_host import DATA, Host, host

__all__ = ["host"]

ALLOWED = Limits(ova_remote_hosts=frozenset({"127.0.0.1"}))


def package_of(tmp_path: Path, href: str, more: str = f'ovf:size="{len(DATA)}"', limits: Limits = ALLOWED) -> Package:
    text = envelope(files=f'<File ovf:id="file1" ovf:href="{href}" {more}/>')
    return open_package(write_ova(tmp_path / "box.ova", member("box.ovf", text)), limits)


def fetch(package: Package) -> bytes:
    [href] = package.contents
    view, found = memoryview(bytearray(1 << 16)), b""
    with package.open_content(href) as source:
        while count := source.readinto(view):
            found += view[:count]
    return found


def test_a_file_on_an_allowed_host_is_fetched_when_it_is_sent(host: Host, tmp_path: Path) -> None:
    package = package_of(tmp_path, host.url)
    assert package.content_size(host.url) == len(DATA)
    assert not package.descriptor.problems
    assert host.asked == []
    assert fetch(package) == DATA
    assert host.asked == ["/disks/disk.vmdk"]


def test_a_url_with_characters_that_no_url_has(host: Host, tmp_path: Path) -> None:
    href = host.url.replace("disk.vmdk", "größe 1%20x.vmdk?a=ö")
    assert fetch(package_of(tmp_path, href)) == DATA
    assert host.asked == ["/disks/gr%C3%B6%C3%9Fe%201%20x.vmdk?a=%C3%B6"]


def test_whatever_else_lies_elsewhere_is_refused_and_nobody_is_asked(host: Host, tmp_path: Path) -> None:
    size = f'ovf:size="{len(DATA)}"'
    cases = (
        (host.url, size, Limits(), "ova_remote_hosts does not name 127.0.0.1"),
        (host.url.replace("127.0.0.1", "localhost"), size, ALLOWED, "does not name localhost"),
        (host.url.replace("127.0.0.1", "127.0.0.1@evil.example"), size, ALLOWED, "only https://host/path"),
        (host.url.replace("https", "http"), size, ALLOWED, "only https://host/path"),
        (host.url.replace(str(host.port), "99999"), size, ALLOWED, "only https://host/path"),
        (host.url, "", ALLOWED, "the descriptor does not say its size"),
        (host.url, f'{size} ovf:chunkSize="7"', ALLOWED, "chunks and compressed files are not fetched"),
        (host.url, f'{size} ovf:compression="gzip"', ALLOWED, "chunks and compressed files are not fetched"),
    )
    for href, more, limits, why in cases:
        text = envelope(files=f'<File ovf:id="file1" ovf:href="{href}" {more}/>')
        examined = examine(write_ova(tmp_path / "box.ova", member("box.ovf", text)), limits)
        told = [finding.what for finding in examined.findings]
        assert any("lies elsewhere" in one and why in one for one in told), (href, told)
    assert host.asked == []


@pytest.mark.parametrize(
    ("answer", "why", "passes"),
    [
        ({"status": 404}, "the host answered 404", False),
        ({"status": 302}, "the host answered 302", False),
        ({"status": 503}, "the host answered 503", True),
        ({"length": 7}, "it has 7 bytes, the descriptor says 256000", False),
        ({"length": None}, "it has an unknown number of bytes", False),
        ({"body": DATA[:100]}, "the connection ended 255900 bytes early", True),
    ],
)
def test_what_cannot_be_fetched(host: Host, tmp_path: Path, answer: dict[str, object], why: str, passes: bool) -> None:
    for name, value in answer.items():
        setattr(host, name, value)
    package = package_of(tmp_path, host.url)
    with pytest.raises(UploadFailed, match=f"cannot fetch {host.url}: {why}") as caught:
        fetch(package)
    assert caught.value.passes is passes


def test_a_certificate_that_is_not_trusted(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(UploadFailed, match="its certificate is not trusted"):
        fetch(package_of(tmp_path, host.url))
    assert host.asked == []
