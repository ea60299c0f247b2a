"""The label in the picture: seen, readable at any size, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from latentcam.realtime_models.mark_search import search
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.badge import put_badge
from latentcam.stream.composition import planes
from latentcam.stream.timeline import Timeline
from latentcam.stream.video_file import new_video
from tests.stream.test_marker import face, luma_of


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (256, 256), (64, 64)])
def test_it_is_in_the_upper_left_corner(width: int, height: int) -> None:
    picture = np.full((height * 3 // 2, width), 160, np.uint8)
    assert put_badge(picture) is picture
    y, u, v = planes(picture)
    rows, columns = np.nonzero(y != 160)
    assert 0 < rows.min() <= 0.04 * height and rows.max() < 0.1 * height
    assert 0 < columns.min() <= 0.04 * height and columns.max() < 0.7 * width
    assert y.min() < 100, "a dark pill"
    if height > 200:
        assert y.max() > 200, "white letters"
    assert (u[height // 10 :] == 160).all() and abs(u.astype(int) - v).max() == 0
    assert 128 <= u.min() < 150, "without colour"


def test_a_labelled_picture_is_marked_as_well(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    room = Backgrounds("room").first
    with new_video(path, Timeline(25), 256, room, badge=True) as video:
        for tick in range(5):
            video.write(tick, face(4, 256), np.zeros(1920, np.float32))
        number = video.marker.number
    with av.open(str(path), "r") as container:
        luma = luma_of(next(container.decode(video=0)))
    assert search(luma.astype(np.float32)).mark == number
    assert luma[8:20, 8:60].min() < luma[30:42, 8:60].min() - 20, "the pill"
