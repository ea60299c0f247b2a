"""Content Credentials of rendered files: a signed statement of what made them (C2PA specification
2.1). The one file that imports `c2pa`, when needed.

Without a certificate of one's own this machine makes one, once. Nobody vouches for it, so programs
that show credentials say that its issuer is unknown; that the file is as it was written and what it
says of itself can be checked all the same.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from platformdirs import user_state_path

from latentcam.server.errors import ConfigError
from latentcam.server.own_certificate import write_private
from latentcam.stream.local import advice

LIVES = timedelta(days=3650)  # files are to be checked for years, and nobody keeps the time for us
SIGNED = (".mp4", ".mov")
"""Endings of files that can hold credentials."""
SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
OFFLINE = {"verify": {"ocsp_fetch": False, "remote_manifest_fetch": False}}
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """chain: PEM, the signer's first. key: PEM, PKCS 8. algorithm: as C2PA names it."""

    chain: bytes
    key: bytes
    algorithm: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file's credentials say. maker: the program. issuer: who signed. intact: whether the
    file is as it was signed. trusted: whether the reader knows the issuer. synthetic: whether a
    trained network made it."""

    maker: str
    issuer: str
    intact: bool
    trusted: bool
    synthetic: bool


def missing() -> str:
    """The command that installs what credentials take, or nothing."""
    return "" if find_spec("c2pa") else advice.install_extra("credentials")


def credentials_folder() -> Path:
    """Where this machine's own certificate is kept; need not exist."""
    return user_state_path("latentcam", appauthor=False) / "credentials"


def given_certificate(cert: Path, key: Path) -> Certificate:
    """Somebody's own, from PEM files. Raises ConfigError."""
    try:
        chain, secret = cert.read_bytes(), key.read_bytes()
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be read: {error.strerror}") from None
    return _checked(chain, secret, cert, key)


def machine_certificate(folder: Path | None = None, now: datetime | None = None) -> Certificate:
    """This machine's, made if need be. Raises ConfigError if it cannot be kept."""
    folder, now = folder or credentials_folder(), now or datetime.now(UTC)
    cert, key = folder / "signer.pem", folder / "signer.key.pem"
    with suppress(ConfigError, OSError):
        found = given_certificate(cert, key)
        left = x509.load_pem_x509_certificate(found.chain).not_valid_after_utc - now
        if left > timedelta(0) and (os.name == "nt" or key.stat().st_mode & 0o077 == 0):
            return found
    made = _make(now)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(key, made.key)
        write_private(cert, made.chain)
    except OSError as error:
        raise ConfigError(
            f"{folder}, where this machine's certificate is kept, cannot be written: "
            f"{error.strerror}"
        ) from None
    return made


def _checked(chain: bytes, secret: bytes, cert: Path, key: Path) -> Certificate:
    try:
        holder = x509.load_pem_x509_certificate(chain).public_key()
    except ValueError:
        raise ConfigError(f"{cert} holds no certificate, expected one in PEM") from None
    try:
        private = serialization.load_pem_private_key(secret, None)
    except (ValueError, TypeError):
        raise ConfigError(f"{key} holds no key, expected one in PEM without a password") from None
    if private.public_key() != holder:
        raise ConfigError(f"{key} is not the key of {cert}")
    if isinstance(private, ec.EllipticCurvePrivateKey):
        algorithm = CURVES.get(private.curve.name)
    elif isinstance(private, rsa.RSAPrivateKey):
        algorithm = "ps256"
    else:
        algorithm = "ed25519" if isinstance(private, ed25519.Ed25519PrivateKey) else None
    if algorithm is None:
        raise ConfigError(f"{key} is of a kind that C2PA does not know, expected P-256 or RSA")
    return Certificate(chain, _pkcs8(private), algorithm)


def _pkcs8(key: Any) -> bytes:
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _make(now: datetime) -> Certificate:
    """An authority, whose key is forgotten at once, and a signer; C2PA takes no certificate that
    vouches for itself."""
    authority, signer = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    above, below = _name("authority"), _name("signer")
    root = (
        _builder(above, above, authority.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(_usage(key_cert_sign=True), True)
        .sign(authority, hashes.SHA256())
    )
    mark = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    cert = (
        _builder(below, above, signer.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_usage(digital_signature=True), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(mark, False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return Certificate(cert.public_bytes(pem) + root.public_bytes(pem), _pkcs8(signer), "es256")


def _name(role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "latentcam on one machine"),
            x509.NameAttribute(NameOID.COMMON_NAME, role),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, holder: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(holder)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # another's clock may be behind
        .not_valid_after(now + LIVES)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(holder), False)
    )


def _usage(**wanted: bool) -> x509.KeyUsage:
    uses = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{use: wanted.get(use, False) for use in uses})


def sign(path: Path, certificate: Certificate, mark: str) -> None:
    """Put credentials into a whole file, an .mp4 or a .mov. mark: its session's, as people read it.

    Raises ConfigError for a certificate that C2PA does not take.
    """
    import c2pa

    agent = {"name": "latentcam", "version": version("latentcam")}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": SYNTHETIC,
        "softwareAgent": agent,
        "parameters": {"latentcam.mark": mark},
    }
    manifest = {
        "claim_generator_info": [agent],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    part = path.with_name(f".{secrets.token_hex(8)}.partial{path.suffix}")
    try:
        info = c2pa.C2paSignerInfo(
            certificate.algorithm.encode(), certificate.chain, certificate.key, None
        )
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Context.from_dict(OFFLINE) as context,
            c2pa.Builder(json.dumps(manifest), context) as builder,
        ):
            builder.sign_file(path, part, signer)
        part.replace(path)
    except c2pa.C2paError as error:
        raise ConfigError(f"the certificate cannot sign Content Credentials: {error}") from None
    finally:
        with suppress(OSError):  # it is gone: it was renamed
            part.unlink()


def read(path: Path) -> Statement | None:
    """What a file says of itself, if it has credentials. None also where c2pa is missing, and of
    files that it does not know."""
    if missing():
        return None
    import c2pa

    try:
        with c2pa.Context.from_dict(OFFLINE) as context:
            reader = c2pa.Reader.try_create(path, context=context)
            if reader is None:
                return None
            with reader:
                told, state = json.loads(reader.json()), reader.get_validation_state()
    except c2pa.C2paError:
        return None
    manifest = told["manifests"][told["active_manifest"]]
    maker = manifest.get("claim_generator_info") or [{}]
    return Statement(
        maker=str(maker[0].get("name") or manifest.get("claim_generator") or "an unnamed program"),
        issuer=str(manifest.get("signature_info", {}).get("issuer") or "nobody who gives a name"),
        intact=state in ("Valid", "Trusted"),
        trusted=state == "Trusted",
        synthetic=any(
            action.get("digitalSourceType") == SYNTHETIC
            for assertion in manifest.get("assertions", [])
            if assertion.get("label", "").startswith("c2pa.actions")
            for action in assertion.get("data", {}).get("actions", [])
        ),
    )
