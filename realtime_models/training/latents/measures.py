"""Which axes a tracker can see, by what, and how much of it is all of an axis.

The amounts are those by which the pack `studio`, whose factors are known, moves MediaPipe's
measures from rest to the end of each axis (mean of four faces). So an axis that is found means the
same in any pack. Of the other axes the tracker sees nothing of its own: lips pressed at rest, the
tongue, a sneer; what it sees of a funnel is a pucker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.face_tracker import TrackedFace

Measures = NDArray[np.float64]
"""float64 [len(SEEN)], in shares of each axis: 1 is all of it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An axis that the tracker sees. full: how far the measure goes from rest to the axis' end.
    expression: whether it is a mood of the face, which is there or not, rather than an amount."""

    name: str
    measure: Callable[[TrackedFace], float]
    full: float
    expression: bool = False

    @property
    def both_ways(self) -> bool:
        """Whether its rest is in the middle of its range."""
        return RANGES[self.name][0] < 0


def _both(name: str) -> Callable[[TrackedFace], float]:
    """The mean of the tracker's scores of both sides."""
    return lambda face: (face.scores[f"{name}Left"] + face.scores[f"{name}Right"]) / 2


def _gaze_yaw(face: TrackedFace) -> float:
    s = face.scores
    right = s["eyeLookInRight"] + s["eyeLookOutLeft"]
    return (right - s["eyeLookOutRight"] - s["eyeLookInLeft"]) / 2


def _gaze_pitch(face: TrackedFace) -> float:
    return _both("eyeLookUp")(face) - _both("eyeLookDown")(face)


RANGES = {axis.name: (axis.low, axis.high) for axis in FACE_AXES}

SEEN: tuple[Seen, ...] = (
    Seen("jawOpen", lambda face: face.aperture, 0.136),
    Seen("mouthPucker", lambda face: face.scores["mouthPucker"], 0.82),
    Seen("mouthStretch", lambda face: face.width, 0.033),
    Seen("mouthSmile", _both("mouthSmile"), 0.31, expression=True),
    Seen("eyeBlink", lambda face: face.eye_opening, -0.284),
    Seen("eyeSquint", _both("eyeSquint"), 0.265, expression=True),
    Seen("gazeYaw", _gaze_yaw, 0.76),
    Seen("gazePitch", _gaze_pitch, 0.23),
    Seen("browInnerUp", lambda face: face.scores["browInnerUp"], 0.295, expression=True),
    Seen("browOuterUp", lambda face: face.brow_height, 0.03, expression=True),
    Seen("headYaw", lambda face: face.angles[0], 20.1),
    Seen("headPitch", lambda face: face.angles[1], 12.9),
    Seen("headRoll", lambda face: face.angles[2], 17.1),
)

OPPOSITE = {
    "mouthFrown": ("mouthSmile", 1.2),
    "eyeWide": ("eyeBlink", 0.17),
    "browDown": ("browOuterUp", 0.67),
}
"""Axis -> the one that it is the other way of, and how far on that its end is."""

STAND_INS = {
    "mouthFunnel": ("mouthPucker", 0.63),
    "mouthClose": ("jawOpen", -0.7),
    "mouthUpperUp": ("jawOpen", 0.2),
    "mouthLowerDown": ("jawOpen", 0.25),
}
"""Axis of a motion model -> one that does part of it where it is missing, and how much."""

UNSEEN = tuple(
    axis.name
    for axis in FACE_AXES
    if axis.name not in {seen.name for seen in SEEN} and axis.name not in OPPOSITE
)

STILL = (10, 168, 1, 33, 133, 263, 362, 127, 356, 234, 454)
"""Landmarks on bone: forehead, nose, corners of the eyes, temples, cheekbones."""


def measures(face: TrackedFace) -> Measures:
    """What is seen of every axis."""
    return np.array([seen.measure(face) / seen.full for seen in SEEN])


def bones(face: TrackedFace) -> NDArray[np.float64]:
    """Who it is, by the distances between landmarks on bone over their mean: float64 [55]. They
    are measured in three dimensions, so that a turned head is the same one, nearly."""
    points = face.points[list(STILL)]
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(len(STILL), 1)]
    return np.asarray(apart / apart.mean())
