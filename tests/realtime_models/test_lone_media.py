"""A media file opens nothing that it refers to, and takes no more memory than it is worth."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import av
import pytest
from PIL import Image

from latentcam.realtime_models.lone_media import damage_told, open_alone


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


def gif(width: int, height: int) -> bytes:
    """Of one picture, whose header claims a size: a few hundred bytes may claim a gigapixel."""
    file = io.BytesIO()
    Image.new("P", (16, 16)).save(file, "GIF")
    data = bytearray(file.getvalue())
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


@pytest.mark.parametrize("size", [(8192, 8193), (16000, 16000)])
def test_a_picture_that_claims_too_many_pixels_is_not_decoded(size: tuple[int, int]) -> None:
    """It took a gigabyte."""
    with pytest.raises(OSError, match=rf"it has {size[0]}x{size[1]} pixels, expected at most 67"):
        open_alone(io.BytesIO(gif(*size)))
    with open_alone(io.BytesIO(gif(640, 480))) as container:
        assert container.streams.video[0].width == 640


def test_a_stream_that_begins_late_is_damage() -> None:
    """PyAV raises IndexError for its first packet."""
    with pytest.raises(av.InvalidDataError, match="begins in the middle"), damage_told():
        raise IndexError
    with damage_told():
        pass
