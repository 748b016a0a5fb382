"""Signatures: each thing that one can prove, or not, with certificates made here."""

import hashlib
import subprocess
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unicodedata import normalize

import pytest

from engine.ova.chain import State, system_roots
from engine.ova.limits import MAX_CERTIFICATE_FILE, MAX_CERTIFICATES
from engine.ova.package import Package, open_package
from engine.ova.samples import build_ova
from engine.ova.signature import Signature, signature_of
from tests.ova.archives import envelope, member, write_ova
from tests.ova.signing import (
    CODE,
    DAY,
    NOW,
    WEB,
    Chain,
    Holder,
    certificate_file,
    chain_of,
    ec_key,
    made,
    rsa_key,
    sign_ova,
)

Sign = Callable[..., Signature]
DISK, DESCRIPTOR = b"the disk", envelope().encode()


def manifest_of(algorithm: str = "sha256") -> bytes:
    files = {"box.ovf": DESCRIPTOR, "disk1.vmdk": DISK}
    lines = [f"{algorithm.upper()}({name})= {hashlib.new(algorithm, data).hexdigest()}" for name, data in files.items()]
    return "\n".join([*lines, ""]).encode()


def package_in(folder: Path, certificate: str | bytes | None, manifest: bytes | None = None) -> Package:
    """A bare descriptor with its files beside it."""
    (folder / "box.ovf").write_bytes(DESCRIPTOR)
    (folder / "disk1.vmdk").write_bytes(DISK)
    (folder / "box.mf").write_bytes(manifest or manifest_of())
    if certificate is not None:
        (folder / "box.cert").write_bytes(certificate if isinstance(certificate, bytes) else certificate.encode())
    return open_package(folder / "box.ovf")


@pytest.fixture
def judged(tmp_path: Path) -> Sign:
    """What the holders' signature of the manifest proves to who trusts these roots."""

    def judge(holders: Sequence[Holder], roots: Sequence[Holder], **how: str) -> Signature:
        package = package_in(tmp_path, certificate_file(manifest_of(), holders, **how))
        return signature_of(package, [root.der for root in roots], NOW)

    return judge


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_a_chain_to_a_trusted_root_is_valid(judged: Sign, kind: str, algorithm: str) -> None:
    chain = chain_of(kind)
    assert judged(chain.holders, [chain.root], algorithm=algorithm) == Signature(
        State.VALID, "", "'CN=Signer'", algorithm
    )


@pytest.mark.parametrize("written", ["SHA-256", "sha256", "SHA2-256", "RSA-SHA256", "RSA-SHA2-256"])
def test_the_algorithm_as_tools_write_it(judged: Sign, written: str) -> None:
    chain = chain_of("rsa")
    assert judged(chain.holders, [chain.root], written=written).state is State.VALID


def test_openssl_agrees(tmp_path: Path) -> None:
    """The file that openssl makes, from another implementation's signature."""
    chain = chain_of("rsa")
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = tmp_path / "key.pem"
    key.write_bytes(chain.signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "box.mf").write_bytes(manifest_of())
    line = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hex", "-sign", key, "box.mf"], cwd=tmp_path, capture_output=True, check=True
    ).stdout.decode()
    package = package_in(tmp_path, line + chain.signer.pem + chain.between.pem)
    assert signature_of(package, [chain.root.der], NOW).state is State.VALID


def test_without_a_certificate_file_it_is_unsigned(tmp_path: Path) -> None:
    assert signature_of(package_in(tmp_path, None), [], NOW).state is State.UNSIGNED


@pytest.mark.parametrize("late", [timedelta(seconds=1), 1000 * DAY])
def test_expired(judged: Sign, late: timedelta) -> None:
    chain = chain_of(begins=NOW - 2000 * DAY, ends=NOW - late)
    old = Chain(made("Root", ca=True, begins=NOW - 2000 * DAY), chain.between, chain.signer)
    between = made("Between", old.root, ca=True, begins=NOW - 2000 * DAY, key=chain.between.key)
    found = judged([chain.signer, between], [old.root])
    assert found.state is State.EXPIRED
    assert f"{NOW - late:%Y-%m-%d}" in found.why


def test_not_yet_valid(judged: Sign) -> None:
    chain = chain_of(begins=NOW + DAY)
    found = judged(chain.holders, [chain.root])
    assert (found.state, f"{NOW + DAY:%Y-%m-%d}" in found.why) == (State.NOT_YET_VALID, True)


