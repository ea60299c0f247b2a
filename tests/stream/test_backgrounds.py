"""Backgrounds by name: what can be asked for, and what is refused in a sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.stream.backgrounds import HIGHEST, Backgrounds, pictures_in, read_picture
from latentcam.stream.errors import MediaError
from latentcam.stream.local.jpeg import as_jpeg


def write_picture(path: Path, colours: NDArray[np.uint8]) -> Path:
    frame = av.VideoFrame.from_ndarray(colours, format="rgb24")
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "rgb24"
        file.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def plain(colour: tuple[int, int, int], height: int = 40) -> NDArray[np.uint8]:
    return np.tile(np.array(colour, np.uint8), (height, 60, 1))


def test_a_picture_can_be_asked_for_by_its_name(tmp_path: Path) -> None:
    garden = write_picture(tmp_path / "garden.png", plain((20, 120, 30)))
    beach = write_picture(tmp_path / "beach.png", plain((220, 200, 150)))
    backgrounds = Backgrounds(f"blur:{garden}", [beach])
    assert backgrounds.names == ("own", "room", "beach", "garden")
    assert backgrounds.first.name == "blur:garden"
    for name, colour in (("garden", (20, 120, 30)), ("beach", (220, 200, 150))):
        picture = backgrounds.find(name).picture
        assert picture.shape == (40, 60, 3)
        np.testing.assert_allclose(picture[5, 5], colour, atol=2)
    assert [name for name in backgrounds.names if backgrounds.find(name).own] == ["own"]


def test_a_picture_that_is_on_offer_may_come_first(tmp_path: Path) -> None:
    garden = write_picture(tmp_path / "garden.png", plain((20, 120, 30)))
    for first in ("garden", str(garden)):
        backgrounds = Backgrounds(first, [garden])
        assert backgrounds.first.name == "garden" and backgrounds.names[2:] == ("garden",)


def test_a_picture_of_ones_own_room_is_not_taken_for_the_built_in_one(tmp_path: Path) -> None:
    own = write_picture(tmp_path / "room.png", plain((20, 120, 30)))
    for first in (str(own), f"blur:{own}"):
        backgrounds = Backgrounds(first)
        np.testing.assert_allclose(backgrounds.first.picture[5, 5], (20, 120, 30), atol=2)
        assert backgrounds.names == ("own", "room", "room.png")
        assert backgrounds.find("room").picture.shape == (180, 320, 3)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, "top left"), (3, "bottom right"), (6, "top right"), (8, "bottom left")],
)
def test_a_photo_is_seen_upright(tmp_path: Path, orientation: int, corner: str) -> None:
    """Phones write what the sensor sees; EXIF (CIPA DC-008) says where its first row belongs."""
    seen = np.full((60, 2 * HIGHEST + 400, 3), 255, np.uint8)
    seen[:30, : HIGHEST + 200] = 0
    jpeg = as_jpeg(av.VideoFrame.from_ndarray(seen, format="rgb24"))
    tag = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0" + struct.pack("<2sHIH", b"II", 42, 8, 1) + tag + bytes(4)
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + jpeg[2:])
    picture = read_picture(path)
    high, wide = picture.shape[:2]
    assert (high > wide) == (orientation > 4) and high <= HIGHEST
    row, column = (at in corner for at in ("bottom", "right"))
    dark = picture[-high // 4 if row else high // 4, -wide // 4 if column else wide // 4]
    assert dark.max() < 20 and picture.mean() > 180, "a quarter is dark, this one"


def test_any_colour_is_that_colour() -> None:
    picture = Backgrounds("#00b140").first.picture
    np.testing.assert_array_equal(np.unique(picture.reshape(-1, 3), axis=0), [[0, 0xB1, 0x40]])


def test_what_is_blurred_has_no_detail(tmp_path: Path) -> None:
    stripes = np.zeros((400, 600, 3), np.uint8)
    stripes[:, ::2] = 255
    backgrounds = Backgrounds("own", [write_picture(tmp_path / "stripes.png", stripes)])
    sharp, soft = (backgrounds.find(n).picture for n in ("stripes", "blur:stripes"))
    assert np.ptp(sharp) == 255 and np.ptp(soft) < 30 and len(soft) < 40


def test_the_room_is_a_quiet_one() -> None:
    picture = Backgrounds("room").first.picture
    assert picture.shape == (180, 320, 3)
    assert picture.std() > 10
    assert np.abs(np.diff(picture.astype(int), axis=1)).max() < 25, "nothing is in focus"


@pytest.mark.parametrize("name", ["#12345", "red", "blur:#00b140", "blur:own", "", "../../etc"])
def test_what_is_not_there_is_told(name: str) -> None:
    with pytest.raises(ValueError, match=r"expected #rrggbb, own, room, or blur: and"):
        Backgrounds().find(name)


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("#12345", "expected #rrggbb"),
        ("blur:own", "expected #rrggbb"),
        ("none.png", "No such file"),
    ],
)
def test_a_first_background_that_is_none_is_one_sentence(first: str, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        Backgrounds(first)


def test_names_are_one_of_a_kind_and_short(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    twice = [
        write_picture(tmp_path / folder / "garden.png", plain((1, 2, 3))) for folder in ("", "more")
    ]
    assert Backgrounds("own", twice).names[2:] == ("garden", "garden.png")
    thrice = [*twice, twice[0]]
    for pictures in (thrice, [tmp_path / f"{'x' * 60}.png"], [tmp_path / "#1.png"]):
        with pytest.raises(MediaError, match="cannot be asked for as .* a name of its own"):
            Backgrounds("own", pictures)


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        pictures_in(tmp_path / "none")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MediaError, match="holds 0 pictures, expected 1 to 64 that end in .avif"):
        pictures_in(tmp_path)
    paths = [write_picture(tmp_path / f"{n}.PNG", plain((9, 9, 9))) for n in ("b", "a")]
    assert pictures_in(tmp_path) == sorted(paths)


def test_a_large_picture_is_kept_smaller(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "large.png", plain((200, 30, 30), HIGHEST + 500))
    picture = read_picture(path)
    assert picture.shape == (HIGHEST, round(60 * HIGHEST / (HIGHEST + 500)), 3)


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(MediaError, match="cannot be read as a picture"):
        read_picture(tmp_path / "text.png")
