"""Every picture that leaves is marked, and nothing else of it is changed."""

from __future__ import annotations

import io
import secrets
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.mark_search import search
from latentcam.server.webrtc.look import Look
from latentcam.stream.at_rest import film, portrait
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.composition import Composer, planes
from latentcam.stream.marker import Marker
from latentcam.stream.timeline import Timeline
from latentcam.stream.video_file import new_video

MARK = 0xBADCAFE
SIDE = 128
BEHIND = Backgrounds("#707880").first


def face(channels: int, side: int = SIDE) -> NDArray[np.uint8]:
    """A head, whose alpha multiplies it; without alpha before grey."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    head = np.clip((0.35 - np.hypot(y, x)) * 30, 0, 1)[..., None]
    colours = head * (180, 150, 130) + (channels == 3) * (1 - head) * (110, 120, 128)
    whole = np.concatenate([colours, 255 * head], axis=2)[..., :channels]
    return np.ascontiguousarray(whole.round().astype(np.uint8))


def found(luma: NDArray[np.uint8]) -> int | None:
    return search(luma.astype(np.float32)).mark


def luma_of(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return planes(np.asarray(frame.reformat(format="yuv420p").to_ndarray(), np.uint8))[0]


def test_a_plane_is_marked_in_place_and_no_level_wraps() -> None:
    luma = np.full((SIDE, SIDE), 120, np.uint8)
    Marker(MARK).luma(luma)
    assert found(luma) == MARK
    for level in (0, 255):
        luma = np.full((SIDE, SIDE), level, np.uint8)
        Marker(MARK).luma(luma)
        assert abs(luma.astype(int) - level).max() < 16


def test_what_is_see_through_stays_bit_by_bit() -> None:
    rng = np.random.default_rng(0)
    luma, alpha = rng.integers(0, 256, (2, SIDE, SIDE), np.uint8)
    before = luma.copy()
    Marker(MARK).luma(luma, alpha)
    np.testing.assert_array_equal(luma[alpha < 128], before[alpha < 128])
    assert (luma != before).any()

    picture = rng.integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    marked = Marker(MARK).colours(picture)
    np.testing.assert_array_equal(marked[:, :, 3], picture[:, :, 3])
    clear = picture[:, :, 3] < 128
    np.testing.assert_array_equal(marked[clear], picture[clear])
    assert (marked != picture).any()


def test_a_frame_whose_rows_are_padded_is_marked() -> None:
    frame = av.VideoFrame(100, SIDE, "yuv420p")
    assert frame.planes[0].line_size > 100
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    Marker(MARK).frame(frame)
    y, u, v = planes(np.asarray(frame.to_ndarray(), np.uint8))
    assert found(y) == MARK
    assert (u == 128).all() and (v == 128).all()


@pytest.mark.parametrize(("channels", "stacked"), [(3, False), (4, False), (4, True)])
def test_a_call_s_pictures_are_marked(channels: int, stacked: bool) -> None:
    look = Look(BEHIND, stacked)
    look.marker = Marker(MARK)
    frame = av.VideoFrame.from_ndarray(face(channels), format="rgba" if channels == 4 else "rgb24")
    frame.pts, frame.time_base = 3, Fraction(1, 25)
    luma = luma_of(look(frame))
    if stacked:
        below = luma[SIDE:]  # alpha
        np.testing.assert_array_equal(luma[:SIDE][below == below.min()], 16)
        luma = luma[:SIDE]
    assert found(luma) == MARK


def test_a_mark_is_too_faint_to_be_seen() -> None:
    composer = Composer(256, 256, BEHIND)
    clean = planes(composer(face(4)))[0].astype(float)
    marked = planes(Marker(MARK).camera(composer(face(4))))[0]
    assert 10 * np.log10(255**2 / np.mean((marked - clean) ** 2)) > 45


@pytest.mark.parametrize("name", ["a.mp4", "clear.mov"])
def test_a_file_s_pictures_are_marked_and_it_says_so(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pictures of 128 x 128 are too small: of two numbers in ten too little is left.
    side, background = 256, None if "clear" in name else BEHIND
    monkeypatch.setattr(secrets, "randbits", lambda bits: MARK)
    with new_video(tmp_path / name, Timeline(25), side, background) as video:
        for tick in range(3):
            video.write(tick, face(4, side), np.zeros(1920, np.float32))
    with av.open(str(tmp_path / name)) as container:
        assert f"{MARK:08x}" in container.metadata["comment"]
        frame = next(container.decode(video=0))
    assert found(luma_of(frame)) == MARK


def test_the_page_s_pictures_of_a_face_are_marked_as_of_no_session() -> None:
    room = Backgrounds("room").first  # of a plain colour codecs leave nothing faint
    grain = np.random.default_rng(0).normal(0, 3, (256, 256, 1))
    for channels in (3, 4):
        picture = face(channels, 256)
        picture[..., :3] = np.clip(picture[..., :3] + grain, 0, 255 if channels == 3 else 180)
        decoder = av.CodecContext.create("mjpeg", "r")
        data = portrait(picture, room)
        (frame,) = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
        assert found(luma_of(frame)) == 0
    with av.open(io.BytesIO(film([picture] * 3, room)), "r") as container:
        assert found(luma_of(next(container.decode(video=0)))) == 0
