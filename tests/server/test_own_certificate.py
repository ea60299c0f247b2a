"""The certificate that a machine makes for itself: whom it names, who can read its key, how long it
stays the same, and that it serves."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from latentcam.server.errors import ConfigError
from latentcam.server.own_certificate import LIVES, OwnCertificate, own_certificate
from tests.server.test_commands import ROOT, tell

HOME = ["laptop", "192.168.1.7"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def names(made: OwnCertificate) -> set[str]:
    cert = x509.load_pem_x509_certificate(made.cert.read_bytes())
    held = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in held}


def test_it_names_the_machine_and_only_its_user_reads_the_key(tmp_path: Path) -> None:
    made = own_certificate(["laptop", "2001:db8::7", "not a name", "büro", ""], tmp_path / "tls")
    assert names(made) == {"localhost", "127.0.0.1", "::1", "laptop", "2001:db8::7"}
    assert len(made.fingerprint.split(":")) == 32
    if os.name != "nt":
        assert made.key.stat().st_mode & 0o777 == 0o600
        assert made.key.parent.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in made.key.parent.iterdir()} == {made.cert.name, made.key.name}


def test_it_stays_the_same_as_long_as_it_will_do(tmp_path: Path) -> None:
    """A browser asks again about each new one."""
    first = own_certificate(HOME, tmp_path, NOW)
    late = NOW + LIVES - timedelta(days=8)
    assert own_certificate(reversed(HOME), tmp_path, late) == first
    assert own_certificate(HOME[:1], tmp_path, NOW) == first
    abroad = own_certificate(["laptop", "10.0.0.3"], tmp_path, NOW)
    assert abroad.fingerprint != first.fingerprint
    assert own_certificate(HOME, tmp_path, NOW) == abroad, "at home again it still knows both"
    assert own_certificate(HOME, tmp_path, late) == abroad
    assert own_certificate(HOME, tmp_path, late + timedelta(days=2)) != abroad, "about to expire"


@pytest.mark.parametrize("file", ["self-signed.pem", "self-signed.key.pem"])
@pytest.mark.parametrize("content", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\n", None])
def test_what_is_damaged_is_made_anew(tmp_path: Path, file: str, content: bytes | None) -> None:
    first = own_certificate(HOME, tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    second = own_certificate(HOME, tmp_path)
    assert second.fingerprint != first.fingerprint
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(second.cert, second.key)


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_a_key_that_others_could_read_is_not_used_again(tmp_path: Path) -> None:
    first = own_certificate(HOME, tmp_path)
    first.key.chmod(0o644)
    second = own_certificate(HOME, tmp_path)
    assert second.fingerprint != first.fingerprint
    assert second.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder that takes no files")
def test_where_it_cannot_be_kept() -> None:
    with pytest.raises(ConfigError, match="keeps its certificate in /proc/tls, which cannot be"):
        own_certificate(HOME, Path("/proc/tls"))


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT, and a state folder elsewhere")
def test_a_phone_is_served_over_https(tiny_folder: Path, tmp_path: Path) -> None:
    """A client that trusts this certificate connects, and one that does not, does not."""
    process = subprocess.Popen(
        [sys.executable, "-m", "latentcam", "serve", "--port", "0", "--tls", "self-signed",
         "--avatar", str(tiny_folder)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("latentcam: ").strip()
        assert address.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(
            cafile=tmp_path / "latentcam" / "tls" / "self-signed.pem"
        )
        with urllib.request.urlopen(address, timeout=30, context=trusted) as answer:
            assert b"latentcam" in answer.read()
            assert answer.headers["Strict-Transport-Security"] is None, "it would lock the user out"
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(address, timeout=30, context=ssl.create_default_context())
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert "it does not know the certificate" in said and "fingerprint (SHA-256): " in said


def test_one_certificate_at_a_time(capsys: Any, tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pem").touch()
    files = ("--tls-cert", str(tmp_path / "pem"), "--tls-key", str(tmp_path / "pem"))
    told = tell(capsys, "serve", "--tls", "self-signed", *files, "--avatar", str(tiny_folder))
    assert "got --tls self-signed and --tls-cert" in told
