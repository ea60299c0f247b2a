"""The mark outlives what happens to videos, and files without it are not said to have it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from latentcam.benchmarks.mark import ATTACKS, MARK, Attack, same, write
from latentcam.realtime_models.mark_search import Finding
from latentcam.stream.composition import I420
from latentcam.stream.errors import MediaError
from latentcam.stream.marked_file import EVERY, FRAMES, Verdict, verdict_on
from latentcam.stream.marker import Marker

SIDE = 256
LASTING = [attack for attack in ATTACKS if attack.codec]


def pictures(count: int, marker: Marker | None, seed: int = 2) -> list[I420]:
    """A head that nods before a soft room, uint8 [384, 256]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    room = 110 + 40 * np.sin(4 * x + 1) * np.cos(3 * y) + rng.normal(0, 1.0, y.shape)
    skin = 150 + 20 * x + rng.normal(0, 3.0, y.shape)
    made = []
    for n in range(count):
        head = np.clip((0.3 - np.hypot(y - 0.02 * np.sin(n / 3), x)) * 20, 0, 1)
        picture = np.full((SIDE * 3 // 2, SIDE), 128, np.uint8)
        picture[:SIDE] = np.round(room + head * (skin - room))
        made.append(marker.camera(picture) if marker else picture)
    return made


@pytest.fixture(scope="module")
def marked() -> list[I420]:
    return pictures(60, Marker(MARK))


@pytest.mark.parametrize("attack", LASTING, ids=lambda attack: attack.name)
def test_it_lasts(marked: list[I420], attack: Attack, tmp_path: Path) -> None:
    verdict = verdict_on(write(tmp_path, marked, attack))
    assert verdict.marked == 1 and verdict.log10_chance < -6
    assert verdict.marks == [MARK]


def test_one_picture_is_enough_if_it_is_a_good_one(tmp_path: Path) -> None:
    [picture] = pictures(1, Marker(MARK))
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
    path = tmp_path / "picture.png"
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(path)
    verdict = verdict_on(path)
    assert (verdict.marks, verdict.seconds) == ([MARK], 0)


@pytest.mark.parametrize("seed", range(4))
def test_without_it_nothing_is_found(tmp_path: Path, seed: int) -> None:
    path = write(tmp_path, pictures(30, None, seed), Attack("", same))
    verdict = verdict_on(path)
    assert (verdict.log10_chance, verdict.marked, verdict.marks) == (0, 0, [])


def lossless(path: Path, films: list[list[NDArray[np.uint8]]]) -> None:
    """One film after another, at 25 frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = SIDE
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 25)
        for index, picture in enumerate(picture for film in films for picture in film):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_part_of_a_film_is_enough_and_every_session_is_told(tmp_path: Path) -> None:
    stretch = EVERY * FRAMES
    markers = Marker(1), None, Marker(2)
    films = [[p] * stretch for marker in markers for p in pictures(1, marker)]
    lossless(tmp_path / "film.mkv", films)
    verdict = verdict_on(tmp_path / "film.mkv")
    assert (len(verdict.findings), verdict.marked, verdict.marks) == (3, 2, [1, 2])
    assert verdict.seconds == pytest.approx(3 * stretch / 25, abs=0.1)
    assert len(verdict_on(tmp_path / "film.mkv", 9.0).findings) == 1


def test_a_film_that_was_cut_off_is_good_up_to_there(tmp_path: Path, marked: list[I420]) -> None:
    path = write(tmp_path, marked, Attack("", same))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(2000))
    assert verdict_on(path).marks == [MARK]


def test_more_stretches_are_more_chances() -> None:
    found = Finding(8.2, 1.0, 7)
    assert Verdict((found,), 5.0).marks == [7]
    many = Verdict((found, *[Finding(5.0, 1.0, None)] * 99), 1000.0)
    assert many.log10_chance == pytest.approx(Verdict((found,), 5.0).log10_chance + 2)


def test_what_cannot_be_searched_is_said(tmp_path: Path) -> None:
    text, tiny, sound = tmp_path / "text.mp4", tmp_path / "tiny.png", tmp_path / "sound.wav"
    text.write_text("not a video")
    Image.new("RGB", (30, 20)).save(tiny)
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
    for path, reason in (
        (tmp_path / "none.mp4", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (text, "cannot be read as a video: Invalid data"),
        (tiny, "no picture of 32 lines or more"),
        (sound, "has no picture in it"),
    ):
        with pytest.raises(MediaError, match=reason):
            verdict_on(path)
