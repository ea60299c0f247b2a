"""Files as people have them: what is read, and the sentence for what is not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentcam.realtime_models.training.enrol.refusal import CannotEnrol
from latentcam.realtime_models.training.enrol.sources import (
    LARGEST_SIDE,
    MOST_FRAMES,
    is_dark,
    open_sources,
    pictures,
)
from tests.drawn_face import Drawn, draw, write_video

FACE = draw([Drawn()])


def saved(path: Path, picture: np.ndarray = FACE, **how: object) -> Path:
    Image.fromarray(picture).save(path, **how)  # type: ignore[arg-type]
    return path


def animated(folder: Path) -> list[Path]:
    frames = [Image.fromarray(FACE), Image.fromarray(FACE[::-1].copy())]
    frames[0].save(folder / "dance.gif", save_all=True, append_images=frames[1:])
    return [folder / "dance.gif"]


def heic(folder: Path) -> list[Path]:
    path = folder / "IMG_0001.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    return [path]


def words(folder: Path) -> list[Path]:
    (folder / "me.mp4").write_text("not a video at all\n" * 50)
    return [folder / "me.mp4"]


def half(folder: Path) -> list[Path]:
    whole = saved(folder / "whole.jpg", np.tile(FACE, (4, 4, 1))).read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    return [folder / "half.jpg"]


def both(folder: Path) -> list[Path]:
    return [saved(folder / "a.png"), write_video(folder / "b.mkv", [FACE] * 3)]


def sound(folder: Path) -> list[Path]:
    path = folder / "voice.wav"
    path.write_bytes(
        b"RIFF$\x08\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80>\0\0\0}\0\0\x02\0\x10\0data\0\x08\0\0"
        + bytes(2048)
    )
    return [path]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (animated, "animated picture of 2 frames"),
        (heic, "HEIC picture, which needs `pip install pillow-heif`"),
        (words, "neither a photo nor a video"),
        (half, "damaged picture"),
        (both, "expected files of one kind"),
        (sound, "holds no pictures"),
        (lambda folder: [folder / "gone.mp4"], "does not exist"),
        (lambda folder: [folder], "does not exist"),
        (lambda folder: [], "no files"),
        (lambda folder: [saved(folder / "s.png", FACE[:90])], "expected at least 128"),
        (lambda folder: [saved(folder / "a.png")] * 21, "21 photos are given, expected 1 to 20"),
        (
            lambda folder: [write_video(folder / "v.mkv", [FACE[:100, :100].copy()] * 2)],
            "expected at least 128",
        ),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(
    tmp_path: Path, make: Callable[[Path], list[Path]], said: str
) -> None:
    with pytest.raises(CannotEnrol, match=said) as raised:
        for source in open_sources(make(tmp_path)):
            list(pictures(source))
    assert "\n" not in str(raised.value)


def test_a_photo_is_upright_whatever_its_orientation_says(tmp_path: Path) -> None:
    tall = draw([Drawn()], height=220)
    for orientation, stored in (
        (6, np.rot90(tall)),
        (8, np.rot90(tall, -1)),
        (3, tall[::-1, ::-1]),
    ):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = saved(tmp_path / f"{orientation}.png", np.ascontiguousarray(stored), exif=exif)
        (picture,) = pictures(open_sources([path])[0])
        np.testing.assert_array_equal(picture, tall)


def test_a_video_is_upright_whatever_its_container_says(tmp_path: Path) -> None:
    """A phone films lying, and writes into the track's header that players turn it by 90 degrees
    clockwise (ISO 14496-12, 8.3.2)."""
    tall = draw([Drawn()], height=220)
    path = write_video(tmp_path / "phone.mov", [np.ascontiguousarray(np.rot90(tall))] * 3)
    whole = bytearray(path.read_bytes())
    matrix = whole.index(b"tkhd") + 44
    one = 1 << 16
    assert struct.unpack_from(">9i", whole, matrix) == (one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", whole, matrix, 0, one, 0, -one, 0, 0, 160 * one, 0, 1 << 30)
    path.write_bytes(whole)
    shown = list(pictures(open_sources([path])[0]))
    assert len(shown) == 3
    np.testing.assert_array_equal(shown[0], tall)


def test_a_large_photo_is_read_small_and_transparency_before_grey(tmp_path: Path) -> None:
    large = saved(tmp_path / "large.jpg", np.tile(FACE, (16, 20, 1)))
    (picture,) = pictures(open_sources([large])[0])
    assert max(picture.shape) == LARGEST_SIDE
    clear = np.zeros((140, 140, 4), np.uint8)
    (picture,) = pictures(open_sources([saved(tmp_path / "clear.png", clear)])[0])
    assert picture.shape == (140, 140, 3) and (picture == 128).all()


def test_of_a_long_or_fast_video_some_frames_are_read(tmp_path: Path) -> None:
    dot = np.zeros((128, 128, 3), np.uint8)
    fast = open_sources([write_video(tmp_path / "fast.mkv", [dot] * 60, fps=50)])[0]
    assert (fast.frames, fast.stride) == (60, 2) and len(list(pictures(fast))) == 30
    long = write_video(tmp_path / "long.mkv", [dot] * (MOST_FRAMES // 2 + 1), fps=25)
    many = open_sources([long, long])
    assert {source.stride for source in many} == {2}
    longest = write_video(tmp_path / "longest.mkv", [dot] * 400, fps=1)
    with pytest.raises(CannotEnrol, match="lasts 400 s, expected 20 s to 5 minutes"):
        open_sources([longest])


def test_a_black_picture_is_dark() -> None:
    assert is_dark(np.zeros((200, 200, 3), np.uint8)) and not is_dark(FACE)


def test_a_video_whose_tags_are_no_utf_8_is_read(tmp_path: Path) -> None:
    """It was a traceback."""
    path = write_video(tmp_path / "me.mp4", [FACE] * 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:8] + b"\xff" + whole[9:])  # the brand, which FFmpeg tells as a tag
    [source] = open_sources([path])
    assert len(list(pictures(source))) == 3


def test_a_list_of_other_files_opens_none_of_them(tmp_path: Path) -> None:
    """Whatever a file was called, FFmpeg took what was in it for a list, or a name for an
    address."""
    write_video(tmp_path / "other.mp4", [FACE] * 3)
    listed = tmp_path / "me.mp4"
    listed.write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(CannotEnrol, match="me.mp4 is neither a photo nor a video"):
        open_sources([listed])
    path = write_video(tmp_path / "me.mkv", [FACE] * 3).rename(tmp_path / "10:30.mkv")
    assert open_sources([path])[0].frames == 3


def test_pictures_in_a_format_that_nobody_knows_are_a_sentence(tmp_path: Path) -> None:
    """It was a traceback."""
    path = write_video(tmp_path / "me.mov", [FACE] * 3)
    path.write_bytes(path.read_bytes().replace(b"png ", b"zzzz"))
    with pytest.raises(CannotEnrol, match="the pictures of me.mov cannot be decoded"):
        open_sources([path])
