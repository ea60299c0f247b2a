"""How: the control vector x as weights of pose units and targets, and as angles.

All axes but the lips' are linear. Lips meet only when nothing parts them, so the weights that seal
them fade as the mouth opens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.training.heads.makehuman import F32

F64 = npt.NDArray[np.float64]
"""float64 [24] here: a control vector in the making."""

AXES: dict[str, int] = {axis.name: i for i, axis in enumerate(FACE_AXES)}
"""Name of an axis -> its place in x."""

Weights = Mapping[str, float]
"""Pose units or targets -> weight; a leading @ stands for Left and Right."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A pose of the face, in the terms of `rig.py` and of MakeHuman's expression targets."""

    units: dict[str, float]
    targets: dict[str, float]
    head: tuple[float, float, float]  # yaw, pitch, roll in degrees
    gaze: tuple[float, float]  # yaw, pitch in degrees


REST_UNITS: Weights = {"@InnerBrowUp": 0.05, "@OuterBrowUp": 0.12, "@CheekUp": 0.14}
REST_TARGETS: Weights = {"mouth-corner-puller": 0.34}
"""The friendly look of a face at rest; MakeHuman's own is stern."""

REST_LIDS: Weights = {"@UpperLidOpen": 0.12}
"""Eyes a little wider than MakeHuman's."""

SEAL_UNITS: Weights = {"lowerLipUp": 0.30}
SEAL_TARGETS: Weights = {"mouth-compression": 0.45}
"""What makes lips touch; without it a white slit shows the teeth."""

LINEAR: dict[str, tuple[Weights, Weights]] = {
    "jawOpen": (
        {"JawDrop": 0.72, "UpperLipUp": 0.55},
        {"mouth-elevation": 0.62, "mouth-depression": 0.08},
    ),
    "mouthClose": ({"lowerLipUp": 0.11}, {"mouth-compression": 0.36}),
    "mouthFunnel": (
        {"UpperLipUp": -0.45, "lowerLipUp": 0.10},
        {"mouth-protusion": 0.30, "mouth-pursing": 0.50},
    ),
    "mouthPucker": (
        {"LipsKiss": 0.25, "UpperLipUp": -0.70, "JawDrop": 0.05},
        {"mouth-pursing": 0.95},
    ),
    "mouthStretch": ({}, {"mouth-upward-retraction": 0.40, "mouth-retraction": 0.45}),
    "mouthSmile": (
        {"@CheekUp": 0.40, "@LowerLidUp": 0.22},
        {"mouth-corner-puller": 0.62},
    ),
    "mouthFrown": ({}, {"mouth-depression": 0.60}),
    "mouthUpperUp": ({"UpperLipUp": 0.20}, {"mouth-elevation": 0.45}),
    "mouthLowerDown": ({"lowerLipDown": 0.45}, {}),
    "mouthRollLower": (
        {"lowerLipBackward": 0.60, "lowerLipUp": 0.42, "UpperLipUp": 0.50, "JawDrop": 0.04},
        {},
    ),
    "tongueUp": ({"TonguePointUp": 0.95}, {}),
    "tongueOut": ({"TongueOut": 0.34}, {}),
    "eyeBlink": ({"@UpperLidClosed": 1.12, "@LowerLidUp": 0.18}, {}),
    "eyeWide": ({"@UpperLidOpen": 0.75}, {}),
    "eyeSquint": ({"@LowerLidUp": 0.7, "@UpperLidClosed": 0.22, "@CheekUp": 0.2}, {}),
    "browInnerUp": ({"@InnerBrowUp": 0.8}, {}),
    "browOuterUp": ({"@OuterBrowUp": 0.8}, {}),
    "browDown": ({"@BrowDown": 0.85}, {}),
    "noseSneer": ({"NoseWrinkler": 0.5}, {"mouth-elevation": 0.15}),
}
"""Axis -> weights of pose units and of targets at 1."""

PARTS_LIPS: Weights = {
    "jawOpen": 5.0,
    "mouthFunnel": 1.6,
    "mouthPucker": 1.0,
    "mouthStretch": 1.6,
    "mouthUpperUp": 2.5,
    "mouthLowerDown": 2.5,
    "mouthRollLower": 2.5,
    "tongueOut": 3.0,
}
"""How soon an axis parts the lips: the seal is gone where the sum reaches 1."""

