"""Faces in a camera's picture: the right size, no seam, no halo, before any background."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.alpha import composite
from latentcam.stream.backdrop import extended, person_matte
from latentcam.stream.backgrounds import Background, Backgrounds
from latentcam.stream.composition import Composer, Stack, check_size, planes
from latentcam.stream.local.jpeg import jpeg
from tests.stream.test_backgrounds import write_picture

SIZE = 128
SKIN, COAT = (190, 140, 110), (60, 40, 90)


def portrait() -> NDArray[np.uint8]:
    """A head and a coat that reaches both edges, before a backdrop that brightens downward."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    face = np.stack([110 + rows * 0.25, 120 + rows * 0.25, 140 + rows * 0.2], axis=2)
    face[(rows - 60) ** 2 / 45**2 + (columns - 64) ** 2 / 30**2 < 1] = SKIN
    face[rows > 104 + np.abs(columns - 64) * 0.2] = COAT
    return face.astype(np.uint8)


def behind(name: str) -> Background:
    return Backgrounds().find(name)


def clear(size: int = SIZE) -> NDArray[np.uint8]:
    """The same person with alpha, its edges soft, before nothing: uint8 [size, size, 4]."""
    rows, columns = np.mgrid[:size, :size].astype(np.float32) * SIZE / size
    head = 1 - np.sqrt((rows - 60) ** 2 / 45**2 + (columns - 64) ** 2 / 30**2)
    coat = rows - 104 - np.abs(columns - 64) * 0.2
    alpha = np.clip(np.maximum(head * 12, coat / 3) + 0.5, 0, 1)[..., None]
    colour = np.where(coat[..., None] > 0, COAT, SKIN)
    return np.round(np.concatenate([colour * alpha, 255 * alpha], axis=2)).astype(np.uint8)


def rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (320, 180), (250, 250), (360, 640)])
@pytest.mark.parametrize("background", ["own", "#00b140"])
def test_the_picture_has_the_camera_s_size(size: tuple[int, int], background: str) -> None:
    width, height = size
    picture = Composer(width, height, behind(background))(portrait())
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
    shown = rgb(Composer(1280, 720, behind("#00b140"))(portrait()))
    for at in ((10, 10), (10, 1270), (360, 100), (360, 1180), (10, 640)):
        np.testing.assert_allclose(shown[at], (0, 0xB1, 0x40), atol=4)
    np.testing.assert_allclose(shown[340, 640], SKIN, atol=4)


def test_a_picture_covers_the_background_and_can_be_blurred(tmp_path: Path) -> None:
    colours = np.zeros((90, 240, 3), np.uint8)  # wider than 16:9: its sides are cut
    colours[:, :120], colours[:, 120:] = (200, 30, 30), (30, 30, 200)
    backgrounds = Backgrounds("own", [write_picture(tmp_path / "room1.png", colours)])
    sharp, soft = (
        rgb(Composer(640, 360, backgrounds.find(name))(portrait()))
        for name in ("room1", "blur:room1")
    )
    for shown in (sharp, soft):
        np.testing.assert_allclose(shown[20, 20], (200, 30, 30), atol=6)
        np.testing.assert_allclose(shown[20, 620], (30, 30, 200), atol=6)

    def steepest(shown: NDArray[np.uint8]) -> int:
        return int(np.abs(np.diff(shown[5, :, 0].astype(int))).max())

    assert steepest(sharp) > 60 > 30 > steepest(soft)


@pytest.mark.parametrize("width,height", [(641, 360), (640, 361), (32, 360), (640, 9000)])
def test_sizes_that_cameras_do_not_take_are_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"the size is {width}x{height}, expected even numbers"):
        check_size(width, height)


def test_a_jpeg_shows_the_same_colours() -> None:
    picture = Composer(640, 360, behind("#00b140"))(portrait())
    data = jpeg(picture)
    decoder = av.CodecContext.create("mjpeg", "r")
    frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    shown = frames[0].to_ndarray(format="rgb24")
    np.testing.assert_allclose(shown[10, 10], (0, 0xB1, 0x40), atol=5)
    np.testing.assert_allclose(shown[170, 320], SKIN, atol=5)


COLOURS = {"#00b140": (0, 0xB1, 0x40), "#ffffff": (255, 255, 255), "#000000": (0, 0, 0)}


def luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Y of RGB [..., 3], BT.601, limited range."""
    luma: NDArray[np.float64] = 16 + picture @ np.array([65.481, 128.553, 24.966]) / 255
    return luma


@pytest.mark.parametrize("name", COLOURS)
def test_a_soft_edge_is_the_mixture_of_both_sides(name: str) -> None:
    face = clear()
    seen = Composer(SIZE, SIZE, behind(name))(face)
    wanted = composite(face, COLOURS[name])
    y, u, v = planes(seen)
    assert np.abs(y - luma(wanted)).max() <= 2.5
    converted = av.VideoFrame.from_ndarray(wanted, "rgb24").to_ndarray(format="yuv420p")
    exact = planes(converted.astype(np.uint8))
    for got, want in zip((u, v), exact[1:], strict=True):
        error = np.abs(got.astype(int) - want)
        assert error.max() <= 8 and error.mean() < 1


@pytest.mark.parametrize("size", [64, 100, 512])
@pytest.mark.parametrize("name", COLOURS)
def test_no_edge_is_darker_or_lighter_than_both_its_sides(name: str, size: int) -> None:
    """At any enlargement: a halo is what makes a person look cut out."""
    y = planes(Composer(720, 720, behind(name))(clear(size)))[0].astype(float)
    above, sides = y[:560], [luma(np.array(c)) for c in (COLOURS[name], SKIN)]
    assert above.min() >= min(sides) - 2 and above.max() <= max(sides) + 2
    np.testing.assert_allclose([y[5, 5], y[340, 360]], sides, atol=2)


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (250, 250), (360, 640), (64, 64)])
@pytest.mark.parametrize("name", ["own", "room", "blur:room", "#00b140"])
def test_a_face_with_alpha_fits_any_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    picture = Composer(width, height, behind(name))(clear())
    assert picture.shape == (height * 3 // 2, width) and picture.dtype == np.uint8
    shown = rgb(picture)
    np.testing.assert_allclose(shown[round(0.47 * height), width // 2], SKIN, atol=5)
    if name == "#00b140":
        np.testing.assert_allclose(shown[2, 2], (0, 0xB1, 0x40), atol=4)


def test_a_face_that_came_with_nothing_behind_it_is_in_the_room() -> None:
    np.testing.assert_array_equal(
        Composer(640, 360)(clear()), Composer(640, 360, behind("room"))(clear())
    )


def test_where_nothing_is_the_background_is_untouched() -> None:
    room, nothing = behind("room"), np.zeros((SIZE, SIZE, 4), np.uint8)
    empty = rgb(Composer(640, 360, room)(nothing))
    shown = rgb(Composer(640, 360, room)(clear()))
    np.testing.assert_array_equal(shown[:, :100][:200], empty[:, :100][:200])
    assert np.ptp(empty) > 60


def test_shoulders_slope_down_beside_the_face() -> None:
    shown = rgb(Composer(1280, 720, behind("#ffffff"))(clear())).astype(int)
    coat = (np.abs(shown - COAT).max(axis=2) < 12).sum(axis=0)
    for outward in (range(279, 0, -60), range(1000, 1279, 60)):
        heights = [coat[column] for column in outward]
        assert heights == sorted(heights, reverse=True) and heights[0] > 30 > heights[-1] == 0
        assert abs(heights[0] - coat[outward[0] + (2 if outward[0] < 640 else -2)]) < 5, "no step"


def test_another_background_is_there_from_the_next_picture_on() -> None:
    composer = Composer(640, 360, behind("#00b140"))
    before = composer(clear())
    kept = before.copy()
    composer.background = behind("#000000")
    after = rgb(composer(clear()))
    np.testing.assert_allclose(after[5, 5], (0, 0, 0), atol=2)
    np.testing.assert_array_equal(before, kept)
    composer.background = behind("own")
    assert Composer(640, 360)(portrait()).shape == composer(portrait()).shape


def test_a_stack_holds_colours_above_and_alpha_below() -> None:
    face = clear()
    stacked = Stack()(face)
    assert stacked.shape == (3 * SIZE, SIZE)
    shown = rgb(stacked)
    assert shown.shape == (2 * SIZE, SIZE, 3)
    assert np.abs(shown[SIZE:].astype(int) - face[..., 3:]).max() <= 2
    error = np.abs(shown[:SIZE].astype(int) - face[..., :3])
    assert error.mean() < 1.5 and np.percentile(error, 99) < 20
