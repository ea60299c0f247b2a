"""Faces in a camera's picture: the right size, no seams, the person before any background."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.stream.errors import MediaError
from latentcam.stream.local.composition import Composer, extended, person_matte
from latentcam.stream.local.jpeg import jpeg

SIZE = 128
SKIN, COAT = (190, 140, 110), (60, 40, 90)


def portrait() -> NDArray[np.uint8]:
    """A head and a coat that reaches both edges, before a backdrop that brightens downward."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    face = np.stack([110 + rows * 0.25, 120 + rows * 0.25, 140 + rows * 0.2], axis=2)
    face[(rows - 60) ** 2 / 45**2 + (columns - 64) ** 2 / 30**2 < 1] = SKIN
    face[rows > 104 + np.abs(columns - 64) * 0.2] = COAT
    return face.astype(np.uint8)


def rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (320, 180), (250, 250), (360, 640)])
@pytest.mark.parametrize("background", ["own", "#00b140"])
def test_the_picture_has_the_camera_s_size(size: tuple[int, int], background: str) -> None:
    width, height = size
    picture = Composer(width, height, background)(portrait())
    assert picture.shape == (height * 3 // 2, width) and picture.dtype == np.uint8


def test_the_face_is_in_the_middle_in_its_colours() -> None:
    shown = rgb(Composer(1280, 720)(portrait()))
    np.testing.assert_allclose(shown[340, 640], SKIN, atol=4)
    np.testing.assert_allclose(shown[700, 640], COAT, atol=4)
    skin = np.abs(shown[340].astype(int) - SKIN).max(axis=1) < 12
    assert abs(np.flatnonzero(skin).mean() - 640) < 4


def test_the_backdrop_goes_on_without_a_seam_and_the_shoulders_slope_down() -> None:
    face = portrait()
    wide = extended(face, 50)
    assert wide.shape == (SIZE, SIZE + 100, 3)
    np.testing.assert_array_equal(wide[:, 50:-50], face)
    seam = np.abs(wide[:, 49].astype(int) - wide[:, 50]).max(axis=1)
    assert (seam > 4).sum() <= 2, "only where the shoulder's edge steps down"
    np.testing.assert_allclose(wide[40, :40], wide[40, :1].repeat(40, 0), atol=2)
    coat = (np.abs(wide.astype(int) - COAT).max(axis=2) < 10).sum(axis=0)
    assert coat[49] > coat[40] > coat[25] and coat[0] == 0, "no slab to the picture's edge"


def test_the_matte_is_the_person() -> None:
    face = portrait()
    matte = person_matte(face, extended(face, 0))
    assert matte[60, 64] == 255 and matte[120, 64] == 255 and matte[5, 5] == 0
    inside = np.abs(face.astype(int) - SKIN).max(axis=2) == 0
    assert (matte[inside] == 255).mean() > 0.97
    assert (matte[:90, :25] == 0).all() and (matte[:90, -25:] == 0).all()


def test_a_hole_in_the_person_in_the_backdrop_s_colour_is_still_the_person() -> None:
    face = portrait()
    face[55:65, 60:70] = face[60, 2]
    assert (person_matte(face, extended(face, 0))[57:63, 62:68] == 255).all()


def test_a_coloured_background_is_that_colour_everywhere_behind() -> None:
    shown = rgb(Composer(1280, 720, "#00b140")(portrait()))
    for at in ((10, 10), (10, 1270), (360, 100), (360, 1180), (10, 640)):
        np.testing.assert_allclose(shown[at], (0, 0xB1, 0x40), atol=4)
    np.testing.assert_allclose(shown[340, 640], SKIN, atol=4)


def test_a_picture_covers_the_background_and_can_be_blurred(tmp_path: Path) -> None:
    colours = np.zeros((90, 240, 3), np.uint8)  # wider than 16:9: its sides are cut
    colours[:, :120], colours[:, 120:] = (200, 30, 30), (30, 30, 200)
    grid = av.VideoFrame.from_ndarray(colours, format="rgb24")
    path = tmp_path / "room.png"
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 240, 90, "rgb24"
        file.mux([*stream.encode(grid), *stream.encode(None)])
    sharp = rgb(Composer(640, 360, str(path))(portrait()))
    soft = rgb(Composer(640, 360, f"blur:{path}")(portrait()))
    for shown in (sharp, soft):
        np.testing.assert_allclose(shown[20, 20], (200, 30, 30), atol=6)
        np.testing.assert_allclose(shown[20, 620], (30, 30, 200), atol=6)

    def steepest(shown: NDArray[np.uint8]) -> int:
        return int(np.abs(np.diff(shown[5, :, 0].astype(int))).max())

    assert steepest(sharp) > 60 > 20 > steepest(soft)


@pytest.mark.parametrize("width,height", [(641, 360), (640, 361), (32, 360), (640, 9000)])
def test_sizes_that_cameras_do_not_take_are_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"the size is {width}x{height}, expected even numbers"):
        Composer(width, height)


def test_a_background_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(MediaError, match="expected #rrggbb"):
        Composer(640, 360, "#12345")
    with pytest.raises(MediaError, match="cannot be read as a picture"):
        Composer(640, 360, str(tmp_path / "text.png"))
    with pytest.raises(MediaError, match="No such file"):
        Composer(640, 360, str(tmp_path / "none.png"))


def test_a_jpeg_shows_the_same_colours() -> None:
    picture = Composer(640, 360, "#00b140")(portrait())
    data = jpeg(picture)
    decoder = av.CodecContext.create("mjpeg", "r")
    frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    shown = frames[0].to_ndarray(format="rgb24")
    np.testing.assert_allclose(shown[10, 10], (0, 0xB1, 0x40), atol=5)
    np.testing.assert_allclose(shown[170, 320], SKIN, atol=5)
