"""The signature of a package: its `.cert` file, and what that proves (DSP0243, section "Distribution").

    SHA256(package.mf)= <the manifest's signature, hex>
    -----BEGIN CERTIFICATE-----
    (the signer's; those that lead from it to a root may follow)

The signature is over the manifest's bytes: RSA with PKCS #1 v1.5, as openssl and ovftool write it, or ECDSA. The
manifest has the digests of the other files, so it vouches for those it lists and for nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate

from engine.errors import BadPackage
from engine.ova.chain import BROKEN, State, named, quiet, verdict
from engine.ova.limits import MAX_CERTIFICATE_FILE, MAX_CERTIFICATES
from engine.ova.manifest import LINE, plain_algorithm
from engine.ova.names import Spellings
from engine.ova.package import Package

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - VMware signed with it for years; a note tells
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Signature:
    """What the signature proves, `why` no more ("" when it is valid), and `signer`, who says to have made the package:
    a subject's name, "" when nothing could be read. `algorithm` is that of the signature: `sha256`.
    """

    state: State
    why: str = ""
    signer: str = ""
    algorithm: str = ""


@dataclass(frozen=True, slots=True)
class _Signed:
    algorithm: str
    value: bytes
    chain: tuple[Certificate, ...]


def certificate_name(package: Package) -> str:
    """The name of the package's certificate file: that of the manifest, else the first there is; "" for none."""
    found = [name for name in package.members if name.lower().endswith(".cert")]
    own = PurePosixPath(package.manifest.name if package.manifest else package.descriptor_name).with_suffix(".cert")
    return own.name if own.name in found else next(iter(found), "")


def signature_of(package: Package, roots: Sequence[bytes], now: datetime | None = None) -> Signature:
    """What the package's signature proves when `roots` (DER certificates) are trusted; `now` is this moment."""
    name = certificate_name(package)
    if not name:
        return Signature(State.UNSIGNED, "it has no certificate file (.cert)")
    if package.manifest is None:
        return Signature(State.UNREADABLE, f"'{name}' signs a manifest, and the package has none")
    with quiet():
        try:
            signed = _read(_content(package, name), package.manifest.name)
            return _judged(signed, package.manifest.data, roots, now or datetime.now(UTC))
        except BadPackage as error:
            return Signature(State.UNREADABLE, f"'{name}' cannot be used: {error.why}")
        except BROKEN as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            return Signature(State.UNREADABLE, f"'{name}' has a certificate that cannot be used: {said}")


def _content(package: Package, name: str) -> str:
    size = package.members[name].size
    if size > MAX_CERTIFICATE_FILE:
        raise _unusable(f"it has {size} bytes, at most {MAX_CERTIFICATE_FILE} are read")
    with package.open(name) as reader:
        data = reader.readall()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unusable(f"it is not UTF-8 at byte {error.start}") from None


def _read(text: str, manifest: str) -> _Signed:
    head, *blocks = text.split(_BEGIN)
    line = next((line for line in head.splitlines() if line.strip()), "")
    match = LINE.fullmatch(line)
    if match is None:
        raise _unusable(f"{line[:80]!r} is not 'SHA256(manifest)= signature'")
    algorithm = plain_algorithm(match["algorithm"].lower().removeprefix("rsa-"))  # OpenSSL 3 writes RSA-SHA2-256
    if algorithm not in _HASHES:
        raise _unusable(f"unknown algorithm '{match['algorithm'][:40]}'")
    if Spellings([manifest]).of(match["name"].strip().removeprefix("./")) != manifest:
        raise _unusable(f"it signs '{match['name'][:80]}', the package's manifest is '{manifest}'")
    if len(match["hex"]) % 2:
        raise _unusable("its signature has half a byte too much")
    if not blocks:
        raise _unusable("it has no certificate")
    if len(blocks) > MAX_CERTIFICATES:
        raise _unusable(f"it has {len(blocks)} certificates, at most {MAX_CERTIFICATES} are read")
    return _Signed(algorithm, bytes.fromhex(match["hex"]), tuple(_certificate(block) for block in blocks))


def _certificate(block: str) -> Certificate:
    body, end, _ = block.partition(_END)
    if not end:
        raise _unusable("a certificate has no end")
    return x509.load_pem_x509_certificate(f"{_BEGIN}{body}{_END}\n".encode())


def _judged(signed: _Signed, manifest: bytes, roots: Sequence[bytes], now: datetime) -> Signature:
    signer = named(signed.chain[0].subject)
    if not _is_signed(signed, manifest):
        why = f"the manifest is not what {signer} signed: it was changed, or the certificate is another's"
        return Signature(State.TAMPERED, why, signer, signed.algorithm)
    state, why = verdict(signed.chain, roots, now)
    return Signature(state, why, signer, signed.algorithm)


def _is_signed(signed: _Signed, manifest: bytes) -> bool:
    key, algorithm = signed.chain[0].public_key(), _HASHES[signed.algorithm]
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signed.value, manifest, PKCS1v15(), algorithm)
        elif isinstance(key, EllipticCurvePublicKey):
            key.verify(signed.value, manifest, ECDSA(algorithm))
        else:
            raise _unusable("its key is neither RSA nor of an elliptic curve")
    except InvalidSignature:
        return False
    return True


def _unusable(why: str) -> BadPackage:
    return BadPackage("cannot use the certificate file", why=why)
