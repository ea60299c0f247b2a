"""Rendered files are signed: what they say of themselves can be checked, and what cannot be signed
is said in one line."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from latentcam.server import credentials
from latentcam.server.__main__ import main
from latentcam.server.commands import signed
from latentcam.server.commands.verify import stated
from latentcam.server.credentials import (
    LIVES,
    Statement,
    given_certificate,
    machine_certificate,
    read,
    sign,
)
from latentcam.server.errors import ConfigError
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.timeline import Timeline
from latentcam.stream.video_file import new_video
from tests.server.test_commands import write_sound
from tests.voice import speech

NOW = datetime.now(UTC)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_sound(tmp_path / "clip.wav", speech(0.3), 16000)
    return tmp_path / "clip.wav"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine's certificate is."""
    folder = tmp_path / "state" / "credentials"
    monkeypatch.setattr(credentials, "credentials_folder", lambda: folder)
    return folder


def film(path: Path) -> Path:
    with new_video(path, Timeline(25), 64, Backgrounds().first) as video:
        for tick in range(3):
            picture = np.full((64, 64, 3), 90 + tick, np.uint8)
            video.write(tick, picture, np.zeros(1920, np.float32))
    return path


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        lock or serialization.NoEncryption(),
    )


def test_a_machine_makes_its_certificate_once_and_only_its_user_reads_the_key(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "new" / "credentials"
    made = machine_certificate(folder)
    assert machine_certificate(folder) == made
    assert {path.name for path in folder.iterdir()} == {"signer.pem", "signer.key.pem"}
    if os.name != "nt":
        assert (folder / "signer.key.pem").stat().st_mode & 0o777 == 0o600
        (folder / "signer.key.pem").chmod(0o644)
        assert machine_certificate(folder) != made, "others could have read it"
    made = machine_certificate(folder)
    (folder / "signer.pem").write_bytes(b"damaged")
    assert machine_certificate(folder) != made
    assert machine_certificate(folder, NOW + LIVES + timedelta(days=1)) != made, "it expired"


def test_it_does_not_vouch_for_itself_and_nobody_can_issue_another(tmp_path: Path) -> None:
    made = machine_certificate(tmp_path)
    signer, authority = x509.load_pem_x509_certificates(made.chain)
    signer.verify_directly_issued_by(authority)
    assert signer.subject != signer.issuer
    key = serialization.load_pem_private_key(made.key, None)
    assert key.public_key() == signer.public_key() != authority.public_key()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        machine_certificate(tmp_path / "file" / "credentials")


def test_what_is_given_is_checked(tmp_path: Path) -> None:
    made = machine_certificate(tmp_path / "own")
    cert, key = tmp_path / "own" / "signer.pem", tmp_path / "key.pem"
    other = ec.generate_private_key(ec.SECP256R1())
    for content, reason in (
        (b"nothing", "holds no key, expected one in PEM without a password"),
        (pem(other, b"secret"), "holds no key, expected one in PEM without a password"),
        (pem(other), "is not the key of"),
    ):
        key.write_bytes(content)
        with pytest.raises(ConfigError, match=reason):
            given_certificate(cert, key)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        given_certificate(cert, tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="holds no certificate"):
        given_certificate(key, key)
    key.write_bytes(made.key)
    assert given_certificate(cert, key) == made


def test_a_signed_file_says_what_it_is_until_it_is_changed(tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="the extra `credentials` is not installed")
    path = film(tmp_path / "face.mp4")
    assert read(path) is None
    sign(path, machine_certificate(tmp_path / "own"), "0badcafe")
    assert read(path) == Statement("latentcam", "latentcam on one machine", True, False, True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["face.mp4", "own"], "nothing is left"
    whole = bytearray(path.read_bytes())
    whole[-20] ^= 1
    path.write_bytes(whole)
    changed = read(path)
    assert changed is not None and not changed.intact
    path.write_text("no video")
    assert read(path) is None


def test_a_certificate_that_may_not_sign_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="the extra `credentials` is not installed")
    from latentcam.server.own_certificate import own_certificate

    web = own_certificate([], tmp_path / "tls")
    path = film(tmp_path / "face.mp4")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="cannot sign Content Credentials"):
        sign(path, given_certificate(web.cert, web.key), "0badcafe")
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["face.mp4", "tls"], "nothing is left"


def test_render_signs_and_verify_reads(
    clip: Path, tiny_folder: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("c2pa", reason="the extra `credentials` is not installed")
    command = ["render", str(clip), "--avatar", str(tiny_folder), "--force", "--out"]
    out = tmp_path / "face.mp4"
    assert main([*command, str(out)]) == 0
    assert "no Content Credentials" not in capsys.readouterr().err
    with pytest.raises(SystemExit):  # tests' tiny faces are too small for the mark
        main(["verify", str(out)])
    assert "intact: made by a trained network, with latentcam" in capsys.readouterr().out
    shutil.copytree(home, tmp_path / "mine")
    mine = tmp_path / "mine" / "signer.pem", tmp_path / "mine" / "signer.key.pem"
    shutil.rmtree(home)
    assert main([*command, str(out), "--certificate", str(mine[0]), "--key", str(mine[1])]) == 0
    assert read(out) is not None and not home.exists()


def test_what_cannot_be_signed_is_one_line_and_a_video_all_the_same(
    clip: Path,
    tiny_folder: Path,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["render", str(clip), "--avatar", str(tiny_folder), "--force", "--out"]
    mine = ["--certificate", str(clip), "--key", str(clip)]

    def told(name: str, *more: str, status: int = 0) -> str:
        assert main([*command, str(tmp_path / name), *more]) == status
        assert (tmp_path / name).exists() == (status == 0)
        [line] = [s for s in capsys.readouterr().err.splitlines() if "Content Credentials" in s]
        return line

    monkeypatch.setattr(signed, "missing", str)
    assert ".mp4 and .mov can hold them, face.webm cannot" in told("face.webm")
    monkeypatch.setattr(signed, "missing", lambda: "pip install it")
    assert "c2pa-python is missing: pip install it" in told("face.mp4", *mine, status=2)
    assert main([*command, str(tmp_path / "face.mp4")]) == 0
    assert "Credentials" not in capsys.readouterr().err  # nobody asked for them
    (tmp_path / "face.mp4").unlink()
    monkeypatch.setattr(signed, "missing", str)
    assert "holds no certificate" in told("face.mp4", *mine, status=2)
    home.parent.write_text("a file where the folder should be")
    assert "cannot be written" in told("face.mov")


def test_statements_are_for_people() -> None:
    said = Statement("Cam", "Acme", intact=True, trusted=True, synthetic=False)
    assert stated(said).endswith("not said to be synthetic, with Cam; signed by Acme.")
    assert "do not fit" in stated(Statement("Cam", "Acme", False, False, True))
