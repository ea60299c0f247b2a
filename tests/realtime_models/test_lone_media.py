"""A media file opens nothing that it refers to."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import pytest

from latentcam.realtime_models.lone_media import open_alone


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "v.wav"
    with wave.open(str(path), "wb") as made:
        made.setparams((1, 2, 8000, 0, "NONE", ""))
        made.writeframes(bytes(1600))
    return path


def length(path: Path) -> int:
    """Samples in it."""
    with path.open("rb") as file, open_alone(file) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def test_a_file_is_read(wav: Path) -> None:
    assert length(wav) == 800


def test_tags_may_be_in_any_encoding(wav: Path) -> None:
    tag = (
        b"LIST"
        + (16).to_bytes(4, "little")
        + b"INFOINAM"
        + (4).to_bytes(4, "little")
        + b"\xff\xe9a\0"
    )
    wav.write_bytes(wav.read_bytes() + tag)
    assert length(wav) == 800


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile v.wav\n", "ffconcat version 1.0\nfile '{}'\n",
     "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nfile://{}\n#EXT-X-ENDLIST\n"],
)  # fmt: skip
def test_a_list_opens_no_other_file(wav: Path, text: str) -> None:
    path = wav.with_name("list")
    path.write_text(text.format(wav))
    with pytest.raises((OSError, av.FFmpegError)):
        length(path)
