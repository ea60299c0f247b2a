"""A person's own head moves the face: from what a tracker sees in a camera's picture to axes.

client_demo/here/motion/following.js is the same in JavaScript; a test compares the two. The scores
are MediaPipe's, by ARKit's names. They are read relative to the person at rest, who is looked at
for two seconds first. Jitter is taken out by the 1 euro filter (Casiez, Roussel and Vogel 2012,
https://doi.org/10.1145/2207676.2208639): slow moves are smoothed more, quick ones hardly. How far
a score goes when the face goes as far as it can is ours, measured on GRID's speakers where they
go that far, by eye elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.motion.driven import DRIVEN, LIPS, Driven

SCORES: Mapping[str, tuple[tuple[str, ...], float]] = {
    "jawOpen": (("jawOpen",), 0.6),
    "mouthClose": (("mouthPressLeft", "mouthPressRight"), 0.6),
    "mouthFunnel": (("mouthFunnel",), 0.5),
    "mouthPucker": (("mouthPucker",), 0.95),
    "mouthStretch": (("mouthStretchLeft", "mouthStretchRight"), 0.5),
    "mouthSmile": (("mouthSmileLeft", "mouthSmileRight"), 0.9),
    "mouthFrown": (("mouthFrownLeft", "mouthFrownRight"), 0.4),
    "mouthUpperUp": (("mouthUpperUpLeft", "mouthUpperUpRight"), 0.6),
    "mouthLowerDown": (("mouthLowerDownLeft", "mouthLowerDownRight"), 0.6),
    "mouthRollLower": (("mouthRollLower",), 0.5),
    "eyeBlink": (("eyeBlinkLeft", "eyeBlinkRight"), 0.6),
    "eyeWide": (("eyeWideLeft", "eyeWideRight"), 0.3),
    "eyeSquint": (("eyeSquintLeft", "eyeSquintRight"), 0.8),
    "browInnerUp": (("browInnerUp",), 0.8),
    "browOuterUp": (("browOuterUpLeft", "browOuterUpRight"), 0.8),
    "browDown": (("browDownLeft", "browDownRight"), 0.6),
    "noseSneer": (("noseSneerLeft", "noseSneerRight"), 0.4),
}
"""Axis -> the scores whose mean it is, and that mean when the axis is at its end."""
GAZE: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "gazeYaw": (("eyeLookOutLeft", "eyeLookInRight"), ("eyeLookInLeft", "eyeLookOutRight")),
    "gazePitch": (("eyeLookUpLeft", "eyeLookUpRight"), ("eyeLookDownLeft", "eyeLookDownRight")),
}
"""Axis -> scores of the positive direction, and of the negative one."""
GAZE_REACH = 0.8  # score of eyes that look as far aside as their axis goes
HEAD = ("headYaw", "headPitch", "headRoll")
LEAST_SPAN = 0.25  # from rest to the end: whoever rests with a smile still has some to give

REST_SECONDS, LEAST_PICTURES = 2.0, 10
STILL = 6.0  # degrees that a head at rest turns at most
AT_REST = 0.25  # quantile of scores that is rest: a word or a blink meanwhile does not count

SLOWEST, QUICKEST = 0.001, 0.1  # seconds between pictures, as far as the filter is told
CALM = (1.5, 1.0)  # head, gaze, brows: lowest cut-off in Hz, and what speed adds, in 1/reach
QUICK = (3.0, 3.0)  # lids and mouth, the same: a blink is over in a quarter of a second
SPEED_CUTOFF = 1.0  # Hz

DARK, DIM = 30.0, 55.0  # mean level of a face of which nothing can be told, and little
AHEAD, ASIDE = 25.0, 40.0  # degrees from the camera at which lips are seen well, and no more
REDDISH = 0.02  # redness of lips at rest of which something can be told
COVERED, BARE = 0.2, 0.5  # shares of it
TRUST_EASE = 0.2  # seconds

LIP_PAIRS = ((0, 13), (37, 82), (267, 312), (14, 17), (178, 181), (402, 405))
"""Landmarks on both edges of the lips; the red is between them."""
SKIN = (50, 280, 205, 425, 200)
"""Landmarks on cheeks and chin."""

Values = tuple[float, ...]
Marks = NDArray[np.float64]
"""[478, 2] landmarks, as shares of the picture's width and height."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A face in one picture. at: seconds, growing. scores: 0 to 1. angles: yaw, pitch, roll of the
    head in degrees, with the signs of the head's axes. light, redness: see `colours`."""

    at: float
    scores: Mapping[str, float]
    angles: tuple[float, float, float]
    light: float
    redness: float


@dataclass(frozen=True, slots=True)
class Rest:
    """The person at rest."""

    scores: Mapping[str, float]
    angles: tuple[float, float, float]
    redness: float


@dataclass(frozen=True, slots=True)
class FollowState:
    """All that is remembered of a person. seen: what rest is made of, while it is not known.
    shares, speeds: of DRIVEN, filtered. trust: how well lips are seen, 0 to 1."""

    rest: Rest | None = None
    seen: tuple[Observed, ...] = ()
    at: float = 0.0
    shares: Values = field(default=(0.0,) * len(DRIVEN))
    speeds: Values = field(default=(0.0,) * len(DRIVEN))
    trust: float = 0.0


