"""A sound that somebody sent: read whole, kept nowhere, bounded."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from latentcam.stream.errors import MediaError
from latentcam.stream.local import sent_sound
from latentcam.stream.local.sent_sound import read_sound
from tests.server.test_commands import write_sound
from tests.voice import speech


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    return write_sound(tmp_path / "clip.wav", speech(2.0, 16000), 16000).read_bytes()


def test_it_is_read_at_the_voice_s_rate_and_kept_nowhere(
    clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    sound = read_sound(clip)
    assert sound.dtype == np.float32 and abs(len(sound) - 96000) < 100
    assert np.abs(sound).max() > 0.01
    assert os.listdir(folder) == []


def test_more_than_the_longest_is_not_spoken(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_sound, "LONGEST", 1)
    assert len(read_sound(clip)) == 48000


@pytest.mark.parametrize("data", [b"", b"no sound at all"])
def test_what_is_no_sound_is_refused_without_our_path(data: bytes) -> None:
    with pytest.raises(MediaError, match="^the file cannot be read as audio or video"):
        read_sound(data)
