"""What a picture shows: draws of who and how, by the picture's group alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.motion.manner import BARED
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.looks.expression import AXES
from latentcam.realtime_models.training.looks.identity import Z_DIM, cast_z

F32 = npt.NDArray[np.float32]

VISEMES: dict[str, dict[str, float]] = {
    "AA": {"jawOpen": 0.85}, "AE": {"jawOpen": 0.55, "mouthStretch": 0.45, "mouthUpperUp": 0.2},
    "EE": {"jawOpen": 0.12, "mouthStretch": 0.85},
    "IH": {"jawOpen": 0.24, "mouthStretch": 0.35, "mouthLowerDown": 0.2},
    "OH": {"jawOpen": 0.6, "mouthPucker": 0.5}, "OO": {"jawOpen": 0.10, "mouthPucker": 1.0},
    "FV": {"mouthRollLower": 1.0}, "MBP": {"mouthClose": 1.0},
    "L": {"jawOpen": 0.42, "tongueUp": 1.0}, "TH": {"jawOpen": 0.26, "tongueOut": 1.0},
    "S": {"jawOpen": 0.03, "mouthStretch": 0.4, "mouthUpperUp": 0.2, "mouthLowerDown": 0.35},
    "CH": {"jawOpen": 0.04, "mouthFunnel": 1.0},
    "R": {"jawOpen": 0.14, "mouthPucker": 0.5, "mouthFunnel": 0.3},
}  # fmt: skip
"""Mouth shapes of speech -> values of axes."""

MOODS: dict[str, dict[str, float]] = {
    "happy": {**BARED["happy"], "mouthSmile": 1.0, "eyeSquint": 0.35},
    "glad": {"mouthSmile": 0.5},
    "sad": {"mouthFrown": 1.25, "mouthClose": 0.6, "browInnerUp": 1.25, "browOuterUp": 0.3,
            "eyeBlink": 0.3, **BARED["sad"]},
    "angry": {"browDown": 1.25, "noseSneer": 0.9, "mouthFrown": 0.8, "mouthRollLower": 0.3,
              "eyeWide": 0.3, "eyeSquint": 0.1, **BARED["angry"]},
    "surprised": {"browInnerUp": 0.5, "browOuterUp": 1.25, "eyeWide": 1.25, "mouthPucker": 0.3,
                  **BARED["surprised"]},
    "disgusted": {"noseSneer": 1.25, "mouthFrown": 0.9, "eyeSquint": 1.25, "mouthRollLower": 0.6,
                  "browOuterUp": 0.6, **BARED["disgusted"]},
    "afraid": {"browInnerUp": 1.25, "browDown": 0.6, "eyeWide": 1.25, "mouthFrown": 1.0,
               "mouthClose": 0.3, **BARED["afraid"]},
    "thoughtful": {"browOuterUp": 0.4, "eyeSquint": 0.3},
}  # fmt: skip
"""Moods -> values of axes, as far as a generator must know them; a mood is shown at less than its
whole strength, so some go beyond the axes' range. All but happy, glad and thoughtful were searched
for near the action units of EMFACS, so that a judge of emotions names them on faces that speak
(`training.emotion_judge`)."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some pictures of one person. name is "" for a sampled one; xs float32 [n, 24]."""

    name: str
    z: F32
    xs: F32


def group(
    seed: int, index: int, count: int, cast_share: float = 0.7, only: Sequence[str] = ()
) -> Group:
    """The group of this index: always the same."""
    rng = np.random.default_rng([seed, index])
    names = list(only or CAST)
    z = rng.standard_normal(Z_DIM).astype(np.float32)
    name = ""
    if only or rng.random() < cast_share:
        # In turn, from a shuffle of each round, so that nobody is missing for long.
        turn = np.random.default_rng([seed, index // len(names), 1]).permutation(len(names))
        name = names[int(turn[index % len(names)])]
        z = cast_z(name)
    return Group(name, z, np.stack([sample_x(rng) for _ in range(count)]))


def sample_x(rng: np.random.Generator) -> F32:
    """Draw a control vector, float32 [24]: rest, sweeps of one axis, speech, moods, turns."""
    x = np.zeros(len(FACE_AXES))
    kind = rng.random()
    if kind < 0.03:
        pass
    elif kind < 0.20:
        i = int(rng.integers(len(FACE_AXES)))
        axis = FACE_AXES[i]
        x[i] = rng.uniform(axis.low, axis.high) if rng.random() < 0.65 else axis.high
        if axis.low < 0 and rng.random() < 0.2:
            x[i] = axis.low
        if rng.random() < 0.5:
            _turn(x, rng, 0.5)
    else:
        _talk(x, rng)
        _feel(x, rng)
        _look(x, rng)
        _turn(x, rng, 1.0)
        for name, chance in (("headYaw", 0.2), ("headPitch", 0.08), ("headRoll", 0.08)):
            if rng.random() < chance:
                axis = FACE_AXES[AXES[name]]
                x[AXES[name]] = rng.uniform(axis.low, axis.high)
    lows, highs = [a.low for a in FACE_AXES], [a.high for a in FACE_AXES]
    return np.clip(x, lows, highs).astype(np.float32)


def _add(x: npt.NDArray[np.float64], values: dict[str, float], scale: float) -> None:
    for name, value in values.items():
        x[AXES[name]] += scale * value


def _talk(x: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    kind = rng.random()
    if kind < 0.10:
        return
    if kind < 0.20:
        for i in range(12):
            if rng.random() < 0.25:
                x[i] = rng.random() ** 1.5
        return
    if kind < 0.29:  # closed lips, against an open jaw too
        _add(x, {"mouthClose": rng.uniform(0.4, 1.0), "jawOpen": rng.uniform(0, 0.25)}, 1.0)
        return
    count = int(rng.integers(1, 3))
    names = rng.choice(list(VISEMES), count, replace=False)
    shares = rng.dirichlet(np.ones(count)) * rng.uniform(0.35, 1.15)
    for name, share in zip(names, shares, strict=True):
        _add(x, VISEMES[str(name)], float(share))


def _feel(x: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    kind = rng.random()
    if kind < 0.35:
        _add(x, MOODS[str(rng.choice(list(MOODS)))], rng.uniform(0.3, 1.1))
    elif kind < 0.75:
        for name, chance in (
            ("mouthSmile", 0.45), ("browInnerUp", 0.3), ("browOuterUp", 0.3), ("browDown", 0.12),
            ("eyeWide", 0.12), ("eyeSquint", 0.15), ("mouthFrown", 0.06), ("noseSneer", 0.06),
        ):  # fmt: skip
            if rng.random() < chance:
                x[AXES[name]] += rng.random()


def _look(x: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    x[AXES["gazeYaw"]] += 7.0 * rng.standard_normal()
    x[AXES["gazePitch"]] += 4.0 * rng.standard_normal()
    kind = rng.random()
    if kind < 0.12:
        x[AXES["eyeBlink"]] = 1.0
    elif kind < 0.24:
        x[AXES["eyeBlink"]] = rng.random()


def _turn(x: npt.NDArray[np.float64], rng: np.random.Generator, scale: float) -> None:
    for name, deviation in (("headYaw", 8.0), ("headPitch", 5.0), ("headRoll", 4.0)):
        x[AXES[name]] += scale * deviation * rng.standard_normal()