def follow(
    observed: Observed, lips: float, state: FollowState
) -> tuple[Driven | None, FollowState]:
    """Take what is seen in the next picture with a face.

    lips: how much of the mouth is to follow the camera where it sees lips well, 0 to 1. Returns
    None while the person's rest is not known. The given state is not changed.
    """
    if state.rest is None:
        seen = (*(one for one in state.seen if observed.at - one.at <= REST_SECONDS), observed)
        if len(seen) <= len(state.seen) and is_still(seen):  # the oldest have gone: it is full
            return None, replace(state, rest=rest_of(seen), seen=(), at=observed.at)
        return None, replace(state, seen=seen)
    step = min(max(observed.at - state.at, SLOWEST), QUICKEST)
    raw = shares_of(observed, state.rest)
    shares, speeds = [], []
    for axis, new, old, speed in zip(DRIVEN, raw, state.shares, state.speeds, strict=True):
        lowest, added = QUICK if axis.name in LIPS or axis.name in _LIDS else CALM
        speed += _weight(SPEED_CUTOFF, step) * ((new - old) / step - speed)
        shares.append(old + _weight(lowest + added * abs(speed), step) * (new - old))
        speeds.append(speed)
    goal = trust_of(observed, state.rest)
    trust = goal + math.exp(-step / TRUST_EASE) * (state.trust - goal)
    state = replace(state, at=observed.at, shares=tuple(shares), speeds=tuple(speeds), trust=trust)
    values = {
        axis.name: (axis.high if share > 0 else -axis.low) * share
        for axis, share in zip(DRIVEN, shares, strict=True)
    }
    return Driven(values, lips * trust), state


_LIDS = ("eyeBlink", "eyeWide", "eyeSquint")


def _weight(cutoff: float, step: float) -> float:
    """Of the newest value in a low pass of the first order."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff * step))


def is_still(seen: Sequence[Observed]) -> bool:
    """Whether these are enough, of a head that does not turn."""
    if len(seen) < LEAST_PICTURES:
        return False
    return all(
        max(angles) - min(angles) <= STILL
        for angles in zip(*(one.angles for one in seen), strict=True)
    )


def rest_of(seen: Sequence[Observed]) -> Rest:
    """The person at rest, by pictures of them."""

    def quantile(share: float, values: Iterable[float]) -> float:
        return sorted(values)[int(share * len(seen))]

    looks = {name for sides in GAZE.values() for side in sides for name in side}
    scores = {
        name: quantile(0.5 if name in looks else AT_REST, (one.scores[name] for one in seen))
        for name in seen[0].scores
    }
    yaw, pitch, roll = (
        quantile(0.5, angles) for angles in zip(*(o.angles for o in seen), strict=True)
    )
    return Rest(scores, (yaw, pitch, roll), quantile(0.5, (one.redness for one in seen)))


def shares_of(observed: Observed, rest: Rest) -> list[float]:
    """Of DRIVEN's reaches, not yet filtered."""
    found = {}
    for name, (sources, end) in SCORES.items():
        now, still = (_mean(scores, sources) for scores in (observed.scores, rest.scores))
        found[name] = min(max((now - still) / max(end - still, LEAST_SPAN), 0.0), 1.0)
    for name, (onward, back) in GAZE.items():
        now, still = (
            _mean(scores, onward) - _mean(scores, back) for scores in (observed.scores, rest.scores)
        )
        found[name] = min(max((now - still) / GAZE_REACH, -1.0), 1.0)
    for name in ("gazePitch", "eyeSquint"):  # closing lids read as eyes that look down, and squint
        found[name] *= 1.0 - found["eyeBlink"]
    for name, now, still in zip(HEAD, observed.angles, rest.angles, strict=True):
        found[name] = min(max((now - still) / _REACH[name], -1.0), 1.0)
    return [found[axis.name] for axis in DRIVEN]


_REACH = {axis.name: axis.high for axis in DRIVEN}


def _mean(scores: Mapping[str, float], names: Sequence[str]) -> float:
    return sum(scores[name] for name in names) / len(names)


def trust_of(observed: Observed, rest: Rest) -> float:
    """How well lips are seen, 0 to 1. The voice knows better in too little light, of a head turned
    away, and where lips are no redder than the skin about them: a hand or a mask is over them."""
    lit = _ramp(observed.light, DARK, DIM)
    ahead = _ramp(-abs(observed.angles[0]), -ASIDE, -AHEAD)
    if rest.redness < REDDISH:
        return lit * ahead
    return lit * ahead * _ramp(observed.redness / rest.redness, COVERED, BARE)


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def colours(picture: Rgb, marks: Marks) -> tuple[float, float]:
    """Light, the mean level of cheeks and chin, 0 to 255; and redness: how much larger red's share
    of a pixel is on lips than there."""
    between = np.array([(marks[a] + marks[b]) / 2 for a, b in LIP_PAIRS])
    lips, skin = _sampled(picture, between), _sampled(picture, marks[list(SKIN)])
    return float(skin.mean()), _red(lips) - _red(skin)


def _sampled(picture: Rgb, points: Marks) -> NDArray[np.float64]:
    """Mean colour at each point: of its pixel and the eight around it; [n, 3]."""
    height, width = picture.shape[:2]
    found = []
    for x, y in points:
        column = min(max(int(x * width), 1), width - 2)
        row = min(max(int(y * height), 1), height - 2)
        patch = picture[row - 1 : row + 2, column - 1 : column + 2]
        found.append(patch.reshape(-1, 3).mean(axis=0, dtype=np.float64))
    return np.array(found)


def _red(colours: NDArray[np.float64]) -> float:
    return float(np.mean(colours[:, 0] / (colours.sum(axis=1) + 1.0)))
