"""Manifests as tools write them."""

import pytest

from engine.errors import BadPackage
from engine.ova.manifest import Digest, read_manifest

SHA1, SHA256, SHA512 = "a1" * 20, "b2" * 32, "c3" * 64


@pytest.mark.parametrize(
    ("line", "name", "algorithm", "digest"),
    [
        (f"SHA1(input.ovf)= {SHA1}", "input.ovf", "sha1", SHA1),
        (f"SHA1 (ttylinux.ovf) = {SHA1}", "ttylinux.ovf", "sha1", SHA1),
        (f"SHA256(disk (1) = a.vmdk)= {SHA256}", "disk (1) = a.vmdk", "sha256", SHA256),
        (f"  sha-512(./x.vmdk)={SHA512.upper()}  ", "x.vmdk", "sha512", SHA512),
        (f"SHA2-256(x.vmdk)= {SHA256}", "x.vmdk", "sha256", SHA256),
        (f"\ufeffSHA256(größe.vmdk)= {SHA256}", "größe.vmdk", "sha256", SHA256),
    ],
)
def test_spellings(line: str, name: str, algorithm: str, digest: str) -> None:
    for end in ("", "\n", "\r\n", "\r", "\n\n  \n"):
        assert read_manifest((line + end).encode(), "x.mf").digests == {name: Digest(algorithm, digest)}


def test_order_is_kept_and_a_repeated_line_is_harmless() -> None:
    lines = f"SHA1(b)= {SHA1}\nSHA256(a)= {SHA256}\nSHA1(b)= {SHA1}\n"
    assert list(read_manifest(lines.encode(), "x.mf").digests) == ["b", "a"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (f"SHA1(a)= {SHA1}\n\nnonsense", "x.mf line 3: 'nonsense' is not"),
        (f"MD5(a)= {SHA1}", "line 1: unknown digest algorithm 'MD5'"),
        (f"SHA256(a)= {SHA1}", "a sha256 digest has 64 hex digits, this one 40"),
        (f"SHA1(a)= {SHA1}\nSHA1(a)= {'0' * 40}", "line 2: a second digest of 'a'"),
        ("SHA1()= 00", "line 1"),
        ("SHA1(a)= zz", "line 1"),
        (b"SHA1(\xff)= 00", "not UTF-8 at byte 5"),
    ],
)
def test_what_cannot_be_read_is_refused_by_line(lines: str | bytes, says: str) -> None:
    with pytest.raises(BadPackage) as caught:
        read_manifest(lines if isinstance(lines, bytes) else lines.encode(), "x.mf")
    assert says in str(caught.value)
