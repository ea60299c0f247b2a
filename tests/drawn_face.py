"""A face of three discs on a wall, a tracker that finds them by colour, and a segmenter to match.

What the discs say is known exactly: where they are, how far the jaw is open (the blue of the mouth)
and whether the eyes are closed (the red of the left one). So tests see what is read of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.face_tracker import TrackedFace
from latentcam.realtime_models.training.enrol.pack_tracking import (
    EYE_MARKS,
    MOUTH_MARKS,
    RIGID,
    TELLING,
    PackTracking,
)

Colour = tuple[int, int, int]

WALL: Colour = (40, 90, 60)
SKIN = (200, 150, 120)
SIZE = 160
# In units of the distance between the eyes, from the middle between them; y is down.
LEFT, RIGHT, MOUTH = (-0.5, 0.0), (0.5, 0.0), (0.0, 1.0)
PLACES = {
    33: (-0.75, 0.0), 133: (-0.25, 0.0), 362: (0.25, 0.0), 263: (0.75, 0.0),
    168: (0.0, -0.1), 6: (0.0, 0.1), 195: (0.0, 0.4), 4: (0.0, 0.5), 9: (0.0, -0.4),
    151: (0.0, -0.7), 10: (0.0, -1.0), 152: (0.0, 1.7), 127: (-1.0, 0.1), 356: (1.0, 0.1),
    61: (-0.3, 1.0), 291: (0.3, 1.0), 0: (0.0, 0.9), 17: (0.0, 1.1),
    159: (-0.5, -0.1), 145: (-0.5, 0.1), 386: (0.5, -0.1), 374: (0.5, 0.1),
    160: (-0.6, -0.1), 144: (-0.6, 0.1), 158: (-0.4, -0.1), 153: (-0.4, 0.1),
    387: (0.6, -0.1), 373: (0.6, 0.1), 385: (0.4, -0.1), 380: (0.4, 0.1),
    105: (-0.5, -0.3), 334: (0.5, -0.3),
}  # fmt: skip
"""Landmark -> its place. All others lie between the eyes."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """eyes: pixels between the eyes' centres. roll: degrees, clockwise."""

    x: float = 80.0
    y: float = 60.0
    eyes: float = 44.0
    roll: float = 0.0
    jaw: float = 0.0
    blink: float = 0.0


def rotated(roll: float) -> NDArray[np.float64]:
    turn = np.deg2rad(roll)
    return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def draw(faces: Sequence[Drawn], height: int = SIZE, width: int = SIZE) -> Rgb:
    y, x = np.mgrid[:height, :width]
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = WALL

    def disc(
        face: Drawn, place: tuple[float, float], radius: float, colour: tuple[int, int, int]
    ) -> None:
        cx, cy = (face.x, face.y) + rotated(face.roll) @ np.array(place) * face.eyes
        picture[(x - cx) ** 2 + (y - cy) ** 2 <= (radius * face.eyes) ** 2] = colour

    for face in faces:
        disc(face, (0.0, 0.4), 1.45, SKIN)
        disc(face, LEFT, 0.22, (255, 0, round(100 * face.blink)))
        disc(face, RIGHT, 0.22, (0, 255, 0))
        disc(face, MOUTH, 0.25, (0, round(100 * face.jaw), 255))
    return picture


def track(picture: Rgb) -> list[TrackedFace]:
    """Finds the discs of as many faces as there are, left to right."""
    red, green, blue = (picture[..., i].astype(int) for i in range(3))
    found = []
    for half in _columns((red > 200) & (green < 60)):
        left = _centre((red > 200) & (green < 60), half)
        right = _centre((green > 200) & (red < 60), half)
        mouth = _centre((blue > 200) & (red < 60), half)
        if left is None or right is None or mouth is None:
            continue
        along = right - left
        place = (left + right) / 2
        turn = np.array([[along[0], -along[1]], [along[1], along[0]]])
        points = np.zeros((478, 3))
        points[:, :2] = place
        jaw = float(green[int(mouth[1]), int(mouth[0])]) / 100
        blink = float(blue[int(left[1]), int(left[0])]) / 100
        placed = dict(PLACES)
        placed |= {13: (0.0, 1.0 - 0.1 * jaw), 14: (0.0, 1.0 + 0.1 * jaw)}
        for number, where in placed.items():
            points[number, :2] = place + turn @ np.array(where)
        roll = np.arctan2(along[1], along[0])
        pose = np.eye(4)
        pose[:2, :2] = [[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]
        found.append(TrackedFace(points, {"jawOpen": jaw, "eyeBlinkLeft": blink}, pose))
    return found


def segment(picture: Rgb) -> NDArray[np.float32]:
    """1 where no wall is."""
    apart = np.abs(picture.astype(int) - WALL).max(axis=2)
    return np.asarray(apart > 30, np.float32)


def tracking(axes: Sequence[str]) -> PackTracking:
    """A pack that shows the face in the middle, its eyes a quarter of the side apart, and whose
    axes are the scores."""
    names = ("eyeBlinkLeft", "jawOpen")
    features = len(names) + 7 + 2 * len(TELLING)
    weights = np.zeros((len(axes), features))
    points = np.zeros((len(RIGID), 2, 7))
    points[:, :, 0] = [place_in_pack(number) for number in RIGID]
    for axis, name in (("eyeBlink", 0), ("jawOpen", 1)):
        weights[list(axes).index(axis), name] = 1.0
    explained = (weights != 0).any(axis=1).astype(np.float64)
    mouth, eyes = (
        np.mean([place_in_pack(number) for number in marks], axis=0)
        for marks in (MOUTH_MARKS, EYE_MARKS)
    )
    places = np.array([PLACES[number] for number in RIGID])
    still = (places - places.mean(axis=0)) / 2.7
    return PackTracking(
        names, still, np.zeros(features), weights, explained, points, mouth, eyes, 2.7 * 0.25
    )


def place_in_pack(number: int) -> tuple[float, float]:
    x, y = PLACES[number]
    return 0.5 + 0.25 * x, 0.4 + 0.25 * y


def write_video(path: Path, frames: Sequence[Rgb], fps: int = 25) -> Path:
    """Lossless."""
    with av.open(str(path), "w") as container:
        codec, layout = ("png", "rgb24") if path.suffix == ".mov" else ("ffv1", "bgr0")
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = layout
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def _columns(mask: NDArray[np.bool_]) -> list[slice]:
    """Parts of the width that hold one face each."""
    used = np.flatnonzero(mask.any(axis=0))
    if not len(used):
        return []
    breaks = np.flatnonzero(np.diff(used) > 1)
    starts = [int(used[0]), *(int(used[i + 1]) for i in breaks)]
    return [
        slice(max(0, a - 5), b) for a, b in zip(starts, [*starts[1:], mask.shape[1]], strict=True)
    ]


def _centre(mask: NDArray[np.bool_], columns: slice) -> NDArray[np.float64] | None:
    y, x = np.nonzero(mask[:, columns])
    if len(x) < 8:
        return None
    return np.array([x.mean() + (columns.start or 0), y.mean()])
