"""Does a face do what it is told? Axes swept from end to end, and tracked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.face_tracker import FaceTracker, TrackedFace

SWEEP = 21  # values per axis

Figures = dict[str, float]
Measure = Callable[[TrackedFace], float]


def _score(name: str) -> Measure:
    """The mean of MediaPipe's scores of both sides."""
    return lambda face: (face.scores[f"{name}Left"] + face.scores[f"{name}Right"]) / 2


MEASURES: dict[str, Measure] = {
    "aperture": lambda face: face.aperture,
    "width": lambda face: face.width,
    "smile": _score("mouthSmile"),
    "eye opening": lambda face: face.eye_opening,
    "brow height": lambda face: face.brow_height,
    "yaw": lambda face: face.angles[0],
    "pitch": lambda face: face.angles[1],
    "roll": lambda face: face.angles[2],
}

OBEYED: dict[str, tuple[str, int]] = {
    "jawOpen": ("aperture", 1),
    "mouthStretch": ("width", 1),
    "mouthPucker": ("width", -1),
    "mouthSmile": ("smile", 1),
    "eyeBlink": ("eye opening", -1),
    "browOuterUp": ("brow height", 1),
    "headYaw": ("yaw", 1),
    "headPitch": ("pitch", 1),
    "headRoll": ("roll", 1),
}
"""Axis -> what follows it and with which sign."""


def correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """NaN where too few faces were found."""
    if len(a) < 2:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def swept(avatar: Avatar, name: str, axis: str, count: int = SWEEP) -> Iterator[tuple[float, Rgb]]:
    """One axis from end to end, the others at rest: its values and what is shown before grey."""
    limits = next(a for a in FACE_AXES if a.name == axis)
    for value in np.linspace(limits.low, limits.high, count).tolist():
        x = avatar.basis.control({axis: value})
        yield value, composite(avatar.render(avatar.anchor(name), x))


def obedience(
    avatar: Avatar, tracker: FaceTracker, name: str
) -> tuple[Figures, dict[str, list[Rgb]]]:
    """r of commanded against tracked for each of OBEYED, the aperture at rest, and how many faces
    were lost; six pictures of every sweep."""
    row, strips = {}, {}
    lost = 0
    for axis, (measure, sign) in OBEYED.items():
        values, tracked, pictures = [], [], []
        for value, picture in swept(avatar, name, axis):
            pictures.append(picture)
            face = tracker.track(picture)
            if face is None:
                lost += 1
                continue
            values.append(value)
            tracked.append(sign * MEASURES[measure](face))
        row[axis] = round(correlation(values, tracked), 3)
        strips[axis] = pictures[:: (SWEEP - 1) // 5]
    row["lost"] = lost
    rest = tracker.track(composite(avatar.render(avatar.anchor(name), avatar.basis.control({}))))
    row["rest_aperture"] = round(rest.aperture, 4) if rest else float("nan")
    return row, strips


def cross_talk(avatar: Avatar, tracker: FaceTracker, names: Sequence[str]) -> dict[str, Figures]:
    """How far every measure moves when one axis is swept, as a share of the most that any axis
    moves it; mean over identities. A perfect axis has one large number, unless faces really do
    both, as a smile widens the mouth."""
    moved = np.zeros((len(FACE_AXES), len(MEASURES)))
    for name in names:
        for i, axis in enumerate(FACE_AXES):
            found = [tracker.track(picture) for _, picture in swept(avatar, name, axis.name, 9)]
            for j, measure in enumerate(MEASURES.values()):
                tracked = [measure(face) for face in found if face is not None]
                if tracked:
                    moved[i, j] += max(tracked) - min(tracked)
    share = moved / np.maximum(moved.max(axis=0), 1e-9)
    return {
        axis.name: {measure: round(float(share[i, j]), 2) for j, measure in enumerate(MEASURES)}
        for i, axis in enumerate(FACE_AXES)
    }
