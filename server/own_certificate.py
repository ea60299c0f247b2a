"""A certificate that this machine makes for itself, so that phones may use the microphone.

Nobody vouches for it: a browser asks its user once. It is kept in the user's state folder, so that
it stays the same and is not asked about again, and made anew when it lacks one of the machine's
addresses or is about to expire.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from platformdirs import user_state_path

from latentcam.server.errors import ConfigError

LIVES = timedelta(days=397)  # the longest that browsers take from an authority
LEAST_LEFT = timedelta(days=7)
MOST_NAMES = 64  # places where a laptop has been
ALWAYS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """PEM files, and the SHA-256 of the certificate as browsers show it."""

    cert: Path
    key: Path
    fingerprint: str


def certificate_folder() -> Path:
    """Where it is kept; need not exist."""
    return user_state_path("latentcam", appauthor=False) / "tls"


def own_certificate(
    names: Iterable[str], folder: Path | None = None, now: datetime | None = None
) -> OwnCertificate:
    """The certificate for these host names and addresses, made if need be.

    Raises ConfigError if it cannot be kept.
    """
    folder, now = folder or certificate_folder(), now or datetime.now(UTC)
    kept = OwnCertificate(folder / "self-signed.pem", folder / "self-signed.key.pem", "")
    wanted = {*ALWAYS, *filter(_is_name, names)}
    old = _read(kept)
    known = set() if old is None else _names_of(old)
    if old is None or not wanted <= known or old.not_valid_after_utc - now < LEAST_LEFT:
        old = _make(kept, sorted(wanted) + sorted(known - wanted), now)
    digest = old.fingerprint(hashes.SHA256()).hex(":").upper()
    return OwnCertificate(kept.cert, kept.key, digest)


def _is_name(name: str) -> bool:
    """Whether it can stand in a certificate: an address, or a host's name in ASCII."""
    with suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", name) is not None


def _read(kept: OwnCertificate) -> x509.Certificate | None:
    """What is kept, if it is whole, belongs together, and nobody else can read its key."""
    try:
        cert = x509.load_pem_x509_certificate(kept.cert.read_bytes())
        key = serialization.load_pem_private_key(kept.key.read_bytes(), None)
        secret = os.name == "nt" or kept.key.stat().st_mode & 0o077 == 0
        names = _names_of(cert)
    except (OSError, ValueError, x509.ExtensionNotFound):
        return None
    return cert if names and secret and cert.public_key() == key.public_key() else None


def _names_of(cert: x509.Certificate) -> set[str]:
    held = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = held.get_values_for_type(x509.DNSName)
    return {*hosts, *map(str, held.get_values_for_type(x509.IPAddress))}


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _make(kept: OwnCertificate, names: list[str], now: datetime) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "latentcam on this machine")])
    holder = key.public_key()
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(holder)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a phone's clock may be behind
        .not_valid_after(now + LIVES)
        .add_extension(x509.SubjectAlternativeName(map(_general, names[:MOST_NAMES])), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(holder), False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    folder = kept.cert.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(kept.key, secret)
        write_private(kept.cert, cert.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise ConfigError(
            f"--tls self-signed keeps its certificate in {folder}, which cannot be written: "
            f"{error.strerror}; --tls-cert and --tls-key take one from elsewhere"
        ) from None
    return cert


def write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, and only its user may read it."""
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
        part.replace(path)
    finally:
        with suppress(OSError):  # it is gone: it was renamed
            part.unlink()
