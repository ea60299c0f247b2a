"""The shape of a head, as weights of MakeHuman's targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
"""float64 [SCULPTED] here."""

RACES = ("african", "asian", "caucasian")
"""MakeHuman's names of the three sets of shapes that it mixes."""

SYMMETRIC: dict[str, tuple[str, ...]] = {
    "eyes": (
        "eye-bag:decr:incr", "eye-epicanthus:in:out", "eye-eyefold:concave:convex",
        "eye-eyefold:down:up", "eye-height1:decr:incr", "eye-height2:decr:incr",
        "eye-height3:decr:incr", "eye-trans:in:out", "eye-trans:down:up", "eye-scale:decr:incr",
        "eye-corner1:down:up", "eye-corner2:down:up",
    ),
    "ears": ("ear-scale:decr:incr", "ear-wing:decr:incr", "ear-lobe:decr:incr"),
    "cheek": (
        "cheek-volume:decr:incr", "cheek-bones:decr:incr", "cheek-inner:decr:incr",
        "cheek-trans:down:up",
    ),
}  # fmt: skip
"""Sculpted pairs `name:low:high`, per folder, which exist for the left and the right side."""

CENTRAL: dict[str, tuple[str, ...]] = {
    "head": (
        "head-angle:in:out", "head-fat:decr:incr", "head-scale-depth:decr:incr",
        "head-scale-horiz:decr:incr", "head-scale-vert:decr:incr",
    ),
    "forehead": (
        "forehead-trans:backward:forward", "forehead-scale-vert:decr:incr",
        "forehead-nubian:decr:incr", "forehead-temple:decr:incr",
    ),
    "eyebrows": ("eyebrows-angle:down:up", "eyebrows-trans:down:up"),
    "neck": ("neck-double:decr:incr", "neck-scale-horiz:decr:incr"),
    "nose": (
        "nose-trans:down:up", "nose-scale-vert:decr:incr", "nose-scale-horiz:decr:incr",
        "nose-scale-depth:decr:incr", "nose-nostrils-width:decr:incr",
        "nose-point-width:decr:incr", "nose-base:down:up", "nose-width1:decr:incr",
        "nose-width2:decr:incr", "nose-width3:decr:incr", "nose-curve:concave:convex",
        "nose-hump:decr:incr", "nose-volume:decr:incr", "nose-nostrils-angle:down:up",
        "nose-point:down:up", "nose-flaring:decr:incr",
    ),
    "mouth": (
        "mouth-scale-horiz:decr:incr", "mouth-scale-vert:decr:incr", "mouth-trans:down:up",
        "mouth-lowerlip-height:decr:incr", "mouth-upperlip-height:decr:incr",
        "mouth-cupidsbow-width:decr:incr", "mouth-dimples:in:out", "mouth-laugh-lines:in:out",
        "mouth-angles:down:up", "mouth-lowerlip-volume:decr:incr",
        "mouth-upperlip-volume:decr:incr", "mouth-cupidsbow:decr:incr",
    ),
    "chin": (
        "chin-jaw-drop:decr:incr", "chin-prominent:decr:incr", "chin-width:decr:incr",
        "chin-height:decr:incr", "chin-bones:decr:incr",
    ),
}  # fmt: skip
"""The same for shapes in the middle."""

HEAD_SHAPES = (
    "head-oval", "head-round", "head-rectangular", "head-square", "head-triangular",
    "head-invertedtriangular", "head-diamond",
)  # fmt: skip

_DAMPING = {
    "eye-trans": 0.5, "eyebrows-angle": 0.4, "eyebrows-trans": 0.6, "eye-corner1": 0.7,
    "eye-corner2": 0.7, "eye-height2": 0.8, "eye-height3": 0.8, "head-scale-horiz": 0.6,
    "head-scale-vert": 0.6, "mouth-angles": 0.5, "ear-wing": 0.6, "head-scale-depth": 0.6,
    "head-angle": 0.6, "mouth-scale-horiz": 0.7, "chin-jaw-drop": 0.5, "nose-trans": 0.6,
    "neck-double": 0.5, "eye-bag": 0.5, "mouth-trans": 0.6, "nose-hump": 0.7,
}  # fmt: skip
"""Shapes that caricature sooner than others: the share of `SCULPT` that they get."""

SCULPT = 0.19
"""Standard deviation of a sculpted shape's weight; 0.30 made caricatures."""

SCULPTED = len(HEAD_SHAPES) + sum(map(len, SYMMETRIC.values())) + sum(map(len, CENTRAL.values()))
"""How many numbers sculpt a head."""


def macro_targets(
    gender: float, age: float, muscle: float, weight: float, races: Mapping[str, float]
) -> dict[str, float]:
    """MakeHuman's macro targets. gender 1 is male; age 0.5 is 25 years and 1 is 90 years."""

    def split(value: float) -> dict[str, float]:
        return {
            "max": max(0.0, 2 * value - 1),
            "min": max(0.0, 1 - 2 * value),
            "average": 1 - abs(2 * value - 1),
        }

    out: dict[str, float] = {}
    for sex, w_sex in (("male", gender), ("female", 1 - gender)):
        for years, w_years in (("old", 2 * age - 1), ("young", 2 - 2 * age)):
            for race, w_race in races.items():
                out[f"macrodetails/{race}-{sex}-{years}"] = w_sex * w_years * w_race
            for muscles, w_muscle in split(muscle).items():
                for fat, w_fat in split(0.35 + 0.33 * weight).items():
                    name = f"macrodetails/universal-{sex}-{years}-{muscles}muscle-{fat}weight"
                    out[name] = w_sex * w_years * w_muscle * w_fat
    return {name: value for name, value in out.items() if value > 1e-3}


def sculpted_targets(values: F64, gender: float) -> dict[str, float]:
    """Detail targets of normal numbers [SCULPTED]. gender 0, female, gets larger eyes and a
    narrower chin."""
    out: dict[str, float] = {}
    shapes = np.exp(1.5 * values[: len(HEAD_SHAPES)])
    for name, amount in zip(HEAD_SHAPES, 0.4 * shapes / shapes.sum(), strict=True):
        out[f"head/{name}"] = float(amount)
    rest = iter(values[len(HEAD_SHAPES) :])
    for table, sides in ((SYMMETRIC, ("l-", "r-")), (CENTRAL, ("",))):
        for folder, specs in table.items():
            for spec in specs:
                name, low, high = spec.split(":")
                damped = SCULPT * _DAMPING.get(name, 1.0) * float(next(rest))
                weight = float(np.clip(damped, -0.6, 0.6))
                if spec == "eye-scale:decr:incr":
                    weight += 0.30 - 0.10 * gender  # MakeHuman's eyes are small
                if spec == "chin-width:decr:incr":
                    weight -= 0.15 * (1 - gender)
                if abs(weight) < 1e-3:
                    continue
                for side in sides:
                    out[f"{folder}/{side}{name}-{high if weight > 0 else low}"] = abs(weight)
    return out