def test_who_stands_between_may_be_the_expired_one(judged: Sign) -> None:
    root = made("Root", ca=True)
    between = made("Between", root, ca=True, ends=NOW - DAY)
    found = judged([made("Signer", between), between], [root])
    assert (found.state, "Between" in found.why) == (State.EXPIRED, True)


def test_expired_and_of_nobody_known_is_untrusted(judged: Sign) -> None:
    chain = chain_of(ends=NOW - DAY)
    assert judged(chain.holders, [made("Other", ca=True)]).state is State.UNTRUSTED


def test_self_signed_unless_it_is_trusted_itself(judged: Sign) -> None:
    alone = made("Signer", ca=True)
    assert judged([alone], [chain_of().root]).state is State.SELF_SIGNED
    assert judged([alone], []).state is State.SELF_SIGNED
    assert judged([alone], [alone]).state is State.VALID
    late = made("Signer", ends=NOW - DAY)
    assert judged([late], [late]).state is State.EXPIRED


def test_who_only_calls_itself_as_its_issuer_is_not_self_signed(judged: Sign) -> None:
    root = made("Signer", ca=True)
    assert judged([made("Signer", root)], [made("Other", ca=True)]).state is State.UNTRUSTED


def untrusted() -> dict[str, tuple[list[Holder], list[Holder], str]]:
    """What does not lead to a root, and what is said of it."""
    chain = chain_of()
    root, between = chain.root, chain.between
    nobody, no_authority = made("Clerk", root), made("Clerk", root, ca=False)
    may_not = made("Clerk", root, ca=True, usage="digital_signature")
    short = made("Short", root, ca=True, path=0)
    below = made("Below", short, ca=True)
    false = replace(between, key=chain_of().root.key)
    return {
        "another root": ([*chain.holders], [made("Other", ca=True)], "'CN=Root' is none of the trusted roots"),
        "no roots": ([*chain.holders], [], "no trusted roots"),
        "a gap": ([chain.signer], [root], "'CN=Between' is none of the trusted roots"),
        "no authority": ([made("Signer", no_authority), no_authority], [root], "cA must be asserted"),
        "no authority at all": ([made("Signer", nobody), nobody], [root], "no basicConstraints"),
        "an authority of nothing": ([made("Signer", may_not), may_not], [root], "not for signing certificates"),
        "a path too long": ([made("Signer", below), below, short], [root], "path length"),
        "a web server": ([made("Signer", between, purposes=[WEB]), between], [root], "not for signing code"),
        "not for signatures": ([made("Signer", between, usage="key_agreement"), between], [root], "not for signatures"),
        "forged": ([made("Signer", false), between], [root], "signature does not match"),
        "another root of that name": ([*chain.holders], [made("Root", ca=True)], "signature does not match"),
    }


@pytest.mark.parametrize("case", untrusted())
def test_untrusted(judged: Sign, case: str) -> None:
    holders, roots, said = untrusted()[case]
    found = judged(holders, roots)
    assert found.state is State.UNTRUSTED, found
    assert said in found.why
    assert found.signer == "'CN=Signer'"


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_maze_of_authorities_is_left(judged: Sign, kind: str) -> None:
    """Each of nine vouches for all others: 9^8 ways that lead nowhere."""
    key = rsa_key() if kind == "rsa" else ec_key()
    first = made("Daedalus", key=key, ca=True)
    others = [made("Daedalus", first, key=key, ca=True) for _ in range(MAX_CERTIFICATES - 1)]
    found = judged([made("Signer", first), *others], [made("Root", ca=True)])
    assert (found.state, "limit" in found.why) == (State.UNTRUSTED, True)


@pytest.mark.parametrize("purposes", [(), (CODE, WEB)])
def test_a_signer_for_all_or_for_code(judged: Sign, purposes: tuple[object, ...]) -> None:
    chain = chain_of()
    signer = made("Signer", chain.between, purposes=purposes)
    assert judged([signer, chain.between], [chain.root]).state is State.VALID


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_tampered_whatever_was_changed(tmp_path: Path, kind: str) -> None:
    chain = chain_of(kind)
    text = certificate_file(manifest_of(), chain.holders)
    package = package_in(tmp_path, text, manifest_of() + b"\n")
    found = signature_of(package, [chain.root.der], NOW)
    assert (found.state, found.signer) == (State.TAMPERED, "'CN=Signer'")
    other = made("Signer", chain.between)
    swapped = package_in(tmp_path, text.replace(chain.signer.pem, other.pem))
    assert signature_of(swapped, [chain.root.der], NOW).state is State.TAMPERED
    short = package_in(tmp_path, "SHA256(box.mf)= 00\n" + chain.signer.pem)
    assert signature_of(short, [chain.root.der], NOW).state is State.TAMPERED