TARGETS: tuple[str, ...] = tuple(
    sorted({name for table in (REST_TARGETS, SEAL_TARGETS) for name in table}
           | {name for _, table in LINEAR.values() for name in table})
)  # fmt: skip
"""Every expression target in use."""

VISEMES: dict[str, dict[str, float]] = {
    "rest": {},
    "AA": {"jawOpen": 0.85},
    "AE": {"jawOpen": 0.55, "mouthStretch": 0.45, "mouthUpperUp": 0.2},
    "EE": {"jawOpen": 0.12, "mouthStretch": 0.85},
    "IH": {"jawOpen": 0.24, "mouthStretch": 0.35, "mouthLowerDown": 0.2},
    "OH": {"jawOpen": 0.6, "mouthPucker": 0.5},
    "OO": {"jawOpen": 0.10, "mouthPucker": 1.0},
    "FV": {"mouthRollLower": 1.0},
    "MBP": {"mouthClose": 1.0},
    "L": {"jawOpen": 0.42, "tongueUp": 1.0},
    "TH": {"jawOpen": 0.26, "tongueOut": 1.0},
    "S": {"jawOpen": 0.03, "mouthStretch": 0.4, "mouthUpperUp": 0.2, "mouthLowerDown": 0.35},
    "CH": {"jawOpen": 0.04, "mouthFunnel": 1.0},
    "R": {"jawOpen": 0.14, "mouthPucker": 0.5, "mouthFunnel": 0.3},
}
"""Mouth shapes of speech -> values of axes; the others are 0."""


def control(values: Mapping[str, float]) -> F32:
    """The control vector with these values, float32 [24]; axes that are not named are at rest."""
    x = np.zeros(len(FACE_AXES), np.float32)
    for name, value in values.items():
        x[AXES[name]] = value
    return x


def _add(total: dict[str, float], weights: Weights, scale: float) -> None:
    for name, weight in weights.items():
        sides = (name.replace("@", "Left"), name.replace("@", "Right"))
        for side in sides if "@" in name else (name,):
            total[side] = total.get(side, 0.0) + scale * weight


def expression_from_x(x: F32) -> Expression:
    """The pose of a control vector, float32 [24]; values beyond an axis' range are clamped."""
    value = {
        axis.name: float(np.clip(x[i], axis.low, axis.high)) for i, axis in enumerate(FACE_AXES)
    }
    closing = value["mouthClose"]
    jaw = value["jawOpen"]
    parted = sum(amount * value[name] for name, amount in PARTS_LIPS.items())
    parted *= 1 - closing * max(0.0, 1 - max(0.0, jaw - 0.3) / 0.4)
    seal = max(0.0, 1 - parted)

    units: dict[str, float] = {}
    targets: dict[str, float] = {}
    # Other lip shapes have corners of their own, so the smile of rest fades where lips part.
    _add(units, REST_UNITS, 1 - value["browDown"])
    _add(targets, REST_TARGETS, 1 - max(value["mouthFrown"], value["mouthPucker"]))
    _add(units, SEAL_UNITS, seal)
    _add(targets, SEAL_TARGETS, seal)
    # Closed lips hold against an open jaw: the jaw gives way, and the lower lip makes up the rest.
    held = closing * min(jaw, 0.35)
    # Shut lids stay shut whatever else pulls at them.
    awake = 1 - value["eyeBlink"]
    _add(units, REST_LIDS, awake)
    shown = dict(value, jawOpen=jaw - 0.8 * held, eyeWide=awake * value["eyeWide"])
    shown["eyeSquint"] *= 0.3 + 0.7 * awake
    for name, (unit_weights, target_weights) in LINEAR.items():
        _add(units, unit_weights, shown[name])
        _add(targets, target_weights, shown[name])
    _add(units, {"lowerLipUp": 1.25}, held)
    _gaze_lids(units, awake * value["gazeYaw"], awake * value["gazePitch"])
    return Expression(
        {name: weight for name, weight in units.items() if abs(weight) > 1e-4},
        {name: weight for name, weight in targets.items() if abs(weight) > 1e-4},
        (value["headYaw"], value["headPitch"], value["headRoll"]),
        (value["gazeYaw"], value["gazePitch"]),
    )


