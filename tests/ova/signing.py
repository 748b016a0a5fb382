"""Certificates and signatures made for a test: a root, what stands between, a signer, and the file that they sign."""

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
CODE, WEB = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - as old packages are signed
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """Made once: it takes up to a second."""
    return rsa.generate_private_key(65537, 2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def sign(self, data: bytes, algorithm: str = "sha256") -> bytes:
        """As `openssl dgst -sign` does."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, PKCS1v15(), HASHES[algorithm])
        return self.key.sign(data, ec.ECDSA(HASHES[algorithm]))


def made(
    name: str,
    issuer: Holder | None = None,
    *,
    key: Key | None = None,
    ca: bool | None = None,
    path: int | None = None,
    purposes: Sequence[x509.ObjectIdentifier] = (),
    usage: str = "",
    begins: datetime = NOW - 100 * DAY,
    ends: datetime = NOW + 100 * DAY,
) -> Holder:
    """A certificate of that common name; without an issuer it signs itself. `usage`: the one thing it is for."""
    key = key or ec_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if usage:
        names = (
            "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
            " crl_sign encipher_only decipher_only"
        )
        usages = {one: one == usage for one in names.split()}
        builder = builder.add_extension(x509.KeyUsage(**usages), critical=True)
    return Holder(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


@dataclass(frozen=True)
class Chain:
    """A root that is trusted, an authority below it, and a signer."""

    root: Holder
    between: Holder
    signer: Holder

    @property
    def holders(self) -> tuple[Holder, Holder]:
        """Those whose certificates go with a package."""
        return self.signer, self.between


def chain_of(kind: str = "ec", *, ends: datetime = NOW + 100 * DAY, begins: datetime = NOW - 100 * DAY) -> Chain:
    """`kind`: `rsa` or `ec`; the times are the signer's."""
    keys = [rsa_key(number) if kind == "rsa" else ec_key() for number in range(3)]
    root = made("Root", key=keys[0], ca=True, usage="key_cert_sign")
    between = made("Between", root, key=keys[1], ca=True, path=0, purposes=[CODE])
    return Chain(root, between, made("Signer", between, key=keys[2], purposes=[CODE], begins=begins, ends=ends))


def certificate_file(
    manifest: bytes, holders: Sequence[Holder], *, name: str = "box.mf", algorithm: str = "sha256", written: str = ""
) -> str:
    """What ovftool writes: the first holder's signature, then everybody's certificate."""
    line = f"{written or algorithm.upper()}({name})= {holders[0].sign(manifest, algorithm).hex()}\n"
    return line + "".join(holder.pem for holder in holders)


def sign_ova(source: Path, path: Path, holders: Sequence[Holder], algorithm: str = "sha256") -> Path:
    """A copy of the OVA whose manifest is signed: the certificate file comes after it."""
    with tarfile.open(source) as old, tarfile.open(path, "w") as new:
        for entry in old:
            data = old.extractfile(entry)
            assert data
            new.addfile(entry, data)
            if entry.name.endswith(".mf"):
                manifest = old.extractfile(entry)
                assert manifest
                text = certificate_file(manifest.read(), holders, name=entry.name, algorithm=algorithm).encode()
                info = tarfile.TarInfo(entry.name.removesuffix(".mf") + ".cert")
                info.size = len(text)
                new.addfile(info, io.BytesIO(text))
    return path
