"""Typed words become a voice, in the nearest language that there is, or a sentence says why not."""

from __future__ import annotations

import io
import stat
import sys
import wave
from pathlib import Path

import msgspec
import pytest

from latentcam.server import say as saying
from latentcam.server.errors import Refused
from latentcam.server.messages import Say
from latentcam.server.say import Speaker
from tests.aio import run

FAKE = f"""#!{sys.executable} -S
# espeak-ng as far as it is used: voices de and en, and a header whose lengths are not known.
import struct, sys
words, voice = sys.stdin.buffer.read(), sys.argv[4]
if voice not in ("de", "en"):
    sys.exit(1)
head = struct.pack("<IHHIIHH", 16, 1, 1, 22050, 44100, 2, 16)
unknown = struct.pack("<I", 0x7FFFF000)
out = b"RIFF" + unknown + b"WAVEfmt " + head + b"data" + unknown
sys.stdout.buffer.write(out + words * (2 if voice == "de" else 1))
"""


@pytest.fixture
def speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Speaker:
    program = tmp_path / "espeak-ng"
    program.write_text(FAKE)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(saying.shutil, "which", lambda name: str(program))  # type: ignore[attr-defined]
    return Speaker()


def sound_of(data: bytes) -> tuple[int, bytes]:
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), file.readframes(file.getnframes())


@pytest.mark.parametrize(
    "language,expected", [("de", b"hehe"), ("de-CH", b"hehe"), ("en", b"he"), ("xx", b"he")]
)
def test_the_nearest_language_is_spoken(speaker: Speaker, language: str, expected: bytes) -> None:
    assert sound_of(run(speaker.wav(Say("he", language)))) == (22050, expected)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saying.shutil, "which", lambda name: None)  # type: ignore[attr-defined]
    speaker = Speaker()
    assert "needs espeak-ng on the server" in speaker.missing
    with pytest.raises(Refused, match="needs espeak-ng"):
        run(speaker.wav(Say("hello")))


def test_one_that_hangs_is_ended(
    speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "espeak-ng").write_text("#!/bin/sh\nexec sleep 600\n")
    monkeypatch.setattr(saying, "DEADLINE", 0.2)
    with pytest.raises(Refused, match="did not answer"):
        run(speaker.wav(Say("hello")))


def test_nothing_to_be_heard_is_said(speaker: Speaker, tmp_path: Path) -> None:
    (tmp_path / "espeak-ng").write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(Refused, match="could not speak this"):
        run(speaker.wav(Say("...")))


@pytest.mark.parametrize("wrong", [{"text": ""}, {"text": "x" * 501}, {"language": "--help"}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"text": "hello", **wrong}, Say)