def _gaze_lids(units: dict[str, float], yaw: float, pitch: float) -> None:
    """Lids follow the eyes. The units turn the eyes too, by about 20 degrees; the rig overrides."""
    _add(units, {"@EyeUp" if pitch > 0 else "@EyeDown": 1.0}, 1.25 * abs(pitch) / 20.0)
    _add(units, {"@EyeturnLeft" if yaw > 0 else "@EyeturnRight": 1.0}, abs(yaw) / 19.0)


_SPEECH = ("AA", "AE", "EE", "IH", "OH", "OO", "FV", "MBP", "L", "TH", "S", "CH", "R")


def sample_x(rng: np.random.Generator, turned_share: float = 0.0, swept: Sequence[str] = ()) -> F32:
    """Draw a control vector of the training distribution, float32 [24].

    A quarter sweeps one axis over its range; the others talk, smile, look, blink and turn. A head
    is seldom turned far, so what it looks like from there is seldom seen: turned_share of them are
    turned anew, by any angle that the axis has. With `swept`, all sweep one of the axes so named.
    """
    x = np.zeros(len(FACE_AXES))
    kind = 0.1 if swept else rng.random()
    if kind < 0.04:
        pass
    elif kind < 0.29:
        i = AXES[rng.choice(swept)] if swept else int(rng.integers(len(FACE_AXES)))
        axis = FACE_AXES[i]
        x[i] = rng.uniform(axis.low, axis.high) if rng.random() < 0.7 else axis.high
        if axis.unit == "deg" and rng.random() < 0.15:
            x[i] = axis.low
        if rng.random() < 0.5:
            _turn_head(x, rng, 0.5)
    else:
        _talk(x, rng)
        _emote(x, rng)
        _look(x, rng)
        _turn_head(x, rng, 1.0)
    if turned_share and rng.random() < turned_share:
        yaw = FACE_AXES[AXES["headYaw"]]
        x[AXES["headYaw"]] = rng.uniform(yaw.low, yaw.high)
    lows = [axis.low for axis in FACE_AXES]
    highs = [axis.high for axis in FACE_AXES]
    return np.clip(x, lows, highs).astype(np.float32)


def _turn_head(x: F64, rng: np.random.Generator, scale: float) -> None:
    for name, deviation in (("headYaw", 8.0), ("headPitch", 5.0), ("headRoll", 4.0)):
        x[AXES[name]] += scale * deviation * rng.standard_normal()


def _talk(x: F64, rng: np.random.Generator) -> None:
    """None, one or two visemes; a tenth mixes mouth axes at random."""
    kind = rng.random()
    if kind < 0.15:
        return
    if kind < 0.25:
        for name in list(AXES)[:12]:
            if rng.random() < 0.25:
                x[AXES[name]] = rng.random() ** 1.5
        return
    if kind < 0.35:  # closed lips, against an open jaw too
        x[AXES["mouthClose"]] = rng.uniform(0.4, 1.0)
        x[AXES["jawOpen"]] = rng.uniform(0.0, 0.3) * (rng.random() < 0.6)
        return
    count = int(rng.integers(1, 3))
    names = rng.choice(_SPEECH, count, replace=False)
    shares = rng.dirichlet(np.ones(count)) * rng.uniform(0.35, 1.15)
    for name, share in zip(names, shares, strict=True):
        for axis, value in VISEMES[str(name)].items():
            x[AXES[axis]] += share * value


def _emote(x: F64, rng: np.random.Generator) -> None:
    chances = (
        ("mouthSmile", 0.45), ("mouthFrown", 0.06), ("browInnerUp", 0.3), ("browOuterUp", 0.3),
        ("browDown", 0.12), ("eyeWide", 0.12), ("eyeSquint", 0.15), ("noseSneer", 0.06),
    )  # fmt: skip
    for name, chance in chances:
        if rng.random() < chance:
            x[AXES[name]] += rng.random()


def _look(x: F64, rng: np.random.Generator) -> None:
    x[AXES["gazeYaw"]] += 7.0 * rng.standard_normal()
    x[AXES["gazePitch"]] += 4.0 * rng.standard_normal()
    kind = rng.random()
    if kind < 0.12:
        x[AXES["eyeBlink"]] = 1.0
    elif kind < 0.24:
        x[AXES["eyeBlink"]] = rng.random()