def unreadable() -> dict[str, tuple[str | bytes, str]]:
    chain = chain_of()
    good = certificate_file(manifest_of(), chain.holders)
    line, _, rest = good.partition("\n")
    return {
        "empty": ("", "is not 'SHA256(manifest)= signature'"),
        "no line": (rest, "is not 'SHA256"),
        "no certificate": (line, "has no certificate"),
        "no end": (good.replace("-----END CERTIFICATE-----", ""), "has no end"),
        "another manifest": (good.replace("box.mf", "other.mf"), "'other.mf'"),
        "an unknown algorithm": (good.replace("SHA256", "MD5"), "'MD5'"),
        "half a byte": (good.replace(")= ", ")= 0"), "half a byte"),
        "no base64": (line + "\n-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", "cannot be used"),
        "no certificate in it": (line + "\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot"),
        "no UTF-8": (good.encode() + b"\xff", "not UTF-8"),
        "too long": (good + " " * MAX_CERTIFICATE_FILE, "at most"),
        "too many": (line + "\n" + chain.between.pem * (MAX_CERTIFICATES + 1), f"{MAX_CERTIFICATES + 1} certificates"),
    }


@pytest.mark.parametrize("case", unreadable())
def test_unreadable(tmp_path: Path, case: str) -> None:
    content, said = unreadable()[case]
    found = signature_of(package_in(tmp_path, content), [chain_of().root.der], NOW)
    assert found.state is State.UNREADABLE
    assert "box.cert" in found.why
    assert said in found.why


def test_a_certificate_without_manifest_signs_nothing(tmp_path: Path) -> None:
    package = package_in(tmp_path, certificate_file(manifest_of(), chain_of().holders))
    (tmp_path / "box.mf").unlink()
    package = open_package(package.path)
    found = signature_of(package, [], NOW)
    assert found.state is State.UNREADABLE
    assert "the package has none" in found.why


def test_other_text_around_is_left_alone(tmp_path: Path) -> None:
    """As `openssl x509 -text` and PKCS #12 tools write it, with a BOM and CRLF."""
    chain = chain_of()
    text = certificate_file(manifest_of(), chain.holders).replace("-----BEGIN", "Bag Attributes\n-----BEGIN")
    package = package_in(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert signature_of(package, [chain.root.der], NOW).state is State.VALID


def test_a_name_that_the_archive_decomposes(tmp_path: Path) -> None:
    """macOS writes names in archives in another form than those in the files."""
    chain = chain_of()
    digests = manifest_of()
    signed = certificate_file(digests, chain.holders, name=normalize("NFC", "böx.mf"))
    name = normalize("NFD", "böx")
    parts = (member(f"{name}.ovf", envelope(files="")), member(f"{name}.mf", digests), member(f"{name}.cert", signed))
    package = open_package(write_ova(tmp_path / "box.ova", *parts), told=lambda _: None)
    assert signature_of(package, [chain.root.der], NOW).state is State.VALID


def test_a_signed_ova(tmp_path: Path) -> None:
    chain = chain_of()
    plain = build_ova(tmp_path / "plain.ova", name="box", disks=[1000])
    package = open_package(sign_ova(plain.path, tmp_path / "box.ova", chain.holders))
    assert signature_of(package, [chain.root.der], NOW).state is State.VALID
    assert list(package.members)[:3] == ["box.ovf", "box.mf", "box.cert"]


def test_the_roots_of_this_machine() -> None:
    roots = system_roots()
    if not roots:
        pytest.skip("this machine has no roots")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(set(roots)) == len(roots)


def test_the_roots_of_a_folder_and_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = chain_of().root
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "0123abcd.0").write_text(root.pem)
    (folder / "89abcdef.0").write_text("no certificate")
    (folder / "README.txt").write_text(made("Other", ca=True).pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert system_roots() == (root.der,)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "absent"))
    assert system_roots() == ()


def test_the_machines_own_roots_take_no_strangers_signature(judged: Sign, tmp_path: Path) -> None:
    """All of them together, as they are used: some warn, some are none that cryptography takes."""
    chain = chain_of()
    package = package_in(tmp_path, certificate_file(manifest_of(), chain.holders))
    assert signature_of(package, system_roots(), NOW).state is State.UNTRUSTED
    assert signature_of(package, [*system_roots(), chain.root.der], NOW).state is State.VALID
